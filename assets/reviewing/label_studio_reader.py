"""Label Studio's JSON export, read back into the rows that a workbook gives too.

What belongs here: limits, and what an answer of Label Studio's is as text. What answers mean belongs to who asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.reviewing.forms import FormError, Problem, shown, utc

MAX_BYTES = 256 << 20
# Of a whole number; Label Studio's own have fewer than 20.
MAX_DIGITS = 40


class LabelStudioError(FormError):
    """A file is no Label Studio export in JSON; one line that names it."""


@dataclass(frozen=True, kw_only=True)
class LabelledTask:
    """A task that came back.

    Attributes:
        where: "task 12", as Label Studio numbers it.
        facts: what the task is for.
        cells: what was shown and what was filled in, by column name; absent is ''.
        items: the same for each item of each group.
        answered: whether there is one finished annotation.
        at: when, in UTC; None if it does not say.
    """

    where: str
    facts: Mapping[str, str]
    cells: dict[str, str]
    items: Mapping[str, list[dict[str, str]]]
    answered: bool
    at: str | None


@dataclass(frozen=True, kw_only=True)
class LabelledTasks:
    """An export: its tasks, and those that are not answered once as problems."""

    tasks: Sequence[LabelledTask]
    problems: Sequence[Problem] = field(default_factory=tuple)


def read_labelled(path: Path, groups: Sequence[str] = ()) -> LabelledTasks:
    """Reads a Label Studio export in JSON.

    Args:
        path: the file.
        groups: names of the groups that the tasks have.

    Raises:
        LabelStudioError: the file is no such export.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LabelStudioError(f"{path.name}: larger than any export of ours ({MAX_BYTES >> 20} MB)")
        exported = json.loads(path.read_text(encoding="utf-8-sig"), parse_int=_whole_number)
    except LabelStudioError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise LabelStudioError(f"{path.name}: is no JSON that can be read ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(exported, list) or not all(_is_task(item) for item in exported):
        raise LabelStudioError(f"{path.name}: is no Label Studio export in the format JSON (not JSON-MIN, CSV or TSV)")
    problems: list[Problem] = []
    tasks = [_read_task(item, groups, problems) for item in exported]
    return LabelledTasks(tasks=tasks, problems=tuple(problems))


def _whole_number(digits: str) -> int:
    """A number that text and shares can be made of, which Python refuses for very long ones."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"holds a number of {len(digits)} digits")
    return int(digits)


def _is_task(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("data"), dict)
        and isinstance(item.get("annotations"), list)
        and all(isinstance(one, dict) and isinstance(one.get("result", []), list) for one in item["annotations"])
    )


def _read_task(item: Mapping[str, Any], groups: Sequence[str], problems: list[Problem]) -> LabelledTask:
    where = f"task {item.get('id', '?')}"
    data, meta = item["data"], item.get("meta")
    items = {group: [_texts(row) for row in _rows(data.get(group))] for group in groups}
    cells = _texts({name: value for name, value in data.items() if name not in groups})
    finished = [one for one in item["annotations"] if not one.get("was_cancelled")]
    if len(finished) == 1:
        _add_answers(finished[0].get("result", []), where, cells, items, problems)
    elif finished:
        problems.append(Problem(where, f"has {len(finished)} annotations; keep one and delete the others"))
    else:
        problems.append(Problem(where, "was skipped" if item["annotations"] else "is not annotated"))
    one = finished[0] if len(finished) == 1 else {}
    # Who annotated is left where it is: some versions say it with names and addresses.
    return LabelledTask(
        where=where,
        facts=_texts(meta) if isinstance(meta, dict) else {},
        cells=cells,
        items=items,
        answered=len(finished) == 1,
        at=utc(str(one.get("updated_at") or one.get("created_at") or "")),
    )


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: shown(value).strip() for name, value in values.items() if isinstance(value, str)}


def _add_answers(
    result: Sequence[Any],
    where: str,
    cells: dict[str, str],
    items: Mapping[str, list[dict[str, str]]],
    problems: list[Problem],
) -> None:
    for answer in result:
        name, text = _answer(answer)
        if name is None or text is None:
            problems.append(Problem(where, "holds an answer of a kind that was not asked for"))
            continue
        grouped = re.fullmatch(r"([a-z]+)_(\d{1,4})_(\w+)", name)
        if grouped and grouped[1] in items:
            rows, index = items[grouped[1]], int(grouped[2])
            if index >= len(rows):
                problems.append(Problem(where, f"answers {grouped[1]} {index + 1}, of which there are {len(rows)}"))
                continue
            rows[index][grouped[3]] = text
        else:
            cells[name] = text


def _answer(answer: Any) -> tuple[str | None, str | None]:
    """Name of the field, and what was filled in as text; None for what is neither choice, text nor number."""
    if not isinstance(answer, dict) or not isinstance(answer.get("value"), dict):
        return None, None
    name, value = answer.get("from_name"), answer["value"]
    if isinstance(value.get("choices"), list):
        text = ", ".join(str(choice) for choice in value["choices"])
    elif isinstance(value.get("text"), list):
        text = "\n".join(str(part) for part in value["text"])
    elif isinstance(value.get("text"), str):
        text = value["text"]
    elif isinstance(value.get("number"), int | float) and not isinstance(value["number"], bool):
        text = f"{value['number']:.10g}%"
    else:
        return None, None
    return (name if isinstance(name, str) else None), shown(text).strip()
