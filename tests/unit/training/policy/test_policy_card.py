from training.config import load_config
from training.policy.config import PolicyConfig
from training.policy.model_card import model_card

ROW = {
    "step": 1,
    **dict.fromkeys(
        ("reward", "s1", "s2", "s3", "veto_rate", "refusal_rate", "empty_rate", "cut_rate", "unknown_share", "kl", "entropy"),
        0.5,
    ),
    "completion_length": 12.0,
}


def test_card_names_base_licence_inputs_and_what_was_left_out():
    card = model_card(
        config=load_config(PolicyConfig, stage="policy", profile="local"),
        base={"model": "gemma-3-270m", "license": "gemma"},
        inputs={"reward_model": "reward_model@abc", "base_model": "base_model@def"},
        figures={"instructions": 7, "excluded": 3, "completions": 64, "flat_groups": 2, "groups": 8}
        | {"verdicts_not_identified": ["main", "bonus"], "verdicts_uninformative": ["veto"]},
        rows=[ROW, {**ROW, "step": 2, "reward": None, "kl": 0.125}],
    )
    assert card.startswith("---\nlicense: gemma\nbase_model: gemma-3-270m\n")
    assert "- base_model: `base_model@def`\n- reward_model: `reward_model@abc`" in card
    assert "| reward | 0.500 | not measured |" in card
    assert "| kl | 0.500 | 0.125 |" in card
    assert "3 of 64 completions\nhad no reward" in card
    assert "r = clip(S1 + 0.1 * S2, 0, 1 + 0.3) - 1.5 * S3" in card
    assert "| cut_rate | 0.500 | 0.500 |" in card
    assert "A completion cut at 32 tokens is scored as it stands." in card
    assert "On main, bonus criteria they are not identified" in card
    assert "On veto criteria the reward model says the same to every answer" in card
