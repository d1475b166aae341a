"""Rubrics as steps: drafts of a language model, and the one rubric of every instruction with the history of its criteria.

What belongs here: which instructions are drafted for, which rubric counts, and what each step reads and writes. Drafting itself
is `drafting.py`'s, which of several rubrics counts `current.py`'s; published rubrics come from ingestion, reviewed ones from
review rounds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assets.endpoints.calls import Ask
from assets.endpoints.config import EndpointConfig
from assets.endpoints.unfinished import Counted
from assets.instructions.embedding import TextEmbedder
from assets.instructions.project_file import section
from assets.instructions.tables import SORT_KEYS, TableWriter, write_table
from assets.rubrics.config import DrafterConfig, RubricsConfig, rubrics_config
from assets.rubrics.current import criterion_history, current_rubrics, rejected_versions, rubric_count
from assets.rubrics.drafting import batches_for, draft_rubrics
from assets.rubrics.exemplars import Embed, Place, Target, eligible_pool, nearest_exemplars
from assets.steps import Metadata, Settings, Step, StepRun
from training.config import ConfigError

GROUP = "rubrics"
_INSTRUCTIONS = ("raw_instructions", "curated_instructions", "instruction_splits")
_REVIEWED = ("published_criteria", "reviewed_criteria", "review_decisions")
_SIMILAR = ("exemplar_pool", "text_embedding")
_CURRENT = ("instruction_splits", *_REVIEWED, "review_changes", "rubric_drafts")
# Reading texts into vectors and telling near-duplicates, as de-duplication does.
_READS_TEXTS = ("tables", "embedding", "sameness", "terms", "guard_words", "phrasing")


def _config(settings: Settings) -> RubricsConfig:
    return rubrics_config(settings.profile, section(settings.config, "rubrics"))


def _endpoint(settings: Settings, drafter: DrafterConfig) -> EndpointConfig:
    from assets.endpoints.project import endpoint_named

    return endpoint_named(settings.config, drafter.endpoint)


def _ask(settings: Settings, *, batches: int) -> Ask:
    from assets.endpoints.desk import asker

    return asker(settings, purpose="draft_rubrics", batches=batches)


def _draft_config(settings: Settings) -> dict[str, Any]:
    config = _config(settings)
    if config.drafter is None:
        return {"drafter": None}
    from assets.endpoints.project import asking

    # The endpoint by what its replies depend on: neither its address nor its name in the user's file is part of that.
    drafter = {"endpoint": _endpoint(settings, config.drafter).identity} | config.drafter.model_dump(exclude={"endpoint"})
    values = config.model_dump(mode="json", exclude={"use_unreviewed"})
    return values | {"drafter": drafter} | asking(settings.config)


def _draft_inputs(config: Mapping[str, Any]) -> tuple[str, ...]:
    if config["drafter"] is None:
        return ()
    return (*_INSTRUCTIONS, *_REVIEWED, *(_SIMILAR if config["exemplars"] else ()))


def _read(run: StepRun, asset: str, *columns: str) -> pa.Table:
    return pq.read_table(run.inputs[asset] / f"{asset}.parquet", columns=list(columns) or None)


def _rows(run: StepRun, asset: str, *columns: str) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in _read(run, asset, *columns).columns), strict=True))


def _draft(run: StepRun) -> dict[str, Metadata]:
    config = _config(run.settings)
    if config.drafter is None:
        for table in ("rubric_drafts", "draft_quarantine"):
            write_table(table, [], run.outputs[table])
        return {"rubric_drafts": {"drafter": "none: name one in the section rubrics"}, "draft_quarantine": {"rows": 0}}
    if _draft_config(run.settings) != run.config:
        raise ConfigError("sections rubrics, endpoints and calls: they changed while the run was planned; run again")
    places = {
        key: Place(cluster, split)
        for key, cluster, split in _rows(run, "instruction_splits", "instruction_id", "cluster_id", "split")
    }
    chosen = _chosen(run, config, places)
    pool = eligible_pool(_read(run, "exemplar_pool").to_pylist(), places, config.shape) if config.exemplars else []
    ask = Counted(_ask(run.settings, batches=batches_for(len(chosen))))
    made = draft_rubrics(
        [
            Target(instruction_id=key, text=text, cluster_id=places[key].cluster_id)
            for key, text in _rows(run, "raw_instructions", "instruction_id", "text")
            if key in chosen
        ],
        pool,
        config=config.drafter,
        shape=config.shape,
        endpoint=_endpoint(run.settings, config.drafter),
        ask=ask,
        nearest=partial(nearest_exemplars, k=config.exemplars, embed=_embedding(run)),
        rejected=frozenset(rejected_versions(_read(run, "review_decisions")).to_pylist()),
    )
    write_table("rubric_drafts", made.criteria, run.outputs["rubric_drafts"])
    write_table("draft_quarantine", made.quarantine, run.outputs["draft_quarantine"])
    refused = {name: number for name, number in made.counts.items() if name.startswith("quarantined")}
    return {
        "rubric_drafts": {
            "exemplar pool": len(pool),
            **{name: n for name, n in made.counts.items() if name not in refused},
            **ask.metadata,
        },
        "draft_quarantine": {"rows": len(made.quarantine), **refused},
    }


def _chosen(run: StepRun, config: RubricsConfig, places: Mapping[str, Place]) -> set[str]:
    """The instructions to draft for."""
    published = {key for (key,) in _rows(run, "published_criteria", "instruction_id")}
    reviewed = {key for (key,) in _rows(run, "reviewed_criteria", "instruction_id")}
    wanted = [
        key
        for key, kept in _rows(run, "curated_instructions", "instruction_id", "kept")
        if kept and key not in published and key in places and places[key].split in config.splits
    ]
    wanted.sort(key=lambda key: hashlib.sha256(key.encode()).digest())
    # The limit is drawn before what has been reviewed leaves: reviews don't bring in instructions that cost more calls.
    return set(wanted[: config.limit]) - reviewed


def _embedding(run: StepRun) -> Embed:
    """Embeds by the run's vectors, which are read when the first text comes."""
    load = cache(lambda: TextEmbedder.load(run.inputs["text_embedding"]))
    return lambda texts: load().embed(texts)


def _current(run: StepRun) -> dict[str, Metadata]:
    tables = {role: _read(run, role) for role in _CURRENT if role != "instruction_splits"}
    rubrics = current_rubrics(
        published=tables["published_criteria"],
        reviewed=tables["reviewed_criteria"],
        drafts=tables["rubric_drafts"],
        decisions=tables["review_decisions"],
        splits=_read(run, "instruction_splits", "instruction_id", "split"),
        use_unreviewed=run.config["use_unreviewed"],
    )
    criteria = pa.concat_tables(rubrics.values())
    history = criterion_history(drafts=tables["rubric_drafts"], changes=tables["review_changes"])
    _write(run, "raw_criteria", criteria, ("criterion_id", "rubric_version"))
    _write(run, "criterion_versions", history, SORT_KEYS["criterion_versions"])
    counts: Metadata = {f"rubrics {name}": rubric_count(table) for name, table in rubrics.items()}
    counts["drafts not used"] = rubric_count(tables["rubric_drafts"]) - counts["rubrics drafted"]
    changes = Counter(history["change"].to_pylist())
    return {
        "raw_criteria": {"rows": len(criteria), **counts},
        "criterion_versions": {"rows": len(history), **{f"change {name}": n for name, n in sorted(changes.items())}},
    }


def _write(run: StepRun, asset: str, table: pa.Table, keys: Sequence[str]) -> None:
    with TableWriter(asset, run.outputs[asset] / f"{asset}.parquet") as writer:
        writer.add(table.sort_by([(key, "ascending") for key in keys]))


DRAFT_RUBRICS = Step(
    name="draft_rubrics",
    outputs=("rubric_drafts", "draft_quarantine"),
    inputs={asset: asset for asset in (*_INSTRUCTIONS, *_REVIEWED, *_SIMILAR)},
    group=GROUP,
    groups={"draft_quarantine": GROUP},
    config=_draft_config,
    run=_draft,
    used=_draft_inputs,
    sources=(
        "assets/endpoints",
        *(
            f"assets/rubrics/{name}.py"
            for name in ("config", "current", "drafting", "draft_prompt", "draft_schema", "draft_wording", "exemplars")
        ),
        "assets/rubrics/statements.py",
        "assets/rubrics/steps.py",
        *(f"assets/instructions/{name}.py" for name in _READS_TEXTS),
        "assets/instructions/sources/base.py",
        "training/benchmark/baselines.py",
        "training/records.py",
        "training/rubric_score.py",
    ),
    libraries=("pyarrow", "numpy", "scipy", "tokenizers", "safetensors", "openai", "httpx2"),
    seconds=1,
    descriptions={
        "rubric_drafts": "Rubrics that a language model drafted, with the exemplars it was shown; no physician has seen them.",
        "draft_quarantine": "Instructions whose draft could not be used, each with its reason and the model's last reply.",
    },
    kinds=("python", "parquet"),
)
RUBRICS = Step(
    name="rubrics",
    outputs=("raw_criteria", "criterion_versions"),
    inputs={asset: asset for asset in _CURRENT},
    group=GROUP,
    config=lambda settings: {"use_unreviewed": _config(settings).use_unreviewed},
    run=_current,
    sources=(
        *(f"assets/rubrics/{name}.py" for name in ("current", "steps")),
        "assets/instructions/tables.py",
        "training/records.py",
    ),
    libraries=("pyarrow",),
    seconds=1,
    descriptions={
        "raw_criteria": "The criteria that count, one rubric per instruction: published, else reviewed, else drafted.",
        "criterion_versions": "Every version of every drafted criterion: who changed what, when, in which round.",
    },
    kinds=("python", "parquet"),
)
