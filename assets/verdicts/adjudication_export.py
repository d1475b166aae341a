"""A round of adjudication as an artifact, and the workbooks that its reviewers get.

What belongs here: making a round, adding third reviewers to it, its files, and forms that are checked before anyone can have
them. Who may be drawn is `adjudication_draw.py`'s, what must not be read `adjudication_blind.py`'s.

The artifact `adjudication_exports/<round>` holds `items.parquet` (one row per item, that is reviewer x response x criterion)
and `round.json` (the rest, the secret among it). Thirds are added to the same round as further parts: items of earlier parts
stay as they are, so that a file that is out can be returned against any later state. A third's workbook looks as the first
ones do, and holds nothing of what the two have said.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from assets.reviewing.workbook import Column, Sheet, write_workbook
from assets.verdicts.adjudication_blind import (
    Form,
    Item,
    Leak,
    answer_id,
    check_label,
    check_workbook,
    item_id,
    items_in_order,
    rows_of,
)
from assets.verdicts.adjudication_draw import DrawError, Pool, Task, assign, check_reviewers, draw, thirds
from assets.verdicts.adjudication_names import ModelNames
from training.records import Verdict

ITEMS, ROUND = "items.parquet", "round.json"
SHEET = "Items"
# What reviewers choose from, and the verdict that each is.
CHOICES: Mapping[str, Verdict] = {"met": "met", "unmet": "unmet", "cannot tell": "unknown"}
COLUMNS = (
    Column(name="item_id", title="Item", width=17),
    Column(name="question", title="Question", width=40),
    Column(name="answer", title="Answer", width=90),
    Column(name="criterion", title="Does the answer meet this?", width=50),
    Column(name="verdict", title="Your verdict", width=13, choices=tuple(CHOICES), editable=True),
    Column(name="passage", title="Passage of the answer (optional)", width=40, editable=True),
    Column(name="comment", title="Comment (optional)", width=30, editable=True),
)
ABOUT_TEXT = (
    "Each answer to a question stands above the requirements that it is judged by. For every requirement choose met, unmet or"
    " cannot tell in the yellow cell beside it.",
    "Every requirement is worded so that met is good: an answer that says nothing against “Does not contradict: …” meets it.",
    "If a passage decides it, copy that passage from the answer, word for word; leave the cell empty if there is none.",
    "Please judge alone, fill in every verdict, and send the whole file back. Answers come from several origins, in an order"
    " that means nothing.",
)
_ITEM_SCHEMA = pa.schema([(name, pa.int64() if name == "part" else pa.string()) for name in Item.__annotations__])


class Share(NamedTuple):
    """What one reviewer gets in one part of a round."""

    part: int
    reviewer: str


class BlindingError(RuntimeError):
    """A form would tell its reviewer something; one line with the first leak and how many there are."""


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
    tasks = draw(pool.tasks, count=count, seed=seed)
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


def write_workbooks(export: Export, folder: Path, *, part: int | None = None) -> list[Path]:
    """Writes `adjudication-<round>-<reviewer>.xlsx` for every share of a part, by default the last; checked, or none at all.

    Raises:
        BlindingError: one of them would tell its reviewer something.
    """
    names = ModelNames(export.models)
    wanted = part or export.parts
    with tempfile.TemporaryDirectory() as temporary:
        made = []
        for share, items in export.shares().items():
            if share.part == wanted:
                path = Path(temporary) / file_name(export, share)
                form = form_of(export, share)
                _write(path, items, form)
                refuse(check_workbook(path, items, form, models=names, secret=export.secret, round_name=export.name), path.name)
                made.append(path)
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copy(path, folder / path.name)) for path in made]


def file_name(export: Export, share: Share) -> str:
    """The name of a share's workbook; later parts have a number and are told by nothing else."""
    return f"adjudication-{export.name}-{share.reviewer}{f'-{share.part}' if share.part > 1 else ''}.xlsx"


def form_of(export: Export, share: Share) -> Form:
    """What a share's workbook says besides its items."""
    facts = {"kind": "adjudication", "round": export.name, "reviewer": share.reviewer, "part": str(share.part)}
    return Form(SHEET, tuple(column.title for column in COLUMNS), ABOUT_TEXT, facts)


def refuse(leaks: Sequence[Leak], file: str) -> None:
    """Raises if anything leaks.

    Raises:
        BlindingError: names the first leak, without what the file would have told of it.
    """
    if leaks:
        raise BlindingError(f"{file}: not blind, so nothing was written: {leaks[0].kind} at {leaks[0].where} (of {len(leaks)})")


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
    if not name or not all(part.isalnum() and part.isascii() and part == part.lower() for part in name.split("-")):
        raise DrawError(f"round {name!r}: a name is of small letters, digits and single dashes")
    if check_label("round", name, names):
        raise DrawError(f"round {name!r}: is like a model's name, and every file of the round would show it; choose another")


def _write(path: Path, items: Sequence[Item], form: Form) -> None:
    rows = rows_of(items)
    headings = {number for number, row in enumerate(rows) if "answer" in row}
    sheet = Sheet(title=form.sheet, columns=COLUMNS, rows=rows, headings=headings)
    write_workbook(path, [sheet], about=form.about, facts=form.facts)


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
