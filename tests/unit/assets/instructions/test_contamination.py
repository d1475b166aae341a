"""Contamination: planted contacts between held-out and training splits are named, near-misses are none."""

from __future__ import annotations

import random

import pytest

from assets.instructions import contamination
from assets.instructions.config import DedupConfig
from assets.instructions.contamination import SCHEMA, Member, find_contacts
from tests.benchmarks.questions import generate
from tests.unit.assets.instructions.embeddings import embedder

QUESTION = "Can I take 20 mg of lisinopril if I have gout?"
PARAPHRASE = "Is it safe to take lisinopril 20 mg when I have gout?"
ANOTHER_DRUG = "Can I take 20 mg of losartan if I have gout?"
ANOTHER_DOSE = "Can I take 40 mg of lisinopril if I have gout?"


def contacts(*rows: tuple[str, str, str], threshold: float | None = None) -> list[tuple[str, str, str]]:
    vectors = embedder("smoke")
    found = find_contacts(
        [Member(instruction_id=key, text=text, split=split) for key, text, split in rows],
        embed=vectors.embed,
        threshold=DedupConfig().threshold(vectors.kind) if threshold is None else threshold,
    )
    assert found.schema == SCHEMA
    return [(r["held_out_id"], r["training_id"], r["level"]) for r in found.to_pylist()]


def test_a_planted_paraphrase_is_named_and_another_drug_or_dose_is_not() -> None:
    rows = (
        ("bench", QUESTION, "benchmark"),
        ("paraphrase", PARAPHRASE, "rm_train"),
        ("drug", ANOTHER_DRUG, "rm_train"),
        ("dose", ANOTHER_DOSE, "policy_train"),
        ("other", "What is gout?", "panel_train"),
    )
    assert contacts(*rows) == [("bench", "paraphrase", "semantic")]
    assert contacts(rows[0], *rows[2:]) == []


@pytest.mark.parametrize("held_out", ["benchmark", "external"])
@pytest.mark.parametrize("training", ["rm_train", "panel_train", "policy_train", "validation"])
def test_every_training_split_is_compared_with_every_held_out_one(held_out: str, training: str) -> None:
    assert contacts(("h", QUESTION, held_out), ("t", QUESTION.upper() + " ", training)) == [("h", "t", "exact")]


def test_two_held_out_or_two_training_instructions_are_no_contact() -> None:
    assert contacts(("a", QUESTION, "benchmark"), ("b", PARAPHRASE, "external")) == []
    assert contacts(("a", QUESTION, "rm_train"), ("b", PARAPHRASE, "panel_train")) == []
    assert contacts() == []


def test_texts_and_similarity_stand_beside_the_ids() -> None:
    vectors = embedder("smoke")
    members = [
        Member(instruction_id="h", text=QUESTION, split="external"),
        Member(instruction_id="t", text=PARAPHRASE, split="validation"),
    ]
    (row,) = find_contacts(members, embed=vectors.embed, threshold=0.5).to_pylist()
    first, second = vectors.embed([QUESTION, PARAPHRASE])
    assert row.pop("similarity") == pytest.approx(float(first @ second), abs=1e-6)
    assert row == {
        "held_out_id": "h",
        "held_out_split": "external",
        "training_id": "t",
        "training_split": "validation",
        "level": "semantic",
        "held_out_text": QUESTION,
        "training_text": PARAPHRASE,
    }
    assert find_contacts(members, embed=vectors.embed, threshold=float(first @ second) + 1e-6).num_rows == 0


def test_a_long_text_with_one_word_changed_is_caught() -> None:
    letters = "bcdfghjklmnpqrtwxz"
    words = [f"{a}u{b}a" for a in letters for b in letters][:60]
    text, copy = " ".join(words), " ".join([words[0] + "xu", *words[1:]])
    assert contacts(("h", text, "benchmark"), ("t", copy, "rm_train")) == [("h", "t", "semantic")]
    assert contacts(("h", text, "benchmark"), ("t", copy + " 5 mg", "rm_train")) == []


@pytest.mark.parametrize("blocks", [(1, 1), (2, 3)])
def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch, blocks: tuple[int, int]) -> None:
    draw = random.Random(2)
    questions = [q.text for q in generate(300, seed=3, exact=0.2, paraphrase=0.2)]
    rows = [(f"i{k:03d}", text, draw.choice(("benchmark", "rm_train", "validation"))) for k, text in enumerate(questions)]
    whole = contacts(*rows)
    assert {level for _, _, level in whole} == {"exact", "semantic"}
    monkeypatch.setattr(contamination, "_HELD_OUT_BLOCK", blocks[0])
    monkeypatch.setattr(contamination, "_TRAINING_BLOCK", blocks[1])
    assert contacts(*rows) == whole
