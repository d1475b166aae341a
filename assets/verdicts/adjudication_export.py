"""A round of adjudication as it goes out: who judges what, under which ids.

What belongs here: making a round, adding third reviewers to it, and the artifact. Who may be drawn is `adjudication_draw.py`'s,
what reviewers get `adjudication_forms.py`'s.

The artifact `adjudication_exports/<round>` holds `items.parquet` (one row per item, that is reviewer x response x criterion)
and `round.json` (the rest, the secret among it). Thirds are added to the same round as further parts: items of earlier parts
stay as they are, so that a file that is out can be returned against any later state. A third's items say nothing of what
the two have said.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from assets.reviewing.forms import NAME, NAME_RULE
from assets.verdicts.adjudication_blind import (
    Item,
    answer_id,
    check_label,
    item_id,
    items_in_order,
)
from assets.verdicts.adjudication_draw import DrawError, Pool, Task, assign, check_reviewers, draw, thirds
from assets.verdicts.adjudication_names import ModelNames

ITEMS, ROUND = "items.parquet", "round.json"
_ITEM_SCHEMA = pa.schema([(name, pa.int64() if name == "part" else pa.string()) for name in Item.__annotations__])


class Share(NamedTuple):
    """What one reviewer gets in one part of a round."""

    part: int
    reviewer: str


@dataclass(frozen=True, kw_only=True)
class Export:
    """A round: who judges what, under which ids.

    Attributes:
        name: of the round.
        reviewers: their pseudonyms.
        models: all models that wrote a response, drawn or not.
        secret: 64 hex digits; what makes the ids.
        seed: of drawing and of giving out.
        left_out: responses of the benchmark that could not be drawn, by reason.
        items: of all parts and reviewers, as they are shown.
    """

    name: str
    reviewers: tuple[str, ...]
    models: tuple[str, ...]
    secret: str = field(repr=False)
    seed: int
    left_out: Mapping[str, int]
    items: tuple[Item, ...] = field(repr=False)

    @property
    def parts(self) -> int:
        """How many times workbooks were made: once for the two, then for thirds."""
        return max(item.part for item in self.items)

    @property
    def count(self) -> int:
        """How many responses were drawn."""
        return len({item.response_id for item in self.items})

    def shares(self) -> dict[Share, list[Item]]:
        """Items by share, each as it is shown."""
        found: dict[Share, list[Item]] = defaultdict(list)
        for item in self.items:
            found[Share(item.part, item.reviewer)].append(item)
        return {share: items_in_order(found[share]) for share in sorted(found)}


def make_export(
    pool: Pool,
    *,
    name: str,
    reviewers: Sequence[str],
    count: int,
    seed: int,
    secret: str,
    judges: Collection[str] = (),
) -> Export:
    """Draws a round and gives every response to two reviewers.

    Args:
        pool: what may be drawn.
        name: of the round: small letters, digits and dashes.
        reviewers: pseudonyms, two or more; a third is needed for disputes.
        count: responses to draw.
        seed: of drawing and of giving out.
        secret: from `new_secret`.
        judges: names under which there are verdicts of others.

    Raises:
        DrawError: too few responses or reviewers, or a name that cannot be used.
    """
    names = ModelNames(pool.models)
    check_reviewers(reviewers, names, judges=judges)
    check_round_name(name, names)
    tasks = draw(pool.tasks, count=count, seed=seed, left_out=pool.left_out)
    pairs = assign([task.response_id for task in tasks], reviewers, seed=seed)
    items = [item for task in tasks for who in pairs[task.response_id] for item in _items(task, name, 1, who, secret)]
    return Export(
        name=name,
        reviewers=tuple(sorted(reviewers)),
        models=pool.models,
        secret=secret,
        seed=seed,
        left_out=dict(pool.left_out),
        items=_whole(items),
    )


def add_thirds(export: Export, disputed: Collection[tuple[str, str]]) -> Export:
    """The round with a further part: what the two differ on, each to a reviewer who is neither; the same round if all is out.

    Args:
        export: the round so far.
        disputed: (response id, criterion id), from `adjudication_outcome.disputed`.

    Raises:
        DrawError: nobody is left to be a third.
    """
    out = {(item.response_id, item.criterion_id) for item in export.items if item.part > 1}
    wanted = set(disputed) - out
    if not wanted:
        return export
    part = export.parts + 1
    firsts: dict[str, list[Item]] = defaultdict(list)
    for item in export.items:
        if item.part == 1 and (item.response_id, item.criterion_id) in wanted:
            firsts[item.response_id].append(item)
    pairs = {key: tuple(sorted({item.reviewer for item in items})) for key, items in firsts.items()}
    before = {item.response_id: item.reviewer for item in export.items if item.part > 1}
    chosen = thirds(pairs, export.reviewers, before=before, seed=export.seed + part)  # type: ignore[arg-type]
    added = []
    for response_id, who in chosen.items():
        of_one = [item for item in firsts[response_id] if item.reviewer == pairs[response_id][0]]
        added += _renamed(of_one, export.name, part, who, export.secret)
    return replace(export, items=_whole([*export.items, *added]))


def write_export(export: Export, folder: Path) -> None:
    """Writes `items.parquet` and `round.json`; the same round gives the same bytes."""
    rows = [asdict(item) for item in export.items]
    pq.write_table(pa.Table.from_pylist(rows, schema=_ITEM_SCHEMA), folder / ITEMS, compression="zstd")
    facts = {name: value for name, value in vars(export).items() if name != "items"}
    (folder / ROUND).write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")


def read_export(folder: Path) -> Export:
    """The round of an artifact `adjudication_exports/<round>`."""
    facts: dict[str, Any] = json.loads((folder / ROUND).read_text(encoding="utf-8"))
    items = tuple(Item(**row) for row in pq.read_table(folder / ITEMS).to_pylist())
    return Export(**{**facts, "reviewers": tuple(facts["reviewers"]), "models": tuple(facts["models"])}, items=items)


def check_round_name(name: str, names: ModelNames) -> None:
    """Checks a round's name, which stands in every file of it.

    Raises:
        DrawError: it cannot be part of a file's name, or is like a model's.
    """
    if not NAME.fullmatch(name):
        raise DrawError(f"round {name!r}: a name is of {NAME_RULE}")
    if check_label("round", name, names):
        raise DrawError(f"round {name!r}: is like a model's name, and every file of the round would show it; choose another")


def _items(task: Task, name: str, part: int, reviewer: str, secret: str) -> list[Item]:
    key = answer_id(secret, round_name=name, part=part, reviewer=reviewer, response_id=task.response_id)
    return [
        Item(
            item_id=item_id(key, number),
            answer_id=key,
            part=part,
            reviewer=reviewer,
            response_id=task.response_id,
            instruction_id=task.instruction_id,
            criterion_id=asked.criterion_id,
            tier=asked.tier,
            question=task.question,
            answer=task.answer,
            criterion=asked.text,
        )
        for number, asked in enumerate(task.criteria, 1)
    ]


def _renamed(items: Sequence[Item], name: str, part: int, reviewer: str, secret: str) -> list[Item]:
    """One reviewer's items of one response, as another reviewer's: nothing tells what the first one called or numbered them."""
    key = answer_id(secret, round_name=name, part=part, reviewer=reviewer, response_id=items[0].response_id)
    return [
        replace(item, item_id=item_id(key, number), answer_id=key, part=part, reviewer=reviewer)
        for number, item in enumerate(items_in_order(items), 1)
    ]


def _whole(items: Sequence[Item]) -> tuple[Item, ...]:
    """The items by part and reviewer, as they are shown.

    Raises:
        DrawError: two answers got one id.
    """
    if len({item.item_id for item in items}) != len(items):
        raise DrawError("two items got one id; make the round again with another secret")
    return tuple(sorted(items_in_order(items), key=lambda item: (item.part, item.reviewer)))
