"""Category and specialty of instructions, by prototypes or by a language model: the table instruction_taxonomy.

What belongs here: the configuration, the table, and when an answer is unknown. The table holds what the classifier says of
every instruction, also where a source brings labels of its own: it is measured on those. Which of the two stands in the end
is `curation.py`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from assets.endpoints.calls import Ask
from assets.endpoints.config import EndpointConfig
from assets.instructions.taxonomy_names import Label, Taxonomy
from assets.instructions.taxonomy_prototypes import NAME, Embed, PrototypeClassifier
from training.config import StrictConfig

if TYPE_CHECKING:
    from assets.instructions.taxonomy_endpoint import EndpointClassifier

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("instruction_id", "category", "specialty", "classifier")),
        ("category_score", pa.float64()),
        ("specialty_score", pa.float64()),
    ]
)


class TaxonomyConfig(StrictConfig):
    """How instructions are classified.

    Attributes:
        classifier: `prototypes` (embedding and keywords) or `endpoint` (a language model).
        category_threshold: least score (see `taxonomy_prototypes.py`) of a category; below it, unknown.
        specialty_threshold: least score of a specialty. At 0.45 a quarter of the corpus's and K-QA's questions are left open.
        endpoint: name of the model's endpoint in the section `endpoints`; goes with `endpoint`.
        max_tokens: longest answer of the model; a name alone has a dozen, and a shorter answer is cut off.
    """

    classifier: Literal["prototypes", "endpoint"] = "prototypes"
    category_threshold: float = Field(default=0.5, ge=-1, le=2)
    specialty_threshold: float = Field(default=0.45, ge=-1, le=2)
    endpoint: str | None = Field(default=None, min_length=1)
    max_tokens: int = Field(default=256, ge=64)

    @model_validator(mode="after")
    def _consistent(self) -> TaxonomyConfig:
        if (self.classifier == "endpoint") != (self.endpoint is not None):
            raise ValueError("classifier `endpoint` and the key `endpoint` go together; give both or none")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """The table of SCHEMA and, from an endpoint, how many replies came how and how many could not be read."""

    table: pa.Table
    outcomes: dict[str, int]


def classify(
    instructions: pa.Table,
    *,
    taxonomy: Taxonomy,
    config: TaxonomyConfig,
    embed: Embed | None = None,
    endpoint: EndpointConfig | None = None,
    ask: Ask | None = None,
) -> Classified:
    """Classifies rows of raw_instructions, whatever the source says of them.

    Args:
        instructions: instruction_id and text, sorted by id.
        taxonomy: the names.
        config: how.
        embed: texts → (n, d) unit rows; needed for prototypes.
        endpoint: whom to ask; needed for an endpoint.
        ask: how to ask; needed for an endpoint.

    Raises:
        CallsError: as `ask`.
    """
    ids, texts = instructions.column("instruction_id"), instructions.column("text")
    if config.classifier == "endpoint":
        from assets.instructions.taxonomy_endpoint import EndpointClassifier

        assert endpoint is not None and ask is not None
        return _by_endpoint(ids, texts, EndpointClassifier(taxonomy, endpoint, ask, max_tokens=config.max_tokens))
    assert embed is not None
    categories, specialties = PrototypeClassifier(taxonomy, embed).score(texts)
    category, category_score = _best(categories, taxonomy.categories, config.category_threshold)
    specialty, specialty_score = _best(specialties, taxonomy.specialties, config.specialty_threshold)
    names = pa.array(np.full(len(texts), NAME), pa.string())
    columns = [ids, category, specialty, names, category_score, specialty_score]
    return Classified(table=pa.Table.from_arrays(columns, schema=SCHEMA), outcomes={})


def _best(scores: npt.NDArray[np.float32], labels: tuple[Label, ...], threshold: float) -> tuple[pa.Array, pa.Array]:
    """The name with the greatest score, null below the threshold, and that score either way."""
    best = scores.argmax(axis=1)
    top = scores.max(axis=1).astype(np.float64)
    # Rounded, so that the order of additions in another library's kernels cannot reach the table.
    top = np.round(top, 4)
    names = pa.DictionaryArray.from_arrays(
        pa.array(best, pa.int32(), mask=top < threshold), pa.array([label.name for label in labels])
    )
    return names.cast(pa.string()), pa.array(top)


def _by_endpoint(ids: pa.ChunkedArray, texts: pa.ChunkedArray, classifier: EndpointClassifier) -> Classified:
    found = classifier.classify(texts)
    columns = [
        ids,
        pa.array([one.category for one in found], pa.string()),
        pa.array([one.specialty for one in found], pa.string()),
        pa.array([classifier.name] * len(found), pa.string()),
        pa.nulls(len(found), pa.float64()),
        pa.nulls(len(found), pa.float64()),
    ]
    counts = {str(outcome): number for outcome, number in classifier.outcomes.items()}
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    return Classified(table=table, outcomes=counts | {"unreadable": classifier.unreadable})
