"""What a question says, apart from how it is put: its words without those of phrasing, in one form each.

What belongs here: which words only phrase a question (`can I`, `please tell me`, `is it all right`), which everyday words
mean the same, and a light stemmer. What a text's signature (`terms.py`) has taken in already is left out here.
"""

from __future__ import annotations

from assets.instructions.guard_words import SAME_DRUG, words_in
from training.benchmark.baselines import STOP_WORDS

# fmt: off
PHRASING = STOP_WORDS | words_in(
    "i me my mine myself we us our am being im i'm i've i'd i'll it's that's there's what's let's ve d ll s re m",
    "don doesn please help know tell advise advice suggest suggestion recommend recommended information info",
    "explain give gives given giving question answer ask asking want wanted like wonder wondering think thought",
    "believe hi hello hey dear doctor doctors dr physician physicians sir madam thanks thank regards greetings ok",
    "okay alright safe safely allowed permitted possible possibly fine all take takes taking took taken use uses",
    "used using get gets getting got have having has make makes making made go going need needs needed necessary",
    "require required must shall people person someone somebody anyone anybody patient patients individual",
    "individuals one ones kind kinds sort sorts mean means meaning called thing things way ways happen happens",
    "happening happened occur occurs whether soon between until till while because since given although though but",
    "however therefore due according really very quite just also still already lately recently now currently",
    "disease diseases syndrome syndromes disorder disorders condition conditions problem problems issue issues",
    "about around approximately roughly any some certain these here there old aged age year years yo experience",
    "experiences experiencing experienced feel feels feeling felt suffer suffers suffering suffered found find",
    "finds see seen show shows following option options each every per together along instead good bit lot test",
    "tests belong belongs look looks seem seems keep keeps done up within early",
) - {"such"}
# fmt: on
# Words → the one that stands for them.
_SAME: dict[str, str] = {
    word: name
    for name, words in {
        "pain": "pain pains painful hurt hurts hurting ache aches aching achy",
        "swell": "swell swells swelling swollen swelled",
        "dizzy": "dizzy dizziness lightheaded",
        "itch": "itch itchy itching itches",
        "bleed": "bleed bleeds bleeding bled",
        "tired": "tired tiredness fatigue fatigued exhausted exhaustion",
        "nausea": "nausea nauseous nauseated",
        "stomach": "stomach tummy belly abdomen abdominal",
        "urinate": "urinate urinating urination pee peeing",
        "kidney": "kidney kidneys renal",
        "heart": "heart cardiac",
        "liver": "liver hepatic",
        "lung": "lung lungs pulmonary",
        "tumor": "tumor tumors tumour tumours",
        "tablet": "tablet tablets pill pills",
        "fast": "fast quick quickly rapid rapidly",
        "sudden": "sudden suddenly abrupt abruptly",
        "start": "start starts starting started begin begins beginning began",
        "stop": "stop stops stopping stopped quit discontinue discontinued",
        "differ": "differ differs difference differences different",
        "remove": "remove removes removed removing removal",
        "affect": "affect affects affected affecting",
        "period": "period periods menses menstruation",
        "contagious": "contagious infectious",
        "bone": "bone bones",
        "wake": "wake waking woke awake",
        "evening": "evening evenings",
        "poop": "stool stools poop feces faeces",
        "allergy": "allergy allergies",
        "food": "food foods",
        "medicine": "medicine medicines medication medications drug drugs",
        "surgery": "surgery surgical operation",
        "danger": "danger dangerous",
        "fly": "fly flying flight",
        "travel": "travel traveling travelling trip",
    }.items()
    for word in words.split()
}


def stem(word: str) -> str:
    """A word without the endings of number and tense, so that forms of one word are equal; no real word need come out.

    >>> [stem(word) for word in ("treatments", "stopping", "vaccinated", "biopsies", "diagnosis")]
    ['treatment', 'stop', 'vaccinat', 'biopsy', 'diagnosis']
    """
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word.removesuffix(ending)
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def content(word: str) -> str | None:
    """The form of a word that stands for what it says, None for a word of phrasing.

    >>> content("hurts"), content("please"), content("stopped")
    ('pain', None, 'stop')
    """
    if word in PHRASING or word in SAME_DRUG:
        return None
    return _SAME.get(word) or stem(word)
