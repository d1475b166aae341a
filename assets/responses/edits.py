"""Answers edited from a physician's, whose verdicts on what was edited are known by construction: one sentence, or excerpts.

What belongs here: which edits of one sentence are clear, choosing among them, and the verdicts they give. What does not:
finding a statement's sentence (`alignment.py`), the wording of a change (`changes.py`), excerpts (`excerpts.py`). For training
only: benchmark and external questions are never edited.

Verdicts on the statements of a rubric, given the edited sentence:
- carried by it alone: `construction`. Removed: main and bonus unmet, veto met (leaving out is no contradiction). Changed in a
  word that the statement has too: main or bonus unmet, and veto unmet.
- carried by others, this one far from it: `assumed` met, as for the physician's own answer.
- an item of an enumeration left out, which the statement names: main or bonus unmet, veto met; which it doesn't name: `assumed`
  met.
- anything else is ambiguous and gets no verdict, which the warehouse resolves to unknown. An unknown veto blocks overall
  preferences, so an edit with an ambiguous statement is not made.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assets.instructions.sources.base import RawResponse, RawVerdict
from assets.responses.alignment import Alignment, align, sentence_spans
from assets.responses.changes import Change, changes
from assets.responses.compose import Generated
from assets.responses.config import EditConfig
from assets.responses.edited_answer import Edit, Statement
from assets.responses.excerpts import SPLITS as EXCERPT_SPLITS
from assets.responses.excerpts import all_asides, excerpts, nearest_asides
from assets.rubrics.statements import VETO_PREFIX
from training.records import HELD_OUT_SPLITS, JudgeKind, Verdict, content_id

MODEL = "edited"
JUDGE = "editor"
PHYSICIAN = "physician"


def edit_responses(
    splits: Sequence[Mapping[str, Any]],
    instructions: Sequence[Mapping[str, Any]],
    criteria: Sequence[Mapping[str, Any]],
    responses: Sequence[Mapping[str, Any]],
    *,
    config: EditConfig,
) -> Generated:
    """Edits every physician's answer to a question that is not held out.

    Args:
        splits: rows of `instruction_splits`.
        instructions: rows of `raw_instructions`.
        criteria: rows of `raw_criteria`; those of rubrics made of statements are used.
        responses: rows of `raw_responses`.
        config: seed and number of edits.
    """
    questions = {row["instruction_id"]: row["text"] for row in instructions}
    home = {row["instruction_id"]: (row["split"], row["cluster_id"]) for row in splits}
    statements = statements_of(criteria)
    asides = all_asides({row["instruction_id"]: row["text"] for row in responses if row["model"] == PHYSICIAN}, home)
    made, verdicts = [], []
    for row in sorted(responses, key=lambda item: item["response_id"]):
        key = row["instruction_id"]
        if row["model"] != PHYSICIAN or key not in statements or home[key][0] in HELD_OUT_SPLITS:
            continue
        candidates = clear_edits(row["text"], statements[key], question=questions[key])
        rng = random.Random(f"{config.seed}:{key}")
        chosen = choose(candidates, config.edits_per_answer, rng)
        if home[key][0] in EXCERPT_SPLITS:
            near = nearest_asides(questions[key], home[key], asides)
            chosen += excerpts(
                row["text"],
                statements[key],
                asides=near,
                taken={edit.text for edit in chosen},
                number=config.excerpts_per_answer,
                rng=rng,
            )
        for attempt, edit in enumerate(chosen):
            response = RawResponse(
                response_id=content_id("response", key, MODEL, edit.text),
                instruction_id=key,
                model=MODEL,
                text=edit.text,
                sampling=json.dumps({"edit": edit.kind, "of": row["response_id"], "seed": config.seed}, sort_keys=True),
                attempt=attempt,
            )
            made.append(asdict(response))
            verdicts += [asdict(item) for item in _verdicts(response.response_id, edit, statements[key])]
    return Generated(responses=made, verdicts=verdicts)


def statements_of(criteria: Sequence[Mapping[str, Any]]) -> dict[str, list[Statement]]:
    """The statements of every rubric that consists of statements and their vetoes, by instruction."""
    vetoes = {(row["instruction_id"], row["text"]): row["criterion_id"] for row in criteria if row["tier"] == "veto"}
    found: dict[str, list[Statement]] = defaultdict(list)
    for row in sorted(criteria, key=lambda item: item["criterion_id"]):
        veto_id = vetoes.get((row["instruction_id"], VETO_PREFIX + row["text"]))
        if row["tier"] != "veto" and veto_id is not None:
            found[row["instruction_id"]].append(Statement(text=row["text"], criterion_id=row["criterion_id"], veto_id=veto_id))
    return dict(found)


def clear_edits(answer: str, statements: Sequence[Statement], *, question: str) -> list[Edit]:
    """Every edit of one sentence that concerns at least one statement and leaves none ambiguous."""
    spans = sentence_spans(answer)
    sentences = [answer[start:end] for start, end in spans]
    alignments = [align(statement.text, sentences) for statement in statements]
    edits = []
    for index, (start, end) in enumerate(spans):
        for change in _options(sentences, index, question=question, answer=answer):
            verdicts = _judge(change, index, statements, alignments)
            if verdicts is None:
                continue
            if change is None:
                # The gap on one side goes with the sentence, so that no double space stays behind.
                text = answer[:start] + answer[spans[index + 1][0] :] if index + 1 < len(spans) else answer[: spans[-2][1]]
            else:
                text = answer[:start] + change.sentence + answer[end:]
            edits.append(
                Edit(
                    kind="removal" if change is None else change.kind,
                    index=index,
                    text=text,
                    evidence=sentences[index] if change is None else change.sentence,
                    verdicts=verdicts,
                )
            )
    return edits


def choose(candidates: Sequence[Edit], number: int, rng: random.Random) -> list[Edit]:
    """At most `number` edits with distinct texts: kinds that were not used yet first, then sentences that were not."""
    shuffled = list(candidates)
    rng.shuffle(shuffled)
    chosen: list[Edit] = []
    while shuffled and len(chosen) < number:
        kinds, touched = [edit.kind for edit in chosen], [edit.index for edit in chosen]
        best = min(shuffled, key=lambda edit: (kinds.count(edit.kind), touched.count(edit.index)))
        chosen.append(best)
        shuffled = [edit for edit in shuffled if edit.text != best.text]
    return chosen


def _options(sentences: Sequence[str], index: int, *, question: str, answer: str) -> Iterator[Change | None]:
    """The ways to edit a sentence; None is its removal, which an answer of one sentence doesn't survive."""
    if len(sentences) > 1:
        yield None
    yield from changes(sentences[index], context=f"{question} {answer}")


def _judge(
    change: Change | None, index: int, statements: Sequence[Statement], alignments: Sequence[Alignment]
) -> tuple[tuple[Verdict, Verdict, JudgeKind], ...] | None:
    """The verdicts on all statements, or None where one is ambiguous or none is concerned."""
    verdicts: list[tuple[Verdict, Verdict, JudgeKind]] = []
    for statement, alignment in zip(statements, alignments, strict=True):
        if alignment.untouched(index):
            verdicts.append(("met", "met", "assumed"))
        elif change is not None and change.kind == "omission":
            gone = change.takes_from(statement.text)
            # Named in part, or carried elsewhere as well: whether the statement still stands is not clear.
            if gone is None or (gone and not alignment.clear(index)):
                return None
            verdicts.append(("unmet", "met", "construction") if gone else ("met", "met", "assumed"))
        elif not alignment.clear(index):
            return None
        elif change is None:
            verdicts.append(("unmet", "met", "construction"))
        elif change.contradicts(statement.text):
            verdicts.append(("unmet", "unmet", "construction"))
        else:
            return None
    return tuple(verdicts) if any(kind == "construction" for *_, kind in verdicts) else None


def _verdicts(response_id: str, edit: Edit, statements: Sequence[Statement]) -> Iterator[RawVerdict]:
    for statement, (verdict, veto, kind) in zip(statements, edit.verdicts, strict=True):
        for criterion_id, value in ((statement.criterion_id, verdict), (statement.veto_id, veto)):
            if value == "unknown":
                continue
            yield RawVerdict(
                response_id=response_id,
                criterion_id=criterion_id,
                verdict=value,
                judge=JUDGE if kind == "construction" else PHYSICIAN,
                judge_kind=kind,
                evidence=edit.evidence if kind == "construction" else None,
            )
