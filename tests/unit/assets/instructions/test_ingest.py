"""Sources become raw tables: each read once per content, all put together in an order that does not depend on the user's."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from source_folders import kqa, rows_of, sphere, work_of

from assets.instructions import ingest
from assets.instructions.ingest import combine, prepare_source_records
from assets.instructions.source_records import SourceWork, write_source_records
from assets.instructions.sources.base import SourceError
from assets.instructions.sources.registry import Source
from assets.instructions.steps import TABLE_OF
from assets.instructions.tables import SCHEMAS, SORT_KEYS, TableError, to_arrow, write_table
from training.storage import Store


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the sources that were read, one for each time."""
    found: list[str] = []
    read = Source.read

    def counted(self: Source):  # type: ignore[no-untyped-def]
        found.append(self.name)
        return read(self)

    monkeypatch.setattr(Source, "read", counted)
    return found


def works(tmp_path: Path) -> list[SourceWork]:
    questions = "Is it flu?", "What helps?", "Is 5 mg safe?"
    return [
        work_of("kqa", kqa(tmp_path / "kqa")),
        work_of("medical_eval_sphere", sphere(tmp_path / "sphere", *questions)),
    ]


INGESTED = set(TABLE_OF.values())


def combined(tmp_path: Path, *, folder: str = "tables", backwards: bool = False) -> Path:
    store = Store(tmp_path / "store")
    refs = prepare_source_records(store, works(tmp_path), None)
    names = sorted(refs, reverse=backwards)
    (tmp_path / folder).mkdir()
    combine({name: store.fetch(refs[name]) for name in names}, tmp_path / folder)
    return tmp_path / folder


def test_every_table_has_its_columns_in_its_order(tmp_path: Path) -> None:
    folder = combined(tmp_path)
    for table in INGESTED:
        rows = pq.read_table(folder / f"{table}.parquet")
        assert rows.schema == SCHEMAS[table]
        keys = [tuple(row[column] for column in SORT_KEYS[table]) for row in rows.to_pylist()]
        assert keys == sorted(keys)
    assert len(rows_of(folder / "raw_instructions.parquet")) == len(rows_of(folder / "instruction_pins.parquet")) == 5
    assert [(r["source"], r["source_row"], r["reason"]) for r in rows_of(folder / "raw_quarantine.parquet")] == [
        ("kqa", "NLI_medical_annotator.csv", "unreadable_file"),
        ("kqa", "questions.jsonl", "unreadable_file"),
        ("kqa", "questions_w_answers.jsonl:1#Must_have[1]", "empty_statement"),
    ]


def test_counts_are_those_of_the_tables(tmp_path: Path) -> None:
    folder = combined(tmp_path)
    counts = {(r["source"], r["outcome"], r["kind"]): r["n"] for r in rows_of(folder / "source_counts.parquet")}
    instructions = [row["source"] for row in rows_of(folder / "raw_instructions.parquet")]
    for source in ("kqa", "medical_eval_sphere"):
        assert counts[source, "accepted", "question"] == instructions.count(source)
        assert counts[source, "read", "question"] == counts[source, "accepted", "question"]
    facts = {row["source"]: row for row in rows_of(folder / "source_facts.parquet")}
    assert (facts["kqa"]["licence"], facts["medical_eval_sphere"]["licence"]) == ("MIT", "unknown")
    assert facts["kqa"]["personal_data"].startswith("mail: mask, url: keep")


def test_the_order_of_sources_and_batches_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = combined(tmp_path, folder="one")
    monkeypatch.setattr("assets.instructions.ingest.PROCESSES", 1)
    other = combined(tmp_path, folder="other", backwards=True)
    files = sorted(path.name for path in one.glob("*.parquet"))
    assert len(files) == len(INGESTED)
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in files)


def test_an_unchanged_source_is_not_read_again(tmp_path: Path, reads: list[str]) -> None:
    store = Store(tmp_path / "store")
    before = prepare_source_records(store, works(tmp_path), None)
    assert sorted(reads) == ["kqa", "medical_eval_sphere"]
    assert prepare_source_records(store, works(tmp_path), None) == before
    # Touched, moved and newly written, but of the same content.
    (tmp_path / "kqa").rename(tmp_path / "moved")
    moved = work_of("kqa", tmp_path / "moved")
    assert prepare_source_records(store, [moved], None) == {"kqa": before["kqa"]}
    assert len(reads) == 2
    changed = work_of("medical_eval_sphere", sphere(tmp_path / "sphere", "Is it a cold?"))
    after = prepare_source_records(store, [moved, changed], None)
    assert reads[2:] == ["medical_eval_sphere"]
    assert after["kqa"] == before["kqa"] and after["medical_eval_sphere"] != before["medical_eval_sphere"]


def test_what_is_done_with_personal_data_is_part_of_what_is_read(tmp_path: Path, reads: list[str]) -> None:
    store = Store(tmp_path / "store")
    place = sphere(tmp_path / "sphere", "I am Anna. Is it flu?")
    for action in ("mask", "keep", "mask"):
        prepare_source_records(store, [work_of("medical_eval_sphere", place, name=action)], None)
    assert len(reads) == 2


def test_two_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]) -> None:
    alone = prepare_source_records(Store(tmp_path / "one"), works(tmp_path), None)
    assert len(reads) == 2
    monkeypatch.setattr(ingest, "_WORTH_A_PROCESS", 0)
    together = prepare_source_records(Store(tmp_path / "two"), works(tmp_path), None)
    assert together == alone
    assert len(reads) == 2, "read in this process"


@pytest.mark.parametrize("worth", [0, 1 << 30])
def test_a_source_that_fails_is_one_clear_line_and_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worth: int
) -> None:
    monkeypatch.setattr(ingest, "_WORTH_A_PROCESS", worth)
    (tmp_path / "pubmedqa").mkdir()
    (tmp_path / "pubmedqa" / "ori_pqal.json").write_text('{"1": {"QUESTION": "Why?"}}', encoding="utf-8")
    bad = work_of("pubmedqa", tmp_path / "pubmedqa")
    store = Store(tmp_path / "store")
    with pytest.raises(SourceError, match="test_ground_truth.json must stand beside"):
        prepare_source_records(store, [*works(tmp_path), bad], None)
    assert store.recall(bad.key) is None
    assert {path.name for path in (tmp_path / "store" / "tmp").iterdir()} <= {"lock"}


def test_the_records_are_an_artifact_with_its_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (work, _) = works(tmp_path)
    (ref,) = prepare_source_records(store, [work], "run").values()
    manifest = store.manifest(ref)
    assert (manifest.name, manifest.skip_key, manifest.run_id) == ("source_records", work.key, "run")
    assert manifest.metadata["quarantined statement empty_statement"] == 1
    assert manifest.metadata["licence"] == "MIT"
    assert manifest.config["personal_data"]["screen"]["name"] == "mask"
    (tmp_path / "again").mkdir()
    write_source_records(work, tmp_path / "again")
    assert sorted(entry.path for entry in manifest.files) == sorted(path.name for path in (tmp_path / "again").iterdir())


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    path = write_table("raw_verdicts", [], tmp_path)
    assert pq.read_schema(path).equals(SCHEMAS["raw_verdicts"])


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("nonsense", {}, "unknown table 'nonsense'"),
        ("instruction_pins", {"instruction_id": "a", "cluster_key": "b"}, "instruction_pins: columns differ.*split"),
        ("instruction_pins", {"instruction_id": "a", "cluster_key": 5, "split": None}, "instruction_pins: "),
    ],
)
def test_wrong_rows_are_refused(table: str, row: dict, message: str) -> None:
    with pytest.raises(TableError, match=message):
        to_arrow(table, [row])
