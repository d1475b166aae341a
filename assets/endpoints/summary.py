"""What a ledger says when asked: calls and costs per purpose and model, and the calls that never got a reply.

What belongs here: reading. It opens no file for writing, and may do so while calls are being made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from assets.endpoints.ledger_file import open_to_read


class CallRow(NamedTuple):
    """All calls of one purpose to one model.

    Attributes:
        purpose: what they were for.
        model: who was asked.
        answered: calls that were answered.
        refused: calls that the endpoint would not answer, and has not since.
        unanswered: calls that were sent and have neither: a new run asks for these.
        failed: attempts that brought nothing.
        unseen: attempts whose end nobody saw, since the process died or was stopped; they count as paid.
        replayed: replies that came from the ledger, at no cost.
        tokens: read and written together, with the bounds of what may have been billed.
        money: likewise, in the currency of the prices.
    """

    purpose: str
    model: str
    answered: int
    refused: int
    unanswered: int
    failed: int
    unseen: int
    replayed: int
    tokens: int
    money: float


class FailedCall(NamedTuple):
    """A call that was sent and has neither an answer nor a refusal.

    Attributes:
        key: the call's key; the table `prompts` holds what was asked.
        purpose: what it was for.
        model: who was asked.
        attempts: how often.
        why: what became of the last attempt; `unseen` if nobody saw its end.
    """

    key: str
    purpose: str
    model: str
    attempts: int
    why: str


_ATTEMPTS = """
with attempts as (
  select sent.id, sent.key, purpose, model, kind,
    answered.sent_id is not null as answered, refused.sent_id is not null as refused, failed.sent_id is not null as failed,
    coalesce(prompt_tokens + completion_tokens, refused.tokens, billed_tokens, tokens_bound) as tokens,
    coalesce(answered.money, refused.money, billed_money, money_bound) as money
  from sent
  left join answered on answered.sent_id = sent.id
  left join refused on refused.sent_id = sent.id
  left join failed on failed.sent_id = sent.id
),
open_keys as (
  select key from sent except select key from answered except select key from refused
)
"""
_ROWS = f"""{_ATTEMPTS},
asked as (
  select purpose, model, sum(answered) as answered,
    count(distinct case when refused and key not in (select key from answered) then key end) as refused,
    count(distinct case when key in (select key from open_keys) then key end) as unanswered,
    sum(failed) as failed, sum(not (answered or refused or failed)) as unseen, sum(tokens) as tokens, sum(money) as money
  from attempts group by purpose, model
),
again as (
  select purpose, model, count(*) as replayed from replayed join prompts using (key) group by purpose, model
)
select purpose, model, coalesce(answered, 0), coalesce(refused, 0), coalesce(unanswered, 0), coalesce(failed, 0),
  coalesce(unseen, 0), coalesce(replayed, 0), coalesce(tokens, 0), coalesce(money, 0.0)
from asked full join again using (purpose, model) order by purpose, model
"""
_FAILED = f"""{_ATTEMPTS}
select key, purpose, model, (select count(*) from sent where sent.key = attempts.key), coalesce(kind, 'unseen')
from attempts where key in (select key from open_keys)
  and id in (select max(id) from sent group by key) order by id
"""


def ledger_summary(ledger: Path) -> list[CallRow]:
    """A row per purpose and model, sorted.

    Raises:
        LedgerError: there is no ledger, or the file is something else.
    """
    with open_to_read(ledger) as database:
        return [CallRow(*row) for row in database.execute(_ROWS)]


def summary_table(rows: Sequence[CallRow]) -> str:
    """The rows as text: a line each, and their sums."""
    sums = [sum(values) for values in zip(*(row[2:] for row in rows), strict=True)] or [0] * (len(CallRow._fields) - 2)
    cells = [CallRow._fields, *((*row[:2], *_shown(row[2:])) for row in rows), ("all", "", *_shown(sums))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(CallRow._fields))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(pairs)).rstrip()
        for pairs in (list(zip(line, widths, strict=True)) for line in cells)
    )


def _shown(numbers: Sequence[float]) -> list[str]:
    return [*(f"{number:,}" for number in numbers[:-1]), f"{numbers[-1]:,.2f}"]


def failed_calls(ledger: Path) -> list[FailedCall]:
    """The calls that a new run would ask again, in the order of their last attempts.

    Raises:
        LedgerError: there is no ledger, or the file is something else.
    """
    with open_to_read(ledger) as database:
        return [FailedCall(*row) for row in database.execute(_FAILED)]
