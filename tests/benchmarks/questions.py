"""Generated medical questions for benchmarks: distinct ones, exact repeats, paraphrases, and near-misses, with their truth.

What belongs here: texts and which of them ask the same. Files in the formats of real sources are made in `raw_files.py`.
Names of diseases are put together from roots, so that there are as many as a large set has; nothing here is medical advice.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["distinct", "exact", "paraphrase", "near_miss"]


def _words(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(separator))


_PREFIXES = _words(
    "cardio gastro hepato nephro neuro osteo dermato pneumo entero cysto myo angio arthro encephalo laryngo rhino oto kerato "
    "thyro adreno pancreato spleno chole colo procto vaso lympho hemato chondro teno"
)
_ROOTS = _words(
    "itis osis pathy sclerosis dystrophy stenosis megaly ptosis malacia necrosis fibrosis plasia edema algia ectasis "
    "spasm lithiasis trophy rrhagia toxicosis"
)
_MODIFIERS = _words(
    "acute chronic recurrent idiopathic congenital viral bacterial autoimmune drug-induced familial diffuse focal juvenile "
    "progressive postoperative allergic metabolic vascular secondary occult"
)
_STEMS = _words("ator lova zuco rami feno tela vero pido sita gliba meto riva oxa cefta levo nitro dura quina teno brova")
_ENDINGS = _words("statin pril sartan mycin cillin floxacin prazole olol dipine triptan gliptin xaban zepam profen azine")
_SYMPTOMS = _words(
    "a burning pain in the chest|swelling of both ankles|a dull headache behind the eyes|night sweats|a dry cough|numb fingers"
    "|blurred vision|a red rash on the arms|dizziness on standing up|pain in the lower back|trouble swallowing|a hoarse voice"
    "|cramps in the calves|blood in the urine|loss of appetite|ringing in the ears|shortness of breath|an irregular pulse"
    "|stiff joints in the morning|unusual thirst|a tremor of the hand|weight loss|pale stools|bleeding gums|a swollen gland",
    "|",
)
_UNITS = ("days", "weeks", "months")
_PEOPLE = ("man", "woman")


@dataclass(frozen=True, slots=True)
class Question:
    """A text, how it came about, and the number of the meaning it asks for: equal numbers ask the same."""

    text: str
    kind: Kind
    meaning: int


# Every template in three wordings: the first is the question, the others are its paraphrases.
_TEMPLATES: tuple[tuple[str, str, str], ...] = (
    (
        "I am a {age}-year-old {sex} with {disease} and have had {symptom} for {n} {unit}. What should I do?",
        "What should I do about {symptom} that I have had for {n} {unit}? I am a {age}-year-old {sex} with {disease}.",
        "For {n} {unit} I have had {symptom}. I am a {sex} of {age} and have {disease}. What do you advise me to do?",
    ),
    (
        "Can I take {dose} mg of {drug} together with {drug2} if I have {disease}?",
        "If I have {disease}, can I take {dose} mg of {drug} together with {drug2}?",
        "Is it all right to take {dose} mg of {drug} with {drug2} when I have {disease}?",
    ),
    (
        "What are the side effects of {drug} at {dose} mg a day in a {age}-year-old {sex}?",
        "Which side effects does {drug} have at {dose} mg a day in a {age}-year-old {sex}?",
        "In a {age}-year-old {sex}, what are the side effects of {dose} mg of {drug} a day?",
    ),
    (
        "How is {disease} with {symptom} treated in a {age}-year-old {sex}?",
        "What is the treatment of {disease} with {symptom} in a {age}-year-old {sex}?",
        "In a {age}-year-old {sex}, how would one treat {disease} with {symptom}?",
    ),
    (
        "My doctor stopped {drug} after {n} {unit} because of {symptom}. May I take {drug2} {dose} mg for {disease} instead?",
        "May I take {drug2} {dose} mg for {disease} instead, since {drug} was stopped after {n} {unit} because of {symptom}?",
        "Because of {symptom} my doctor stopped {drug} after {n} {unit}. Is {drug2} {dose} mg an option for {disease} instead?",
    ),
)


def _slots(draw: random.Random) -> dict[str, object]:
    disease = f"{draw.choice(_MODIFIERS)} {draw.choice(_PREFIXES)}{draw.choice(_ROOTS)}"
    drug, drug2 = _two_drugs(draw)
    return {
        "age": draw.randint(18, 92),
        "sex": draw.choice(_PEOPLE),
        "disease": disease,
        "symptom": draw.choice(_SYMPTOMS),
        "n": draw.randint(2, 12),
        "unit": draw.choice(_UNITS),
        "dose": 5 * draw.randint(1, 160),
        "drug": drug,
        "drug2": drug2,
    }


def _two_drugs(draw: random.Random) -> tuple[str, str]:
    first = (draw.choice(_STEMS), draw.choice(_ENDINGS))
    second = first
    while second == first:
        second = (draw.choice(_STEMS), draw.choice(_ENDINGS))
    return "".join(first), "".join(second)


def _missed(template: int, slots: dict[str, object], draw: random.Random) -> dict[str, object]:
    """The slots with one of the template's changed that makes it another question."""
    fresh = _slots(draw)
    name = draw.choice([name for name in ("age", "dose", "drug", "disease", "n") if f"{{{name}}}" in _TEMPLATES[template][0]])
    while fresh[name] == slots[name]:
        fresh = _slots(draw)
    return {**slots, name: fresh[name]}


def generate(
    n: int, *, seed: int = 0, exact: float = 0.05, paraphrase: float = 0.05, near_miss: float = 0.05
) -> Iterator[Question]:
    """`n` questions, of which these shares repeat, reword or nearly repeat one of the last thousand distinct ones."""
    draw = random.Random(seed)
    recent: list[tuple[int, int, dict[str, object], str]] = []
    meanings: dict[str, int] = {}
    kind: Kind
    for _ in range(n):
        point = draw.random()
        if recent and point < exact + paraphrase + near_miss:
            meaning, template, slots, text = draw.choice(recent)
            if point < exact:
                yield Question(text, "exact", meaning)
                continue
            if point < exact + paraphrase:
                yield Question(_TEMPLATES[template][draw.randint(1, 2)].format(**slots), "paraphrase", meaning)
                continue
            slots, kind = _missed(template, slots, draw), "near_miss"
        else:
            template, slots, kind = draw.randrange(len(_TEMPLATES)), _slots(draw), "distinct"
        text = _TEMPLATES[template][0].format(**slots)
        meaning = meanings.setdefault(text, len(meanings))
        recent.append((meaning, template, slots, text))
        if len(recent) > 1000:
            recent.pop(0)
        yield Question(text, kind, meaning)
