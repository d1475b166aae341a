from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from assets.corpus.schema import CORPUS_DIR, load_conditions, load_shared
from assets.instructions.sources.base import SourceError, SourceRecords
from assets.instructions.sources.corpus import CorpusAdapter
from assets.instructions.sources.location import Location

NAME = "asthma"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conditions").mkdir()
    (tmp_path / "shared.yaml").write_bytes((CORPUS_DIR / "shared.yaml").read_bytes())
    (tmp_path / "conditions" / f"{NAME}.yaml").write_bytes((CORPUS_DIR / "conditions" / f"{NAME}.yaml").read_bytes())
    return tmp_path


def read(folder: Path) -> SourceRecords:
    (records,) = CorpusAdapter().read(Location(str(folder)))
    return records


def test_one_condition(folder: Path) -> None:
    (condition,) = load_conditions(folder)
    records = read(folder)
    assert [(i.source_row, i.text) for i in records.instructions] == [
        (f"{NAME}.yaml#{index}", instruction.text) for index, instruction in enumerate(condition.instructions)
    ]
    first = records.instructions[0]
    assert (first.category, first.specialty, first.split) == (condition.category, condition.specialty, condition.split)
    assert {i.cluster_key for i in records.instructions} == {f"corpus/{NAME}"}
    weights = [c.weight for c in records.criteria if c.instruction_id == first.instruction_id and c.tier == "main"]
    assert weights == list(condition.instructions[0].main.values())


def test_the_last_paraphrase_is_held_out(folder: Path) -> None:
    records = read(folder)
    criterion = next(c for c in load_conditions(folder)[0].criteria if c.tier == "main")
    row = next(c for c in records.criteria if c.text == criterion.text)
    met = [f for f in records.fragments if f.criterion_id == row.criterion_id and f.kind == "met"]
    assert [(f.text, f.held_out) for f in met] == [(text, text == criterion.met[-1]) for text in criterion.met]


def test_fillers_belong_to_bonus_criteria_outside_the_rubric(folder: Path) -> None:
    records = read(folder)
    condition = load_conditions(folder)[0]
    available = {c.key: c for c in condition.criteria} | load_shared(folder)
    first = condition.instructions[0]
    unused = [c for key, c in available.items() if c.tier == "bonus" and key not in first.bonus and c.omitted]
    found = [
        f.text for f in records.fragments if f.instruction_id == records.instructions[0].instruction_id and f.kind == "filler"
    ]
    assert Counter(found) == Counter(text for criterion in unused for text in criterion.omitted)


def test_a_malformed_condition_is_quarantined(folder: Path) -> None:
    (folder / "conditions" / "broken.yaml").write_text("condition: [", encoding="utf-8")
    records = read(folder)
    assert [(q.source_row, q.reason) for q in records.quarantined] == [("broken.yaml", "malformed_condition")]
    assert records.read["condition"] == 2


def test_an_unknown_shared_criterion_is_quarantined(folder: Path) -> None:
    path = folder / "conditions" / f"{NAME}.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("shared/plain-language", "shared/no-such"), encoding="utf-8")
    records = read(folder)
    assert {q.reason for q in records.quarantined} == {"unknown_criterion"}
    assert records.read["question"] == len(records.instructions) + len(records.quarantined)


def test_a_repeated_instruction_is_quarantined(folder: Path) -> None:
    path = folder / "conditions" / f"{NAME}.yaml"
    (folder / "conditions" / "zz-again.yaml").write_bytes(path.read_bytes())
    records = read(folder)
    assert {(q.source_row.split("#")[0], q.reason) for q in records.quarantined} == {("zz-again.yaml", "duplicate_id")}


def test_nothing_usable_is_an_error(folder: Path) -> None:
    (folder / "conditions" / f"{NAME}.yaml").unlink()
    with pytest.raises(SourceError, match="holds no usable conditions"):
        read(folder)
    (folder / "shared.yaml").unlink()
    with pytest.raises(SourceError, match="shared.yaml: cannot be read"):
        read(folder)
