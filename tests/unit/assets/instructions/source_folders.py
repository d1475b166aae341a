"""Small sources on disk for tests of ingestion, and their work as the chain would describe it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.instructions.personal_data import PersonalDataConfig
from assets.instructions.source_records import SourceWork
from assets.instructions.sources.registry import parse_source


def json_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def sphere(folder: Path, *questions: str) -> Path:
    """A folder of medical_eval_sphere with these questions."""
    return json_lines(folder / "test.jsonl", *({"question": question, "answer": "Rest."} for question in questions)).parent


def kqa(folder: Path) -> Path:
    """K-QA's main file with one question asked twice but for its case, and one empty statement."""
    rows = [
        {"Question": "Is it flu?", "Free_form_answer": "It is.", "Must_have": ["It is flu", ""], "Nice_to_have": []},
        {"Question": "is it FLU?", "Free_form_answer": "No.", "Must_have": ["It is not"], "Nice_to_have": []},
    ]
    return json_lines(folder / "questions_w_answers.jsonl", *rows).parent


def work_of(name: str, place: Path, /, **screen: str) -> SourceWork:
    """A source's work, with actions on personal data by kind."""
    source = parse_source(f"{name}={place}")
    config = PersonalDataConfig.model_validate({"screen": screen})
    return SourceWork(source=source, content_digest=source.content_digest(), personal_data=config)


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows
