"""The seeds: exactly five and 26, every phrase usable, every hand-made decision one of the names."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

from assets.corpus.schema import CATEGORIES, load_conditions
from assets.instructions.sources.registry import ADAPTERS
from assets.instructions.taxonomy_names import SEEDS, Decided, TaxonomyError, decide, load_source_labels, load_taxonomy
from assets.instructions.taxonomy_prototypes import keyword_pattern


def test_five_categories_and_twenty_six_specialties() -> None:
    taxonomy = load_taxonomy()
    assert {label.name for label in taxonomy.categories} == set(CATEGORIES)
    assert len({label.name for label in taxonomy.specialties}) == 26


def test_every_class_has_phrases_of_its_own() -> None:
    taxonomy = load_taxonomy()
    for labels in (taxonomy.categories, taxonomy.specialties):
        prototypes = [phrase for label in labels for phrase in label.prototypes]
        assert len(set(prototypes)) == len(prototypes)
        for label in labels:
            assert len(label.prototypes) >= 4 and len(label.keywords) >= 20, label.name
            assert len(set(label.keywords)) == len(label.keywords), label.name
            assert label.description.endswith(".") and len(label.description) <= 120, label.name
            re.compile(keyword_pattern(label.keywords))


def test_every_specialty_of_the_corpus_is_a_name_or_an_alias() -> None:
    taxonomy = load_taxonomy()
    names = taxonomy.names_of(taxonomy.specialties)
    assert {condition.specialty for condition in load_conditions()} <= names.keys()
    assert names["gynaecology"] == names["obstetrics"] == "obstetrics_and_gynaecology"


def test_every_decision_on_a_label_is_a_name_and_every_source_an_adapter() -> None:
    taxonomy = load_taxonomy()
    categories, specialties = ({label.name for label in labels} for labels in (taxonomy.categories, taxonomy.specialties))
    labels = load_source_labels()
    assert {source for source, _ in labels} <= ADAPTERS.keys()
    assert {decided.category for decided in labels.values()} - {None} <= categories
    assert {decided.specialty for decided in labels.values()} - {None} <= specialties
    with (SEEDS / "source_labels.csv").open(encoding="utf-8", newline="") as handle:
        keys = [(row["source"], row["label"]) for row in csv.DictReader(handle)]
    assert len(keys) == len(set(keys)) and keys == sorted(keys)
    # A label that does not decide stands there all the same, so that an absent one is one that nobody looked at.
    assert labels["medmcqa", "Medicine"] == Decided(None, None)


@pytest.mark.parametrize(
    ("label", "decided"),
    [
        ("CancerGov/Disorders", Decided(None, "oncology")),
        ("ADAM/Disorders", Decided(None, None)),
        ("NHLBI/Disorders/treatment/Asthma", Decided("treatment", "pulmonology")),
        # Site and focus name two specialties: it does not decide.
        ("NINDS/Disorders/symptoms/Hypothyroidism", Decided("diagnosis_and_triage", None)),
        # The focus comes last and may hold a slash.
        (
            "NIDDK/Disorders/treatment/What I need to know about Interstitial Cystitis/Painful Bladder Syndrome",
            Decided("treatment", "urology"),
        ),
        ("nowhere", Decided(None, None)),
    ],
)
def test_a_label_says_what_its_parts_agree_on(label: str, decided: Decided) -> None:
    assert decide("medquad", label, load_source_labels()) == decided


@pytest.mark.parametrize(
    ("subject", "decided"),
    [
        ("Skin", Decided(None, "dermatology")),
        ("Social & Preventive Medicine", Decided("prevention_and_screening", None)),
        ("Biochemistry", Decided(None, None)),
    ],
)
def test_subjects_of_medmcqa(subject: str, decided: Decided) -> None:
    assert decide("medmcqa", subject, load_source_labels()) == decided


def test_a_label_of_another_source_decides_nothing() -> None:
    assert decide("medqa", "CancerGov", load_source_labels()) == Decided(None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("urology,", "Urology,", "'Urology' stands twice or is not in lower case"),
        ("urology,", "nephrology,", "'nephrology' stands twice"),
        (",toxicology,", ",urology,", "'urology' stands twice"),
        (",Urinary tract and men's organs.,", ",,", "urology has no description"),
    ],
)
def test_a_malformed_seed_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    shutil.copytree(SEEDS, tmp_path / "seeds")
    path = tmp_path / "seeds" / "specialties.csv"
    text = path.read_text(encoding="utf-8")
    head, found, tail = text.rpartition(old)
    assert found
    path.write_text(f"{head}{new}{tail}", encoding="utf-8")
    with pytest.raises(TaxonomyError, match=message):
        load_taxonomy(tmp_path / "seeds")


def test_a_seed_short_of_a_row_or_absent_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SEEDS, tmp_path / "seeds")
    path = tmp_path / "seeds" / "categories.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    with pytest.raises(TaxonomyError, match=r"categories\.csv: 4 rows instead of 5"):
        load_taxonomy(tmp_path / "seeds")
    path.unlink()
    with pytest.raises(TaxonomyError, match=r"categories\.csv: cannot be read"):
        load_taxonomy(tmp_path / "seeds")
