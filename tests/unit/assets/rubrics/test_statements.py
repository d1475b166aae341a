from __future__ import annotations

import pytest

from assets.rubrics.statements import normalize, rubric_version, statement_rubric
from training.records import Criterion
from training.rubric_score import check_weights


def test_normalization_evens_out_white_space_and_case_only() -> None:
    assert normalize(" A  b\tC\n") == normalize("a B c")
    assert normalize("2.5 mg") != normalize("25 mg")
    assert normalize("safe.") != normalize("safe")


def test_a_rubric_version_depends_on_ids_and_weights_not_on_order() -> None:
    assert rubric_version([("b", None), ("a", 1.0)]) == rubric_version([("a", 1.0), ("b", None)])
    assert rubric_version([("a", 0.5)]) != rubric_version([("a", 0.25)])


def test_weights_pass_the_check_of_scoring() -> None:
    rows = statement_rubric("instruction_x", main=["a", "b", "c"], bonus=["d"])
    check_weights([Criterion(criterion_id=r.criterion_id, tier=r.tier, text=r.text, weight=r.weight) for r in rows])
    assert len({row.criterion_id for row in rows}) == 8


def test_a_rubric_needs_a_main_statement() -> None:
    with pytest.raises(ValueError, match="at least one main"):
        statement_rubric("instruction_x", main=[], bonus=["d"])
