"""Each kind of leak is found where it is planted, and a round as it is made has none."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import adjudication_made_up as made_up
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.verdicts import adjudication_forms
from assets.verdicts.adjudication_blind import (
    SHOWN,
    Item,
    answer_id,
    check_blind,
    check_label,
    check_workbook,
    items_in_order,
    rows_of,
)
from assets.verdicts.adjudication_draw import DrawError, adjudication_pool
from assets.verdicts.adjudication_export import Export, Share, make_export
from assets.verdicts.adjudication_forms import (
    COLUMNS,
    BlindingError,
    check_tasks,
    form_of,
    tasks_of,
    write_forms,
    write_share,
)
from assets.verdicts.adjudication_names import LABELS, PLAIN_WORDS, ModelNames

ROUND = made_up.export()
ANN = Share(1, "ann")
NAMES = ModelNames(ROUND.models)


def leaks(rows: list[dict[str, Any]], items: list[Item] | None = None, names: ModelNames = NAMES) -> list[str]:
    found = check_blind(rows, items or ROUND.shares()[ANN], models=names, secret=made_up.SECRET, round_name="r1")
    return sorted({leak.kind for leak in found})


def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in rows_of(ROUND.shares()[ANN])]


def test_a_round_as_it_is_made_leaks_nothing() -> None:
    for items in ROUND.shares().values():
        assert check_blind(rows_of(items), items, models=NAMES, secret=made_up.SECRET, round_name="r1") == []


@pytest.mark.parametrize(
    ("column", "value", "kinds"),
    [
        ("model", "acme/med-7b", ["column", "model_name"]),
        ("model", "physician", ["column"]),
        ("sampling", '{"seed": 7}', ["column"]),
        ("attempt", 2, ["column"]),
        ("response_id", "response_00_1", ["column"]),
        ("verdict", "met", ["prefilled"]),
        ("passage", "Rest and drink.", ["prefilled"]),
        ("comment", "attempt 2", ["prefilled"]),
        ("comment", "by Acme Med 7B", ["model_name", "prefilled"]),
        ("answer", "Rest and drink. (2)", ["content"]),
        ("answer", "As Bard, I say rest.", ["content", "model_name"]),
        ("question", "What helps? GPT-4 was asked.", ["content", "model_name"]),
        ("criterion", "States fact 0 (the judge said met)", ["content"]),
    ],
)
def test_a_planted_cell_is_found(column: str, value: Any, kinds: list[str]) -> None:
    shown = rows()
    shown[0][column] = value
    assert leaks(shown) == kinds


def by(key: Callable[[Item], Any]) -> list[dict[str, Any]]:
    """Rows of the share with its answers in the order of a key."""
    items = ROUND.shares()[ANN]
    answers = list(dict.fromkeys(item.answer_id for item in sorted(items, key=key)))
    return [dict(row) for one in answers for row in rows_of([item for item in items if item.answer_id == one])]


@pytest.mark.parametrize("key", [lambda i: i.response_id, lambda i: i.response_id[-1], lambda i: i.instruction_id])
def test_an_order_that_says_something_is_found(key: Callable[[Item], Any]) -> None:
    # By id, grouped by model, by question: the rows are whole, and yet out of the order of their ids.
    assert by(lambda item: item.answer_id) == rows()
    assert leaks(by(key)) == ["order"]


def test_criteria_in_an_order_of_their_own_are_found() -> None:
    shown = rows()
    shown[1], shown[2] = shown[2], shown[1]
    assert leaks(shown) == ["order"]


def renamed(name: Callable[[Item, int], str]) -> list[Item]:
    """The share under other answer ids, put in their order."""
    items = ROUND.shares()[ANN]
    numbers = {key: n for n, key in enumerate(dict.fromkeys(item.answer_id for item in items))}
    changed = []
    for item in items:
        key = name(item, numbers[item.answer_id])
        changed.append(replace(item, answer_id=key, item_id=f"{key}-{item.item_id[-2:]}"))
    return items_in_order(changed)


@pytest.mark.parametrize(
    "name",
    [
        lambda item, n: item.response_id,
        lambda item, n: f"a{n:03d}",
        # The same id for both reviewers of a response.
        lambda item, n: answer_id(made_up.SECRET, round_name="r1", part=1, reviewer="", response_id=item.response_id),
        # Another secret.
        lambda item, n: answer_id("00" * 32, round_name="r1", part=1, reviewer="ann", response_id=item.response_id),
    ],
)
def test_ids_that_are_no_keyed_hash_are_found(name: Callable[[Item, int], str]) -> None:
    items = renamed(name)
    assert leaks(rows_of(items), items) == ["id"]


def test_rows_of_another_reviewer_are_found() -> None:
    other = ROUND.shares()[Share(1, "ben")]
    assert "id" in leaks([dict(row) for row in rows_of(other)])


def test_two_reviewers_know_one_response_under_ids_that_nothing_links() -> None:
    # All eighteen responses, six of which ann and ben both have.
    shares = made_up.export(count=18).shares()
    known: dict[str, set[str]] = {}
    for items in shares.values():
        for item in items:
            known.setdefault(item.response_id, set()).add(item.answer_id)
    assert all(len(ids) == 2 for ids in known.values())
    # Their orders tell nothing either: what both have, they have in another order.
    ann, ben = ([i.response_id for i in shares[Share(1, who)]] for who in ("ann", "ben"))
    both = set(ann) & set(ben)
    assert [key for key in ann if key in both] != [key for key in ben if key in both]
    # Another secret gives other ids throughout, so that nobody can make them from what is public.
    assert len(both) == 6
    other = {item.answer_id for item in made_up.export(secret="00" * 32).items}
    assert not other & {item.answer_id for item in ROUND.items}


# --- files ---


def written(folder: Path) -> Path:
    write_forms(ROUND, folder)
    return folder / "adjudication-r1-ann.xlsx"


def file_leaks(path: Path) -> list[str]:
    found = check_workbook(path, ROUND.shares()[ANN], form_of(ROUND, ANN), models=NAMES, secret=made_up.SECRET, round_name="r1")
    return sorted({leak.kind for leak in found})


def changed(path: Path, change: Callable[[Any], Any]) -> Path:
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    return path


def test_a_written_workbook_leaks_nothing(tmp_path: Path) -> None:
    assert file_leaks(written(tmp_path)) == []


def note(book: Any) -> None:
    from openpyxl.comments import Comment

    book["Items"]["C3"].comment = Comment("acme", "us")


def defined(book: Any) -> None:
    from openpyxl.workbook.defined_name import DefinedName

    book.defined_names["order"] = DefinedName("order", attr_text="Items!$A$1")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda book: setattr(book.properties, "creator", "acme"), "metadata"),
        (lambda book: setattr(book.properties, "keywords", "attempt 2"), "metadata"),
        (lambda book: setattr(book["Items"], "title", "acme"), "metadata"),
        (lambda book: book.create_sheet("key").append(["a1", "bard"]), "metadata"),
        (note, "metadata"),
        (defined, "metadata"),
        (lambda book: book["About"].cell(30, 1, "sorted by attempt"), "content"),
        (lambda book: book["Items"].cell(3, 9, "bard"), "column"),
        (lambda book: book["Items"].cell(1, 8, "attempt"), "column"),
        (lambda book: book["Items"].cell(2, 3, "Answer (acme)"), "column"),
        (lambda book: book["Items"].cell(4, 5, "met"), "prefilled"),
        (lambda book: book["About"].cell(30, 1, made_up.SECRET), "id"),
    ],
)
def test_a_leak_planted_in_a_file_is_found(tmp_path: Path, change: Callable[[Any], Any], kind: str) -> None:
    assert kind in file_leaks(changed(written(tmp_path), change))


def test_a_strange_part_of_a_file_and_its_name_are_found(tmp_path: Path) -> None:
    path = written(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("docProps/custom.xml", "<p>7</p>")
    assert file_leaks(path) == ["metadata"]
    other = tmp_path / "adjudication-r1-acme.xlsx"
    path.rename(other)
    assert file_leaks(other) == ["metadata", "model_name"]
    assert check_label("file", "adjudication-r1-physician", NAMES)


def test_a_leak_planted_in_tasks_is_found() -> None:
    items, form = ROUND.shares()[ANN], form_of(ROUND, ANN)

    def kinds(tasks: list[dict[str, Any]]) -> list[str]:
        found = check_tasks(tasks, items, form, models=NAMES, secret=made_up.SECRET, round_name="r1")
        return sorted({leak.kind for leak in found})

    def planted(change: Callable[[list[dict[str, Any]]], Any]) -> list[str]:
        tasks = json.loads(json.dumps(tasks_of(items, form)))
        change(tasks)
        return kinds(tasks)

    assert kinds(tasks_of(items, form)) == []
    assert planted(lambda tasks: tasks[0]["data"].update(attempt="2")) == ["column"]
    assert planted(lambda tasks: tasks[0]["data"]["criteria"][1].update(verdict="met")) == ["prefilled"]
    assert planted(lambda tasks: tasks[0]["meta"].update(model="x")) == ["metadata"]
    assert planted(lambda tasks: tasks[0].update(predictions=[])) == ["metadata"]
    assert planted(lambda tasks: tasks.reverse()) == ["order"]
    assert planted(lambda tasks: tasks[0]["data"]["criteria"][1].update(criterion=made_up.SECRET)) == ["content", "id"]


def test_a_round_that_leaks_is_refused_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_model(path: Path, items: list[Item], form: Any) -> None:
        write_share(path, items, form)
        if "cid" in path.name:
            changed(path, lambda book: setattr(book.properties, "title", "acme/med-7b"))

    monkeypatch.setattr(adjudication_forms, "write_share", with_model)
    with pytest.raises(BlindingError, match=r"adjudication-r1-cid.xlsx: not blind.*metadata at property title") as error:
        write_forms(ROUND, tmp_path / "out")
    assert "acme" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_form_asks_for_a_choice_and_shows_an_answer_once(tmp_path: Path) -> None:
    assert tuple(column.name for column in COLUMNS) == SHOWN
    page = openpyxl.load_workbook(written(tmp_path))["Items"]
    assert [page.cell(3 + k, 3).value is not None for k in range(8)] == [True, False, False, False] * 2
    lists = page.data_validations.dataValidation
    assert [one.formula1 for one in lists] == ['"met,unmet,cannot tell"']


def test_the_same_round_gives_the_same_files(tmp_path: Path) -> None:
    first, second = (write_forms(ROUND, tmp_path / name).files for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    assert sorted({path.name for path in first}) == sorted(
        f"adjudication-r1-{who}.{kind}" for who in made_up.PEOPLE for kind in ("xlsx", "json", "xml")
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


# --- whatever the models and texts ---

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["Ask ChatGPT.", "acme med 7b", "As Bard, I say rest.", "As an AI assistant, I say rest.", "Bard catheter", "GPT 45 U/L"]
)
model_names = st.sampled_from(["acme/med-7b", "Bard", "physician", "gpt-4", "x1", "é-2"]) | st.text(min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    models=st.lists(model_names, min_size=1, max_size=3),
    answers=st.lists(texts, min_size=2, max_size=6),
    seed=st.integers(0, 9),
)
def test_whatever_the_models_and_texts_no_row_names_a_model(models: list[str], answers: list[str], seed: int) -> None:
    responses = [
        {"response_id": f"r{n}", "instruction_id": "instruction_00", "model": models[n % len(models)], "text": text}
        for n, text in enumerate(answers)
    ]
    pool = adjudication_pool(made_up.instructions(1), made_up.criteria(1), responses)
    assert len(pool.tasks) + sum(pool.left_out.values()) == len(answers)
    try:
        export = make_export(pool, name="r1", reviewers=made_up.PEOPLE, count=len(pool.tasks), seed=seed, secret=made_up.SECRET)
    except DrawError:
        # Nothing is left to draw, or a reviewer or the round is called like a model.
        return
    holds_two_reviewers_each(export)
    names = ModelNames(pool.models)
    for items in export.shares().values():
        rows = rows_of(items)
        assert check_blind(rows, items, models=names, secret=made_up.SECRET, round_name="r1") == []
        cells = [str(row[name]) for row in rows for name in ("question", "answer", "criterion") if name in row]
        for model in pool.models:
            if model.casefold() not in PLAIN_WORDS | LABELS and model.isalnum():
                assert not [cell for cell in cells if model in cell.split()]


def holds_two_reviewers_each(export: Export) -> None:
    people: dict[tuple[str, str], list[str]] = {}
    for item in export.items:
        people.setdefault((item.response_id, item.criterion_id), []).append(item.reviewer)
    assert all(len(who) == 2 == len(set(who)) for who in people.values())
