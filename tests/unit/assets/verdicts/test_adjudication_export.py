"""A round goes out whole, comes to thirds without a word of the two, and is kept as it was."""

from __future__ import annotations

import json
from pathlib import Path

import adjudication_made_up as made_up
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assets.reviewing.forms import NAME
from assets.verdicts.adjudication_blind import check_blind, new_secret, rows_of
from assets.verdicts.adjudication_draw import DrawError, adjudication_pool
from assets.verdicts.adjudication_export import Share, add_thirds, make_export, read_export, write_export
from assets.verdicts.adjudication_forms import file_name, write_forms
from assets.verdicts.adjudication_import import round_of
from assets.verdicts.adjudication_names import ModelNames
from assets.verdicts.adjudication_outcome import disputed


def test_a_response_stays_together_with_two_reviewers() -> None:
    export = made_up.export()
    for items in export.shares().values():
        answers: dict[str, list[str]] = {}
        for item in items:
            answers.setdefault(item.response_id, []).append(item.criterion_id)
        assert all(len(asked) == 4 for asked in answers.values())
        # In one block, under one id.
        assert len({item.answer_id for item in items}) == len(answers)
        assert [i.answer_id for i in items] == sorted(i.answer_id for i in items)
    # 6 responses x 2 reviewers over three people.
    assert [len(items) for items in export.shares().values()] == [16, 16, 16]


def test_thirds_get_what_the_two_differ_on_and_nothing_of_what_they_said(tmp_path: Path) -> None:
    export = made_up.export()
    pairs = {}
    for item in export.items:
        pairs.setdefault(item.response_id, set()).add(item.reviewer)
    # On the veto the two differ everywhere.
    returns = made_up.all_returned(
        export, lambda item: "unmet" if item.tier == "veto" and item.reviewer == min(pairs[item.response_id]) else "met"
    )
    more = add_thirds(export, disputed(round_of(export, returns)))
    assert more.parts == 2
    added = [item for item in more.items if item.part == 2]
    assert [item for item in more.items if item.part == 1] == list(export.items)
    assert sorted(item.response_id for item in added) == sorted(pairs)
    assert {item.tier for item in added} == {"veto"}
    assert all(item.reviewer not in pairs[item.response_id] for item in added)
    # Renumbered: a gap would say that the others were agreed on.
    assert {item.item_id[-3:] for item in added} == {"-01"}
    assert not {item.answer_id for item in added} & {item.answer_id for item in export.items}
    for share, items in more.shares().items():
        if share.part == 2:
            rows = rows_of(items)
            names = ModelNames(more.models)
            assert check_blind(rows, items, models=names, secret=made_up.SECRET, round_name="r1") == []
            assert {name for row in rows for name in row} == {"item_id", "question", "answer", "criterion"}
    files = [path.name for path in write_forms(more, tmp_path).files if path.suffix == ".xlsx"]
    assert files == [f"adjudication-r1-{who}--part2.xlsx" for who in sorted({item.reviewer for item in added})]


@given(
    st.lists(st.tuples(st.from_regex(NAME, fullmatch=True), st.integers(1, 12)), min_size=2, max_size=8, unique=True),
)
@example([("dr-a-2", 1), ("dr-a", 2)])
@example([("dr-a-part2", 1), ("dr-a", 2)])
def test_no_two_shares_have_one_file(shares: list[tuple[str, int]]) -> None:
    export = made_up.export()
    names = [file_name(export, Share(part, reviewer)) for reviewer, part in shares]
    assert len(set(names)) == len(names)


def test_an_empty_pool_is_refused_with_its_reasons() -> None:
    empty = adjudication_pool(made_up.instructions(2), [], made_up.responses(2))
    with pytest.raises(DrawError, match=r"can be drawn \(left out: without_rubric 6\)"):
        make_export(empty, name="r1", reviewers=made_up.PEOPLE, count=1, seed=0, secret=made_up.SECRET)


def test_what_is_out_with_a_third_does_not_go_out_again() -> None:
    export = made_up.export()
    one, other = sorted({(item.response_id, item.criterion_id) for item in export.items})[:2]
    more = add_thirds(export, [one])
    assert add_thirds(more, [one]) is more
    again = add_thirds(more, [one, other])
    assert again.parts == 3
    added = [item for item in again.items if item.part == 3]
    assert [(item.response_id, item.criterion_id) for item in added] == [other]
    # Both are of one response: whoever has read it is asked again.
    assert {item.reviewer for item in added} == {item.reviewer for item in more.items if item.part == 2}


def test_a_round_of_two_has_nobody_for_disputes() -> None:
    export = made_up.export(reviewers=("ann", "ben"))
    item = export.items[0]
    with pytest.raises(DrawError, match="a third reviewer"):
        add_thirds(export, [(item.response_id, item.criterion_id)])


@pytest.mark.parametrize("name", ["R 1", "", "a--b", "../x", "bard-check", "physicians-physician"])
def test_a_round_whose_name_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(DrawError, match="round"):
        made_up.export(name=name)


def test_a_kept_round_reads_back_the_same_with_its_secret_in_one_file_alone(tmp_path: Path) -> None:
    export = made_up.export()
    write_export(export, tmp_path)
    assert read_export(tmp_path) == export
    holding = [path.name for path in tmp_path.iterdir() if made_up.SECRET.encode() in path.read_bytes()]
    assert holding == ["round.json"]
    assert made_up.SECRET not in repr(export)
    facts = json.loads((tmp_path / "round.json").read_text())
    assert facts["seed"] == 3 and facts["reviewers"] == ["ann", "ben", "cid"]


def test_the_same_seed_gives_the_same_round_and_every_secret_other_ids() -> None:
    first, second = made_up.export(), made_up.export(secret=new_secret())
    assert made_up.export() == first
    assert first.shares().keys() == second.shares().keys() == {Share(1, who) for who in made_up.PEOPLE}
    assert {(i.response_id, i.reviewer) for i in first.items} == {(i.response_id, i.reviewer) for i in second.items}
    assert not {i.item_id for i in first.items} & {i.item_id for i in second.items}
