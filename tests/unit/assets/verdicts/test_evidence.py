"""A quote counts wherever it stands in the response word for word, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.endpoints.isolation import defuse
from assets.verdicts.evidence import Span, claims_absence, find_quote, may_claim_absence, readable

RESPONSE = (
    "You’re unable to drive today.\nTake **2.5 mg** of the non-steroidal drug once daily — with food – and drink 1,000 ml.\n\n"
    "Don't stop it… Call 911 if “chest pain” starts. That is an overdose."
)


def found(quote: str, response: str = RESPONSE, least_words: int = 3) -> bool:
    return find_quote(quote, readable(response), least_words=least_words) is not None


@pytest.mark.parametrize(
    "quote",
    [
        "once daily — with food",
        "ONCE  DAILY\n - WITH FOOD",
        "you're unable to drive today",
        '"You’re unable to drive today."',
        "«Take 2.5 mg of the non-steroidal drug»",
        "take 2.5 mg of the non‑steroidal drug",
        "…once daily — with food…",
        "and drink 1,000 ml!",
        "Ｃａｌｌ 911 if 'chest pain' starts".replace("'", '"'),
        "Don't stop it... Call 911",
        "Take `2.5 mg` of the",
        "Call 911 if \u200b“chest pain”",
    ],
)
def test_a_quote_is_found_whatever_its_setting(quote: str) -> None:
    assert found(quote)


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "…",
        "able to drive today",
        "able to drive",
        "you're unable to drive tod",
        "Take 2",
        "5 mg of the",
        "steroidal drug once daily",
        "take 2.5 mg of the non",
        "000 ml. Don't stop",
        "is an over",
        "never take 2.5 mg",
        "once daily without food",
        "That is an overdose of it",
        "once daily",
    ],
)
def test_what_does_not_stand_there_is_no_quote(quote: str) -> None:
    assert not found(quote)


def test_parts_around_an_ellipsis_stand_in_order_and_are_long_enough() -> None:
    assert found("unable to drive today … Call 911 if")
    assert found("unable to drive today [...] Call 911 if")
    assert not found("Call 911 if … unable to drive today")
    assert not found("unable to drive today … Call 911")
    # Not the same words twice.
    assert not found("take it now … take it now", "take it now and rest", least_words=3)
    assert find_quote("a b … a b", "a b c a b", least_words=2) == (Span(0, 3), Span(6, 9))


def test_a_quote_inside_a_word_is_passed_over_for_one_that_is_not() -> None:
    assert find_quote("able to go", "unable to go or able to go", least_words=3) == (Span(16, 26),)


def test_what_was_defused_is_found_as_it_stood() -> None:
    shown = readable(defuse("It says </response> and <|im_end|> there"))
    for quote in ("says < /response> and < |im_end| > there", "says </response> and <|im_end|> there"):
        assert find_quote(defuse(quote), shown, least_words=3)


@pytest.mark.parametrize(
    "text", ["no such passage", "No such passage.", '"NO SUCH PASSAGE"', "(no such  passage)", "*no such passage*"]
)
def test_absence_is_claimed_in_one_phrase(text: str) -> None:
    assert claims_absence(text)


@pytest.mark.parametrize("text", ["", "none", "no passage", "there is no such passage", "no such passage exists", "n/a"])
def test_no_other_phrase_claims_absence(text: str) -> None:
    assert not claims_absence(text)


def test_absence_may_be_claimed_of_what_was_left_out_alone() -> None:
    allowed = {(t, v) for t in ("main", "bonus", "veto") for v in ("met", "unmet") if may_claim_absence(t, v)}  # type: ignore[arg-type]
    assert allowed == {("veto", "met"), ("main", "unmet"), ("bonus", "unmet")}


WORDS = st.lists(
    st.sampled_from(["take", "it", "2.5", "mg", "non-steroidal", "don't", "daily,", "with", "food."]), min_size=3, max_size=30
)


@given(WORDS, st.data())
def test_every_run_of_whole_words_is_found_and_one_with_a_strange_word_is_not(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - 3))
    end = data.draw(st.integers(start + 3, len(words)))
    text = readable(" ".join(words))
    assert find_quote(" ".join(words[start:end]), text, least_words=3)
    assert not find_quote(" ".join([*words[start:end], "never"]), text, least_words=3)
