"""The embedded corpus on disk: typed conditions, criteria with text fragments, and instructions that draw on them.

What belongs here: the shape of `conditions/*.yaml` and `shared.yaml`, reading them, and refusing what is not that shape.
What does not: composing responses from fragments (`compose.py`) and statistics over the corpus (`guards.py`).

The corpus was written for this project. It is synthetic and is not medical advice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.records import Split, Tier

CORPUS_DIR = Path(__file__).parent
Category = Literal[
    "diagnosis_and_triage",
    "treatment",
    "medication_safety",
    "prevention_and_screening",
    "living_with_a_condition",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
ModelT = TypeVar("ModelT", bound=BaseModel)


class CorpusError(ValueError):
    """A corpus file does not have the documented shape; the message names the file and the offender."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CorpusCriterion(_Strict):
    """One requirement and the sentences that meet it, contradict it, or speak about its subject without meeting it."""

    key: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    tier: Tier
    text: str = Field(min_length=15)
    met: tuple[str, ...] = Field(min_length=2)
    contradicted: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_miss(self) -> CorpusCriterion:
        if bool(self.contradicted) == bool(self.omitted):
            raise ValueError(f"criterion {self.key}: give either `contradicted` or `omitted`, not both or none")
        if self.tier == "veto" and not self.contradicted:
            raise ValueError(f"criterion {self.key}: a veto can only be missed by contradiction")
        if len(self.missed) < 2:
            raise ValueError(f"criterion {self.key}: two paraphrases at least that miss it")
        texts = [*self.met, *self.missed]
        if len(set(texts)) != len(texts):
            raise ValueError(f"criterion {self.key}: the same sentence stands twice")
        return self

    @property
    def missed(self) -> tuple[str, ...]:
        """The sentences that miss the criterion, whichever way."""
        return self.contradicted or self.omitted


class CorpusInstruction(_Strict):
    """A user's question and its rubric: main criteria with weights that sum to one, bonus and veto criteria by key."""

    text: str = Field(min_length=20)
    main: dict[str, float] = Field(min_length=4, max_length=6)
    bonus: tuple[str, ...] = Field(default=(), max_length=4)
    veto: tuple[str, ...] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _weights(self) -> CorpusInstruction:
        if min(self.main.values()) <= 0 or abs(sum(self.main.values()) - 1) > 1e-6:
            raise ValueError(f"weights of {self.text[:40]!r} must be positive and sum to 1, got {sum(self.main.values())}")
        return self


class Condition(_Strict):
    """One condition: its place in the taxonomy, its split, at least ten criteria and at least four instructions."""

    condition: str
    name: str
    category: Category
    specialty: str
    split: Split
    criteria: tuple[CorpusCriterion, ...] = Field(min_length=10)
    instructions: tuple[CorpusInstruction, ...] = Field(min_length=4)

    @model_validator(mode="after")
    def _keys_resolve(self) -> Condition:
        if self.split == "external":
            raise ValueError("split external is for published test sets, which this corpus is not")
        tiers = {criterion.key: criterion.tier for criterion in self.criteria}
        if len(tiers) != len(self.criteria):
            raise ValueError("criterion keys must be unique within a condition")
        for instruction in self.instructions:
            for tier, keys in (("main", instruction.main), ("bonus", instruction.bonus), ("veto", instruction.veto)):
                for key in keys:
                    if not key.startswith("shared/") and tiers.get(key) != tier:
                        raise ValueError(f"instruction {instruction.text[:40]!r}: no {tier} criterion {key!r}")
        return self


class SharedCriteria(_Strict):
    """Bonus criteria that fit any condition (empathy, organisation …), referred to as `shared/<key>`."""

    criteria: tuple[CorpusCriterion, ...]


def load_condition(path: Path) -> Condition:
    """Reads one condition file.

    Raises:
        CorpusError: the file is not YAML or not a condition; names the file and the first offender.
    """
    return _load(path, Condition)


def load_conditions(corpus_dir: Path = CORPUS_DIR) -> list[Condition]:
    """Reads every condition in name order.

    Raises:
        CorpusError: a file is wrong, or the folder holds no condition.
    """
    paths = sorted((corpus_dir / "conditions").glob("*.yaml"))
    if not paths:
        raise CorpusError(f"{corpus_dir}: no conditions/*.yaml")
    return [load_condition(path) for path in paths]


def load_shared(corpus_dir: Path = CORPUS_DIR) -> dict[str, CorpusCriterion]:
    """Reads the shared bonus criteria, keyed `shared/<key>`."""
    shared = _load(corpus_dir / "shared.yaml", SharedCriteria)
    return {f"shared/{criterion.key}": criterion for criterion in shared.criteria}


def _load(path: Path, model: type[ModelT]) -> ModelT:
    try:
        return model.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CorpusError(f"{path.name}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise CorpusError(f"{path.name}: {where}: {first['msg']}") from error
