"""What asset signatures need from Dagster: resources, partitions, and the one way a step becomes an asset.

What belongs here: the names that nouns and orchestration use; they import them from here, and the modules beside import one
another. How resources are configured is orchestration's business.
"""

from assets.interfaces.compute import Compute
from assets.interfaces.errors import CLEAR_ERRORS, clear_failures
from assets.interfaces.materializing import STEP_LOG, announce, step_assets
from assets.interfaces.metadata import ui_metadata
from assets.interfaces.partitions import ADJUDICATION_ROUNDS, PARTITIONS_OF, REVIEW_ROUNDS, SOURCES, STUDY_CELLS
from assets.interfaces.performing import perform_step
from assets.interfaces.project import WAIT_TAG, ProjectResource
from assets.interfaces.standing import current_making, current_ref, gathered_refs, input_refs

__all__ = [
    "ADJUDICATION_ROUNDS",
    "CLEAR_ERRORS",
    "Compute",
    "PARTITIONS_OF",
    "WAIT_TAG",
    "ProjectResource",
    "REVIEW_ROUNDS",
    "SOURCES",
    "STEP_LOG",
    "STUDY_CELLS",
    "announce",
    "clear_failures",
    "current_making",
    "current_ref",
    "gathered_refs",
    "input_refs",
    "perform_step",
    "step_assets",
    "ui_metadata",
]
