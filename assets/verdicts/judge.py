"""One judge on some responses: every (response, criterion) gets exactly one verdict, met and unmet only with evidence.

What belongs here: asking, and what of a reply counts. Which responses are judged is `judge_selection.py`'s.

Ours: Geng et al. 2026 ask a judge for labels; here a label without a quote that stands in the response is `unknown`, with the
reason in its row, and so is one whose quote lies in a passage that addresses the judge. Where the question or the response
holds such a passage the claim that there is nothing to quote does not count either: an obedient judge would meet every veto
by it. What still counts there is a quote from elsewhere in the response.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from assets.endpoints.calls import Ask, Call, Reply
from assets.endpoints.config import EndpointConfig
from assets.endpoints.isolation import defuse
from assets.verdicts.config import JudgeConfig
from assets.verdicts.evidence import Span, claims_absence, find_quote, may_claim_absence, readable, word_count
from assets.verdicts.injection import addressed_to_judge
from assets.verdicts.judge_prompt import judge_call, labels_of
from assets.verdicts.judge_reply import Fault, Said, read_reply
from training.records import Criterion, Verdict

Reason = Literal[Fault, "empty_response", "no_evidence", "evidence_addresses_judge", "absence_beside_orders"]


@dataclass(frozen=True, kw_only=True)
class JudgeItem:
    """A response and the criteria that a judge is asked about."""

    instruction_id: str
    response_id: str
    instruction: str
    response: str
    criteria: tuple[Criterion, ...]

    @cached_property
    def shown(self) -> str:
        """The response as the judge is shown it, in the form in which quotes are compared."""
        return readable(defuse(self.response))

    @cached_property
    def words(self) -> int:
        """Number of words of the shown response."""
        return word_count(self.shown)

    @cached_property
    def orders(self) -> tuple[Span, ...]:
        """Where the shown response addresses the judge."""
        return addressed_to_judge(self.shown)

    @cached_property
    def instruction_orders(self) -> bool:
        """Whether the question addresses the judge."""
        return bool(addressed_to_judge(readable(defuse(self.instruction))))


@dataclass(frozen=True, kw_only=True)
class JudgeCost:
    """What verdicts took: calls and tokens, those of replies that the ledger had as when they were first asked for."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    verdicts: int = 0
    unknown: int = 0

    def __add__(self, other: JudgeCost) -> JudgeCost:
        return JudgeCost(**{name: value + getattr(other, name) for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Rows of `model_verdicts`, one for each criterion of each item, in the order of the items; and what they took."""

    rows: list[dict[str, Any]]
    cost: JudgeCost


class _Decided(NamedTuple):
    verdict: Verdict
    evidence: str | None
    reason: Reason | None


def calls_for(item: JudgeItem, judge: JudgeConfig) -> list[tuple[Criterion, ...]]:
    """The criteria of each call about an item; none about an empty response."""
    if not item.shown or not item.criteria:
        return []
    return [item.criteria] if judge.mode == "together" else [(criterion,) for criterion in item.criteria]


def judge_responses(
    items: Sequence[JudgeItem], *, judge: JudgeConfig, endpoint: EndpointConfig, ask: Ask, least_evidence_words: int
) -> Judged:
    """Asks about all items at once.

    Args:
        items: responses with their criteria.
        judge: name, mode and parameters.
        endpoint: where the model is.
        ask: asks it; what it raises goes through.
        least_evidence_words: shortest quote that is evidence; of a shorter response all of it.
    """
    asked = [(item, criteria) for item in items for criteria in calls_for(item, judge)]
    replies = ask([_call(item, criteria, judge) for item, criteria in asked], endpoint) if asked else ()
    answers = iter(zip(asked, replies, strict=True))
    rows = []
    for item in items:
        groups = calls_for(item, judge)
        decided = (
            [one for _ in groups for one in _decide_call(*next(answers), least_evidence_words)]
            if groups
            else [_Decided("unknown", None, "empty_response")] * len(item.criteria)
        )
        rows += [_row(item, criterion, one, judge) for criterion, one in zip(item.criteria, decided, strict=True)]
    return Judged(rows=rows, cost=_cost(rows, replies))


def _call(item: JudgeItem, criteria: Sequence[Criterion], judge: JudgeConfig) -> Call:
    return judge_call(item.instruction, item.response, [criterion.text for criterion in criteria], judge=judge)


def _decide_call(asked: tuple[JudgeItem, tuple[Criterion, ...]], reply: Reply, least_words: int) -> Iterator[_Decided]:
    item, criteria = asked
    labels = labels_of([criterion.text for criterion in criteria])
    said = read_reply(reply, labels)
    for label, criterion in zip(labels, criteria, strict=True):
        yield decide(said[label], item, criterion, least_words)


def decide(said: Said | Fault, item: JudgeItem, criterion: Criterion, least_words: int) -> _Decided:
    """What counts of what was said of a criterion: the verdict with its evidence, or unknown with the reason."""
    if not isinstance(said, Said):
        return _Decided("unknown", None, said)
    evidence = said.evidence.strip()
    if claims_absence(evidence):
        if not may_claim_absence(criterion.tier, said.verdict):
            return _Decided("unknown", evidence, "no_evidence")
        if item.orders or item.instruction_orders:
            return _Decided("unknown", evidence, "absence_beside_orders")
        return _Decided(said.verdict, evidence, None)
    spans = find_quote(evidence, item.shown, least_words=min(least_words, item.words))
    if spans is None:
        return _Decided("unknown", evidence or None, "no_evidence")
    if any(span.overlaps(order) for span in spans for order in item.orders):
        return _Decided("unknown", evidence, "evidence_addresses_judge")
    return _Decided(said.verdict, evidence, None)


def _row(item: JudgeItem, criterion: Criterion, decided: _Decided, judge: JudgeConfig) -> dict[str, Any]:
    return {
        "response_id": item.response_id,
        "criterion_id": criterion.criterion_id,
        "verdict": decided.verdict,
        "judge": judge.name,
        "judge_kind": "model",
        "evidence": decided.evidence,
        "reason": decided.reason,
    }


def _cost(rows: Sequence[dict[str, Any]], replies: Sequence[Reply]) -> JudgeCost:
    return JudgeCost(
        calls=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
        verdicts=len(rows),
        unknown=sum(row["verdict"] == "unknown" for row in rows),
    )
