"""Rubrics, responses and verdicts through a real vLLM server: the plumbing is real, the small model's judgement is not claimed.

`make test-vllm` runs these, with the server that `promedical serve` starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from assets.endpoints.desk import ledger_path
from assets.endpoints.summary import ledger_summary
from assets.interfaces import current_ref
from assets.verdicts.evidence import claims_absence, find_quote, readable
from orchestration.instance import open_instance
from tests.fixtures.serving import Serving
from training.stages import ROOT
from training.storage import Store

pytestmark = pytest.mark.slow

# Without rubrics: what drafting is for. The corpus beside them has some, so that the judge has something to do whatever
# the small drafter writes.
QUESTIONS = ("Is measles contagious before the rash appears?", "Can I take ibuprofen while I have chickenpox?")


def write_config(folder: Path, served: Path) -> Path:
    """The file that `serve` wrote, with sizes for a test."""
    config = yaml.safe_load(served.read_text(encoding="utf-8"))
    (folder / "questions.jsonl").write_text("\n".join(json.dumps({"q": text}) for text in QUESTIONS), encoding="utf-8")
    config["sources"] = {
        "ours": {
            "adapter": "generic",
            "uri": "questions.jsonl",
            "format": "jsonl",
            "columns": {"text": "q"},
            "licence": "CC0-1.0",
            "commercial_use": True,
        }
    }
    config["curation"] = {"band": {"low": 0, "high": 10}}
    config["rubrics"] |= {"limit": 2, "exemplars": 1}
    config["rubrics"]["drafter"]["max_tokens"] = 300
    config["responses"] |= {"limit": 3, "splits": ["rm_train", "panel_train", "policy_train", "validation", "benchmark"]}
    config["responses"]["generators"][0] |= {"samples": 1, "max_tokens": 48}
    config["responses"]["enough"] = 100
    config["verdicts"] |= {"limit": 3, "splits": ["rm_train", "panel_train", "policy_train", "validation", "benchmark"]}
    config["verdicts"]["judges"][0]["max_tokens"] = 400
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def run(home: Path, config: Path) -> str:
    command = [sys.executable, "-m", "orchestration.cli", "run", "--home", str(home), "--config", str(config)]
    command += ["--source", "corpus", "--source", "ours", "--select", "rubrics", "responses", "verdicts"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def rows(home: Path, asset: str) -> list[dict[str, object]]:
    store = Store(home / "store")
    with open_instance(home) as instance:
        ref = current_ref(instance, asset)
    assert ref is not None, asset
    found: list[dict[str, object]] = pq.read_table(store.fetch(ref) / f"{asset}.parquet").to_pylist()
    return found


def test_the_chain_runs_on_the_server_and_again_at_no_cost(vllm: Serving, tmp_path: Path) -> None:
    config = write_config(tmp_path, vllm.config)
    said = run(vllm.home, config)
    drafted = {row["instruction_id"] for row in rows(vllm.home, "rubric_drafts")}
    quarantined = {row["source_row"] for row in rows(vllm.home, "draft_quarantine")}
    assert len(drafted) + len(quarantined) == len(QUESTIONS)
    responses = rows(vllm.home, "generated_responses")
    assert responses and {row["outcome"] for row in responses} <= {"answered", "truncated", "refusal", "empty"}
    text = {str(row["response_id"]): str(row["text"]) for row in rows(vllm.home, "raw_responses")}
    verdicts = rows(vllm.home, "model_verdicts")
    assert verdicts and f"verdicts {len(verdicts)}" in said.replace(",", "")
    for row in verdicts:
        assert (row["verdict"] == "unknown") == bool(row["reason"])
        if row["verdict"] != "unknown":
            quote, answer = str(row["evidence"]), text[str(row["response_id"])]
            assert claims_absence(quote) or find_quote(readable(quote), readable(answer), least_words=3)
    before = ledger_summary(ledger_path(vllm.home))
    assert sum(row.answered for row in before) >= len(responses) and not sum(row.unanswered for row in before)
    # Another limit on what was asked already: all of it is replayed.
    changed = yaml.safe_load(config.read_text(encoding="utf-8"))
    changed["verdicts"]["limit"] = 2
    config.write_text(yaml.safe_dump(changed), encoding="utf-8")
    run(vllm.home, config)
    after = ledger_summary(ledger_path(vllm.home))
    assert sum(row.answered for row in after) == sum(row.answered for row in before)
    assert sum(row.replayed for row in after) > sum(row.replayed for row in before)
