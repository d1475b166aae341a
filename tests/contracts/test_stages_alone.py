"""Every stage but the study's two has a programme that runs it without an orchestrator."""

import pytest

from training.stages import ROOT, STAGES

BY_THE_STUDY = {"reward_model_cell", "reward_model_study"}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_run_alone_by_its_name_unless_a_study_runs_it(name: str) -> None:
    programmes = [file for file in (f"{name}.py", f"{name}/__main__.py") if (ROOT / "training" / file).is_file()]
    assert len(programmes) == (name not in BY_THE_STUDY)
