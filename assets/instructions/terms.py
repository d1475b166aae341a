"""What in a text may not differ between texts that ask the same: its signature.

What belongs here: finding numbers with their measures, drugs, negations, sex, age group, pregnancy, body side, tests,
vaccines, diseases by their endings, and what is asked (cause, symptom, treatment …) in patients' English. The word lists
(`guard_words.py` too) are for telling texts apart, not a drug register: a drug that none of the patterns know is treated like
any other word.

Ours; the paper does not say how its de-duplication kept a question about another dose apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from assets.instructions.guard_words import BODY_PARTS, NEGATIONS, NUMBER_WORDS, PHRASES, SAME_DRUG, TAGGED, words_in
from assets.instructions.phrasing import content
from training.benchmark.baselines import content_words

# Groups of drugs that stand for one another in a sentence but not in its meaning.
DRUG_GROUPS: tuple[tuple[str, ...], ...] = (
    ("amoxicillin", "azithromycin", "ciprofloxacin", "doxycycline", "cephalexin", "clindamycin", "metronidazole", "penicillin"),
    ("sertraline", "escitalopram", "fluoxetine", "citalopram", "paroxetine", "bupropion", "venlafaxine", "duloxetine"),
    ("lexapro", "zoloft", "prozac", "celexa", "paxil", "wellbutrin", "effexor", "cymbalta", "cipralex"),
    ("ibuprofen", "acetaminophen", "paracetamol", "naproxen", "aspirin", "diclofenac"),
    ("tylenol", "advil", "motrin", "aleve"),
    ("cetirizine", "loratadine", "fexofenadine", "diphenhydramine", "hydroxyzine"),
    ("zyrtec", "claritin", "allegra", "benadryl"),
    ("lisinopril", "amlodipine", "losartan", "metoprolol", "atenolol", "propranolol", "hydrochlorothiazide", "furosemide"),
    ("omeprazole", "pantoprazole", "famotidine", "ranitidine", "esomeprazole"),
    ("warfarin", "apixaban", "rivaroxaban", "heparin", "clopidogrel", "eliquis", "xarelto", "plavix"),
    ("metformin", "insulin", "glipizide", "ozempic", "semaglutide", "januvia"),
    ("alprazolam", "lorazepam", "clonazepam", "diazepam", "xanax", "ativan", "klonopin", "valium"),
    ("ivermectin", "permethrin", "stromectol", "albendazole"),
    ("fluconazole", "clotrimazole", "miconazole", "terbinafine", "nystatin", "diflucan"),
    ("acyclovir", "valacyclovir", "valtrex", "oseltamivir", "tamiflu"),
    ("prednisone", "prednisolone", "hydrocortisone", "dexamethasone", "fluticasone", "flonase", "budesonide"),
    ("albuterol", "salbutamol", "montelukast", "singulair"),
    ("colchicine", "allopurinol", "febuxostat"),
    ("levothyroxine", "synthroid", "methimazole"),
    ("gabapentin", "pregabalin", "lyrica", "tramadol", "oxycodone", "codeine", "morphine"),
    ("adderall", "vyvanse", "ritalin", "methylphenidate", "atomoxetine", "strattera"),
    ("estrogen", "progesterone", "testosterone", "levonorgestrel"),
)
DRUGS = {name: group for group in DRUG_GROUPS for name in group}
_DRUG_ENDING = re.compile(
    r"[a-z]{2,}(?:cillin|mycin|micin|floxacin|cycline|azole|prazole|statin|sartan|pril|olol|dipine|triptan|setron|zepam|zolam|parin"
    r"|xaban|gliptin|gliflozin|glutide|mab|tinib|vir|oxetine|azine|idone|profen|caine|thiazide|semide|sone|solone|terol)"
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nor|neither|without|cannot|[a-z]+n['\u2019]t"
    r"|dont|cant|isnt|doesnt|wont|didnt|wasnt|arent|shouldnt|couldnt|wouldnt|havent|hasnt)\b"
)


def negations(text: str) -> int:
    """How many words of a text negate.

    >>> negations("Don't stop, and never double it without asking.")
    3
    """
    return len(_NEGATION.findall(text.lower()))


def drugs(text: str) -> frozenset[str]:
    """The drug names in a text, known by list or by ending.

    >>> sorted(drugs("Can I take Zyrtec with roxithromycin?"))
    ['roxithromycin', 'zyrtec']
    """
    return frozenset(word for word in content_words(text) if word in DRUGS or _DRUG_ENDING.fullmatch(word))


def signature(text: str) -> tuple[str, ...]:
    """What two texts must have in common before they can ask the same, in alphabetical order.

    The number of negations counts, years do not (ages come with and without them), and a 1 before a measure is as good as "a".

    >>> signature("Can my 45-year-old husband take 0.5 g of Tylenol twice daily?")
    ('2', '45', '500 mg', 'day', 'drug paracetamol', 'male')
    >>> signature("I am a man of 45. May I take 500 mg of acetaminophen two times a day?") == _
    True
    """
    return signature_of(words_of(text))


def words_of(text: str) -> list[str]:
    """Words, numbers and percent signs of a text in lower case, in order, each phrase of `PHRASES` as one word.

    >>> words_of("Don't take 2.5mg after a heart attack!")
    ["don't", 'take', '2.5', 'mg', 'after', 'a', 'infarction']
    """
    words = _WORDS.findall(text.casefold())
    if _PHRASE_STARTS.keys().isdisjoint(words):
        return words
    found, position = [], 0
    while position < len(words):
        word, taken = words[position], 1
        for rest, whole in _PHRASE_STARTS.get(word, ()):
            if tuple(words[position + 1 : position + 1 + len(rest)]) == rest:
                word, taken = whole, 1 + len(rest)
                break
        found.append(word)
        position += taken
    return found


def signature_of(words: Sequence[str]) -> tuple[str, ...]:
    """The signature of a text given as its words."""
    tags: set[str] = set()
    negated = 0
    pending: list[int] = []
    for position, word in enumerate(words):
        known = _KNOWN[word]
        if known is None:
            continue
        tags.update(known.tags)
        negated += known.negates
        if known.looks_around:
            pending.append(position)
    if pending:
        tags.update(_in_context(words, pending))
    if negated:
        tags.add(f"not x{negated}")
    return tuple(sorted(tags))


def said_of(words: Sequence[str]) -> frozenset[str]:
    """What a text says beyond its signature: words of content, in one form each, that no guard has taken in.

    >>> sorted(said_of(words_of("Please tell me: do 5 mg of Tylenol help against back pains?")))
    ['against', 'back', 'pain']
    """
    found = set()
    for word in words:
        form = _SAID[word]
        if form is not None:
            found.add(form)
    return frozenset(found)


# The s of a genitive stands alone, so that a child's is a child.
_WORDS = re.compile(r"\d+(?:[.,]\d+)*|%|[^\W\d_]+(?:['\u2019](?!s\b)[^\W\d_]+)?")
_DISEASE_ENDING = re.compile(
    r"[^\W\d_]{2,}(?:itis|osis|asis|pathy|oma|emia|algia|ectomy|ostomy|otomy|plasty|scopy|graphy|uria|rrhea|rrhage|rrhagia|phobia|dystrophy"
    r"|plegia|paresis|megaly|stenosis|lysis|penia|trophy|ptosis|malacia|plasia|edema|spasm|ectasis|cele|toxicity|virus|ism)"
)
_ORGAN_START = re.compile(r"(?:hyper|hypo|tachy|brady)[^\W\d_]{3,}")
_SINGLE_LETTERS = frozenset("abcdefghikvx")
_LOOK_AROUND = _SINGLE_LETTERS | {"left", "right"}
# A single letter names a kind after these: hepatitis B, vitamin D, influenza A.
_LETTERED = words_in(
    "type grade stage protein hepatitis vitamin vit influenza group type factor hemophilia haemophilia class strep",
    "streptococcus",
)
_MEASURES = words_in(
    "mg mcg gram kg ml iu minute hour day week month",
)
_IN_MG = {"mg": 1.0, "gram": 1000.0, "mcg": 0.001}
_COUNTED = words_in(
    "tablet tablets pill pills dose doses time times capsule capsules drop drops year years yr yrs minute minutes",
    "hour hours day days week weeks month months glass cup drink puff puffs",
)


class _Word:
    """What a word says by itself, and whether its neighbours have to be looked at."""

    __slots__ = ("looks_around", "negates", "tags")

    def __init__(self, tags: tuple[str, ...], *, negates: int = 0, looks_around: bool = False) -> None:
        self.tags, self.negates, self.looks_around = tags, negates, looks_around


class _Lexicon(dict[str, "_Word | None"]):
    """Word → what it says, found out when it is first met: texts have few different words."""

    def __missing__(self, word: str) -> _Word | None:
        found = self[word] = _look_up(word)
        return found


def american(word: str) -> str:
    """A word in one spelling of its Greek vowels.

    >>> american("anaemia"), american("diarrhoea")
    ('anemia', 'diarrhea')
    """
    return word.replace("ae", "e").replace("oe", "e") if len(word) > 5 else word


def drug_name(word: str) -> str | None:
    """The one name of a drug that is known by list or by ending, None for another word.

    >>> drug_name("tylenol"), drug_name("roxithromycin"), drug_name("water")
    ('paracetamol', 'roxithromycin', None)
    """
    if word in SAME_DRUG:
        return SAME_DRUG[word]
    return word if word in DRUGS or word in _GENERICS or _DRUG_ENDING.fullmatch(word) else None


def disease_name(word: str) -> str | None:
    """A word that ends (or starts) as names of diseases and operations do, in one spelling; None for another word.

    >>> disease_name("lymphoedema"), disease_name("hyperkalaemia"), disease_name("cough")
    ('lymphedema', 'hyperkalemia', None)
    """
    spelt = american(word)
    for plural, singular in (("oses", "osis"), ("omas", "oma"), ("omata", "oma"), ("itides", "itis"), ("ies", "y")):
        if spelt.endswith(plural):
            spelt = spelt.removesuffix(plural) + singular
    if len(spelt) < 5 or spelt in _NO_DISEASE:
        return None
    return spelt if _DISEASE_ENDING.fullmatch(spelt) or _ORGAN_START.fullmatch(spelt) else None


_GENERICS = frozenset(SAME_DRUG.values())
_NO_DISEASE = words_in(
    "mechanism organism metabolism basis emphasis diploma analysis symptoma criticism",
)
_MEANINGS: dict[str, tuple[str, ...]] = {}
for _tag, _words in TAGGED.items():
    for _one in _words.split():
        _MEANINGS[_one] = (*_MEANINGS.get(_one, ()), _tag)
_PHRASE_STARTS: dict[str, list[tuple[tuple[str, ...], str]]] = {}
for _phrase, _whole in PHRASES.items():
    _first, *_rest = _phrase.split()
    _PHRASE_STARTS.setdefault(_first, []).append((tuple(_rest), _whole))


def _look_up(word: str) -> _Word | None:
    # A weight stands in its number, so that 0.5 g is 500 mg.
    tags = tuple(tag for tag in _MEANINGS.get(word, ()) if tag not in _IN_MG)
    if word[0].isdigit() or word in NUMBER_WORDS or word in _LOOK_AROUND:
        return _Word(tags, looks_around=True)
    if word in NEGATIONS or word.endswith(("n't", "n\u2019t")):
        return _Word(("treat?",) if word == "untreated" else (), negates=1)
    if word in _MEANINGS:
        return _Word(tags)
    name = drug_name(word)
    if name is not None:
        return _Word((f"drug {name}",))
    disease = disease_name(word)
    return _Word((f"name {disease}",)) if disease is not None else None


class _Forms(dict[str, str | None]):
    """Word → the form in which it counts, None if it only phrases or if the signature has it."""

    def __missing__(self, word: str) -> str | None:
        known = _KNOWN[word]
        taken = known is not None and (
            known.tags or known.negates or word[0].isdigit() or word in NUMBER_WORDS or word in _MEANINGS
        )
        found = self[word] = None if taken or word == "%" else content(word)
        return found


_KNOWN, _SAID = _Lexicon(), _Forms()


def _in_context(words: Sequence[str], positions: Sequence[int]) -> Iterator[str]:
    taken = -1
    for position in positions:
        word = words[position]
        after = words[position + 1] if position + 1 < len(words) else ""
        if word[0].isdigit() or word in NUMBER_WORDS:
            if position > taken:
                tag, taken = _number(words, position)
                yield from tag
        elif word in ("left", "right"):
            if after in BODY_PARTS:
                yield f"{word} side"
        elif word in _SINGLE_LETTERS and position and words[position - 1] in _LETTERED:
            yield f"{words[position - 1]} {word}"


def _number(words: Sequence[str], position: int) -> tuple[list[str], int]:
    """The tag of the number at a position, with its measure where that scales, and the last position it takes."""
    last = position
    word = words[position]
    if word in NUMBER_WORDS:
        value = NUMBER_WORDS[word]
        following = NUMBER_WORDS.get(words[position + 1], 0.0) if position + 1 < len(words) else 0.0
        if value >= 20 and 1 < following < 10:
            value, last = value + following, position + 1
    else:
        value = _value(word)
    unit = words[last + 1] if last + 1 < len(words) else ""
    measure = next((tag for tag in _MEANINGS.get(unit, ()) if tag in _MEASURES), None)
    if value == 1 and (measure in ("minute", "hour", "day", "week", "month") or unit in _COUNTED):
        return [], last
    if measure in _IN_MG:
        return [f"{value * _IN_MG[measure]:g} mg"], last + 1
    return [f"{value:g}"], last


def _value(word: str) -> float:
    # 1,000 is a thousand and 2,5 is two and a half, as a comma is used in both ways.
    plain = re.sub(r",(?=\d{3}(?!\d))", "", word).replace(",", ".")
    head, _, tail = plain.partition(".")
    return float(f"{head}.{tail.replace('.', '') or '0'}")
