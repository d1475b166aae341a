"""Sources as partitions in Dagster: recorded when `ingest` reads them, materializable alone, and upstream of the raw tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets.chain import steps_named
from assets.instructions.sources.registry import Source
from assets.interfaces import ProjectResource, current_ref
from assets.steps import Settings
from orchestration.build import build_defs
from orchestration.instance import open_instance
from orchestration.run import RunFailed, run_chain
from training.manifests import ArtifactRef
from training.storage import Store, read_manifest


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the sources that were read, one for each time."""
    found: list[str] = []
    read = Source.read

    def counted(self: Source):  # type: ignore[no-untyped-def]
        found.append(self.name)
        return read(self)

    monkeypatch.setattr(Source, "read", counted)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Settings]:
    for name, question in (("one", "Is it flu?"), ("two", "What helps?")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text(json.dumps({"question": question}) + "\n", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(
        "sources:\n"
        "  one: {adapter: medical_eval_sphere, uri: one}\n"
        "  two: {adapter: medical_eval_sphere, uri: two/rows.jsonl}\n",
        encoding="utf-8",
    )

    def settings(*sources: str) -> Settings:
        return Settings(profile="smoke", sources=sources, home=tmp_path / "home", config=tmp_path / "mine.yaml")

    return settings


def stands_at(settings: Settings, asset: str, partition: str | None = None) -> ArtifactRef | None:
    with open_instance(settings.home) as instance:
        return current_ref(instance, asset, partition)


def test_ingest_reads_what_is_new_and_records_it_as_partitions(project: Callable[..., Settings], reads: list[str]) -> None:
    ingest = steps_named(["ingest"])
    settings = project("one")
    assert run_chain(settings, ingest) == 1
    assert run_chain(settings, ingest) == 0
    assert reads == ["one"]
    assert run_chain(project("one", "two"), ingest) == 1
    assert reads == ["one", "two"]
    store = Store(settings.store_root)
    raw = stands_at(settings, "raw_instructions")
    assert raw is not None
    inputs = read_manifest(store.fetch(raw)).inputs
    for name in ("one", "two"):
        ref = stands_at(settings, "source_records", name)
        assert ref is not None and store.manifest(ref).metadata["accepted question"] == 1
        assert inputs[f"source_records/{name}"] == str(ref)
    with open_instance(settings.home) as instance:
        assert set(instance.get_dynamic_partitions("sources")) == {"one", "two"}


def test_a_partition_is_materialized_alone_and_ingest_takes_it(project: Callable[..., Settings], reads: list[str]) -> None:
    settings = project("one", "two")
    resource = ProjectResource(
        home=str(settings.home), profile="smoke", sources=list(settings.sources), config=str(settings.config)
    )
    with open_instance(settings.home) as instance:
        instance.add_dynamic_partitions("sources", ["two", "nobody"])
        defs = build_defs(project=resource)
        (asset,) = (
            a for a in defs.assets or [] if isinstance(a, dg.AssetsDefinition) and dg.AssetKey("source_records") in a.keys
        )
        for _ in range(2):
            done = dg.materialize([asset], partition_key="two", instance=instance, resources={"project": resource})
            assert done.success
        failed = dg.materialize(
            [asset], partition_key="nobody", instance=instance, resources={"project": resource}, raise_on_error=False
        )
    assert not failed.success
    (event,) = (e for e in failed.all_events if e.is_step_failure)
    assert "unknown source 'nobody'; allowed: " in str(event.step_failure_data.user_failure_data)
    assert reads == ["two"]
    before = stands_at(settings, "source_records", "two")
    run_chain(settings, steps_named(["ingest"]))
    assert reads == ["two", "one"]
    assert before is not None and stands_at(settings, "source_records", "two") == before


def test_the_raw_tables_hang_on_the_sources_and_the_chain_needs_no_partition() -> None:
    defs = build_defs()
    graph = defs.resolve_asset_graph()
    for name in ("raw_instructions", "raw_quarantine", "published_responses", "source_facts"):
        assert dg.AssetKey("source_records") in graph.get(dg.AssetKey(name)).parent_keys
    job = defs.resolve_job_def("core")
    assert job.partitions_def is None
    assert dg.AssetKey("source_records") not in job.asset_layer.asset_graph.executable_asset_keys


def test_a_changed_pin_stops_the_run_and_names_both_digests(project: Callable[..., Settings]) -> None:
    from orchestration.cli import main

    settings = project("one")
    assert settings.config is not None
    pin = "0" * 64
    settings.config.write_text(
        f"sources: {{one: {{adapter: medical_eval_sphere, uri: one, sha256: '{pin}'}}}}", encoding="utf-8"
    )
    with pytest.raises(Exception, match=f"source one: its content is [0-9a-f]{{64}}, but {pin} is pinned"):
        run_chain(settings, steps_named(["ingest"]))
    assert main(["run", "--config", str(settings.config), "--home", str(settings.home), "--select", "ingest"]) == 1
    assert stands_at(settings, "raw_instructions") is None


def test_a_source_that_cannot_be_used_stops_the_run_in_one_line(project: Callable[..., Settings]) -> None:
    settings = project("one")
    (settings.home.parent / "one" / "rows.jsonl").unlink()
    (settings.home.parent / "one" / "ori_pqal.json").write_text('{"1": {"QUESTION": "Why?"}}', encoding="utf-8")
    assert settings.config is not None
    settings.config.write_text("sources: {one: {adapter: pubmedqa, uri: one}}", encoding="utf-8")
    with pytest.raises(RunFailed, match="^ingest: source one: test_ground_truth.json must stand beside ori_pqal.json") as error:
        run_chain(settings, steps_named(["ingest"]))
    assert "\n" not in str(error.value)
