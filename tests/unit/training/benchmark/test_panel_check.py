"""The panel's worth as a judge is read from the reward-model benchmark, and only of the panel that judges."""

from pathlib import Path

import pytest
from snapshots import benchmark_folder, model_folder

from training.benchmark.panel_check import panel_check
from training.errors import StageRefusal
from training.storage import read_manifest


def panel(tmp_path: Path, *, identified: bool = True) -> Path:
    return model_folder(tmp_path / f"panel_reward_model_{identified}", identified=identified)


def test_the_row_is_the_one_the_benchmark_measured(tmp_path: Path) -> None:
    folder = panel(tmp_path)
    benchmark = benchmark_folder(tmp_path / "b", panel=str(read_manifest(folder).ref), low=-0.25)
    check = panel_check(benchmark, folder)
    assert (check.low, check.system, check.against, check.metric) == (-0.25, "panel_reward_model", "lexical_overlap", "auc")


def test_a_benchmark_of_another_panel_is_refused(tmp_path: Path) -> None:
    other = panel(tmp_path, identified=False)
    benchmark = benchmark_folder(tmp_path / "b", panel=str(read_manifest(other).ref), low=0.1)
    with pytest.raises(StageRefusal, match="measured the panel panel_reward_model_False@"):
        panel_check(benchmark, panel(tmp_path))


def test_a_benchmark_without_the_comparison_is_refused(tmp_path: Path) -> None:
    folder = panel(tmp_path)
    benchmark = benchmark_folder(tmp_path / "b", panel=str(read_manifest(folder).ref), low=0.1, against="majority")
    with pytest.raises(StageRefusal, match="no comparison of the panel with lexical overlap"):
        panel_check(benchmark, folder)
