"""Label Studio's files: a config that no text breaks, and an export read into plain rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from assets.reviewing import label_studio_reader
from assets.reviewing.forms import Column, utc
from assets.reviewing.label_studio import Group, labelling_config, task, write_tasks
from assets.reviewing.label_studio_reader import LabelStudioError, read_labelled

NASTY = "a \"b\" <c/> & 'd'"
COLUMNS = (
    Column(name="key", title="Key", width=1, hidden=True),
    Column(name="text", title=NASTY, width=1),
    Column(name="verdict", title="Verdict", width=1, choices=("met", NASTY.replace('"', "")), editable=True),
)
ITEMS = (
    Column(name="line", title="Line", width=1),
    Column(name="share", title="Share", width=1, editable=True, percent=True),
)


def test_titles_and_choices_are_escaped_and_names_point_to_what_is_shown() -> None:
    group = Group(name="lines", title=NASTY, columns=ITEMS, when=("verdict", "met"))
    config = fromstring(labelling_config(columns=COLUMNS, groups=[group]))
    assert NASTY in {tag.get("value") for tag in config.iter("Header")}
    assert [choice.get("value") for choice in config.iter("Choice")] == ["met", "a b <c/> & 'd'"]
    # What is hidden is not shown, and nothing points to it.
    assert [tag.get("name") for tag in config.iter("Text")] == ["text", "lines_{{idx}}_line"]
    (verdict,), (share,) = config.iter("Choices"), config.iter("Number")
    assert (verdict.get("toName"), share.get("toName")) == ("text", "lines_{{idx}}_line")
    (hidden,) = (tag for tag in config.iter("View") if tag.get("visibleWhen"))
    assert (hidden.get("whenTagName"), hidden.get("whenChoiceValue")) == ("verdict", "met")
    assert share in list(hidden)


def test_a_whole_forms_choice_stands_above_what_it_brings_up_and_text_below() -> None:
    note = Column(name="note", title="Note", width=1, editable=True)
    group = Group(name="lines", title="Lines", columns=ITEMS, when=("verdict", "met"))
    config = fromstring(labelling_config(columns=(*COLUMNS, note), groups=[group], about=[NASTY]))
    assert [tag.tag for tag in config.iter() if tag.tag in ("Panel", "Choices", "Repeater", "TextArea")] == [
        "Panel",
        "Choices",
        "Repeater",
        "TextArea",
    ]
    (panel,) = config.iter("Panel")
    assert [tag.get("value") for tag in panel.iter("Header")] == [NASTY]
    # People type 50 for a half here, and 50% in a workbook.
    assert "Share (%)" in {tag.get("value") for tag in config.iter("Header")}


@pytest.mark.parametrize(("when", "required"), [(None, "true"), (("verdict", "met"), "false")])
def test_choices_are_required_where_everybody_sees_them(when: tuple[str, str] | None, required: str) -> None:
    item = Column(name="found", title="Found", width=1, choices=("a", "b"), editable=True)
    group = Group(name="lines", title="Lines", columns=(ITEMS[0], item), when=when)
    config = fromstring(labelling_config(columns=COLUMNS, groups=[group]))
    asked = {str(tag.get("name")): tag for tag in config.iter("Choices")}
    assert asked["verdict"].get("required") == "true"
    assert asked["verdict"].get("requiredMessage") == "Verdict: please choose one"
    assert asked["lines_{{idx}}_found"].get("required") == required


def exported(tmp_path: Path, *results: Any) -> Path:
    tasks = [task(facts={"round": "r1"}, cells={"text": "q\r\n"}, items={"lines": [{"line": "a"}, {"line": "b"}]})]
    write_tasks(tmp_path / "t.json", tasks)
    (made,) = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    annotation = {"completed_by": 3, "updated_at": "2026-05-03T11:00:00+02:00", "result": list(results)}
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": 5, **made, "annotations": [annotation]}]), encoding="utf-8-sig")
    return path


def test_an_answer_becomes_a_cell_beside_what_was_shown(tmp_path: Path) -> None:
    path = exported(
        tmp_path,
        {"from_name": "verdict", "value": {"choices": ["met"]}},
        {"from_name": "lines_1_share", "value": {"number": 12.5}},
        {"from_name": "lines_0_note", "value": {"text": " one "}},
        {"from_name": "note", "value": {"text": ["two", "three"]}},
    )
    (found,) = read_labelled(path, ["lines"]).tasks
    assert found.cells == {"text": "q", "verdict": "met", "note": "two\nthree"}
    assert found.items == {"lines": [{"line": "a", "note": "one"}, {"line": "b", "share": "12.5%"}]}
    assert (found.where, found.at) == ("task 5", "2026-05-03T09:00:00+00:00")
    assert found.facts == {"round": "r1"} and found.answered


@pytest.mark.parametrize(
    "content",
    [
        *("[[]]", '{"a": 1}', '[{"data": {}}]', '[{"data": {}, "annotations": [1]}]', "nope", "[" * 99999),
        # More digits than Python reads, and than a float holds.
        *(f'[{{"data": {{"n": {"9" * digits}}}, "annotations": []}}]' for digits in (5000, 400)),
    ],
    ids=range(8),
)
def test_what_is_no_export_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(LabelStudioError) as refused:
        read_labelled(tmp_path / "x.json")
    assert str(refused.value).startswith("x.json: is no ") and "\n" not in str(refused.value)


def test_an_answer_too_large_to_be_a_number_is_refused_in_one_line(tmp_path: Path) -> None:
    path = exported(tmp_path, {"from_name": "lines_1_share", "value": {"number": 10**400}})
    with pytest.raises(LabelStudioError) as refused:
        read_labelled(path, ["lines"])
    assert str(refused.value) == "export.json: is no JSON that can be read (holds a number of 401 digits)"


def test_an_export_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_studio_reader, "MAX_BYTES", 10)
    with pytest.raises(LabelStudioError, match="larger than any"):
        read_labelled(exported(tmp_path))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-03T09:00:00.999Z", "2026-05-03T09:00:00+00:00"),
        ("2026-05-03T09:00:00", "2026-05-03T09:00:00+00:00"),
        ("", None),
        ("soon", None),
        # Before the first year in UTC.
        ("0001-01-01T00:00:00+02:00", None),
    ],
)
def test_times_are_utc_to_the_second(text: str, moment: str | None) -> None:
    assert utc(text) == moment
