from __future__ import annotations

from pathlib import Path

import pytest

from assets.instructions.sources.base import SourceError
from assets.instructions.sources.registry import SOURCES, parse_source, parse_sources


def test_the_corpus_needs_no_folder_and_takes_one(tmp_path: Path) -> None:
    assert (parse_source("corpus").uri / "shared.yaml").is_file()
    assert parse_source(f"corpus={tmp_path}").uri == tmp_path


def test_kqa_with_a_folder(tmp_path: Path) -> None:
    source = parse_source(f"kqa={tmp_path}")
    assert (source.name, source.uri) == ("kqa", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("medqa", "unknown source 'medqa'; allowed: corpus, kqa"),
        ("kqa", "source kqa needs a folder; write kqa=<folder>"),
        ("kqa=", "source kqa: no folder after '='"),
        ("kqa=no/such/folder", "source kqa: no such folder: no/such/folder"),
        ("corpus=no/such/folder", "source corpus: no such folder: no/such/folder"),
    ],
)
def test_a_wrong_choice_is_one_line_that_says_what_would_do(text: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        parse_source(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_source_given_twice_or_none() -> None:
    with pytest.raises(SourceError, match="source corpus is given 2 times"):
        parse_sources(["corpus", "corpus"])
    with pytest.raises(SourceError, match="no source given"):
        parse_sources([])


def test_every_source_states_its_facts() -> None:
    for name, adapter in SOURCES.items():
        assert adapter.name == name
        assert adapter.licence in {"MIT", "Apache-2.0"}
        assert adapter.citation and adapter.home
    assert "commercial models" in (SOURCES["kqa"].provider_terms or "")
