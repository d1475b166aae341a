from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from personal_data_cases import BLIND, FRESH, REHEARSED, UNSEEN, unmarked
from pydantic import ValidationError

from assets.instructions.personal_data import KINDS, PersonalDataConfig, find_spans, screen
from assets.instructions.personal_data_lexicon import EPONYMS

CHATDOCTOR = Path(__file__).parents[4].parent / "shared" / "data" / "chatdoctor" / "chatdoctor5k.json"
CONFIG = PersonalDataConfig(screen={"url": "mask"})


def masked(text: str) -> str:
    return screen([text], CONFIG).texts[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi Dr. Smith, my knee hurts.", "Hi Dr. [name], my knee hurts."),
        ("my name is john smith, i am 34", "my name is [name], i am 34"),
        ("Thanks,\nAoife Byrne", "Thanks,\n[name]"),
        ("My son Tom has a fever.", "My son [name] has a fever."),
        ("I saw Dr J. K. Lindqvist yesterday.", "I saw Dr [name] yesterday."),
        ("Dr Oyelaran's team", "Dr [name]'s team"),
        ("Rajesh Kulkarni was seen.", "[name] was seen."),
        ("im carlos, it burns", "im [name], it burns"),
        ("My aunt Ottilie (84) fell.", "My aunt [name] (84) fell."),
        ("Mail k_lee@example.org or call (212) 555-0147.", "Mail [mail] or call [phone]."),
        ("DOB: 03/14/1982, MRN: 00483921", "DOB: [birth date], MRN: [id]"),
        ("See https://example.com/me?x=1.", "See [url]."),
    ],
)
def test_masking_takes_the_datum_and_nothing_else(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_what_only_looks_like_personal_data_stays() -> None:
    cases = [case for case in (*REHEARSED, *FRESH, *UNSEEN, *BLIND) if unmarked(case)[0] == case]
    assert len(cases) == 84 + 14 + 16
    assert screen(cases, CONFIG).texts == cases


def test_texts_of_encyclopaedias_stay() -> None:
    texts = [
        "Pierre Robin sequence is rare.",
        "Aloe Vera Topical",
        "the University of California, San Francisco Fetal Treatment Center",
        "Patient-Controlled Therapy",
        "LOT 22-4711-8899",
    ]
    assert screen(texts, CONFIG).texts == texts


def test_eponymous_diseases_stay() -> None:
    texts = [
        text
        for name in map(str.title, sorted(EPONYMS))
        for text in (f"My father {name}'s got worse.", f"Is it {name} syndrome?", f"Dr. {name} disease centre", f"I am {name}")
    ]
    assert screen(texts, CONFIG).texts == texts


@pytest.mark.parametrize(
    ("cases", "places", "recall", "precision"),
    [((*REHEARSED, *FRESH), 93, 0.95, 0.98), (UNSEEN, 27, 0.88, 0.98), (BLIND, 26, 0.73, 0.98)],
    ids=["rehearsed and fresh", "unseen", "blind"],
)
def test_recall_and_precision_on_planted_places(cases: tuple[str, ...], places: int, recall: float, precision: float) -> None:
    planted_places = found = hits = right = 0
    for case in cases:
        text, planted = unmarked(case)
        spans = find_spans(text, KINDS, phone_regions=CONFIG.phone_regions)
        planted_places += len(planted)
        found += sum(all(any(s.start <= i < s.end for s in spans) for i in range(a, b)) for a, b, _ in planted)
        hits += len(spans)
        right += sum(any(s.start < b and s.end > a and s.kind == kind for a, b, kind in planted) for s in spans)
    assert planted_places == places
    assert found / planted_places >= recall
    assert right / hits >= precision


def test_names_that_nothing_announces_are_the_known_gap() -> None:
    # Neither a given name of the list nor announced; and with a surname alone, as half of medicine is called after somebody.
    for text in ("Tyrone fell off the swing.", "i told priya to stop", "I spoke with Maria Gonzalez."):
        assert masked(text) == text


def test_the_prefilter_loses_nothing_and_masked_text_is_clean() -> None:
    texts = [unmarked(case)[0] for case in (*REHEARSED, *FRESH, *UNSEEN, *BLIND)]
    screened = screen(texts, CONFIG)
    spans = [find_spans(text, KINDS, phone_regions=CONFIG.phone_regions) for text in texts]
    assert [set(kinds) for kinds in screened.kinds] == [{span.kind for span in found} for found in spans]
    assert sum(screened.hits.values()) == sum(map(len, spans))
    assert not screen(screened.texts, CONFIG).hits


def test_kept_kinds_are_counted_and_stay() -> None:
    texts = ["Call 212-555-0147 or 312-555-0186.", "Is it contagious?", "Mail a@example.org, I am Anna."]
    kept = screen(pa.array(texts), PersonalDataConfig(screen=dict.fromkeys(KINDS, "keep")))
    assert kept.texts == texts
    assert kept.kinds == [("phone",), (), ("mail", "name")]
    assert kept.hits == {"phone": 2, "mail": 1, "name": 1}
    some = PersonalDataConfig(screen={"mail": "keep", "phone": "quarantine"})
    mixed = screen(texts, some)
    assert mixed.kinds == kept.kinds
    assert mixed.texts == ["Call [phone] or [phone].", "Is it contagious?", "Mail a@example.org, I am [name]."]
    assert [some.sets_aside(kinds) for kinds in mixed.kinds] == [True, False, False]
    assert screen([], CONFIG).texts == []


def test_helplines_are_nobodys_phone() -> None:
    texts = [
        "Poison control is 1-800-222-1222.",
        "contact the library toll-free at 888-346-3656 to locate",
        "call 888-346-3656",
    ]
    assert screen(texts, CONFIG).kinds == [(), (), ()]


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ValidationError, match="unknown region 'UK'"):
        PersonalDataConfig(phone_regions=("US", "UK"))


@pytest.mark.skipif(not CHATDOCTOR.is_file(), reason="ChatDoctor (../shared/data/chatdoctor) is absent")
def test_generated_patient_messages_hold_no_false_alarm() -> None:
    # Read by eye: its patients are nameless, and nothing in it is a phone, a date of birth or an address.
    texts = [row["input"] for row in json.loads(CHATDOCTOR.read_text(encoding="utf-8"))]
    assert not screen(texts, CONFIG).hits
