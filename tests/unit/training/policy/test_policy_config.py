import subprocess
import sys

import pytest

from training.config import CONFIG_DIR, PROFILES, ConfigError, load_config, parse_config, read_yaml
from training.policy.config import PolicyConfig

LOCAL = read_yaml(CONFIG_DIR / "policy" / "local.yaml")


def test_profiles_have_the_same_keys_and_the_paper_has_the_papers_values():
    keys = [set(read_yaml(CONFIG_DIR / "policy" / f"{profile}.yaml")) for profile in PROFILES]
    assert keys[0] == keys[1] == keys[2] == set(PolicyConfig.model_fields)
    paper = load_config(PolicyConfig, stage="policy", profile="paper")
    assert (paper.num_generations, paper.kl, paper.lr, paper.max_unknown_share) == (8, 0.04, 1e-6, 0.05)
    assert paper.cut_completions == "unknown"
    assert paper.completions_per_step == 8 * paper.prompts_per_step


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lam": 1.3}, r"lambda must be greater than 1 \+ beta = 1.3, got 1.3"),
        ({"beta": 0.6, "lam": 1.5}, r"lambda must be greater than 1 \+ beta = 1.6, got 1.5"),
        ({"alpha": 1.0}, r"alpha must lie in \[0, 1\), got 1.0"),
        ({"micro_batch": 3}, r"micro_batch must divide num_generations \* prompts_per_step = 4, got 3"),
        ({"num_generations": 1}, "num_generations"),
        ({"max_unknown_share": 1.1}, "max_unknown_share"),
        ({"gamma": 1}, "gamma: unknown key"),
    ],
)
def test_values_that_break_a_rule_are_refused_by_name(change, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(PolicyConfig, {**LOCAL, **change}, where="local.yaml")


def test_configs_import_without_torch():
    code = "import training.policy.config, training.generation.config, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
