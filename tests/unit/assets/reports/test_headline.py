"""What the headline may claim."""

import made_up
import pytest

from assets.reports.headline import beaten_baselines, headline, headline_table

WEAK = dict.fromkeys(made_up.SKILL, 0.3) | {"majority": 0.0}


def test_strong_model_and_flat_policy() -> None:
    reward_model = made_up.reward_model_metrics()
    policy = made_up.policy_metrics(reward_model, gain=0.0)
    text = headline(reward_model, policy)
    assert beaten_baselines(reward_model) == ["longer_is_better", "majority", "lexical_overlap"]
    assert "above every baseline" in text
    assert "policy gain not validated" in text
    assert "too small to show an effect" not in text
    assert "450 of the 600 verdicts are known by construction" in text


def test_weak_model_shows_the_chain_and_no_effect() -> None:
    reward_model = made_up.reward_model_metrics(skill=WEAK, n=12)
    text = headline(reward_model, made_up.policy_metrics(reward_model, gain=0.0))
    assert "shows that the chain works from end to end; it is too small to show an effect" in text
    assert "above every baseline" not in text
    assert "policy gain not validated: the panel judge does not beat lexical overlap" in text


def test_a_gain_by_the_panel_counts_only_with_a_judge_that_beats_lexical_overlap() -> None:
    strong = made_up.reward_model_metrics()
    text = headline(strong, made_up.policy_metrics(strong, gain=0.4))
    assert "the gain counts as validated" in text
    assert "not validated" not in text
    weak = made_up.reward_model_metrics(skill=WEAK, n=12)
    assert "policy gain not validated" in headline(weak, made_up.policy_metrics(weak, gain=0.4))


def test_nothing_measured_is_said_and_not_zero() -> None:
    reward_model = made_up.reward_model_metrics()
    for row in (*reward_model["figures"], *reward_model["differences"]):
        row.update(value=None, low=None, high=None, n=0)
    text = headline(reward_model, made_up.policy_metrics(reward_model))
    assert "could not be measured" in text
    assert "0.0 %" not in text


@pytest.mark.parametrize("skill", [made_up.SKILL, WEAK])
def test_terminal_table_fits_and_names_the_systems(skill: dict[str, float]) -> None:
    reward_model = made_up.reward_model_metrics(skill=skill)
    text = headline_table(reward_model, made_up.policy_metrics(reward_model, gain=0.0))
    assert max(map(len, text.splitlines())) <= 100
    for name in ("Reward model", "Lexical overlap", "overall, panel judge", "policy gain not validated"):
        assert name in text


def test_an_interval_above_zero_is_not_enough_for_one_of_many_comparisons() -> None:
    reward_model = made_up.reward_model_metrics()
    (row,) = (
        r
        for r in reward_model["differences"]
        if (r["system"], r["against"], r["section"]) == ("reward_model", "lexical_overlap", "overall")
    )
    assert row["low"] > 0
    row["p_holm"] = 0.05
    assert beaten_baselines(reward_model) == ["longer_is_better", "majority"]
    text = headline(reward_model, made_up.policy_metrics(reward_model))
    assert "but not distinguishable from, or below, lexical overlap" in text


def test_verdicts_that_mean_little_are_named() -> None:
    reward_model = made_up.reward_model_metrics()
    policy = made_up.policy_metrics(reward_model)
    reward_model["not_identified"]["reward_model"] = ["main", "veto"]
    reward_model["uninformative"]["reward_model"] = ["bonus"]
    policy["judges"]["own"]["uninformative"] = ["main"]
    text = headline(reward_model, policy)
    assert "Reward model: no verdict on main and veto criteria is identified" in text
    assert "on bonus criteria its calibration is flat, so that it says the same to every answer" in text
    lines = headline_table(reward_model, policy).splitlines()
    (system,) = (line for line in lines if line.startswith("Reward model  "))
    # No overall order without a veto; pairwise accuracy and AUC stand.
    assert system.endswith("not identified") and system.count("not identified") == 1
    flat = [line for line in lines if line.endswith("says the same to every answer")]
    assert [line.split("  ")[0] for line in flat] == ["S1, own judge"]
    assert max(map(len, lines)) <= 100
