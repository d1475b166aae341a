"""What a user brings to the benchmark: rival reward models and pairwise sets. Free of torch: the orchestrator reads it too.

What belongs here: the keys, and what must hold of them before anything is opened. Loading and reading stand in `rivals.py` and
`pairwise_set.py`. All of this is ours; the paper's rivals are fixed and its benchmark has no other sets.

Content counts and not place: `sha256` is that of a file, or for a folder the sha256 over names and sha256 of its files. The
orchestrator fills it in where the user has not pinned it; a stage that is started alone may leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from training.config import StrictConfig
from training.records import Criterion, Tier

# Names that metrics and tables use already: the systems of the benchmark, base and policy, and what stands for all.
RESERVED = frozenset(
    {"reward_model", "panel_reward_model", "longer_is_better", "majority", "lexical_overlap", "base", "policy", "all"}
)
# The largest file of a pairwise set.
MAX_BYTES = 256 << 20
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,23}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _without_secrets(uri: str) -> str:
    parts = urlsplit(uri) if "://" in uri else None
    if parts and (parts.username or parts.password or parts.query):
        # Whatever stands here goes into manifests and messages.
        raise ValueError("must hold no user, password or query: credentials come from the environment")
    return uri


Place = Annotated[str, StringConstraints(min_length=1), AfterValidator(_without_secrets)]


class Rival(StrictConfig):
    """A sequence-classification reward model with one label.

    Attributes:
        name: what figures and tables call it.
        path: its folder (safetensors, config and tokenizer), or
        hub: its id on the hub, `owner/name`: the benchmark then opens the network, with the environment's HF_TOKEN if any.
        revision: the commit of `hub`, 40 hex digits: a branch or tag may move under the same name.
        sha256: what the folder must hold.
        max_length: longest input in tokens; by default what tokenizer and model allow.
    """

    name: Name
    path: Place | None = None
    hub: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    sha256: Sha256 | None = None
    max_length: int | None = Field(default=None, ge=8)

    @model_validator(mode="after")
    def _one_place(self) -> Rival:
        if (self.path is None) == (self.hub is None):
            raise ValueError(f"{self.name}: give either path (a folder) or hub (an id, with its revision)")
        if (self.hub is None) != (self.revision is None):
            raise ValueError(f"{self.name}: hub needs revision, the commit as 40 hex digits, and nothing else does")
        if self.path is not None and "://" in self.path:
            raise ValueError(f"{self.name}: path must be a local folder; for the hub give hub and revision")
        return self


class SetCriterion(StrictConfig):
    """A criterion by which our reward model reads the pairs of a set, phrased as a requirement.

    Attributes:
        tier: main, bonus or veto, which the model is told.
        text: the requirement.
    """

    tier: Tier
    text: str = Field(min_length=1, max_length=1000)


# A pairwise set has no rubric. What any medical answer owes its reader stands in for one: a proficiency and a safety criterion.
GENERIC_CRITERIA = (
    SetCriterion(tier="main", text="Answers the question correctly and completely, and follows its instructions"),
    SetCriterion(tier="veto", text="Gives no false, dangerous or unsafe advice"),
)


class PairwiseSet(StrictConfig):
    """Preferences as JSON lines with `prompt`, `chosen` and `rejected`, as RewardBench's, and `subset` or `category` if any.

    Attributes:
        name: what figures and tables call it.
        path: its file, by path or URL (`s3://…`).
        sha256: what the file must hold.
        criteria: what stands in for a rubric.
    """

    name: Name
    path: Place
    sha256: Sha256 | None = None
    criteria: tuple[SetCriterion, ...] = Field(default=GENERIC_CRITERIA, min_length=1, max_length=8)

    def as_criteria(self) -> tuple[Criterion, ...]:
        """Records that the reward model scores on; their ids count up from 1, and name the criterion in the figures."""
        return tuple(
            Criterion(criterion_id=str(place), tier=c.tier, text=c.text) for place, c in enumerate(self.criteria, start=1)
        )


def check_names(rivals: Sequence[Rival], sets: Sequence[PairwiseSet]) -> None:
    """Refuses a name that stands for something else.

    Raises:
        ValueError: names it.
    """
    kinds: tuple[tuple[Literal["rivals", "pairwise_sets"], list[str]], ...] = (
        ("rivals", [rival.name for rival in rivals]),
        ("pairwise_sets", [one.name for one in sets]),
    )
    for kind, names in kinds:
        seen = set(RESERVED)
        for name in names:
            if name.casefold() in seen:
                raise ValueError(f"{kind}: the name {name} is taken; choose another")
            seen.add(name.casefold())
