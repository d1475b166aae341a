"""The contracts of the four tables that training and benchmarks rest on, as Great Expectations suites.

What belongs here: which expectation must hold on which column of a suite's frame. Expectations are written as plain data, since
importing great_expectations takes seconds; `run.py` makes objects of them. Every suite wants rows first: an empty frame passes
everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from assets.checks import frames
from training.records import SPLITS, TIERS, JudgeKind, Verdict
from training.rubric_score import SCORE_TOLERANCE, WEIGHT_TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One expectation: its key in reports, the name of its class in great_expectations, and that class's arguments."""

    key: str
    expectation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The contract of one table: a query that makes its frame, the columns that name a row, and the rules."""

    table: str
    query: str
    identity: tuple[str, ...]
    rules: tuple[Rule, ...]


def has_rows() -> Rule:
    """The table is not empty."""
    return Rule(key="has_rows", expectation="ExpectTableRowCountToBeBetween", arguments={"min_value": 1})


def given(column: str) -> Rule:
    """No value is NULL."""
    return Rule(key=f"{column}_given", expectation="ExpectColumnValuesToNotBeNull", arguments={"column": column})


def absent(key: str, column: str) -> Rule:
    """Every value is NULL."""
    return Rule(key=key, expectation="ExpectColumnValuesToBeNull", arguments={"column": column})


def unique(column: str, key: str | None = None) -> Rule:
    """No value stands twice."""
    return Rule(key=key or f"{column}_unique", expectation="ExpectColumnValuesToBeUnique", arguments={"column": column})


def one_of(key: str, column: str, values: tuple[Any, ...]) -> Rule:
    """Every value that is not NULL is one of these."""
    return Rule(key=key, expectation="ExpectColumnValuesToBeInSet", arguments={"column": column, "value_set": list(values)})


def between(key: str, column: str, low: float | None, high: float | None, *, strict_low: bool = False) -> Rule:
    """Every value that is not NULL lies between the two, both included unless `strict_low`."""
    arguments = {"column": column, "min_value": low, "max_value": high, "strict_min": strict_low}
    return Rule(key=key, expectation="ExpectColumnValuesToBeBetween", arguments=arguments)


def equal(key: str, column: str, other: str) -> Rule:
    """The two columns agree in every row; a NULL in one of them only does not."""
    arguments = {"column_A": column, "column_B": other, "ignore_row_if": "both_values_are_missing"}
    return Rule(key=key, expectation="ExpectColumnPairValuesToBeEqual", arguments=arguments)


_OF_INSTRUCTION = (
    one_of("split_vocabulary", "split", SPLITS),
    given("split"),
    equal("split_of_instruction", "split", "instruction_split"),
    between("cluster_in_one_split", "cluster_splits", 1, 1),
    one_of("instruction_kept", "instruction_kept", (True,)),
)

_SUITES = (
    Suite(
        table="criteria",
        query=frames.CRITERIA,
        identity=("criterion_id", "instruction_id"),
        rules=(
            has_rows(),
            given("criterion_id"),
            unique("criterion_id"),
            given("instruction_id"),
            equal("instruction_known", "instruction_id", "known_instruction"),
            given("rubric_version"),
            between("one_rubric_version", "rubric_versions", 1, 1),
            given("tier"),
            one_of("tier_vocabulary", "tier", TIERS),
            one_of("origin_vocabulary", "origin", ("physician", "drafted", "reviewed")),
            between("text_not_empty", "text_length", 1, None),
            between("main_weight_positive", "main_weight", 0, None, strict_low=True),
            between("main_weights_sum_to_one", "rubric_weight", 1 - WEIGHT_TOLERANCE, 1 + WEIGHT_TOLERANCE),
        ),
    ),
    Suite(
        table="resolved_verdicts",
        query=frames.RESOLVED_VERDICTS,
        identity=("response_id", "criterion_id"),
        rules=(
            has_rows(),
            given("response_id"),
            given("criterion_id"),
            Rule(
                key="one_row_per_response_and_criterion",
                expectation="ExpectCompoundColumnsToBeUnique",
                arguments={"column_list": ["response_id", "criterion_id"]},
            ),
            given("response_instruction"),
            equal("criterion_of_same_instruction", "criterion_instruction", "response_instruction"),
            given("verdict"),
            one_of("verdict_vocabulary", "verdict", get_args(Verdict)),
            one_of("judge_kind_vocabulary", "judge_kind", get_args(JudgeKind)),
            one_of("unlabelled_is_unknown", "verdict_of_nobody", ("unknown",)),
            between("agreement_is_a_share", "agreement", 0, 1),
            absent("unknown_veto_leaves_no_s3", "s3_beside_unknown"),
            given("scored_response"),
            between("s1_of_verdicts", "s1_error", 0, SCORE_TOLERANCE),
            between("s2_of_verdicts", "s2_error", 0, 0),
            between("s3_of_verdicts", "s3_error", 0, 0),
        ),
    ),
    Suite(
        table="preference_pairs",
        query=frames.PREFERENCE_PAIRS,
        identity=("pair_id", "instruction_id", "chosen_id", "rejected_id"),
        rules=(
            has_rows(),
            given("pair_id"),
            unique("pair_id"),
            unique("unordered_pair", "responses_compared_once"),
            given("instruction_id"),
            given("chosen_id"),
            given("rejected_id"),
            equal("chosen_answers_instruction", "chosen_instruction", "instruction_id"),
            equal("rejected_answers_instruction", "rejected_instruction", "instruction_id"),
            equal("rubric_version_of_chosen", "rubric_version", "chosen_version"),
            equal("rubric_version_of_rejected", "rubric_version", "rejected_version"),
            equal("chosen_is_better", "chosen_id", "better_id"),
            given("decided_by"),
            equal("deciding_tier", "decided_by", "expected_tier"),
            between("margin", "margin_error", 0, SCORE_TOLERANCE),
            between("no_assumption_held_out", "held_out_assumed", 0, 0),
            *_OF_INSTRUCTION,
        ),
    ),
    Suite(
        table="criterion_preferences",
        query=frames.CRITERION_PREFERENCES,
        identity=("criterion_id", "better_id", "worse_id"),
        rules=(
            has_rows(),
            given("criterion_id"),
            given("better_id"),
            given("worse_id"),
            unique("unordered_pair", "one_row_per_pair_and_criterion"),
            equal("criterion_of_instruction", "criterion_instruction", "instruction_id"),
            equal("better_answers_instruction", "better_instruction", "instruction_id"),
            equal("worse_answers_instruction", "worse_instruction", "instruction_id"),
            equal("tier_of_criterion", "tier", "criterion_tier"),
            given("better_verdict"),
            one_of("better_is_met", "better_verdict", ("met",)),
            given("worse_verdict"),
            one_of("worse_is_unmet", "worse_verdict", ("unmet",)),
            equal("discordant", "discordant", "better_is_rejected"),
            one_of("every_difference_has_a_row", "listed", (True,)),
            equal("weaker_judge_kind", "judge_kind", "weaker_judge_kind"),
            one_of("no_assumption_held_out", "held_out_judge_kind", tuple(k for k in get_args(JudgeKind) if k != "assumed")),
            *_OF_INSTRUCTION,
        ),
    ),
)
SUITES: dict[str, Suite] = {suite.table: suite for suite in _SUITES}
