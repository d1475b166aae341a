"""A small benchmark, a round drawn from it, and returns of it, made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from assets.reviewing.forms import FIRST_ROW
from assets.verdicts.adjudication_blind import Item
from assets.verdicts.adjudication_draw import Pool, adjudication_pool
from assets.verdicts.adjudication_export import Export, Share, make_export
from assets.verdicts.adjudication_forms import CHOICES
from assets.verdicts.adjudication_import import Judgement, Returned, Returns
from training.records import Verdict

SECRET = "5a" * 32
MODELS = ("acme/med-7b", "bard", "physician")
PEOPLE = ("ann", "ben", "cid")
TIERS = ("main", "main", "bonus", "veto")
Says = Callable[[Item], Verdict]


def instructions(count: int, *, split: str = "benchmark") -> list[dict[str, Any]]:
    return [
        {
            "instruction_id": f"instruction_{n:02d}",
            "text": f"What helps against complaint number {n}?",
            "category": ("advice", "diagnosis")[n % 2],
            "split": split,
            "kept": True,
        }
        for n in range(count)
    ]


def criteria(count: int) -> list[dict[str, Any]]:
    return [
        {
            "criterion_id": f"criterion_{n:02d}_{k}",
            "instruction_id": f"instruction_{n:02d}",
            "tier": tier,
            "text": f"States fact {k} of complaint {n}",
            "rubric_version": f"rubric_{n}",
        }
        for n in range(count)
        for k, tier in enumerate(TIERS)
    ]


def responses(count: int, models: Sequence[str] = MODELS) -> list[dict[str, Any]]:
    return [
        {
            "response_id": f"response_{n:02d}_{m}",
            "instruction_id": f"instruction_{n:02d}",
            "model": model,
            "text": f"Rest and drink.\nSee somebody if it lasts ({n}, {m}).",
            "sampling": '{"seed": 7}',
            "attempt": m,
        }
        for n in range(count)
        for m, model in enumerate(models)
    ]


def pool(count: int = 6) -> Pool:
    return adjudication_pool(instructions(count), criteria(count), responses(count))


def export(*, count: int = 6, reviewers: Sequence[str] = PEOPLE, **more: Any) -> Export:
    return make_export(pool(), **{"name": "r1", "reviewers": reviewers, "count": count, "seed": 3, "secret": SECRET} | more)


def returned(round_: Export, share: Share, says: Says) -> Returned:
    items = round_.shares()[share]
    return Returned(share=share, judgements=tuple(sorted(Judgement(i.item_id, says(i), "", "") for i in items)))


def all_returned(round_: Export, says: Says, *, part: int = 1, before: Returns | None = None) -> dict[Share, Returned]:
    shares = {share: returned(round_, share, says) for share in round_.shares() if share.part == part}
    return {**(before or {}), **shares}


def fill(path: Path, says: Callable[[str], str] = lambda item_id: "met", cells: Mapping[str, Any] | None = None) -> Path:
    """The workbook after a reviewer's program has opened it, chosen verdicts, changed further cells and saved it."""
    book = openpyxl.load_workbook(path)
    page = book["Items"]
    for row in range(FIRST_ROW, page.max_row + 1):
        page.cell(row, 5, says(page.cell(row, 1).value))
    for place, value in (cells or {}).items():
        page[place] = value
    book.save(path)
    return path


def choice(verdict: Verdict) -> str:
    return next(text for text, meant in CHOICES.items() if meant == verdict)
