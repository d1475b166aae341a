"""Forms are put where people fill them in, and what they filled in is never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from assets.reviewing.outbox import Placed, place
from assets.rubrics import review_forms
from assets.verdicts import adjudication_forms
from tests.unit.assets.rubrics.review_files import a_round
from tests.unit.assets.verdicts import adjudication_made_up as made_up

WRITE: dict[str, Callable[[Path], Placed]] = {
    "review": lambda folder: review_forms.write_forms(a_round(2), folder),
    "adjudication": lambda folder: adjudication_forms.write_forms(made_up.export(), folder),
}


@pytest.mark.parametrize("kind", WRITE)
def test_what_was_filled_in_outlives_another_export(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first = WRITE[kind](folder)
    assert sorted(folder.iterdir()) == sorted(first.files) and first.kept == ()
    form, gone = next(path for path in first.files if path.suffix == ".xlsx"), first.files[-1]
    sent = gone.read_bytes()
    book = openpyxl.load_workbook(form)
    book.worksheets[1]["G3"] = "accepted"
    book.save(form)
    filled = form.read_bytes()
    gone.unlink()
    again = WRITE[kind](folder)
    assert again.kept == (form,) and again.files == tuple(path for path in first.files if path != form)
    # What is gone is there again, what was filled in is as it was, and nothing else lies about.
    assert form.read_bytes() == filled and gone.read_bytes() == sent
    assert sorted(folder.iterdir()) == sorted(first.files)


def test_a_file_that_is_half_written_never_has_a_forms_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"
    made.write_text("whole")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:2])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        place([made], tmp_path / "out")
    monkeypatch.undo()
    assert not (tmp_path / "out/made").exists()
    assert place([made], tmp_path / "out") == Placed(files=(tmp_path / "out/made",), kept=())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["made"]
