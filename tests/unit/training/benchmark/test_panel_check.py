"""The panel's worth as a judge is read from the reward-model benchmark, and only of the panel that judges."""

from dataclasses import replace
from pathlib import Path

import pytest
from snapshots import benchmark_folder, model_folder

from training.benchmark.panel_check import panel_check, refusal_reason
from training.errors import StageRefusal


def panel(tmp_path: Path, *, identified: bool = True) -> Path:
    return model_folder(tmp_path / f"panel_reward_model_{identified}", identified=identified)


def test_the_row_is_the_one_the_benchmark_measured(tmp_path: Path) -> None:
    folder = panel(tmp_path)
    benchmark = benchmark_folder(tmp_path / "b", panel_reward_model=folder, low=-0.25)
    check = panel_check(benchmark, {"panel_reward_model": folder})
    assert (check.low, check.system, check.against, check.metric) == (-0.25, "panel_reward_model", "lexical_overlap", "auc")


def test_a_benchmark_of_another_panel_is_refused(tmp_path: Path) -> None:
    other = panel(tmp_path, identified=False)
    benchmark = benchmark_folder(tmp_path / "b", panel_reward_model=other, low=0.1)
    with pytest.raises(StageRefusal, match="measured the panel_reward_model panel_reward_model_False@"):
        panel_check(benchmark, {"panel_reward_model": panel(tmp_path)})


def test_a_benchmark_without_the_comparison_is_refused(tmp_path: Path) -> None:
    folder = panel(tmp_path)
    benchmark = benchmark_folder(tmp_path / "b", panel_reward_model=folder, low=0.1, against="majority")
    with pytest.raises(StageRefusal, match="no comparison of the panel with lexical overlap"):
        panel_check(benchmark, {"panel_reward_model": folder})


def test_a_gain_needs_interval_and_corrected_p_of_both(tmp_path: Path) -> None:
    folder = panel(tmp_path)
    check = panel_check(benchmark_folder(tmp_path / "b", panel_reward_model=folder, low=0.1), {"panel_reward_model": folder})
    gain = replace(check, section="panel", metric="overall")
    assert refusal_reason(check, [gain]) is None
    for change in ({"low": 0.0}, {"low": None}, {"p_holm": 0.05}, {"p_holm": None}):
        assert "does not beat lexical overlap" in str(refusal_reason(replace(check, **change), [gain]))
        assert "not clearly above 0" in str(refusal_reason(check, [replace(gain, **change)]))
