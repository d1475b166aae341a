"""Inputs of the stage reward_model_benchmark, whose models know the answers or turn them around."""

from __future__ import annotations

from pathlib import Path

import pytest
from snapshots import KeywordScorer, merged, model_folder, tables, write

from training.benchmark import reward_model_stage


@pytest.fixture
def scorers() -> dict[str, KeywordScorer]:
    return {"reward_model": KeywordScorer(), "panel_reward_model": KeywordScorer(wrong=True)}


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scorers: dict[str, KeywordScorer]) -> dict[str, Path]:
    class Loader:
        @staticmethod
        def load(folder: Path, *, device: str) -> KeywordScorer:
            return scorers[folder.name]

    monkeypatch.setattr(reward_model_stage, "RewardScorer", Loader)
    monkeypatch.setattr(reward_model_stage, "check_snapshot", lambda folder, *, role: None)
    learned = write(tmp_path / "training", merged(tables(3, split="rm_train"), tables(3, split="validation")))
    panel = write(tmp_path / "panel", merged(tables(3, split="panel_train"), tables(3, split="validation")))
    return {
        "snapshot": write(tmp_path / "snapshot", merged(tables(4), tables(3, source="kqa", judge_kind="human"))),
        "training_snapshot": learned,
        "reward_model": model_folder(tmp_path / "reward_model", snapshot=learned),
        "panel_reward_model": model_folder(tmp_path / "panel_reward_model", snapshot=panel),
    }
