"""How a step becomes assets: what it may read, what is recorded of its work, and how its errors arrive."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets.instructions.sources.base import SourceError
from assets.interfaces import Compute, ProjectResource, current_making, current_ref, step_assets
from assets.steps import Metadata, Step, StepRun
from orchestration.run import RunFailed, check_made, why
from training.errors import StageRefusal
from training.stages import ROOT
from training.storage import Store

Work = Callable[[StepRun], dict[str, Metadata]]


def make_step(
    name: str, run: Work, *, inputs: tuple[str, ...] = (), config: dict[str, object] | None = None, **more: object
) -> Step:
    return Step(
        name=name,
        outputs=(name,),
        inputs={asset: asset for asset in inputs},
        group="reports",
        config=lambda settings: config or {},
        run=run,
        sources=("training/errors.py",),
        **more,  # type: ignore[arg-type]
    )


def write(name: str, text: str, **metadata: object) -> Work:
    def run(work: StepRun) -> dict[str, Metadata]:
        (work.outputs[name] / "a.txt").write_text(text)
        (work.outputs[name] / "b.txt").write_text("b")
        return {name: dict(metadata)}

    return run


class Project:
    """A project folder with a Dagster history of its own."""

    def __init__(self, home: Path) -> None:
        self.home, self.instance = home, dg.DagsterInstance.ephemeral()

    @property
    def store(self) -> Store:
        return Store(self.home / "store")

    def run(self, *steps: Step) -> dg.ExecuteInProcessResult:
        resources = {"project": ProjectResource(home=str(self.home)), "compute": Compute()}
        return dg.materialize(
            [step_assets(step) for step in steps], resources=resources, instance=self.instance, raise_on_error=False
        )

    def shown(self, asset: str) -> dict[str, object]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert event is not None and event.asset_materialization is not None
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "home")


def damage(project: Project, asset: str, file: str, text: str = "damaged") -> None:
    (path,) = (project.home / "store" / "artifacts" / asset).glob(f"*/{file}")
    path.write_text(text)


def test_what_is_shown_is_of_the_making_under_this_key(project: Project) -> None:
    # Another config, the same content: the artifact on disk names whoever was first.
    for read in (184, 200):
        assert project.run(make_step("made", write("made", "x", read=read), config={"read": read})).success
        assert project.shown("made")["read"] == read
        assert project.shown("made")["made_under"] == {"read": read}
    making = current_making(project.instance, project.store, "made")
    assert making is not None and making.metadata == {"read": 200}
    # Reused, and back at the first key: its own figures again.
    assert project.run(make_step("made", write("made", "x", read=-1), config={"read": 184})).success
    assert (project.shown("made")["read"], project.shown("made")["reused"]) == (184, True)
    assert current_making(project.instance, project.store, "absent") is None


def test_a_step_gets_only_the_files_it_says_it_reads(project: Project) -> None:
    seen: list[list[str]] = []

    def look(work: StepRun) -> dict[str, Metadata]:
        seen.append(sorted(path.name for path in work.inputs["made"].iterdir()))
        return write("looked", work.inputs["made"].joinpath("a.txt").read_text())(work)

    made = make_step("made", write("made", "x"))
    assert project.run(made, make_step("looked", look, inputs=("made",))).success
    reading = make_step("looked", look, inputs=("made",), reads={"made": ("a.txt",)}, config={"only": "a"})
    # Of the same size: it would be found by hashing only.
    damage(project, "made", "b.txt", "c")
    assert project.run(made, reading).success
    assert seen == [["a.txt", "b.txt", "manifest.json"], ["a.txt"]]
    damage(project, "made", "a.txt")
    failed = project.run(made, make_step("looked", look, inputs=("made",), reads={"made": ("a.txt",)}, config={"again": 1}))
    assert "a.txt is not what the manifest says; remove" in why(failed, None)


def test_a_step_with_a_past_reads_what_it_decided_before_and_no_other_verifies_it(project: Project) -> None:
    seen: list[bool] = []

    def look(work: StepRun) -> dict[str, Metadata]:
        seen.append(work.previous is not None)
        return write("made", "x")(work)

    assert project.run(make_step("made", look)).success
    damage(project, "made", "a.txt")
    refused = project.run(make_step("made", look, config={"b": 1}, past="made"))
    assert "a.txt is not what the manifest says" in why(refused, None)
    # No other step is stopped by its own damaged output: making it again mends it.
    assert project.run(make_step("made", look, config={"b": 1})).success
    assert project.run(make_step("made", look, config={"b": 2}, past="made")).success
    assert seen == [False, False, True]


def test_what_was_decided_is_not_decided_again_until_the_past_changes(project: Project) -> None:
    done: list[str] = []

    def append(letter: str) -> Callable[[StepRun], dict[str, Metadata]]:
        def work(run: StepRun) -> dict[str, Metadata]:
            before = (run.previous / "a.txt").read_text() if run.previous else ""
            done.append(letter)
            return write("made", before if letter in before else before + letter)(run)

        return work

    first = make_step("made", append("a"), config={"source": "a"}, past="made")
    second = make_step("made", append("b"), config={"source": "b"}, past="made")
    for step in (first, first, second, second):
        assert project.run(step).success
    assert done == ["a", "b"]
    # The first choice again: what came between is not forgotten, so it is no repetition.
    assert project.run(first).success
    assert done == ["a", "b", "a"]
    ref = current_ref(project.instance, "made")
    assert ref is not None
    assert (project.store.fetch(ref) / "a.txt").read_text() == "ab"


def test_unfinished_work_is_published_and_done_again_also_where_a_past_carries_it_on(project: Project) -> None:
    done: list[int] = []

    def work(run: StepRun) -> dict[str, Metadata]:
        done.append(len(done))
        return write("made", "x", **({"unfinished": 1} if len(done) < 3 else {}))(run)

    for past in ("", "made", "", ""):
        assert project.run(make_step("made", work, past=past)).success
        assert current_making(project.instance, project.store, "made") is not None
    # Twice unfinished, then done, then known.
    assert done == [0, 1, 2]
    assert project.shown("made")["reused"] is True


@pytest.mark.parametrize("error", [SourceError("source kqa: nothing there"), StageRefusal("no pair")])
def test_an_error_that_says_all_arrives_as_its_message(error: Exception, project: Project) -> None:
    def fail(work: StepRun) -> dict[str, Metadata]:
        raise error

    assert why(project.run(make_step("made", fail)), None) == f"made: {error}"


def test_an_error_that_nobody_foresaw_keeps_its_traceback(project: Project) -> None:
    def fail(work: StepRun) -> dict[str, Metadata]:
        raise ValueError("not enough values to unpack")

    said = why(project.run(make_step("made", fail)), None)
    assert "ValueError: not enough values to unpack" in said
    assert "test_interfaces.py" in said and "in fail" in said


def test_a_run_does_not_start_in_a_folder_where_another_process_runs(project: Project) -> None:
    code = f"""
import sys
from pathlib import Path
from assets.lock import only_run
with only_run(Path({str(project.home)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    busy = project.run(make_step("made", write("made", "x")))
    assert not busy.success
    assert any("another run is working in" in str(event.event_specific_data) for event in busy.all_events)
    other.communicate("")
    assert project.run(make_step("made", write("made", "x"))).success


def test_a_run_that_skipped_an_asset_is_no_success_although_it_was_made_before(project: Project) -> None:
    made, other = make_step("made", write("made", "x")), make_step("other", write("other", "x"))
    first = project.run(made, other)
    check_made(first, [made, other])
    second = project.run(made)
    with pytest.raises(RunFailed, match="the run ended without other$"):
        check_made(second, [made, other])


def test_a_check_that_was_not_evaluated_is_missing_too(project: Project) -> None:
    made = make_step("made", write("made", "x"))
    checking = make_step("checking", write("checking", "x"), checks=("made",), check_name="contract")
    with pytest.raises(RunFailed, match="the run ended without the check contract of made$"):
        check_made(project.run(made), [made, checking])
