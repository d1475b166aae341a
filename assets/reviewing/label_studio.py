"""Label Studio: the labelling config and the tasks of a form.

What belongs here: what Label Studio wants to import. What is asked belongs to who asks, reading to `label_studio_reader.py`.

A task is one form: its fields, and groups of fields that repeat over a list of items (Label Studio's Repeater). What the task
is for stands as facts in its `meta`, which people do not see and an export keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from assets.reviewing.forms import Column, shown

_INDEX = "{{idx}}"
_STYLE = (
    ".htx-text { white-space: pre-wrap; } .form-item { border-top: 1px solid #bfbfbf; padding: 6px 0; }"
    " .form-about * { font-size: 14px; font-weight: normal; }"
)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Fields that repeat over a list of a task's data.

    Attributes:
        name: of the list, letters alone.
        title: what people read above it.
        columns: fields of each item.
        when: (field, choice) under which its editable fields show; the whole group if it has no other.
    """

    name: str
    title: str
    columns: Sequence[Column]
    when: tuple[str, str] | None = None


def labelling_config(*, columns: Sequence[Column], groups: Sequence[Group] = (), about: Sequence[str] = ()) -> str:
    """The labelling config (XML) of a form; one column at least must be for reading.

    What is chosen for the whole form stands above the groups: fields that a choice brings up then appear below it. Choices are
    required where everybody sees them, so that an unfinished form cannot be submitted.

    Args:
        columns: the form's fields.
        groups: fields that repeat.
        about: paragraphs that say what to do, above all else.
    """
    target = _seen(columns)[0].name
    lines = ["<View>", f"  <Style>{_STYLE}</Style>"]
    if about:
        told = "".join(f'<Header value={_attr(paragraph)} size="6"/>' for paragraph in about)
        lines.append(f'  <Collapse><Panel value="What to do"><View className="form-about">{told}</View></Panel></Collapse>')
    lines += [f"  {_shown(column, column.name, f'${column.name}')}" for column in _seen(columns)]
    asked = [column for column in columns if column.editable]
    for column in (column for column in asked if column.choices):
        lines += [f"  {part}" for part in _asked(column, column.name, target, required=True)]
    for group in groups:
        lines += _group(group, target)
    for column in (column for column in asked if not column.choices):
        lines += [f"  {part}" for part in _asked(column, column.name, target, required=False)]
    return "\n".join([*lines, "</View>", ""])


def task(
    *, facts: Mapping[str, str], cells: Mapping[str, str], items: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, Any]:
    """One task for Label Studio's import, with the values of what is shown."""
    data: dict[str, Any] = {name: shown(text) for name, text in cells.items()}
    for group, rows in items.items():
        data[group] = [{name: shown(text) for name, text in row.items()} for row in rows]
    return {"data": data, "meta": dict(facts)}


def write_tasks(path: Path, tasks: Sequence[Mapping[str, Any]]) -> None:
    """Writes tasks as the JSON that Label Studio imports."""
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _group(group: Group, target: str) -> Iterator[str]:
    seen = _seen(group.columns)
    asked = [column for column in group.columns if column.editable]
    name = f"{group.name}_{_INDEX}_"
    aim = name + seen[0].name if seen else target
    start, end = ("<View>", "</View>")
    if group.when:
        start = (
            f'<View visibleWhen="choice-selected" whenTagName={_attr(group.when[0])} whenChoiceValue={_attr(group.when[1])}>'
        )
    outer, inner = ("<View>", start) if seen else (start, "<View>")
    yield f"  {outer}"
    yield f'    <Header value={_attr(group.title)} size="4"/>'
    yield f'    <Repeater on={_attr("$" + group.name)} indexFlag="{_INDEX}">'
    yield '      <View className="form-item">'
    yield from (f"        {_shown(c, name + c.name, f'${group.name}[{_INDEX}].{c.name}')}" for c in seen)
    yield f"        {inner}"
    for column in asked:
        yield from (
            f"          {part}"
            for part in _asked(column, name + column.name, aim, required=bool(column.choices and not group.when))
        )
    yield f"        {end}"
    yield "      </View>"
    yield "    </Repeater>"
    yield f"  {end}"


def _seen(columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if not (column.editable or column.hidden or column.computed)]


def _shown(column: Column, name: str, value: str) -> str:
    text = f'<Text name={_attr(name)} value={_attr(value)} selectionEnabled="false"/>'
    return f"{_title(column)}{text}"


def _title(column: Column, unit: str = "") -> str:
    return f'<Header value={_attr(column.title + unit)} size="6"/>' if column.title else ""


def _asked(column: Column, name: str, target: str, *, required: bool) -> Iterator[str]:
    names = f"name={_attr(name)} toName={_attr(target)}"
    yield _title(column, " (%)" if column.percent else "")
    if column.choices:
        needed = f" requiredMessage={_attr(f'{column.title}: please choose one')}" if required else ""
        yield f'<Choices {names} choice="single-radio" showInline="true" required="{str(required).lower()}"{needed}>'
        yield from (f"  <Choice value={_attr(choice)}/>" for choice in column.choices)
        yield "</Choices>"
    elif column.percent:
        yield f'<Number {names} min="0" max="100"/>'
    else:
        yield f'<TextArea {names} maxSubmissions="1" rows="2" editable="true" placeholder={_attr(column.title)}/>'


def _attr(text: str) -> str:
    return quoteattr(shown(text))
