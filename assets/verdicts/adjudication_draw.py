"""Which responses of the benchmark go to people, and to whom.

What belongs here: who may be drawn, drawing, and giving each response to two reviewers. What they get to see is
`adjudication_export.py`'s.

The paper says that ten physicians annotated double-blind, and no more. Ours: responses are drawn, stratified by category and
model; a response goes out with every criterion of its rubric, to exactly two reviewers. What cannot be blinded stays out and is
counted: a text that names a model, or that says that a machine wrote it. Such answers so are rarer among what people have
labelled than among all; that is the price of blinding.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from assets.reviewing.forms import MAX_TEXT, NAME, NAME_RULE
from assets.verdicts.adjudication_names import ModelNames, says_machine
from training.records import TIERS

Row = Mapping[str, Any]
SPLIT = "benchmark"
# Why a response of the benchmark is not drawn from; the first that holds counts.
REASONS = ("without_rubric", "labelled_before", "too_long", "names_a_model", "says_a_machine_wrote_it")


class DrawError(ValueError):
    """A round cannot be drawn as asked; one line that says why and what to do."""


class Asked(NamedTuple):
    """A criterion that is asked about."""

    criterion_id: str
    tier: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A response with the question and every criterion of its rubric, in an order that is the same for all responses."""

    response_id: str
    instruction_id: str
    category: str
    model: str
    question: str
    answer: str
    criteria: tuple[Asked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What may be drawn, by response id; how many of the benchmark's responses may not, by reason; all models there are."""

    tasks: tuple[Task, ...]
    left_out: Mapping[str, int]
    models: tuple[str, ...]


def adjudication_pool(
    instructions: Sequence[Row], criteria: Sequence[Row], responses: Sequence[Row], *, labelled_before: Collection[str] = ()
) -> Pool:
    """The benchmark's responses that people can judge without knowing what wrote them.

    Args:
        instructions: rows with instruction_id, text, category, split and kept, as in the mart `instructions`.
        criteria: rows of one rubric per instruction, as in the mart `criteria`.
        responses: rows of `raw_responses`.
        labelled_before: responses of earlier rounds, which are not drawn again.

    Raises:
        DrawError: an instruction with two rubric versions.
    """
    held_out = {row["instruction_id"]: row for row in instructions if row["split"] == SPLIT and row["kept"]}
    rubrics = _rubrics([row for row in criteria if row["instruction_id"] in held_out])
    models = tuple(sorted({row["model"] for row in responses}))
    names = ModelNames(models)
    tasks, left_out = [], Counter(dict.fromkeys(REASONS, 0))
    for row in sorted(responses, key=lambda row: str(row["response_id"])):
        instruction = held_out.get(row["instruction_id"])
        if instruction is None:
            continue
        task = Task(
            response_id=row["response_id"],
            instruction_id=row["instruction_id"],
            category=instruction["category"] or "",
            model=row["model"],
            question=instruction["text"],
            answer=row["text"],
            criteria=rubrics.get(row["instruction_id"], ()),
        )
        reason = "labelled_before" if task.response_id in labelled_before else unfit(task, names)
        if reason is None:
            tasks.append(task)
        else:
            left_out[reason] += 1
    return Pool(tasks=tuple(tasks), left_out=dict(left_out), models=models)


def unfit(task: Task, names: ModelNames) -> str | None:
    """Why a response cannot be judged blind; None if it can."""
    texts = [task.question, task.answer, *(asked.text for asked in task.criteria)]
    if not task.criteria:
        return "without_rubric"
    if any(len(text) > MAX_TEXT for text in texts):
        return "too_long"
    if any(names.in_text(text) for text in texts):
        return "names_a_model"
    return "says_a_machine_wrote_it" if says_machine(task.answer) else None


def _rubrics(criteria: Sequence[Row]) -> dict[str, tuple[Asked, ...]]:
    found: dict[str, list[Asked]] = defaultdict(list)
    versions: dict[str, str] = {}
    for row in criteria:
        key = row["instruction_id"]
        if versions.setdefault(key, row["rubric_version"]) != row["rubric_version"]:
            raise DrawError(f"{key}: has more than one rubric version; give the accepted one, as in the mart criteria")
        found[key].append(Asked(row["criterion_id"], row["tier"], row["text"]))
    return {key: tuple(sorted(asked, key=asked_order)) for key, asked in found.items()}


def asked_order(asked: Asked) -> tuple[int, str]:
    """Where a criterion stands among those of its rubric: by tier, then id; no response has a say in it."""
    return TIERS.index(asked.tier), asked.criterion_id


def draw(tasks: Sequence[Task], *, count: int, seed: int, left_out: Mapping[str, int] | None = None) -> list[Task]:
    """So many tasks, every stratum (category, model) by its share: it gets what the share comes to, rounded up or down.

    Args:
        tasks: what may be drawn.
        count: how many.
        seed: of the draw.
        left_out: how many may not be drawn, by reason; for the message.

    Raises:
        DrawError: fewer tasks than asked for, or none asked for.
    """
    if not 1 <= count <= len(tasks):
        reasons = ", ".join(f"{reason} {number}" for reason, number in (left_out or {}).items() if number)
        why = f" (left out: {reasons})" if reasons else ""
        if not tasks:
            raise DrawError(
                f"no response of the split {SPLIT} can be drawn{why or '; there is none: generate responses first'}"
            )
        raise DrawError(f"cannot draw {count} of {len(tasks)} responses{why}; ask for 1 to {len(tasks)}")
    strata: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for task in sorted(tasks, key=lambda task: task.response_id):
        strata[task.category, task.model].append(task)
    rng = random.Random(f"draw:{seed}")
    ranked = sorted(strata)
    rng.shuffle(ranked)
    # Whole parts first; what is left goes to the largest remainders, in an order that the seed decides among equals.
    parts = {key: divmod(count * len(strata[key]), len(tasks)) for key in ranked}
    most = sorted(ranked, key=lambda key: -parts[key][1])[: count - sum(whole for whole, _ in parts.values())]
    drawn = []
    for key in sorted(strata):
        drawn += rng.sample(strata[key], parts[key][0] + (key in most))
    return sorted(drawn, key=lambda task: task.response_id)


def check_reviewers(reviewers: Sequence[str], names: ModelNames, *, judges: Collection[str] = ()) -> None:
    """Checks the pseudonyms of a round.

    Args:
        reviewers: pseudonyms.
        names: what they must not be like.
        judges: names under which there are verdicts of others.

    Raises:
        DrawError: fewer than two, one named twice, or a name that cannot be used.
    """
    if len(reviewers) < 2:
        raise DrawError(f"a round needs two reviewers, and a third for disputes; {len(reviewers)} named")
    for name in reviewers:
        if not NAME.fullmatch(name):
            raise DrawError(f"reviewer {name!r}: a pseudonym is of {NAME_RULE}")
        if reviewers.count(name) > 1:
            raise DrawError(f"reviewer {name!r} is named twice")
        if names.in_label(name):
            raise DrawError(f"reviewer {name!r}: is like a model's name; choose another pseudonym")
        if name in judges:
            raise DrawError(f"reviewer {name!r}: there are verdicts of another judge of that name; choose another pseudonym")


def assign(response_ids: Sequence[str], reviewers: Sequence[str], *, seed: int) -> dict[str, tuple[str, str]]:
    """Two reviewers for each response; loads differ by one at most, and whoever has judged together least does so next.

    Raises:
        DrawError: fewer than two reviewers.
    """
    if len(reviewers) < 2:
        raise DrawError("two reviewers are needed for every response")
    rng = random.Random(f"assign:{seed}")
    order, people = sorted(response_ids), sorted(reviewers)
    rng.shuffle(order)
    rng.shuffle(people)
    load, together = Counter(dict.fromkeys(people, 0)), Counter(dict.fromkeys(combinations(people, 2), 0))
    chosen = {}
    for response_id in order:
        # The two of least load: so loads never differ by more than one.
        pair = min(together, key=lambda pair: (load[pair[0]] + load[pair[1]], max(load[p] for p in pair), together[pair]))
        load.update(pair)
        together[pair] += 1
        chosen[response_id] = pair
    return chosen


def thirds(
    disputed: Mapping[str, tuple[str, str]], reviewers: Sequence[str], *, before: Mapping[str, str], seed: int
) -> dict[str, str]:
    """A third reviewer for each disputed response, none of its two; loads as even as that allows.

    Args:
        disputed: response id → the two who differ.
        reviewers: all of the round.
        before: response id → who was its third already, and is again.
        seed: decides among equals.

    Raises:
        DrawError: nobody is left.
    """
    rng = random.Random(f"thirds:{seed}")
    order, people = sorted(disputed), sorted(reviewers)
    rng.shuffle(order)
    rng.shuffle(people)
    load = Counter(before.values())
    chosen = {}
    for response_id in order:
        free = [name for name in people if name not in disputed[response_id]]
        if not free:
            raise DrawError("disputes need a third reviewer, and the round has two; name three or more next time")
        chosen[response_id] = before.get(response_id) or min(free, key=lambda name: load[name])
        load[chosen[response_id]] += response_id not in before
    return chosen
