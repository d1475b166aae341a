"""The adapters of published sets that stream."""

from __future__ import annotations

from assets.instructions.sources.base import Adapter
from assets.instructions.sources.evaluation_sets import DahlAdapter, HealthBenchAdapter, MedicalEvalSphereAdapter
from assets.instructions.sources.exams import MedMcqaAdapter, MedQaAdapter
from assets.instructions.sources.instruction_sets import ChatDoctorAdapter, MedicalInstructionAdapter, MedInstructAdapter
from assets.instructions.sources.medquad import MedQuadAdapter
from assets.instructions.sources.pubmedqa import PubMedQaAdapter

PUBLISHED: tuple[Adapter, ...] = (
    MedQaAdapter(),
    MedicalEvalSphereAdapter(),
    PubMedQaAdapter(),
    DahlAdapter(),
    MedicalInstructionAdapter(),
    MedInstructAdapter(),
    MedQuadAdapter(),
    ChatDoctorAdapter(),
    MedMcqaAdapter(),
    HealthBenchAdapter(),
)
