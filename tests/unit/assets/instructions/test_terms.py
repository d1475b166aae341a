"""Guard signatures: what must differ, what may not, and that reading is fast enough to be done for every text."""

from __future__ import annotations

import pytest

from assets.instructions.terms import said_of, signature, words_of

DIFFERENT = [
    ("Is 5 mg enough?", "Is 50 mg enough?"),
    ("Is 5 mg enough?", "Is 5 mcg enough?"),
    ("for 3 days", "for 3 weeks"),
    ("for three days", "for four days"),
    ("Take lisinopril", "Take losartan"),
    ("Take Zoloft", "Take Prozac"),
    ("I can take it", "I can't take it"),
    ("safe with food", "safe without food"),
    ("my husband", "my wife"),
    ("a baby", "a toddler"),
    ("children", "adults"),
    ("while pregnant", "while breastfeeding"),
    ("my left arm", "my right arm"),
    ("an MRI", "a CT scan"),
    ("the measles vaccine", "the polio vaccine"),
    ("hepatitis B", "hepatitis C"),
    ("type 1 diabetes", "type 2 diabetes"),
    ("mucopolysaccharidosis type I", "mucopolysaccharidosis type V"),
    ("hyperthyroidism", "hypothyroidism"),
    ("gastritis", "gastrosis"),
    ("acute pancreatitis", "chronic pancreatitis"),
    ("What causes gout?", "How is gout treated?"),
    ("symptoms of gout", "prevention of gout"),
    ("high potassium", "low potassium"),
    ("every day", "every other day"),
    ("What is (are) gout?", "Do I need to see a doctor for gout?"),
]
EQUAL = [
    ("Is 500 mg enough?", "Is 0.5 g enough?"),
    ("1,000 units", "1000 units"),
    ("a man of 45", "a 45-year-old man"),
    ("for two weeks", "for 2 weeks"),
    ("for 1 week", "for a week"),
    ("aged forty-five", "aged 45"),
    ("Take Tylenol", "Take paracetamol"),
    ("high blood pressure", "hypertension"),
    ("anaemia", "anemia"),
    ("don't stop", "do not stop"),
    ("twice a day", "two times daily"),
    ("Is it all right?", "Is it?"),
    ("Is the right dose known?", "Is the dose known?"),
    ("How is gout treated?", "What is the treatment of gout?"),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_what_changes_the_question_changes_the_signature(first: str, second: str) -> None:
    assert signature(first) != signature(second)


@pytest.mark.parametrize(("first", "second"), EQUAL)
def test_another_way_to_put_it_does_not(first: str, second: str) -> None:
    assert signature(first) == signature(second)


def test_a_signature_by_hand() -> None:
    assert signature("Can't my 3-year-old daughter take 2.50 ml of Advil for 1 day?") == (
        "2.5", "3", "child", "day", "drug ibuprofen", "female", "ml", "not x1",
    )  # fmt: skip


def test_what_is_said_leaves_phrasing_and_guards_out() -> None:
    assert said_of(words_of("Hello doctor, could you please tell me whether 20 mg of Zoloft hurts the stomach?")) == {
        "pain", "stomach",
    }  # fmt: skip
    assert said_of(words_of("Is it?")) == frozenset()
