"""The whole chain in order: every step, from raw instructions to the report. Imports no dagster."""

from __future__ import annotations

from collections.abc import Callable, Collection

from assets.checks.steps import CONTRACTS
from assets.instructions.curation_steps import CURATION, DIFFICULTY, TAXONOMY
from assets.instructions.dedup_steps import CONTAMINATION, DEDUPLICATE, SPLITS, TEXT_EMBEDDING
from assets.instructions.steps import INGEST
from assets.policy.steps import BASE_ROLLOUTS, POLICY, POLICY_BENCHMARK, POLICY_ROLLOUTS
from assets.preferences.steps import SNAPSHOTS
from assets.reports.data_card_steps import DATA_CARD
from assets.reports.steps import REPORT
from assets.responses.sampling_steps import BASE_RESPONSES, GENERATE_RESPONSES
from assets.responses.steps import CANDIDATES
from assets.reward_model.steps import BASE_MODEL, PANEL, REWARD_MODEL, REWARD_MODEL_BENCHMARK
from assets.rubrics.review_steps import REVIEWS
from assets.rubrics.steps import DRAFT_RUBRICS, RUBRICS
from assets.steps import Step
from assets.verdicts.adjudication_steps import VERDICTS
from assets.verdicts.judge_steps import JUDGE
from assets.warehouse.steps import WAREHOUSE

CHAIN: tuple[Step, ...] = (
    INGEST,
    TEXT_EMBEDDING,
    DEDUPLICATE,
    SPLITS,
    DIFFICULTY,
    TAXONOMY,
    CURATION,
    CONTAMINATION,
    DATA_CARD,
    REVIEWS,
    DRAFT_RUBRICS,
    RUBRICS,
    BASE_MODEL,
    GENERATE_RESPONSES,
    BASE_RESPONSES,
    CANDIDATES,
    JUDGE,
    VERDICTS,
    WAREHOUSE,
    CONTRACTS,
    *SNAPSHOTS,
    REWARD_MODEL,
    PANEL,
    REWARD_MODEL_BENCHMARK,
    POLICY,
    BASE_ROLLOUTS,
    POLICY_ROLLOUTS,
    POLICY_BENCHMARK,
    REPORT,
)

# Who curates wants what the sources hold now, so that their records are looked at too.
_BRINGS: dict[str, tuple[Step, ...]] = {CURATION.group: (INGEST,)}


class SelectionError(ValueError):
    """A name that stands for no step; the message lists what is allowed."""


def steps_named(names: list[str]) -> list[Step]:
    """The steps that a selection names: by step, asset or group.

    Raises:
        SelectionError: a name is none of these; lists what is allowed.
    """
    chosen = []
    for name in names:
        found = [step for step in CHAIN if name in (step.name, step.group, step.prepares, *step.outputs)]
        if not found:
            allowed = [*sorted({step.group for step in CHAIN}), *(step.name for step in CHAIN)]
            allowed += [output for step in CHAIN for output in step.outputs]
            raise SelectionError(f"unknown selection {name!r}; allowed: {', '.join(dict.fromkeys(allowed))}")
        chosen += [*_BRINGS.get(name, ()), *found]
    return [step for step in CHAIN if step in chosen]


def with_what_is_missing(
    steps: Collection[Step], *, made: Callable[[str], bool], inputs: Callable[[Step], Collection[str]]
) -> list[Step]:
    """The steps, and all before them that make what they read and what was never made; a check goes with what it blocks.

    Args:
        steps: those that were chosen.
        made: whether there is anything that an asset stands for, however old.
        inputs: the assets that a step reads under the present config.
    """
    wanted = {step.name for step in steps}
    needed = {asset for step in steps for asset in inputs(step)}
    for step in reversed(CHAIN):
        if step.name not in wanted and not step.checks and any(asset in needed and not made(asset) for asset in step.outputs):
            wanted.add(step.name)
            needed |= set(inputs(step))
    fresh = {asset for step in CHAIN if step.name in wanted for asset in step.outputs}
    for step in CHAIN:
        # Something in the run waits for it, and all that it looks at is made by the run.
        if set(step.checks) & needed and set(step.inputs.values()) <= fresh:
            wanted.add(step.name)
    return [step for step in CHAIN if step.name in wanted]


def before(steps: Collection[Step], *, inputs: Callable[[Step], Collection[str]]) -> list[Step]:
    """All steps that the steps hang on, directly or not, and that are none of them."""
    chosen = {step.name for step in steps}
    needed = {asset for step in steps for asset in inputs(step)}
    found = []
    for step in reversed(CHAIN):
        if step.name not in chosen and not step.checks and needed & set(step.outputs):
            found.append(step)
            needed |= set(inputs(step))
    return found[::-1]
