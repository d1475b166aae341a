from __future__ import annotations

from typing import Any

import pytest

from assets.responses.compose import ComposeError, compose_responses
from assets.responses.config import ComposeConfig

TIERS = {"m1": "main", "m2": "main", "b1": "bonus", "v1": "veto"}


def rows(
    instruction: str, *, split: str = "rm_train", tiers: dict[str, str] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Splits, criteria and fragments: per criterion three sentences that meet it and three that miss it, the last held out."""
    tiers = TIERS if tiers is None else tiers
    splits = [{"instruction_id": instruction, "cluster_id": "c", "split": split}]
    criteria = [{"criterion_id": f"{instruction}/{key}", "instruction_id": instruction, "tier": t} for key, t in tiers.items()]
    fragments = [
        {"criterion_id": f"{instruction}/{key}", "kind": kind, "text": f"{key} {kind} {n}.", "held_out": n == 2}
        for key in tiers
        for kind in ("met", "contradicted")
        for n in range(3)
    ]
    fragments += [{"criterion_id": None, "kind": "filler", "text": f"filler {n}.", "held_out": n >= 4} for n in range(8)]
    for number, fragment in enumerate(fragments):
        fragment |= {"instruction_id": instruction, "fragment_id": f"f{number:03d}", "paraphrase": 0}
    return splits, criteria, fragments


def test_verdicts_are_what_the_sentences_say() -> None:
    made = compose_responses(*rows("i"), config=ComposeConfig(responses_per_instruction=20))
    texts = {row["response_id"]: row["text"] for row in made.responses}
    tiers = {f"i/{key}": tier for key, tier in TIERS.items()}
    assert len(made.verdicts) == 20 * 4
    for row in made.verdicts:
        key = row["criterion_id"].removeprefix("i/")
        if row["evidence"] is None:
            assert f"{key} " not in texts[row["response_id"]]
            assert row["verdict"] == ("met" if tiers[row["criterion_id"]] == "veto" else "unmet")
        else:
            assert row["evidence"] in texts[row["response_id"]]
            assert row["evidence"].startswith(f"{key} {'met' if row['verdict'] == 'met' else 'contradicted'}")
        assert (row["judge"], row["judge_kind"]) == ("composer", "construction")
    assert any(row["evidence"] is None for row in made.verdicts)


def test_responses_are_distinct_and_as_long_whatever_they_say() -> None:
    made = compose_responses(*rows("i"), config=ComposeConfig(responses_per_instruction=20))
    assert len({row["text"] for row in made.responses}) == 20
    assert {row["text"].count(".") for row in made.responses} == {4, 5}
    assert {row["model"] for row in made.responses} == {"composed"}
    assert [row["attempt"] for row in made.responses] == list(range(20))


@pytest.mark.parametrize(("split", "shown"), [("benchmark", {"2"}), ("rm_train", {"0", "1"}), ("validation", {"0", "1"})])
def test_only_the_benchmark_sees_the_last_paraphrase(split: str, shown: set[str]) -> None:
    made = compose_responses(*rows("i", split=split), config=ComposeConfig(responses_per_instruction=10))
    assert {row["evidence"].rstrip(".").split()[-1] for row in made.verdicts if row["evidence"]} == shown
    fillers = {word for row in made.responses for word in row["text"].split("filler ")[1:]}
    assert all((filler[0] >= "4") == (split == "benchmark") for filler in fillers)


def test_another_instruction_changes_nothing_here() -> None:
    alone = compose_responses(*rows("i"), config=ComposeConfig())
    other = rows("j", tiers={"m1": "main", "m9": "main", "v1": "veto"})
    both = compose_responses(*(left + right for left, right in zip(rows("i"), other, strict=True)), config=ComposeConfig())
    assert [row for row in both.responses if row["instruction_id"] == "i"] == alone.responses
    assert len(both.responses) == 2 * len(alone.responses)


def test_the_seed_decides() -> None:
    texts = [
        [row["text"] for row in compose_responses(*rows("i"), config=ComposeConfig(seed=seed)).responses] for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0.0, 0.0), (0.25, 0.17, 0.33), (1.0, 1.0, 1.0)])
def test_the_share_of_violations(share: float, low: float, high: float) -> None:
    parts = [rows(f"i{n}") for n in range(60)]
    joined = [sum(lists, []) for lists in zip(*parts, strict=True)]
    made = compose_responses(*joined, config=ComposeConfig(violation_share=share, responses_per_instruction=4))
    violated = sum(row["verdict"] == "unmet" for row in made.verdicts if row["criterion_id"].endswith("/v1"))
    assert low <= violated / len(made.responses) <= high


def test_a_criterion_without_sentences_is_an_error() -> None:
    splits, criteria, fragments = rows("i")
    fewer = [row for row in fragments if not (row["criterion_id"] == "i/v1" and row["kind"] == "contradicted")]
    with pytest.raises(ComposeError, match="i: i/v1 has no fragment"):
        compose_responses(splits, criteria, fewer, config=ComposeConfig())


def test_too_few_distinct_responses_is_an_error() -> None:
    splits, criteria, fragments = rows("i", split="benchmark", tiers={"m1": "main"})
    fragments = [row for row in fragments if row["kind"] != "filler"]
    with pytest.raises(ComposeError, match="i: only 2 distinct responses"):
        compose_responses(splits, criteria, fragments, config=ComposeConfig(silence_share=0, responses_per_instruction=3))
