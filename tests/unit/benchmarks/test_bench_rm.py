"""The reward-model benchmark's own arithmetic: token counts by hand, ratios, limits, and that it refuses sides that differ."""

from __future__ import annotations

import random

import pytest

from tests.benchmarks.bench_rm import NotTheSame, compare
from tests.benchmarks.bench_rm_examples import Shape, make_example
from tests.benchmarks.bench_rm_table import Row, Side, Target, table_line
from tests.benchmarks.bench_rm_texts import text_of
from tests.benchmarks.bench_rm_worker import Worker, WorkerDied
from training.reward_model.tree import pack_tree

SHAPE = Shape(criteria=6, response=320)


def row(usual: list[float], tree: list[float], *, peaks: tuple[float, float] = (900.0, 300.0)) -> Row:
    return Row(
        name="train",
        precision="float32",
        shape=SHAPE,
        usual=Side(seconds=usual, update=[0.1] * len(usual), peak_mb=peaks[0]),
        tree=Side(seconds=tree, update=[0.1] * len(tree), peak_mb=peaks[1]),
        target=Target(ratio=5.0, memory=True),
    )


def test_the_tokens_of_both_sides_are_those_of_the_method() -> None:
    # 2 * 6 * (120 + 320 + 32) and 120 + 2 * 320 + 12 * 32.
    assert (SHAPE.usual_tokens, SHAPE.tree_tokens) == (5664, 1144)
    # 16 * 852 = 13,632 and 120 + 1,400 + 16 * 32.
    assert (Shape(criteria=8, response=700).usual_tokens, Shape(criteria=8, response=700).tree_tokens) == (13632, 2032)


def test_the_example_has_the_tokens_that_the_shape_counts() -> None:
    example = make_example(SHAPE, vocabulary=500, first=2, seed=0)
    assert sum(len(p["chosen_ids"]) + len(p["rejected_ids"]) for p in example.pairs()) == 5664
    assert len(pack_tree(example.instruction, example.responses, [example.criteria] * 2)) == 1144


def test_a_pair_is_the_same_instruction_and_criterion_with_the_winner_as_chosen() -> None:
    example = make_example(Shape(criteria=2, response=3, instruction=2, criterion=2), vocabulary=500, first=2, seed=0)
    x, (y0, y1), (c0, c1) = example.instruction, example.responses, example.criteria
    assert example.better == [0, 1]
    assert example.pairs() == [
        {"chosen_ids": x + y0 + c0, "rejected_ids": x + y1 + c0},
        {"chosen_ids": x + y1 + c1, "rejected_ids": x + y0 + c1},
    ]


def test_the_ratio_is_of_medians_and_its_range_of_neighbouring_repeats() -> None:
    found = row([10.0, 30.0, 20.0], [2.0, 3.0, 10.0])
    assert found.ratio == pytest.approx(20 / 3)
    assert found.span == (2.0, 10.0)


def test_in_training_criteria_are_counted_by_pair_and_in_scoring_by_response() -> None:
    assert row([12.0], [2.0]).criteria_per_second(row([12.0], [2.0]).tree) == 3.0
    side = Side(seconds=[4.0], update=None, peak_mb=1.0)
    shape = Shape(criteria=6, response=320, responses=8)
    scoring = Row(name="score", precision="float32", shape=shape, usual=side, tree=side, target=None)
    assert scoring.criteria_per_second(side) == 12.0


def test_a_row_says_which_limit_it_misses() -> None:
    assert row([10.0], [2.0]).missed() == []
    assert row([9.9], [2.0]).missed() == ["4.95 x is below 5 x"]
    assert row([10.0], [2.0], peaks=(300.0, 301.0)).missed() == ["peak 301 MB is above 300 MB"]
    assert "MISSED: 4.95 x is below 5 x" in table_line(row([9.9], [2.0]))


@pytest.mark.parametrize(
    ("usual", "tree"),
    [
        ({"loss": 0.7}, {"loss": 0.7, "gradient": 1e-5, "worst": 2e-3, "worst_name": "score.weight"}),
        ({"loss": 0.7}, {"loss": 0.7, "gradient": 1e-5, "worst": float("nan"), "worst_name": "score.weight"}),
        ({"loss": 0.7}, {"loss": 0.701, "gradient": 1e-5, "worst": 1e-5, "worst_name": "score.weight"}),
        ({"logits": [1.0, 2.0], "batch_size": 4}, {"logits": [1.0, 2.001]}),
    ],
    ids=["gradient", "nan", "loss", "score"],
)
def test_sides_that_compute_something_else_are_not_compared_in_speed(usual: dict[str, object], tree: dict[str, object]) -> None:
    with pytest.raises(NotTheSame):
        compare(usual, tree)


def test_a_text_has_exactly_the_tokens_asked_for() -> None:
    # As a tokenizer that spends two tokens on long words and three on the template.
    def count(text: str) -> int:
        return 3 + sum(1 + (len(word) > 4) for word in text.split())

    for tokens in (3, 4, 32, 317):
        assert count(text_of(count, tokens, random.Random(tokens))) == tokens
    with pytest.raises(ValueError, match="no words come to exactly 2 tokens"):
        text_of(count, 2, random.Random(0))


def test_a_side_that_ends_by_itself_is_an_error_with_its_last_words() -> None:
    with pytest.raises(WorkerDied, match="no-such-side"):
        Worker("no-such-side", {})
