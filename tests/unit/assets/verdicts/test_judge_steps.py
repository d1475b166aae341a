"""The step on small tables: which cells are judged, what is written, and that no judge costs nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scripted_judges import ENDPOINT, SINGLE, TOGETHER, Scripted, always, item, labels_in, reply, verdicts

import assets.verdicts.judge_selection as judge_selection
import assets.verdicts.judge_steps as steps
from assets.endpoints.calls import Call
from assets.instructions.tables import SCHEMAS, write_table
from assets.steps import Settings, StepRun
from assets.verdicts.config import verdicts_config
from assets.verdicts.judge_steps import AGREEMENT, JUDGE, at_once
from training.config import PROFILES, ConfigError
from training.records import HELD_OUT_SPLITS

TIERS = ("main", "bonus", "veto")
# instruction: split, kept
INSTRUCTIONS = {
    "train": ("rm_train", True),
    "panel": ("panel_train", True),
    "dropped": ("rm_train", False),
    "bench": ("benchmark", True),
    "bare": ("rm_train", True),
}
RESPONSES = {
    "t_open": "train",
    "t_assumed": "train",
    "t_built": "train",
    "t_some": "train",
    "z_open": "panel",
    "d_open": "dropped",
    "b_open": "bench",
    "b_labelled": "bench",
    "no_rubric": "bare",
}


def known() -> list[dict[str, Any]]:
    def of(response: str, kind: str, *said: tuple[str, str], judge: str = "x") -> list[dict[str, Any]]:
        instruction = RESPONSES[response]
        return [
            {
                "response_id": response,
                "criterion_id": f"{instruction}_{tier}",
                "verdict": verdict,
                "judge": judge,
                "judge_kind": kind,
                "evidence": None,
            }
            for tier, verdict in said
        ]

    rows = of("t_assumed", "assumed", *((tier, "met") for tier in TIERS))
    rows += of("t_built", "construction", *((tier, "unmet") for tier in TIERS))
    # An explicit unknown settles a cell; another model's verdict does not.
    rows += of("t_some", "construction", ("main", "unknown")) + of("t_some", "model", ("bonus", "met"))
    for judge, said in (("one", "met"), ("two", "met"), ("three", "unmet")):
        rows += of("b_labelled", "human", ("main", said), judge=judge)
    rows += of("b_labelled", "human", ("veto", "unmet"))
    return rows


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The artifacts that the step reads."""
    ids = list(INSTRUCTIONS)
    empty = dict.fromkeys(SCHEMAS["raw_instructions"].names)
    made: dict[str, list[dict[str, Any]]] = {
        "raw_instructions": [{**empty, "instruction_id": i, "source": "s", "text": f"May I, {i}?"} for i in ids],
        "raw_criteria": [
            {
                **dict.fromkeys(SCHEMAS["raw_criteria"].names),
                "criterion_id": f"{i}_{tier}",
                "instruction_id": i,
                "tier": tier,
                "text": f"Says {tier} of {i}",
            }
            for i in ids
            if i != "bare"
            for tier in TIERS
        ],
        "raw_responses": [
            {
                **dict.fromkeys(SCHEMAS["raw_responses"].names),
                "response_id": r,
                "instruction_id": i,
                "model": "m",
                "text": f"Take {r} daily.",
            }
            for r, i in RESPONSES.items()
        ],
        "known_verdicts": known(),
    }
    for table, rows in made.items():
        (tmp_path / table).mkdir()
        write_table(table, rows, tmp_path / table)
    for table, columns in {
        "curated_instructions": {"instruction_id": ids, "kept": [kept for _, kept in INSTRUCTIONS.values()]},
        "instruction_splits": {
            "instruction_id": ids,
            "cluster_id": [f"c_{i}" for i in ids],
            "split": [split for split, _ in INSTRUCTIONS.values()],
        },
    }.items():
        (tmp_path / table).mkdir()
        pq.write_table(pa.table(columns), tmp_path / table / f"{table}.parquet")
    return tmp_path


Runner = Callable[..., tuple[list[dict[str, Any]], Scripted, Path]]
TWO = [
    {"name": "one_by_one", "endpoint": "x", "mode": "single"},
    {"name": "all_at_once", "endpoint": "x", "mode": "together"},
]


@pytest.fixture
def judge(tables: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs the step under a section `verdicts` with a scripted endpoint; returns the verdicts, the ask and the folder."""
    runs = iter(range(100))

    def run(say: Any = None, **section: Any) -> tuple[list[dict[str, Any]], Scripted, Path]:
        ask = Scripted(say or always("met", "daily"))
        desk, project = ModuleType("assets.endpoints.desk"), ModuleType("assets.endpoints.project")
        # Without judges nothing is there to ask with.
        if section.get("judges", TWO):
            desk.asker = lambda settings, *, purpose: ask  # type: ignore[attr-defined]
        project.endpoint_named = lambda path, name: ENDPOINT  # type: ignore[attr-defined]
        project.asking = lambda path: {"retry_refused": False}  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, desk.__name__, desk)
        monkeypatch.setitem(sys.modules, project.__name__, project)
        file = tables / "user.yaml"
        file.write_text(json.dumps({"verdicts": {"judges": TWO, **section}}), encoding="utf-8")
        settings = Settings(profile="smoke", sources=(), home=tables / "home", config=file)
        config = JUDGE.config(settings)
        assert config == json.loads(json.dumps(config)), "a skip key needs plain values"
        out = tables / f"out{next(runs)}"
        outputs = {name: out / name for name in JUDGE.outputs}
        for folder in outputs.values():
            folder.mkdir(parents=True)
        inputs = {role: tables / asset for role, asset in JUDGE.used_inputs(config).items()}
        assert JUDGE.run is not None
        metadata = JUDGE.run(StepRun(settings=settings, config=config, inputs=inputs, outputs=outputs, refs={}, previous=None))
        assert metadata.keys() == set(JUDGE.outputs)
        (out / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
        rows: list[dict[str, Any]] = pq.read_table(outputs["model_verdicts"] / "model_verdicts.parquet").to_pylist()
        return rows, ask, out

    return run


def cells(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["response_id"], row["criterion_id"].rsplit("_", 1)[1]) for row in rows}


OPEN = {(r, tier) for r in ("t_open", "z_open") for tier in TIERS} | {("t_some", "bonus"), ("t_some", "veto")}
LABELLED = {("b_labelled", "main"), ("b_labelled", "veto")}


def test_open_cells_of_the_splits_and_labelled_cells_are_judged_and_no_other(judge: Runner) -> None:
    rows, _, _ = judge()
    assert cells(rows) == OPEN | LABELLED
    assert len(rows) == 2 * len(OPEN | LABELLED)
    assert {row["judge_kind"] for row in rows} == {"model"}
    assert [(r["response_id"], r["criterion_id"], r["judge"]) for r in rows] == sorted(
        (r["response_id"], r["criterion_id"], r["judge"]) for r in rows
    )


def test_splits_limits_and_the_check_choose_less(judge: Runner) -> None:
    assert cells(judge(splits=["panel_train"])[0]) == {("z_open", tier) for tier in TIERS} | LABELLED
    assert cells(judge(check_on_labelled=False)[0]) == OPEN
    assert cells(judge(labelled_limit=0)[0]) == OPEN
    assert cells(judge(limit=0)[0]) == LABELLED
    # A held-out split is judged if a user says so.
    assert ("b_open", "veto") in cells(judge(splits=["benchmark"])[0])


def test_a_limit_takes_whole_instructions_in_an_order_of_their_hashes(judge: Runner) -> None:
    def place(response: str) -> tuple[str, str]:
        return sha256(f"judged:{RESPONSES[response]}".encode()).hexdigest(), response

    order = sorted({response for response, _ in OPEN}, key=place)
    for n in range(4):
        rows = judge(limit=n, check_on_labelled=False)[0]
        assert {response for response, _ in cells(rows)} == set(order[:n])


def test_every_table_is_written_and_the_agreement_is_of_the_labels(judge: Runner) -> None:
    def says(call: Call) -> str:
        response = "Take b_labelled daily"
        quoted = response if response in call.messages[1].content else "nothing of it"
        return verdicts(*((label, "met", quoted) for label in labels_in(call)))

    rows, ask, out = judge(says)
    costs = pq.read_table(out / "judge_costs" / "judge_costs.parquet").to_pylist()
    n = len(OPEN | LABELLED)
    assert [(c["judge"], c["model"], c["mode"], c["calls"], c["verdicts"], c["unknown"]) for c in costs] == [
        ("all_at_once", "made-up", "together", 4, n, n - 2),
        ("one_by_one", "made-up", "single", n, n, n - 2),
    ]
    assert sum(c["prompt_tokens"] for c in costs) == 100 * len(ask.calls)
    found = json.loads((out / "judge_agreement" / AGREEMENT).read_text())
    first = found["judges"][0]
    # Two of three say met of main; the veto is violated, and the judge says met.
    assert first["tiers"]["main"]["confusion"]["met"] == {"met": 1, "unmet": 0, "unknown": 0}
    assert first["tiers"]["veto"]["confusion"]["unmet"] == {"met": 1, "unmet": 0, "unknown": 0}
    assert first["tiers"]["veto"]["violation_recall"]["value"] == 0
    assert first["unknown_because"] == {"no_evidence": n - 2}
    assert [d["cells"] for d in found["divergence"] if d["tier"] == "all"] == [n]
    assert len(rows) == 2 * n


def test_the_same_replies_give_the_same_bytes_in_lists_of_any_length(judge: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    _, ask, once = judge(always("met", "daily"))
    monkeypatch.setattr(steps, "CALLS_AT_ONCE", 3)
    monkeypatch.setattr(judge_selection, "FETCHED", 2)
    _, chunked, again = judge(always("met", "daily"))
    assert ask.keys() == chunked.keys() and len(chunked.asked) > len(ask.asked)
    assert max(len(calls) for calls in chunked.asked) <= 3
    for name in ("model_verdicts/model_verdicts.parquet", "judge_costs/judge_costs.parquet", f"judge_agreement/{AGREEMENT}"):
        assert (once / name).read_bytes() == (again / name).read_bytes()


def test_an_item_of_more_calls_than_are_asked_at_once_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "CALLS_AT_ONCE", 2)
    items = [item("a", "main", name="a"), item("b", *TIERS, name="b"), item("c", "main", name="c"), item("d", "main", name="d")]
    assert [[i.response_id for i in some] for some in at_once(items, [SINGLE])] == [["a"], ["b"], ["c", "d"]]
    assert [[i.response_id for i in some] for some in at_once(items, [TOGETHER])] == [["a", "b"], ["c", "d"]]


def test_without_judges_empty_tables_are_there_at_once_and_no_endpoint_is_looked_up(judge: Runner) -> None:
    started = time.process_time()
    rows, ask, out = judge(judges=[])
    assert time.process_time() - started < 0.2
    assert (rows, ask.calls) == ([], [])
    assert pq.read_table(out / "judge_costs" / "judge_costs.parquet").schema.names == SCHEMAS["judge_costs"].names
    assert json.loads((out / "judge_agreement" / AGREEMENT).read_text())["judges"] == []


def test_the_config_names_what_replies_depend_on_and_not_where_the_endpoint_is(judge: Runner, tmp_path: Path) -> None:
    judge()
    config = JUDGE.config(Settings(profile="smoke", sources=(), home=tmp_path, config=tmp_path / "user.yaml"))
    assert [one["endpoint"] for one in config["judges"]] == [ENDPOINT.identity] * 2
    assert "127.0.0.1" not in json.dumps(config)


def test_a_call_without_a_reply_leaves_the_step_unfinished(judge: Runner) -> None:
    _, _, out = judge(always("met", "daily"))
    assert "unfinished" not in json.loads((out / "metadata.json").read_text())["model_verdicts"]
    _, ask, out = judge(lambda call: reply(None, outcome="failed") if "t_open" in call.messages[-1].content else "{}")
    failed = sum("t_open" in call.messages[-1].content for call in ask.calls)
    # One call for each of three criteria, and one for all.
    assert failed == 4
    assert json.loads((out / "metadata.json").read_text())["model_verdicts"]["unfinished"] == failed


@pytest.mark.parametrize("judges", [TWO[:1], []])
def test_a_file_that_changed_since_the_run_was_planned_is_refused(judges: list[Any], tables: Path, tmp_path: Path) -> None:
    file = tmp_path / "user.yaml"
    settings = Settings(profile="smoke", sources=(), home=tables / "home", config=file)
    one = {"endpoints": {"x": {"base_url": "http://127.0.0.1:1/v1", "model": "m"}}, "verdicts": {"judges": TWO}}
    file.write_text(json.dumps(one), encoding="utf-8")
    config = JUDGE.config(settings)
    file.write_text(json.dumps({**one, "verdicts": {"judges": judges}}), encoding="utf-8")
    assert JUDGE.run is not None
    with pytest.raises(ConfigError, match="sections verdicts, endpoints and calls: they changed while the run was planned"):
        JUDGE.run(StepRun(settings=settings, config=config, inputs={}, outputs={}, refs={}, previous=None))


def test_a_section_that_is_no_mapping_or_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "user.yaml"
    settings = Settings(profile="smoke", sources=(), home=tmp_path, config=file)
    for text, message in (
        ("verdicts: [1]", "verdicts must map names to their values"),
        ("verdict: {}", "verdict: unknown key"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            JUDGE.config(settings)


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_have_the_same_keys_and_judge_nothing_held_out(profile: str) -> None:
    config = verdicts_config(profile, {})
    assert not set(config.splits) & set(HELD_OUT_SPLITS)
    assert [(j.name, j.mode, j.temperature) for j in config.judges] == (
        [("judge_a", "together", 0), ("judge_b", "together", 0)] if profile == "paper" else []
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"judge": []}, "judge: unknown key; allowed: .*labelled_limit"),
        ({"judges": [TWO[0], TWO[0]]}, "two judges are named one_by_one"),
        ({"judges": [{**TWO[0], "mode": "both"}]}, "judges.0.mode"),
        ({"judges": [{**TWO[0], "name": "A b"}]}, "judges.0.name"),
        ({"least_evidence_words": 0}, "least_evidence_words"),
        ({"splits": ["test"]}, "splits.0"),
    ],
)
def test_a_wrong_key_is_named(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        verdicts_config("smoke", section)
    with pytest.raises(ConfigError, match="unknown profile"):
        verdicts_config("large", {})
