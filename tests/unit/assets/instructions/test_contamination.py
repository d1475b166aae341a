"""Contamination: contacts between held-out and training splits, with embeddings that are set by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from assets.instructions.contamination import FloatArray, Member, find_contacts

# Angles in degrees: the cosine of two texts is that of their difference (cos 10° = 0.985, cos 60° = 0.5).
ANGLES = {"Is 5 mg safe?": 0, "Is it safe to take 5 mg?": 10, "Is 10 mg safe?": 5, "What is gout?": 60, "is 5 MG  safe?": 0}


def embed(texts: Sequence[str]) -> FloatArray:
    radians = np.radians([ANGLES[text] for text in texts])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def dose(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def contacts(*members: tuple[str, str, str], threshold: float = 0.98) -> list[tuple[str, str, str]]:
    rows = [Member(instruction_id=key, text=text, split=split) for key, text, split in members]
    return [
        (c.held_out_id, c.training_id, c.level) for c in find_contacts(rows, embed=embed, signature=dose, threshold=threshold)
    ]


def test_a_planted_paraphrase_is_caught_and_another_dose_is_not() -> None:
    found = contacts(
        ("bench", "Is 5 mg safe?", "benchmark"),
        ("paraphrase", "Is it safe to take 5 mg?", "rm_train"),
        ("dose", "Is 10 mg safe?", "policy_train"),
        ("other", "What is gout?", "rm_train"),
    )
    assert found == [("bench", "paraphrase", "semantic")]


def test_the_same_words_are_an_exact_contact_and_named_once() -> None:
    found = contacts(("held", "Is 5 mg safe?", "external"), ("copy", "is 5 MG  safe?", "validation"))
    assert found == [("held", "copy", "exact")]


def test_two_held_out_or_two_training_instructions_are_no_contact() -> None:
    assert contacts(("a", "Is 5 mg safe?", "benchmark"), ("b", "Is it safe to take 5 mg?", "external")) == []
    assert contacts(("a", "Is 5 mg safe?", "rm_train"), ("b", "Is it safe to take 5 mg?", "panel_train")) == []


def test_the_threshold_counts_itself() -> None:
    pair = (("a", "Is 5 mg safe?", "benchmark"), ("b", "Is it safe to take 5 mg?", "rm_train"))
    cosine = float(embed([pair[0][1]])[0] @ embed([pair[1][1]])[0])
    assert len(contacts(*pair, threshold=cosine)) == 1
    assert contacts(*pair, threshold=np.nextafter(np.float32(cosine), np.float32(1))) == []


@pytest.mark.parametrize("blocks", [(1, 1), (2, 3)])
def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch, blocks: tuple[int, int]) -> None:
    from assets.instructions import contamination

    members = (
        ("bench", "Is 5 mg safe?", "benchmark"),
        ("bench2", "What is gout?", "benchmark"),
        ("other", "What is gout?", "rm_train"),
        ("paraphrase", "Is it safe to take 5 mg?", "rm_train"),
    )
    whole = contacts(*members)
    monkeypatch.setattr(contamination, "_BLOCK", blocks[0])
    monkeypatch.setattr(contamination, "_TRAINING_BLOCK", blocks[1])
    assert contacts(*members) == whole == [("bench", "paraphrase", "semantic"), ("bench2", "other", "exact")]
