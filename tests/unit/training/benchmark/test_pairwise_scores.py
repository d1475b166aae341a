"""Figures on a pairwise set, by hand."""

import pytest

from training.benchmark.outside import PairwiseSet, SetCriterion
from training.benchmark.pairwise_scores import (
    Scores,
    SetScores,
    corrected,
    longer_scores,
    pair_rows,
    reward_model_scores,
    set_metrics,
)
from training.benchmark.pairwise_set import LeftOut, Pair, ReadSet
from training.reward_model.scoring import CriterionScore, ScoreItem

SPEC = PairwiseSet(name="r", path="r.jsonl")


def pairs(n: int, *, of: int = 1) -> tuple[Pair, ...]:
    """`n` pairs, so many `of` each prompt, the last four in a subset of their own."""
    return tuple(
        Pair(line=i + 1, prompt=f"p{i // of}", chosen="c", rejected="r", subset="few" if i >= n - 4 else "many")
        for i in range(n)
    )


def on(rows: tuple[Pair, ...], scores: dict[tuple[str, str], Scores]) -> SetScores:
    return SetScores(spec=SPEC, rows=ReadSet(pairs=rows, left_out=(), sha256="ab" * 32), scores=scores)


def right(*credits: float | None) -> Scores:
    """Scores that earn these credits."""
    return [(None, 0.0) if c is None else (c, 0.5) for c in credits]


class Fixed:
    """A scorer that says 1, 2 … for the criteria of the longer answer and 0 for the other, or nothing of an empty one."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def score(self, items: list[ScoreItem]) -> list[list[list[CriterionScore]]]:
        self.sizes.append(len(items))
        return [
            [
                [
                    CriterionScore(logit=None, p_met=None, verdict="unknown")
                    if text == "none" and place == 1
                    else CriterionScore(
                        logit=float((place + 1) * (text == max(i.responses, key=len))), p_met=0.5, verdict="met"
                    )
                    for place in range(len(i.criteria))
                ]
                for text in i.responses
            ]
            for i in items
        ]


def test_our_preference_is_by_the_sum_over_the_criteria_and_unknown_if_one_is() -> None:
    rows = [
        Pair(line=1, prompt="p", chosen="longer", rejected="short", subset=None),
        Pair(line=2, prompt="p", chosen="x", rejected="longest", subset=None),
        Pair(line=3, prompt="p", chosen="none", rejected="x", subset=None),
    ]
    scorer = Fixed()
    found = reward_model_scores(scorer, rows, SPEC.as_criteria(), batch_size=2)  # type: ignore[arg-type]
    assert scorer.sizes == [2, 1]
    assert found["all"] == [(3.0, 0.0), (0.0, 3.0), (None, 0.0)]
    assert found["1"] == [(1.0, 0.0), (0.0, 1.0), (1.0, 0.0)]
    assert found["2"] == [(2.0, 0.0), (0.0, 2.0), (None, 0.0)]


def test_criteria_are_numbered_and_tell_the_model_their_tier() -> None:
    spec = PairwiseSet(name="r", path="r", criteria=(SetCriterion(tier="veto", text="Is safe"),))
    ((criterion,)) = spec.as_criteria()
    assert (criterion.criterion_id, criterion.tier, criterion.text) == ("1", "veto", "Is safe")
    assert [c.tier for c in SPEC.as_criteria()] == ["main", "veto"]


def test_figures_by_subset_with_prompts_as_clusters() -> None:
    rows = pairs(12, of=2)
    scores = {
        ("longer_is_better", "all"): right(*[1.0] * 6, *[0.0] * 6),
        ("reward_model", "all"): right(*[1.0] * 9, 0.5, 0.0, None),
        ("reward_model", "1"): right(*[0.0] * 12),
    }
    entry, _ = set_metrics(on(rows, scores), samples=200, seed=0)
    assert (entry["rows"], entry["measured"], entry["left_out"], entry["faulty"]) == (12, 12, {}, [])
    found = {(r["subset"], r["system"], r["criterion"]): r for r in entry["figures"]}
    ours = found["all", "reward_model", "all"]
    assert ours["value"] == pytest.approx(9.5 / 11)
    assert (ours["n"], ours["clusters"], ours["pairs"]) == (11, 6, 12)
    assert ours["low"] < 9.5 / 11 < ours["high"]
    assert found["all", "longer_is_better", "all"]["value"] == 0.5
    assert found["all", "reward_model", "1"]["value"] == 0.0
    # Eight pairs of four prompts and four of two: no number.
    assert {(s, found[s, "reward_model", "all"]["value"]) for s in ("many", "few")} == {("many", None), ("few", None)}
    assert found["few", "reward_model", "all"]["n"] == 3
    assert ("many", "reward_model", "1") not in found
    # Ours stands first, however the systems were asked.
    assert entry["figures"][0]["system"] == "reward_model"


def test_differences_are_paired_and_corrected_over_all_sets() -> None:
    scores = {
        ("reward_model", "all"): right(*[1.0] * 20, *[None] * 4),
        ("longer_is_better", "all"): right(*[0.0] * 10, *[1.0] * 14),
        ("other", "all"): right(*[None] * 20, *[1.0] * 4),
    }
    _, compared = set_metrics(on(pairs(24), scores), samples=200, seed=0)
    # No pair is covered by ours and the other: nothing to compare.
    (row,) = compared
    assert (row.system, row.against, row.source, row.n) == ("reward_model", "longer_is_better", "r", 20)
    assert row.value == 0.5
    assert row.p == pytest.approx(2 / 201)
    assert [r.p_holm for r in corrected([row, row])] == pytest.approx([4 / 201, 4 / 201])


def test_a_set_without_pairs_has_counts_and_no_figure() -> None:
    gone = (LeftOut(line=1, reason="seen_in_training"), LeftOut(line=2, reason="not_json"))
    empty = SetScores(spec=SPEC, rows=ReadSet(pairs=(), left_out=gone, sha256="a"), scores={("reward_model", "all"): []})
    entry, compared = set_metrics(empty, samples=200, seed=0)
    assert (entry["rows"], entry["measured"], entry["figures"], compared) == (2, 0, [], [])
    assert entry["left_out"] == {"not_json": 1, "seen_in_training": 1}
    assert entry["faulty"] == ["line 2: not_json"]
    assert [(r["line"], r["left_out"]) for r in pair_rows(empty)] == [(1, "seen_in_training"), (2, "not_json")]


def test_longer_is_a_baseline_here_too() -> None:
    rows = [Pair(line=1, prompt="p", chosen="ccc", rejected="rr", subset=None)]
    assert longer_scores(rows) == [(3.0, 2.0)]
