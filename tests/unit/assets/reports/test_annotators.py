"""The agreement of K-QA's annotators, as the report shows it: on a few labels by hand, and on the published file."""

from dataclasses import asdict

import pytest

from assets.instructions.sources.kqa import KqaAdapter
from assets.instructions.sources.location import Location
from assets.reports.steps import annotator_labels
from assets.reports.tables import agreement_table
from training.benchmark.agreement import agreement_figures
from training.stages import ROOT

KQA = ROOT.parent / "shared" / "data" / "kqa"


def test_alpha_stands_first_and_every_pair_of_columns_has_its_kappa() -> None:
    labels = [("Contradiction",) * 3, ("Neutral", "Neutral", "Contradiction"), ("Entailment",) * 3]
    rows = [{f"label_{n}": label for n, label in enumerate(of_statement)} for of_statement in labels]
    table = agreement_table(agreement_figures(annotator_labels(rows)))
    assert "K-QA" in table.caption
    # Ranks 0 0 0, 1 1 0, 2 2 2: four 0, two 1, three 2. Distances: 0-1 (6 - 3)^2, 1-2 (5 - 2.5)^2, 0-2 (9 - 3.5)^2.
    # Alpha is 1 - 2 / (2 (4*2*9 + 2*3*6.25 + 4*3*30.25) / (9*8)).
    # Kappa of columns 0 and 2: one step apart in one of three, 1 - (1/3) / (15/9).
    assert [[cell.value for cell in row] for row in table.rows] == [
        ["Krippendorff's α (ordinal), all three columns", "0.848", "3"],
        ["Quadratic-weighted Cohen's κ, label_0 and label_1", "1.000", "3"],
        ["Quadratic-weighted Cohen's κ, label_0 and label_2", "0.800", "3"],
        ["Quadratic-weighted Cohen's κ, label_1 and label_2", "0.800", "3"],
    ]


@pytest.mark.skipif(not KQA.is_dir(), reason="K-QA is not there: ../shared/data/kqa")
def test_the_published_labels_agree_as_computed_apart_from_this_project() -> None:
    (records,) = KqaAdapter().read(Location(str(KQA)))
    figures = agreement_figures(annotator_labels([asdict(row) for row in records.annotations]))
    # 399 labelled claims less 3 of a question without a rubric and 5 that match no statement. Alpha from the matrix of
    # coincidences, kappa from the tables of two columns, both by another program.
    assert figures["units"] == 399 - 3 - 5
    assert figures["alpha"] == pytest.approx(0.7129604201371125, abs=1e-12)
    assert {(pair["first"], pair["second"]): pair["value"] for pair in figures["kappa"]} == pytest.approx(
        {
            ("label_0", "label_1"): 0.6446828290002821,
            ("label_0", "label_2"): 0.7460640942377892,
            ("label_1", "label_2"): 0.7386793176364892,
        },
        abs=1e-12,
    )
