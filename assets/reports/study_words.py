"""What the study says in words: its three questions answered, and what has to be known of its figures first.

What belongs here: the rules by which an answer is yes, no or neither. They are those of the report: an interval of the paired
difference on one side of 0 and a p below 0.05 after Holm's correction over all comparisons of the study, which only three seeds
of both models can give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.reports.figures import SAME, SYSTEM_NAMES, Row, find_row, interval_text, listed, number
from training.study.figure_keys import KQA_SECTION
from training.study.variants import FULL, SCALAR

Study = Mapping[str, Any]
NAMES = {
    "full": "Full (criterion last)",
    "scalar": "Scalar (no criteria)",
    "no_safety": "Without safety data",
    "pure_pairwise": "Pairwise loss alone",
    "criterion_first": "Criterion first",
    **SYSTEM_NAMES,
}
_QUESTIONS = {
    "scalar": "Does the criterion-conditioned model beat the scalar one on discordant preferences?",
    "no_safety": "Does it find violations better than without safety data (F1)?",
    "lexical_overlap": "Does it order K-QA's real answers better than lexical overlap (AUC)?",
}

WORDS = {"yes": "Yes", "no": "No: it is worse", None: "Can't be told"}
# A variant trained on fewer tokens than this share of the full model's (or on more than its inverse) had another budget.
_SAME_BUDGET = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A question of the study.

    Attributes:
        question: in words.
        word: `Yes`, `No: it is worse` or `Can't be told`.
        answer: `yes`, `no` or None.
        why: the figures it rests on, or what is missing.
    """

    question: str
    word: str
    answer: str | None
    why: str


def answers(study: Study) -> list[Answer]:
    """The study's questions, each answered or not."""
    found = []
    for question in study["questions"]:
        key = {name: question[name] for name in ("section", "tier", "metric")}
        against = question["against"]
        row = find_row(study["differences"], against=against, **key)
        answer = row["answer"] if row else None
        text = _QUESTIONS[against]
        found.append(Answer(question=text, word=WORDS[answer], answer=answer, why=_why(study, row, against, key)))
    return found


def _why(study: Study, row: Row | None, against: str, key: Mapping[str, str]) -> str:
    missing = [name for name in (FULL, against) if name not in study["systems"]]
    if missing:
        return f"Not made yet: cells of {listed(missing)}."
    if row is None or row["value"] is None:
        return "One of the two has no such figure on this benchmark."
    source = "kqa" if key["section"] == KQA_SECTION else "all"
    own, its = (find_row(study["figures"], system=name, source=source, **key) for name in (FULL, against))
    metric = key["metric"]
    sizes = f"Full {figure_text(own)}, {inside(against)} {figure_text(its)}"
    said = f"{sizes}; difference {number(row['value'], metric, signed=True)} {bounds_text(row, signed=True)}".rstrip()
    if row["bounds"] == "range":
        return f"{said}. Two seeds are a range, no interval."
    if row["bounds"] == "one seed":
        return f"{said}. One seed says nothing of another."
    p = "" if row["p_holm"] is None else f", p = {row['p_holm']:.3f} after Holm"
    return f"{said}{p}; n = {row['n']:,} in {row['clusters']:,} clusters."


def inside(system: str) -> str:
    """A system's short name inside a sentence.

    >>> inside("scalar"), inside("lexical_overlap")
    ('scalar', 'lexical overlap')
    """
    return NAMES[system].partition(" (")[0].lower()


def figure_text(row: Row | None) -> str:
    """A figure with what stands beside it."""
    return "n/a" if row is None else f"{number(row['value'], row['metric'])} {bounds_text(row)}".rstrip()


def bounds_text(row: Row, *, signed: bool = False) -> str:
    """The interval of a figure or difference, or the range of its two seeds; empty if there is none.

    >>> bounds_text({"low": 0.5, "high": 0.75, "metric": "accuracy", "bounds": "range"})
    'seeds 50.0 to 75.0'
    """
    text = interval_text(row["low"], row["high"], row["metric"], signed=signed)
    if row["bounds"] == "range" and text:
        return f"seeds {text.strip('[]').replace(', ', ' to ')}"
    return text


def counted(count: int, one: str, more: str) -> str:
    """A number with its noun.

    >>> counted(1, "seed", "seeds"), counted(2_000, "seed", "seeds")
    ('1 seed', '2,000 seeds')
    """
    return f"{count:,} {one if count == 1 else more}"


def caveats(study: Study) -> list[str]:
    """What has to be known before a figure is read, a sentence each; none if all is well."""
    said = []
    if study["missing"]:
        said.append(f"{counted(len(study['missing']), 'cell is', 'cells are')} not made: {', '.join(study['missing'])}.")
    for row in study["left_out"]:
        said.append(f"{row['cell']} is left out: {row['why']}.")
    few = [f"{v} {len(seeds)}" for v, seeds in study["seeds"].items() if len(seeds) < 3]
    if few:
        said.append(
            f"Fewer than three seeds: {', '.join(few)}. Two give a range and one an interval over clusters alone; neither is "
            "tested."
        )
    for variant, tiers in study["not_identified"].items():
        if tiers and study["pointwise_identified"].get(variant, True):
            said.append(f"{NAMES[variant]}: no verdict on {listed(tiers)} criteria is identified by validation labels.")
    for variant, tiers in study["uninformative"].items():
        if tiers and study["pointwise_identified"][variant]:
            said.append(f"{NAMES[variant]}: on {listed(tiers)} criteria its calibration is flat, so that it {SAME}.")
    return [*said, *_budget(study)]


def _budget(study: Study) -> list[str]:
    own = mean_of(study, FULL, "tokens_seen")
    if own is None:
        return []
    shares = {name: tokens / own for name in study["seeds"] if (tokens := mean_of(study, name, "tokens_seen")) is not None}
    other = {name: share for name, share in shares.items() if not _SAME_BUDGET <= share <= 1 / _SAME_BUDGET}
    said = [
        f"{NAMES[name]}: the same steps as the full model, but {share:.0%} of its tokens."
        for name, share in other.items()
        if name != SCALAR
    ]
    if SCALAR in other:
        said.append(f"The scalar model saw {other[SCALAR]:.0%} of the tokens that the full one saw: not the same budget.")
    return said


def mean_of(study: Study, variant: str, name: str) -> float | None:
    """The mean of what its cells say of their training; None without cells or figures."""
    values: Sequence[float] = [row[name] for row in study["cells"] if row["variant"] == variant and row[name] is not None]
    return sum(values) / len(values) if values else None
