"""Classification by a language model behind a real HTTP server: only names of the lists count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chat_server import Answer, chat_server
from pydantic import ValidationError

from assets.endpoints.config import EndpointConfig
from assets.instructions.taxonomy import TaxonomyConfig, classify
from assets.instructions.taxonomy_endpoint import parse_taxonomy, taxonomy_instructions
from assets.instructions.taxonomy_names import Decided, load_taxonomy


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("reply", "category", "specialty"),
    [
        ('{"category": "treatment", "specialty": "urology"}', "treatment", "urology"),
        ('\n {"specialty": "urology", "category": null}', None, "urology"),
        ('{"category": "treatment", "specialty": "Urology"}', "treatment", None),
        ('{"category": "therapy", "specialty": "astrology"}', None, None),
        ('{"category": ["treatment"], "specialty": {"a": 1}}', None, None),
        ('{"category": "treatment"}', None, None),
        ('{"category": "treatment", "specialty": "urology", "why": "…"}', None, None),
        ('Sure! {"category": "treatment", "specialty": "urology"}', None, None),
        ('{"category": "treatment", "specialty": "urolo', None, None),
        ('["treatment", "urology"]', None, None),
        ("treatment", None, None),
        ("", None, None),
        ("[" * 100_000, None, None),
    ],
)
def test_only_names_of_the_lists_count(reply: str, category: str | None, specialty: str | None) -> None:
    assert parse_taxonomy(reply, load_taxonomy()) == Decided(category, specialty)


def test_a_name_of_the_wrong_list_is_unknown() -> None:
    reply = '{"category": "urology", "specialty": "treatment"}'
    assert parse_taxonomy(reply, load_taxonomy()) == Decided(None, None)


def test_the_model_is_told_every_name() -> None:
    taxonomy = load_taxonomy()
    told = taxonomy_instructions(taxonomy)
    assert all(f"- {label.name}: {label.description}" in told for label in (*taxonomy.categories, *taxonomy.specialties))


def test_the_table_from_an_endpoint(tmp_path: Path) -> None:
    replies = {
        "Is it gout?": Answer('{"category": "diagnosis_and_triage", "specialty": "rheumatology"}'),
        "Odd": Answer("I would say urology"),
        "Broken": Answer(raw=b"<html>"),
    }

    def script(body: dict[str, Any], tries: int) -> Answer:
        return replies[body["messages"][1]["content"].split("\n")[1]]

    rows = pa.table({"instruction_id": ["1", "2", "3"], "text": list(replies)})
    with chat_server(script) as seen:
        endpoint = EndpointConfig(base_url=seen.base_url, model="judge", backoff_seconds=0.001)
        config = TaxonomyConfig(classifier="endpoint", endpoint=endpoint)
        found = classify(rows, taxonomy=load_taxonomy(), config=config, cache=tmp_path / "cache")
    names = [(row["category"], row["specialty"]) for row in found.table.to_pylist()]
    assert names == [("diagnosis_and_triage", "rheumatology"), (None, None), (None, None)]
    assert set(found.table["classifier"].to_pylist()) == {"endpoint:judge"}
    assert found.table["category_score"].null_count == 3
    assert found.outcomes == {"answered": 2, "malformed": 1, "unreadable": 1}


@pytest.mark.parametrize(
    "values",
    [
        {"classifier": "endpoint"},
        {"endpoint": {"base_url": "http://127.0.0.1/v1", "model": "m"}},
        # A name alone has a dozen tokens.
        {"classifier": "endpoint", "endpoint": {"base_url": "http://127.0.0.1/v1", "model": "m", "max_tokens": 32}},
        {"specialty_threshold": 3},
    ],
)
def test_configurations_that_cannot_work_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaxonomyConfig(**values)
