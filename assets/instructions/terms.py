"""What in a text may not differ between near-duplicates: its numbers, its negations and its drug names.

What belongs here: finding these in patients' English. The word lists are for telling texts apart, not a drug register: a
drug that none of the patterns know is treated like any other word.
"""

from __future__ import annotations

import re

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
_NUMBER_WORDS = frozenset(
    ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "half", "twice", "double")
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


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text, in digits or words up to twelve.

    >>> sorted(numbers("2.5 mg twice a day for 10 days"))
    ['10', '2.5', 'twice']
    """
    return frozenset(word for word in content_words(text) if word[0].isdigit() or word in _NUMBER_WORDS)


def drugs(text: str) -> frozenset[str]:
    """The drug names in a text, known by list or by ending.

    >>> sorted(drugs("Can I take Zyrtec with roxithromycin?"))
    ['roxithromycin', 'zyrtec']
    """
    return frozenset(word for word in content_words(text) if word in DRUGS or _DRUG_ENDING.fullmatch(word))


def must_agree(text: str) -> tuple[frozenset[str], frozenset[str], int]:
    """What two texts must have in common before they can be near-duplicates: numbers, drugs, count of negations."""
    return numbers(text), drugs(text), negations(text)
