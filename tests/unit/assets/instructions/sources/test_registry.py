"""Choosing sources: by name, by place, and as declared in a file; what is wrong is one line that says what would do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from assets.instructions.sources.base import SourceError
from assets.instructions.sources.registry import ADAPTERS, parse_source, resolve_sources
from assets.instructions.sources.specs import load_specs
from training.config import ConfigError

NINE = {
    "medqa",
    "medical_eval_sphere",
    "pubmedqa",
    "dahl",
    "medical_instruction",
    "medinstruct",
    "medquad",
    "chatdoctor",
    "medmcqa",
}


def declare(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_corpus_needs_no_folder_and_takes_one(tmp_path: Path) -> None:
    assert (Path(parse_source("corpus").location.uri) / "shared.yaml").is_file()
    assert parse_source(f"corpus={tmp_path}").location.uri == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "unknown source 'nonsense'; allowed: chatdoctor, corpus, dahl"),
        ("kqa", "source kqa needs a place; write kqa=<folder, file or URL>"),
        ("kqa=", "source kqa: nothing after '='"),
        ("kqa=no/such/folder", "source kqa: no such folder or file: no/such/folder"),
        ("corpus=no/such/folder", "source corpus: no such folder or file: no/such/folder"),
        ("kqa=nosuchprotocol://x", "nosuchprotocol://x: cannot be opened"),
    ],
)
def test_a_wrong_choice_is_one_line_that_says_what_would_do(text: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        parse_source(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_source_given_twice_or_none() -> None:
    with pytest.raises(SourceError, match="source corpus is given 2 times"):
        resolve_sources(["corpus", "corpus"])
    with pytest.raises(SourceError, match="no source given"):
        resolve_sources([])


def test_every_source_states_its_facts() -> None:
    assert {"corpus", "kqa", "healthbench", *NINE} == set(ADAPTERS)
    for name, adapter in ADAPTERS.items():
        assert adapter.name == name
        assert adapter.licence and adapter.citation and adapter.home
    assert "commercial models" in (ADAPTERS["kqa"].provider_terms or "")
    assert not ADAPTERS["medinstruct"].commercial_use


GENERIC = """
sources:
  ours:
    adapter: generic
    uri: {uri}
    licence: CC0-1.0
    commercial_use: true
    format: jsonl
    columns: {{text: q.text, answer: a, answer_model: physician, difficulty: level, split: part}}
    difficulty_scale: [1, 5]
"""


def test_a_declared_source_of_ones_own(tmp_path: Path) -> None:
    rows = [
        {"q": {"text": "Is it flu?"}, "a": "Yes.", "level": 3, "part": "external"},
        {"q": {"text": "What helps?"}, "a": None, "level": None, "part": None},
        {"q": {"text": " "}},
        {"q": {}},
        {"q": {"text": "Too hard?"}, "level": 6},
        {"q": {"text": "Elsewhere?"}, "part": "nowhere"},
        {"q": {"text": "Is it flu?"}},
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (source,) = resolve_sources(["ours"], declared=declare(tmp_path, GENERIC.format(uri=data)))
    (batch,) = source.read()
    batch.check_nothing_lost()
    first, second = batch.instructions
    assert (first.text, first.source, first.license, first.difficulty, first.split) == (
        "Is it flu?",
        "ours",
        "CC0-1.0",
        5.0,
        "external",
    )
    assert (second.text, second.difficulty, second.split) == ("What helps?", None, None)
    assert [(r.model, r.text) for r in batch.responses] == [("physician", "Yes.")]
    assert [(q.source_row, q.reason) for q in batch.quarantined] == [
        ("rows.jsonl:3", "empty_text"),
        ("rows.jsonl:4", "missing_column"),
        ("rows.jsonl:5", "wrong_difficulty"),
        ("rows.jsonl:6", "unknown_split"),
        ("rows.jsonl:7", "duplicate_id"),
    ]
    assert source.facts()["licence"] == "CC0-1.0"


def test_a_licence_can_be_overridden_and_a_name_given(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "Is it flu?"}\n', encoding="utf-8")
    path = declare(
        tmp_path, f"sources: {{mine: {{adapter: medical_eval_sphere, uri: {tmp_path}, licence: MIT, commercial_use: true}}}}"
    )
    (source,) = resolve_sources(["mine"], declared=path)
    (batch,) = source.read()
    assert (batch.instructions[0].source, batch.instructions[0].license) == ("mine", "MIT")
    assert source.facts()["commercial_use"] is True


def test_a_pin_is_the_files_sha256_and_a_change_names_both(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_bytes(b'{"question": "Is it flu?"}\n')
    pin = hashlib.sha256(data.read_bytes()).hexdigest()
    path = declare(tmp_path, f"sources: {{mine: {{adapter: medical_eval_sphere, uri: {data}, sha256: {pin}}}}}")
    (source,) = resolve_sources(["mine"], declared=path)
    assert source.content_digest() == pin
    data.write_bytes(b'{"question": "Is it a cold?"}\n')
    now = hashlib.sha256(data.read_bytes()).hexdigest()
    with pytest.raises(SourceError, match=f"source mine: its content is {now}, but {pin} is pinned"):
        source.content_digest()


def test_an_unchanged_file_is_not_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.instructions.sources.location import SourceFile

    (tmp_path / "rows.jsonl").write_text('{"question": "Is it flu?"}\n', encoding="utf-8")
    source = parse_source(f"medical_eval_sphere={tmp_path}")
    before = source.content_digest(tmp_path / "memo.json")
    monkeypatch.setattr(SourceFile, "sha256", lambda self: pytest.fail("hashed again"))
    assert source.content_digest(tmp_path / "memo.json") == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: {mine: {adaptor: generic}}", "sources.mine: adaptor: unknown key; allowed: adapter, "),
        ("sources: {mine: {adapter: generic, uri: x}}", "adapter generic needs format, columns, licence, commercial_use"),
        ("sources: {mine: {adapter: medqa, format: csv}}", "format and columns belong to adapter generic, not to medqa"),
        ("sources: {mine: {format: csv}}", "format and columns belong to adapter generic, so write `adapter: generic` too"),
        (
            "sources: {mine: {adapter: generic, uri: a, format: csv, columns: {text: q, difficulty: d}, licence: MIT,"
            " commercial_use: true}}",
            "a column of difficulties needs difficulty_scale",
        ),
        ("sources: {mine: {sha256: abc}}", "sources.mine: sha256: "),
        ("sources: [mine]", "sources must map names to their values"),
    ],
)
def test_a_wrong_declaration_names_source_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_specs(declare(tmp_path, text))
    assert message in str(error.value)


def test_an_adapter_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = declare(tmp_path, "sources: {mine: {adapter: nonsense, uri: x}}")
    with pytest.raises(SourceError, match="unknown adapter 'nonsense' of source mine; allowed: chatdoctor, .*generic"):
        resolve_sources(["mine"], declared=path)
