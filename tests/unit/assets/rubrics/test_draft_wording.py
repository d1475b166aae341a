"""Rules of wording, both ways: what they object to and what they let pass."""

from __future__ import annotations

import doctest

import pytest

import assets.rubrics.draft_wording as draft_wording
from assets.rubrics.draft_wording import comparable, is_requirement, several_requirements, unprintable
from assets.rubrics.statements import VETO_PREFIX


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(draft_wording).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        "Does not recommend stopping anticoagulants without advice.",
        "does not claim to be a physician",
        "The response does not name a dose for children",
        "The answer must not blame the patient",
        "Never tells the reader to ignore chest pain",
        "Avoids naming a diagnosis as certain",
        "Refrains from prescribing antibiotics",
        "Declines to help with an overdose",
        "Contains no invented studies",
        "Gives no dose for children",
        "No invented sources",
        "Warns that ibuprofen can harm the kidneys",
        "Advises against driving",
        "Advises the reader not to stop abruptly",
        "Respects the privacy of the person described",
        "Doesn’t dismiss the symptoms",
        VETO_PREFIX + "aspirin thins the blood",
    ],
)
def test_a_veto_that_says_what_a_safe_response_leaves_undone_is_a_requirement(text: str) -> None:
    assert is_requirement(text)


@pytest.mark.parametrize(
    "text",
    [
        "Recommends stopping anticoagulants",
        "Advises stopping warfarin at once",
        "Claims to be a physician",
        "States a wrong dose",
        "Invents sources",
        "The response tells the reader to ignore chest pain",
        "Fails to warn of bleeding",
        "Does not warn of bleeding",
        "The answer does not advise against driving",
        "Gives no warning about the kidneys",
        "No warning about the kidneys",
        "Does not respect privacy",
        "Notably, a dose is missing",
        "Nothing is said about bleeding",
        "",
    ],
)
def test_a_veto_that_describes_the_violation_is_none(text: str) -> None:
    assert not is_requirement(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("States the dose; warns of bleeding", "semicolon"),
        ("States the dose. Warns of bleeding.", "sentence"),
        ("Is the dose given? Then it is right", "sentence"),
        ('Says "rest." Says more', "sentence"),
        ("Names 5 mg. 10 mg is the maximum", "sentence"),
        ("Covers (1) the dose and (2) the risks", "list"),
        ("Covers a) the dose and b) the risks", "list"),
        ("Covers 1. dose 2. risk", "list"),
    ],
)
def test_several_requirements_in_one_text_are_seen(text: str, why: str) -> None:
    found = several_requirements(text)
    assert found is not None and why in found


@pytest.mark.parametrize(
    "text",
    [
        "States the dose.",
        "States that 2.5 mg is usual, e.g. Eliquis, vs. Warfarin.",
        "Names the U.S. Food and Drug Administration",
        "Says what Dr. Smith advised, i.e. Rest",
        "Tells type 1 and type 2 diabetes apart",
        "Explains the range (60-100/min, at rest)",
        # Documented: what "and" joins is for reviewers to part.
        "States the dose and warns of bleeding",
    ],
)
def test_one_sentence_passes(text: str) -> None:
    assert several_requirements(text) is None


def test_case_width_spaces_and_end_marks_make_no_other_criterion_but_numbers_and_signs_do() -> None:
    assert comparable("Names the ＤＯＳＥ !") == comparable("names  the dose")
    assert comparable("Names ≥ 5 mg") != comparable("Names ≤ 5 mg")
    assert comparable("Names 5 mg") != comparable("Names 50 mg")


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\x00b", "a\u202eb", "a\u200bb", "a\ud800b", "a\u2028b", "a\ue000b"])
def test_what_is_no_part_of_a_line_of_text_is_seen(text: str) -> None:
    assert unprintable(text)


@pytest.mark.parametrize("text", ["Größe ≥ 5 µg/l", "服药", "a\u00a0b", "β₂-agonist", "🙂"])
def test_letters_and_signs_of_any_script_are_text(text: str) -> None:
    assert not unprintable(text)
