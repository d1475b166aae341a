"""Asset keys are the nouns and tables that README and design name: no more, no fewer, each of the right group."""

from __future__ import annotations

import dagster as dg
import pytest

from assets.chain import CHAIN, SelectionError, steps_named, with_what_is_missing
from assets.steps import Step
from assets.warehouse.export import MARTS
from orchestration.jobs import PARTITIONED, STUDY

NOUNS = {"instructions", "rubrics", "responses", "verdicts", "preferences", "reward_model", "policy", "reports", "warehouse"}
# Deciding which instructions are kept is a group of its own; all of its assets are about instructions.
GROUPS = NOUNS | {"curation"}
SEEDS = {"categories", "specialties", "source_labels"}
TABLES = {
    "instructions",
    "criteria",
    "responses",
    "verdicts",
    "resolved_verdicts",
    "response_scores",
    "preference_pairs",
    "criterion_preferences",
    "quarantine",
}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    from orchestration.build import build_defs

    return build_defs()


def test_every_output_of_the_chain_is_an_asset(defs: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    expected = {name for step in CHAIN if not step.checks for name in step.outputs}
    assert expected <= keys
    # Made by `ingest`'s preparation, a partition per source; and what goes to people and comes back, a partition per round.
    expected |= set(PARTITIONED) | set(STUDY)
    on_the_way = {key for key in keys - expected if not key.startswith(("stg_", "int_"))}
    assert on_the_way == SEEDS
    assert set(MARTS) >= TABLES


def test_the_chain_waits_for_no_study(defs: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in defs.resolve_job_def("core").asset_layer.asset_graph.executable_asset_keys}
    assert "report" in keys and not keys & {"reward_model_cells", *STUDY}
    graph = defs.resolve_asset_graph()
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey("reward_model_study")).parent_keys}
    assert parents == {"reward_model_cells", "reward_model_snapshot", "benchmark_snapshot", "base_model"}


def test_groups_are_the_nouns(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == GROUPS


def test_every_asset_of_ours_says_what_it_is(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if not graph.get(key).description] == []


def test_contamination_blocks(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    (key,) = [key for key in graph.asset_check_keys if key.name == "contamination"]
    assert key.asset_key.to_user_string() == "curated_instructions"
    assert graph.get(key).blocking


def test_contracts_block(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    blocking = {key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "contract"}
    assert blocking == {"criteria", "resolved_verdicts", "preference_pairs", "criterion_preferences"}


def test_inputs_of_a_step_are_made_before_it() -> None:
    made: set[str] = set()
    for step in CHAIN:
        assert set(step.inputs.values()) <= made, step.name
        made |= set(step.outputs)


def test_selection_by_step_asset_and_group_keeps_the_order() -> None:
    assert [step.name for step in steps_named(["report", "raw_instructions"])] == ["ingest", "report"]
    assert [step.name for step in steps_named(["curation"])][:3] == ["ingest", "text_embedding", "deduplicate"]
    assert {step.name for step in steps_named(["policy"])} >= {"policy", "policy_benchmark"}
    with pytest.raises(SelectionError, match="unknown selection 'nonsense'; allowed: .*report"):
        steps_named(["nonsense"])


def all_inputs(step: Step) -> set[str]:
    return set(step.inputs.values())


def test_a_selection_brings_what_was_never_made_and_nothing_else() -> None:
    chosen = steps_named(["candidates"])
    fresh = with_what_is_missing(chosen, made=lambda asset: False, inputs=all_inputs)
    names = [step.name for step in fresh]
    assert names[0] == "ingest" and names[-1] == "candidates" and {"curation", "rubrics", "base_model"} <= set(names)
    # The check blocks curated_instructions, which all of them read.
    assert "warehouse" not in names and "contamination" in names
    assert with_what_is_missing(chosen, made=lambda asset: True, inputs=all_inputs) == chosen
    only = with_what_is_missing(chosen, made=lambda asset: asset != "raw_criteria", inputs=all_inputs)
    assert [step.name for step in only] == ["rubrics", "candidates"]


def test_a_check_goes_with_what_it_blocks() -> None:
    names = {step.name for step in with_what_is_missing(steps_named(["report"]), made=lambda asset: False, inputs=all_inputs)}
    assert names == {step.name for step in CHAIN} - {"data_card"}
