"""The step that puts all responses and their known verdicts together, on small artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.instructions.tables import SCHEMAS
from assets.responses.steps import CANDIDATES
from assets.rubrics.statements import statement_rubric
from tests.fixtures.candidate_tables import SPLITS, write_rows
from tests.unit.assets.responses.response_runs import GENERATORS, run_step, settings
from training.generation.samples import sample_row
from training.records import content_id


def sample(key: str, text: str, outcome: Any, *, model: str = "m", attempt: int = 0) -> dict[str, Any]:
    return sample_row(
        instruction_id=key,
        model=model,
        family="f",
        text=text,
        sampling="{}",
        attempt=attempt,
        outcome=outcome,
        finish="stop",
        tokens=1,
    )


PHYSICIANS = "Take paracetamol for the fever. Drink plenty of water every day."
STATEMENTS = ("Take paracetamol for the fever", "Drink plenty of water every day")


def candidate_inputs(folder: Path, generated: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Path]:
    """One K-QA-like instruction `k` whose physician's answer can be edited, and others with drafted rubrics or none."""
    published = [
        {
            "response_id": content_id("response", key, model, text),
            "instruction_id": key,
            "model": model,
            "text": text,
            "sampling": None,
            "attempt": 0,
        }
        for key, model, text in [("k", "physician", PHYSICIANS), ("x", "physician", "Sleep."), ("x", "m", "Published.")]
    ]
    statements = statement_rubric("k", main=STATEMENTS, bonus=())
    criteria = [{name: getattr(row, name) for name in SCHEMAS["raw_criteria"].names} for row in statements]
    criteria += [{"criterion_id": "d", "instruction_id": "x", "tier": "veto", "text": "Gives no dose", "weight": None}]
    ids = ("k", "x", "y")
    return {
        "raw_instructions": write_rows(
            folder, "raw_instructions", [{"instruction_id": key, "text": f"{key}?", "source": "s"} for key in ids]
        ),
        "instruction_splits": write_rows(
            folder,
            "instruction_splits",
            [{"instruction_id": key, "cluster_id": key, "split": "rm_train"} for key in ids],
            SPLITS,
        ),
        "raw_criteria": write_rows(folder, "raw_criteria", criteria),
        "fragments": write_rows(folder, "fragments", []),
        "published_responses": write_rows(folder, "published_responses", published, SCHEMAS["raw_responses"]),
        "published_verdicts": write_rows(
            folder,
            "published_verdicts",
            [{"response_id": "p", "criterion_id": "d", "verdict": "met", "judge": "j", "judge_kind": "human"}],
            SCHEMAS["known_verdicts"],
        ),
        "generated_responses": write_rows(folder, "generated_responses", generated),
        "base_responses": write_rows(folder, "base_responses", base, SCHEMAS["generated_responses"]),
    }


def test_only_samples_with_an_outcome_to_keep_become_responses(tmp_path: Path) -> None:
    generated = [
        sample("y", "Yes.", "answered"),
        sample("y", "I can't help with that.", "refusal"),
        sample("y", "Take", "truncated"),
        sample("y", "", "empty", attempt=3),
        sample("y", "", "no_reply", attempt=4),
        # Word for word what its source published of this model.
        sample("x", "Published.", "answered"),
    ]
    base = [sample("y", "Base.", "answered", model="base"), sample("y", "Yes.", "answered")]
    inputs = candidate_inputs(tmp_path / "in", generated, base)
    metadata, files = run_step(CANDIDATES, settings(tmp_path), inputs, tmp_path)
    table = pq.read_table(files["raw_responses"])
    assert table.schema == SCHEMAS["raw_responses"]
    rows = table.to_pylist()
    assert [row["response_id"] for row in rows] == sorted({row["response_id"] for row in rows})
    texts = sorted((row["instruction_id"], row["model"], row["text"]) for row in rows if row["model"] != "edited")
    assert texts == [
        ("k", "physician", PHYSICIANS),
        ("x", "m", "Published."),
        ("x", "physician", "Sleep."),
        ("y", "base", "Base."),
        ("y", "m", "I can't help with that."),
        ("y", "m", "Yes."),
    ]
    edited = [row for row in rows if row["model"] == "edited"]
    assert {row["instruction_id"] for row in edited} == {"k"}
    assert metadata["raw_responses"] == {
        "published": 3,
        "composed": 0,
        "edited": len(edited),
        "base_responses kept": 1,
        "base_responses there already": 1,
        "generated_responses empty": 1,
        "generated_responses kept": 2,
        "generated_responses no_reply": 1,
        "generated_responses there already": 1,
        "generated_responses truncated": 1,
    }
    verdicts = pq.read_table(files["known_verdicts"]).to_pylist()
    assert metadata["known_verdicts"] == {"rows": len(verdicts)}
    assert {row["response_id"] for row in verdicts} == {"p", *(row["response_id"] for row in edited)}
    assert len(edited) >= 2 and {row["judge_kind"] for row in verdicts} == {"human", "construction", "assumed"}


def test_truncated_samples_are_kept_where_the_user_says_so(tmp_path: Path) -> None:
    inputs = candidate_inputs(tmp_path / "in", [sample("y", "Take", "truncated")], [])
    chosen = settings(tmp_path, {"keep": ["answered", "truncated"]})
    metadata, files = run_step(CANDIDATES, chosen, inputs, tmp_path)
    assert "Take" in pq.read_table(files["raw_responses"])["text"].to_pylist()
    assert metadata["raw_responses"]["generated_responses kept"] == 1


def test_other_generators_change_no_key_of_the_step_that_puts_together(tmp_path: Path) -> None:
    assert CANDIDATES.config(settings(tmp_path, GENERATORS)) == CANDIDATES.config(settings(tmp_path))


def test_the_embedded_corpus_is_composed_as_before(tmp_path: Path) -> None:
    inputs = candidate_inputs(tmp_path / "in", [], [])
    fragments = [
        {
            "fragment_id": f"f{tier}{kind}{n}",
            "instruction_id": "y",
            "criterion_id": f"y-{tier}",
            "kind": kind,
            "paraphrase": n,
            "held_out": False,
            "text": f"{tier} {kind} {n}.",
        }
        for tier in ("main", "veto")
        for kind in ("met", "contradicted")
        for n in range(3)
    ]
    criteria = [
        {"criterion_id": "y-main", "instruction_id": "y", "tier": "main", "text": "t", "weight": 1.0},
        {"criterion_id": "y-veto", "instruction_id": "y", "tier": "veto", "text": "t", "weight": None},
    ]
    inputs |= {
        "fragments": write_rows(tmp_path / "corpus", "fragments", fragments),
        "raw_criteria": write_rows(tmp_path / "corpus", "raw_criteria", criteria),
    }
    metadata, files = run_step(CANDIDATES, settings(tmp_path), inputs, tmp_path)
    assert metadata["raw_responses"]["composed"] == 4
    verdicts = pq.read_table(files["known_verdicts"]).to_pylist()
    # Two criteria on each, and the one that was published.
    assert sum(row["judge"] == "composer" for row in verdicts) == 8
    assert len(verdicts) == 9
