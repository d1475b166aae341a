"""Who is drawn, who is not and why, and who judges what."""

from __future__ import annotations

from collections import Counter
from typing import Any

import adjudication_made_up as made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.verdicts.adjudication_draw import (
    DrawError,
    Task,
    adjudication_pool,
    assign,
    check_reviewers,
    draw,
    thirds,
)
from assets.verdicts.adjudication_names import ModelNames


def pool_of(**changed: Any) -> Any:
    rows = {
        "instructions": made_up.instructions(2),
        "criteria": made_up.criteria(2),
        "responses": made_up.responses(2),
    } | changed
    return adjudication_pool(**rows)


def test_a_response_comes_with_every_criterion_of_its_rubric_in_one_order() -> None:
    task = pool_of(criteria=list(reversed(made_up.criteria(2)))).tasks[0]
    assert [(asked.criterion_id, asked.tier) for asked in task.criteria] == [
        ("criterion_00_0", "main"),
        ("criterion_00_1", "main"),
        ("criterion_00_2", "bonus"),
        ("criterion_00_3", "veto"),
    ]


def test_only_kept_instructions_of_the_benchmark_are_drawn_from() -> None:
    rows = made_up.instructions(3)
    rows[0]["split"], rows[1]["kept"] = "rm_train", False
    found = adjudication_pool(rows, made_up.criteria(3), made_up.responses(3))
    assert {task.instruction_id for task in found.tasks} == {"instruction_02"}
    # The others are not the benchmark's, and so not counted.
    assert sum(found.left_out.values()) == 0


def test_what_cannot_be_judged_blind_is_counted_by_reason() -> None:
    rows = made_up.responses(3)
    rows[0]["text"] = "As Bard, I say rest."
    rows[1]["text"] = "As an AI language model, I say rest."
    rows[2]["text"] = "x" * 32_001
    asks = made_up.criteria(2)
    asks[4]["text"] = "Says what ChatGPT says"
    found = adjudication_pool(made_up.instructions(3), asks, rows, labelled_before={"response_01_0"})
    # Instruction 1 has a criterion that names a model: its two other responses; instruction 2 has no rubric.
    assert found.left_out == {
        "without_rubric": 3,
        "labelled_before": 1,
        "too_long": 1,
        "names_a_model": 3,
        "says_a_machine_wrote_it": 1,
    }
    assert found.tasks == ()
    assert found.models == ("acme/med-7b", "bard", "physician")


def test_two_rubric_versions_of_one_instruction_are_refused() -> None:
    asks = made_up.criteria(2)
    asks[0]["rubric_version"] = "other"
    with pytest.raises(DrawError, match="instruction_00: has more than one rubric version"):
        pool_of(criteria=asks)


def tasks(strata: dict[str, int]) -> list[Task]:
    return [
        Task(response_id=f"{model}{n}", instruction_id="i", category="", model=model, question="q", answer="a", criteria=())
        for model, count in strata.items()
        for n in range(count)
    ]


def test_strata_get_what_their_share_comes_to() -> None:
    # 10 of 20: 10/20 of a, 6/20 of b, 4/20 of c.
    drawn = draw(tasks({"a": 10, "b": 6, "c": 4}), count=10, seed=0)
    assert Counter(task.model for task in drawn) == {"a": 5, "b": 3, "c": 2}


@given(
    strata=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 12), min_size=1),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_a_draw_is_exact_seeded_and_rounds_each_share_up_or_down(strata: dict[str, int], share: float, seed: int) -> None:
    all_tasks = tasks(strata)
    count = max(1, int(share * len(all_tasks)))
    drawn = draw(all_tasks, count=count, seed=seed)
    assert len({task.response_id for task in drawn}) == count
    assert drawn == draw(list(reversed(all_tasks)), count=count, seed=seed)
    found = Counter(task.model for task in drawn)
    for model, size in strata.items():
        assert abs(found[model] - count * size / len(all_tasks)) < 1


def test_another_seed_draws_others() -> None:
    many = tasks({"a": 50})
    assert draw(many, count=10, seed=0) != draw(many, count=10, seed=1)


@pytest.mark.parametrize("count", [0, 3])
def test_a_draw_of_none_or_too_many_is_refused(count: int) -> None:
    with pytest.raises(DrawError, match=f"cannot draw {count} of 2"):
        draw(tasks({"a": 2}), count=count, seed=0)


def test_an_empty_pool_says_what_was_left_out() -> None:
    found = pool_of(criteria=[], labelled_before={"response_00_0"})
    with pytest.raises(DrawError) as error:
        draw(found.tasks, count=1, seed=0, left_out=found.left_out)
    assert str(error.value) == "no response of the split benchmark can be drawn (left out: without_rubric 5, labelled_before 1)"
    with pytest.raises(DrawError, match="there is none: generate responses first"):
        draw([], count=1, seed=0, left_out=pool_of(responses=[]).left_out)


def test_a_pool_that_is_too_small_says_what_was_left_out() -> None:
    with pytest.raises(DrawError, match=r"cannot draw 3 of 2 responses \(left out: too_long 4\); ask for 1 to 2"):
        draw(tasks({"a": 2}), count=3, seed=0, left_out={"too_long": 4, "without_rubric": 0})


@given(count=st.integers(0, 60), people=st.integers(2, 7), seed=st.integers(0, 99))
def test_every_response_has_exactly_two_reviewers_and_loads_are_even(count: int, people: int, seed: int) -> None:
    names, ids = [f"p{n}" for n in range(people)], [f"r{n}" for n in range(count)]
    chosen = assign(ids, names, seed=seed)
    assert sorted(chosen) == sorted(ids)
    assert all(len(set(pair)) == 2 and set(pair) <= set(names) for pair in chosen.values())
    load = Counter(name for pair in chosen.values() for name in pair)
    assert max(load[name] for name in names) - min(load[name] for name in names) <= 1
    assert chosen == assign(list(reversed(ids)), list(reversed(names)), seed=seed)


def test_everyone_judges_with_everyone() -> None:
    # 60 responses over the six pairs of four people.
    chosen = assign([f"r{n}" for n in range(60)], list("abcd"), seed=0)
    assert set(Counter(chosen.values()).values()) == {10}


@given(st.lists(st.sampled_from([("a", "b"), ("a", "c"), ("b", "d")]), max_size=20), st.integers(0, 9))
def test_a_third_is_neither_of_the_two(pairs: list[tuple[str, str]], seed: int) -> None:
    disputed = {f"r{n}": pair for n, pair in enumerate(pairs)}
    chosen = thirds(disputed, list("abcd"), before={}, seed=seed)
    assert sorted(chosen) == sorted(disputed)
    assert all(chosen[key] not in disputed[key] for key in disputed)


def test_a_response_keeps_its_third_and_thirds_share_the_work() -> None:
    disputed = {f"r{n}": ("a", "b") for n in range(6)}
    chosen = thirds(disputed, list("abcd"), before={"r3": "d"}, seed=0)
    assert chosen["r3"] == "d"
    assert Counter(chosen.values()) == {"c": 3, "d": 3}


def test_two_reviewers_have_no_third() -> None:
    with pytest.raises(DrawError, match="a third reviewer"):
        thirds({"r": ("a", "b")}, ["a", "b"], before={}, seed=0)


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (["ann"], "needs two reviewers"),
        (["ann", "ann"], "named twice"),
        (["ann", "Dr. Ben"], "small letters"),
        (["ann", "bard"], "like a model's name"),
        (["ann", "annotator-0"], "another judge of that name"),
    ],
)
def test_pseudonyms_that_cannot_be_used_are_refused(people: list[str], message: str) -> None:
    with pytest.raises(DrawError, match=message):
        check_reviewers(people, ModelNames(["m-1"]), judges={"annotator-0"})
