"""Rubrics, responses and verdicts by language models, against a server that keeps books; and rounds with people.

The models are scripted (`tests/fixtures/scripted_models.py`): what is tested is that nothing is paid twice, guessed or lost.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import openpyxl
import pyarrow.parquet as pq
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from assets.chain import steps_named
from assets.endpoints.desk import ledger_path
from assets.interfaces import WAIT_TAG, ProjectResource, current_ref
from assets.reviewing.forms import ADJUDICATION, REVIEW, FormError
from assets.reviewing.interfaces import Inbox
from assets.steps import Settings
from orchestration.build import build_defs
from orchestration.cli import main
from orchestration.instance import open_instance
from orchestration.rounds import export_round, import_files, review_rates
from orchestration.run import RunFailed, run_chain
from orchestration.sensors import returned_files
from tests.fixtures.fault_server import FaultServer, fault_server
from training.stages import ROOT
from training.storage import Store

QUESTIONS = (
    "I have had a cold for three days, should I take antibiotics?",
    "How often should a healthy adult of sixty have their blood pressure measured?",
    "My knee hurts when I go down stairs, what could that be?",
    "What foods should someone with gout avoid at dinner?",
    "Can I give my two year old honey for a cough at night?",
    "Why do my hands go numb when I ride a bicycle for long?",
    "Is it dangerous to stop a beta blocker from one day to the next?",
    "What does a raised ferritin mean in a man of fifty?",
    "How long is shingles contagious after the rash appears?",
    "Which vaccine do I need before I travel to Kenya?",
    "My ears ring after a concert, will it go away?",
    "What helps against heartburn in the third trimester?",
)
SCRIPT = "tests.fixtures.scripted_models:reply"
CONCURRENCY = 4
_CONFIG = """
sources:
  ours: {{adapter: generic, uri: questions.jsonl, format: jsonl, columns: {{text: q}}, licence: CC0-1.0, commercial_use: true}}
curation: {{band: {{low: 0, high: 10}}}}
endpoints:
  one: {{base_url: "{url}", model: alpha, family: a, concurrency: {concurrency}, backoff_seconds: 0.01}}
  two: {{base_url: "{url}", model: beta, family: b, concurrency: {concurrency}, backoff_seconds: 0.01}}
rubrics: {{drafter: {{endpoint: one}}, splits: {splits}}}
responses: {{generators: [{{endpoint: one, samples: 2}}, {{endpoint: two, samples: 2}}], splits: {splits}}}
verdicts: {{judges: [{{name: one, endpoint: one}}, {{name: two, endpoint: two, mode: single}}], splits: {splits}}}
"""
# Of dbt's models the first: Dagster asks for what an asset depends on directly.
DEPENDENT = ("rubric_drafts", "generated_responses", "raw_responses", "model_verdicts", "raw_verdicts", "stg_raw__criteria")
_SPLITS = "[rm_train, panel_train, policy_train, validation, benchmark]"


@dataclass
class Project:
    """A project folder whose models are a server's."""

    settings: Settings
    server: FaultServer

    def run(self, *names: str) -> None:
        run_chain(self.settings, steps_named(list(names)))

    def rows(self, asset: str) -> list[dict[str, Any]]:
        store = Store(self.settings.store_root)
        with open_instance(self.settings.home) as instance:
            ref = current_ref(instance, asset)
        assert ref is not None, asset
        found: list[dict[str, Any]] = pq.read_table(store.fetch(ref) / f"{asset}.parquet").to_pylist()
        return found

    def asked(self) -> Counter[str]:
        """Request → how often the server was sent it."""
        return Counter(event["hash"] for event in self.server.received())

    def stale(self, *assets: str) -> set[str]:
        graph = build_defs(project=ProjectResource.of(self.settings)).resolve_asset_graph()
        with open_instance(self.settings.home) as instance:
            resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
            return {name for name in assets if resolver.get_status(dg.AssetKey(name)) is StaleStatus.STALE}


def write_project(folder: Path, url: str) -> Settings:
    lines = [json.dumps({"q": question}) for question in QUESTIONS]
    (folder / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = folder / "mine.yaml"
    config.write_text(_CONFIG.format(url=url, concurrency=CONCURRENCY, splits=_SPLITS), encoding="utf-8")
    return Settings(profile="smoke", sources=("ours",), home=folder / "home", config=config)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Rubrics drafted, responses generated, verdicts given."""
    folder = tmp_path_factory.mktemp("models")
    with fault_server(folder, script=SCRIPT) as server:
        made = Project(settings=write_project(folder, server.base_url), server=server)
        made.run("rubrics", "responses", "verdicts")
        yield made


def test_every_instruction_gets_a_rubric_responses_and_a_verdict_or_unknown_per_criterion(project: Project) -> None:
    criteria, responses, verdicts = (project.rows(name) for name in ("raw_criteria", "raw_responses", "model_verdicts"))
    assert len({row["instruction_id"] for row in criteria}) == len(QUESTIONS)
    assert {row["origin"] for row in criteria} == {"drafted"}
    rubric: dict[str, set[str]] = {}
    for row in criteria:
        rubric.setdefault(row["instruction_id"], set()).add(row["criterion_id"])
    cells = {
        (row["response_id"], key, judge)
        for row in responses
        for key in rubric[row["instruction_id"]]
        for judge in ("one", "two")
    }
    assert {(row["response_id"], row["criterion_id"], row["judge"]) for row in verdicts} == cells
    assert len(verdicts) == len(cells)
    # The scripted judge quotes one in six times what is not there.
    bad = [row for row in verdicts if row["verdict"] == "unknown"]
    assert bad and {row["reason"] for row in bad} == {"no_evidence"}
    assert all(row["verdict"] in ("met", "unmet", "unknown") for row in verdicts)


def test_running_again_asks_nothing(project: Project) -> None:
    before = len(project.server.received())
    project.run("rubrics", "responses", "verdicts")
    assert len(project.server.received()) == before


def test_no_call_was_made_twice_and_concurrency_was_kept(project: Project) -> None:
    assert max(project.asked().values()) == 1
    assert project.server.most_at_once() <= CONCURRENCY


def fill_in(path: Path, *, edit_first: bool) -> None:
    """A physician's answers: the first draft of the file edited or rejected, all others accepted."""
    book = openpyxl.load_workbook(path)
    sheet = book["Drafts"]
    column = {cell.value: cell.column for cell in sheet[1]}
    first = True
    for row in range(2, sheet.max_row + 1):
        if sheet.cell(row, column["key"]).value == "question":
            decision = ("edited" if edit_first else "rejected") if first else "accepted"
            sheet.cell(row, column["decision"]).value = decision
            if first and edit_first:
                sheet.cell(row + 1, column["new_text"]).value = "Says to rest for a week"
            first = False
    book.save(path)


def test_a_round_that_comes_back_changes_rubrics_pool_and_pass_rate_and_makes_the_rest_stale(project: Project) -> None:
    settings = project.settings
    assert project.stale(*DEPENDENT) == set()
    told = export_round(
        settings, kind=REVIEW, name="r1", config={"reviewers": ["dr_a", "dr_b"], "count": 6, "seed": 1, "folder": ""}
    )
    forms = {path.name: path for path in Path(told["folder"]).glob("*.xlsx")}
    assert set(forms) == {"review-r1-dr_a.xlsx", "review-r1-dr_b.xlsx"}
    before = project.rows("raw_criteria")
    # What is out takes no other options, and is recorded as it is.
    with pytest.raises(RunFailed, match="^round r1 is out already with count 6, seed 1; leave --count and --seed out"):
        export_round(settings, kind=REVIEW, name="r1", config={"count": 7, "seed": 2, "reviewers": ["dr_b", "dr_a"]})
    again = export_round(settings, kind=REVIEW, name="r1", config={"folder": str(settings.home / "again")})
    assert again["made_under"] == {"reviewers": ["dr_a", "dr_b"], "count": 6, "seed": 1}

    # Half filled in: nothing comes in, and every row is named.
    with pytest.raises(
        RunFailed, match=r"3 problems; nothing was imported:\n.*review-r1-dr_a.xlsx: sheet Drafts, row 3: decision"
    ):
        import_files(settings, kind=REVIEW, files=[str(forms["review-r1-dr_a.xlsx"])], replace=False)
    assert review_rates(settings)[0]["outstanding"] == 6

    fill_in(forms["review-r1-dr_a.xlsx"], edit_first=True)
    fill_in(forms["review-r1-dr_b.xlsx"], edit_first=False)
    import_files(settings, kind=REVIEW, files=[str(path) for path in forms.values()], replace=False)

    (rate,) = review_rates(settings)
    # Six drafts: one edited, one rejected, four accepted. Wilson's interval of 4 of 6 at z = 1.96, by hand.
    assert (rate["accepted"], rate["edited"], rate["rejected"], rate["outstanding"]) == (4, 1, 1, 0)
    assert rate["pass_rate"] == pytest.approx(4 / 6)
    assert (rate["low"], rate["high"]) == (pytest.approx(0.300, abs=1e-3), pytest.approx(0.903, abs=1e-3))
    after = project.rows("raw_criteria")
    assert "Says to rest for a week" in {row["text"] for row in after} - {row["text"] for row in before}
    reviewed = {row["instruction_id"] for row in after if row["origin"] == "reviewed"}
    assert len(reviewed) == 5 and {row["review_id"] for row in after if row["origin"] == "reviewed"} == {"r1"}
    # The rejected draft is gone until there is another.
    assert len({row["instruction_id"] for row in after}) == len(QUESTIONS) - 1
    pool = project.rows("exemplar_pool")
    assert {row["instruction_id"] for row in pool} <= reviewed and pool
    history = project.rows("criterion_versions")
    changes = [row for row in history if row["change"] == "edited"]
    assert {row["replaces"] for row in changes} <= {row["criterion_id"] for row in history if row["change"] == "drafted"}
    assert [(row["round"], row["reviewer"], row["text"]) for row in changes] == [("r1", "dr_a", "Says to rest for a week")]
    assert project.stale(*DEPENDENT) == set(DEPENDENT)

    # Exported again, what was filled in stays.
    filled = {name: path.read_bytes() for name, path in forms.items()}
    again = export_round(settings, kind=REVIEW, name="r1", config={"reviewers": ["dr_a", "dr_b"], "folder": ""})
    assert (again["files"], again["kept"]) == (4, 2)
    assert {name: path.read_bytes() for name, path in forms.items()} == filled
    # The same file once more says nothing new.
    import_files(settings, kind=REVIEW, files=[str(forms["review-r1-dr_a.xlsx"])], replace=False)
    assert review_rates(settings) == [rate]
    with pytest.raises(FormError, match="is a form of rubric review; take it in with: promedical review import"):
        import_files(settings, kind=ADJUDICATION, files=[str(forms["review-r1-dr_a.xlsx"])], replace=False)


def test_a_file_in_the_inbox_is_taken_in_once(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = project.settings
    told = export_round(settings, kind=REVIEW, name="r2", config={"reviewers": ["dr_c"], "count": 2, "seed": 1, "folder": ""})
    (form,) = Path(told["folder"]).glob("*.xlsx")
    fill_in(form, edit_first=False)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "notes.xlsx").write_text("not a workbook")
    (inbox / form.name).write_bytes(b"half of it")
    watched = Inbox(home=str(settings.home), uri=inbox.as_uri())
    defs = build_defs(project=ProjectResource.of(settings))
    with open_instance(settings.home) as instance:
        context = dg.build_sensor_context(instance=instance, definitions=defs)
        half = returned_files(context, inbox=watched)
        assert isinstance(half, dg.SensorResult) and not half.run_requests
        # What could not be read is looked at again.
        (inbox / form.name).write_bytes(form.read_bytes())
        context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=half.cursor)
        seen = returned_files(context, inbox=watched)
        assert isinstance(seen, dg.SensorResult)
        (request,) = seen.run_requests or []
        assert (request.job_name, request.partition_key) == ("import_review", "r2")
        assert request.tags[WAIT_TAG] == "86400"
        result = defs.resolve_job_def("import_review").execute_in_process(
            instance=instance, partition_key=request.partition_key, run_config=request.run_config
        )
        assert result.success
        again = dg.build_sensor_context(instance=instance, definitions=defs, cursor=seen.cursor)
        nothing = returned_files(again, inbox=watched)
        assert isinstance(nothing, dg.SensorResult)
        assert not nothing.run_requests and nothing.cursor == seen.cursor
        assert nothing.skip_reason and str(nothing.skip_reason.skip_message).startswith(f"nothing new in {watched.place}")
    (rate,) = [row for row in review_rates(settings) if row["round"] == "r2"]
    assert (rate["accepted"], rate["edited"], rate["rejected"], rate["outstanding"]) == (1, 0, 1, 0)


def test_the_commands_show_the_rounds_and_what_was_asked(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(project.settings.home)
    assert main(["calls", "--home", home]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"ledger: {project.settings.home / 'calls' / 'ledger.sqlite'}"
    assert {"alpha", "beta"} <= {word for line in said for word in line.split()}
    assert main(["calls", "--failed", "--home", home]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "every call that was made got its reply"
    export = ["review", "export", "--round", "r3", "--reviewers", "dr_a", "--count", "1", "--home", home, "--profile", "smoke"]
    assert main([*export, "--config", str(project.settings.config)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("round r3: 1 of ") and said[0].endswith(" drafts, dr_a 1")
    assert said[1].startswith(f"3 files in {project.settings.home / 'rounds' / 'r3'}: ")
    assert main(["review", "status", "--home", home]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("r3 ")]
    assert line.split() == ["r3", "1", "0", "0", "0", "1", "n/a"]


def test_killed_five_times_while_judging_no_recorded_call_is_made_again(tmp_path: Path) -> None:
    with fault_server(tmp_path, script=SCRIPT) as server:
        settings = write_project(tmp_path, server.base_url)
        project = Project(settings=settings, server=server)
        project.run("rubrics", "candidates")
        before = len(server.received())
        server.set_rules([{"when": "You check a response", "delay": 0.15}])
        rng = random.Random(7)
        kills = 0
        kept: list[tuple[int, set[tuple[str, str]]]] = []
        while kills < 5:
            child = subprocess.Popen(
                [sys.executable, "-m", "orchestration.cli", "run", "--profile", "smoke", "--select", "judge"]
                + ["--home", str(settings.home), "--config", str(settings.config)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            wanted = len(server.received()) + rng.randint(2, 12)
            deadline = time.monotonic() + 90
            while len(server.received()) < wanted and child.poll() is None:
                assert time.monotonic() < deadline, "the judge did not get going"
                time.sleep(0.01)
            assert child.poll() is None, "the run ended before it could be killed"
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            kills += 1
            kept.append((len(server.received()), answered(settings)))
        server.set_rules([])
        project.run("judge")
        asked = project.asked()
        repeats = sum(asked.values()) - len(asked)
        print(f"\n{len(server.received()) - before} calls for {len(asked)} prompts, {repeats} repeats in {kills} kills")
        assert repeats <= CONCURRENCY * kills
        assert len(project.rows("model_verdicts")) > 0
        for count, known in kept:
            assert not known & {(event["model"], event["prompt"]) for event in server.received()[count:]}
        assert [len(known) for _, known in kept] == sorted(len(known) for _, known in kept) and kept[-1][1]


def answered(settings: Settings) -> set[tuple[str, str]]:
    """Model and last message of each call that the ledger holds an answer to."""
    with closing(sqlite3.connect(f"file:{ledger_path(settings.home)}?mode=ro", uri=True)) as database:
        rows = database.execute("select model, request from prompts where key in (select key from answered)").fetchall()
    return {(model, json.loads(request)["messages"][-1][1]) for model, request in rows}
