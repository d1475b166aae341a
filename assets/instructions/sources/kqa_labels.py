"""K-QA's human labels on LLM answers as verdicts: Entailment, Neutral or Contradiction of each statement, by three annotators.

What belongs here: which verdict a label is, for which criterion. What does not: agreement figures, resolving verdicts.

Ours: for a main or bonus criterion Entailment is `met` and all else `unmet`; for a veto Contradiction is `unmet` and all
else `met`. Three rows go into the verdicts, one per annotator, and resolving them by majority gives what the published
majority label says. Where the three labels don't (three that differ, say), the published label is the one verdict, by the
judge `published_majority`: nobody is given a vote that they did not cast. `labels_replaced` counts it; the annotations keep
what was said.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.instructions.sources.base import Annotation, RawCriterion, RawResponse, RawVerdict, SourceRecords
from assets.instructions.sources.items import Columns, Row
from assets.rubrics.statements import VETO_PREFIX, normalize
from training.records import Tier, Verdict, content_id

PUBLISHED = "published_majority"
LABELS = ("Entailment", "Neutral", "Contradiction")
ANNOTATORS = ("label_0", "label_1", "label_2")
LABEL_COLUMNS = Columns(
    types=dict.fromkeys(("Question", "llm_x", "answer", "claim", "majority_label", *ANNOTATORS), str),
    not_empty=("Question", "llm_x", "answer", "claim"),
)
RubricIndex = dict[str, dict[str, RawCriterion]]


def verdict_of(label: str, tier: Tier) -> Verdict:
    """The verdict that a label is for a criterion of this tier.

    >>> verdict_of("Neutral", "main"), verdict_of("Neutral", "veto")
    ('unmet', 'met')
    """
    if tier == "veto":
        return "unmet" if label == "Contradiction" else "met"
    return "met" if label == "Entailment" else "unmet"


def annotator_verdicts(labels: Sequence[str], majority: str, tier: Tier) -> dict[str, Verdict]:
    """Judge → verdict: one per annotator where their majority is the published one, else the published one alone."""
    verdicts = {f"annotator_{number}": verdict_of(label, tier) for number, label in enumerate(labels)}
    published = verdict_of(majority, tier)
    if list(verdicts.values()).count(published) * 2 > len(verdicts):
        return verdicts
    return {PUBLISHED: published}


def add_labels(rows: Sequence[Row], rubrics: RubricIndex, *, into: SourceRecords) -> None:
    """Adds responses, verdicts and annotations of the labelled claims that stand in a rubric; the others are quarantined.

    Args:
        rows: usable rows of the label file.
        rubrics: criteria by normalized question and normalized text.
        into: the records of the source.
    """
    responses: dict[str, RawResponse] = {}
    seen: set[tuple[str, str]] = set()
    for row in rows:
        rubric = rubrics.get(normalize(row.values["Question"]))
        claim = normalize(row.values["claim"])
        reason = _fault(row, rubric, claim)
        if reason is None and rubric is not None:
            response = _response(row, rubric[claim].instruction_id)
            if (response.response_id, claim) not in seen:
                seen.add((response.response_id, claim))
                responses[response.response_id] = response
                into.accepted["label"] += 1
                _judge(row, response, rubric[claim], rubric[normalize(VETO_PREFIX + row.values["claim"].strip())], into)
                continue
            reason = "duplicate_id"
        into.reject(kind="label", row=row.position, reason=reason or "question_without_rubric", raw=row.raw)
    into.responses += responses.values()


def _fault(row: Row, rubric: dict[str, RawCriterion] | None, claim: str) -> str | None:
    if any(row.values[column] not in LABELS for column in ("majority_label", *ANNOTATORS)):
        return "unknown_label"
    if rubric is None:
        return "question_without_rubric"
    return "claim_not_in_rubric" if claim not in rubric else None


def _response(row: Row, instruction_id: str) -> RawResponse:
    text, model = row.values["answer"].strip(), row.values["llm_x"].strip()
    response_id = content_id("response", instruction_id, model, text)
    return RawResponse(response_id=response_id, instruction_id=instruction_id, model=model, text=text)


def _judge(row: Row, response: RawResponse, criterion: RawCriterion, veto: RawCriterion, into: SourceRecords) -> None:
    labels = [row.values[column] for column in ANNOTATORS]
    majority = row.values["majority_label"]
    for target in (criterion, veto):
        verdicts = annotator_verdicts(labels, majority, target.tier)
        into.labels_replaced += PUBLISHED in verdicts
        into.verdicts += [
            RawVerdict(
                response_id=response.response_id,
                criterion_id=target.criterion_id,
                verdict=verdict,
                judge=judge,
                judge_kind="human",
            )
            for judge, verdict in verdicts.items()
        ]
    into.annotations.append(
        Annotation(
            response_id=response.response_id,
            criterion_id=criterion.criterion_id,
            question=row.values["Question"].strip(),
            claim=criterion.text,
            label_0=labels[0],
            label_1=labels[1],
            label_2=labels[2],
            majority=majority,
        )
    )
