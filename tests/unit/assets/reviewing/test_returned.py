"""Files that came back: fetched from where they lie, and asked which round they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.reviewing import returned
from assets.reviewing.forms import ADJUDICATION, REVIEW, FormError
from assets.reviewing.returned import belongs_to, local_copy
from assets.rubrics import review_forms
from assets.verdicts import adjudication_forms
from tests.unit.assets.rubrics.review_files import a_round
from tests.unit.assets.verdicts import adjudication_made_up as made_up


def test_a_file_that_is_too_large_is_refused_in_words_of_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returned, "_LARGEST", 1 << 20)
    (tmp_path / "a.xlsx").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(FormError) as refused, local_copy(str(tmp_path / "a.xlsx")):
        pass
    assert str(refused.value) == "a.xlsx: larger than any form of ours (1 MB)"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormError, match=r"^a.xlsx: cannot be read: no file at ") as refused, local_copy(f"{tmp_path}/a.xlsx"):
        pass
    assert "\n" not in str(refused.value)


def test_every_workbook_says_which_kind_of_round_it_is_for(tmp_path: Path) -> None:
    review_forms.write_forms(a_round(1), tmp_path)
    adjudication_forms.write_forms(made_up.export(), tmp_path)
    kinds = {path.name.split("-")[0]: belongs_to(path) for path in tmp_path.glob("*.xlsx")}
    assert kinds == {"review": (REVIEW, "r1"), "adjudication": (ADJUDICATION, "r1")}
