"""The programme with a scorer that needs no model: what it checks first, that it goes on, and that nothing is half written."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.reward_models import calibration, write_manifest
from training.errors import StageRefusal
from training.manifests import sha256_text
from training.reward_model.scoring import CriterionScore
from training.scoring.output import PartFile, part_paths
from training.scoring.programme import (
    CHUNK_BYTES,
    CHUNK_LINES,
    ScoreOptions,
    check_input,
    chunks,
    lines_of_whole_chunks,
    main,
    run,
)
from training.scoring.results import ModelFacts
from training.storage import StoreError


class Lengths:
    """Scores by the length of the response and its company: a line that is scored in another chunk gets another number."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.calls, self.stop_after = 0, stop_after

    def score(self, items):
        if self.calls == self.stop_after:
            raise KeyboardInterrupt
        self.calls += 1
        company = len(items) / 1000
        return [
            [[CriterionScore(logit=len(r) + company, p_met=0.75, verdict="met")] * len(i.criteria) for r in i.responses]
            for i in items
        ]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that names a model; what it would load is replaced."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer_config.json"):
        (folder / name).write_text("{}")
    (folder / "scoring.json").write_text("{}")
    (folder / "metrics.json").write_text(json.dumps({"pointwise_identified": True}))
    (folder / "calibration.json").write_text(calibration().model_dump_json())
    write_manifest(folder)
    return folder


def write_lines(path: Path, n: int, *, start: int = 0) -> Path:
    rubric = [{"tier": "main", "text": "t", "weight": 1.0}]
    rows = [{"id": i, "instruction": "q", "response": "x" * (i % 7 + 1), "rubric": rubric} for i in range(start, start + n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def options(file: Path, model: Path, out: Path | None, tokens_per_batch: int | None = None) -> ScoreOptions:
    return ScoreOptions(file=file, name=file.name, model=model, out=out, device=None, tokens_per_batch=tokens_per_batch)


def score(
    file: Path, model: Path, out: Path | None, *, stop_after: int | None = None, tokens_per_batch: int | None = None
) -> Lengths:
    scorer = Lengths(stop_after=stop_after)

    def load(folder, name, *, device, tokens_per_batch):
        return scorer, ModelFacts(name=name, judged=frozenset(("main", "bonus", "veto")), flat=(), scalar=False)

    run(options(file, model, out, tokens_per_batch), load)
    return scorer


def test_every_line_gets_one_line_in_order(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 70), tmp_path / "out.jsonl"
    score(file, model, out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(70))
    # 70 lines are chunks of 32, 32 and 6.
    logits = [row["scores"][0]["criteria"][0]["logit"] for row in rows]
    assert logits[0] == pytest.approx(1.032) and logits[69] == pytest.approx(70 % 7 + 7 + 0.006)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "model", "out.jsonl"]


def test_what_was_broken_off_goes_on_to_the_same_bytes(tmp_path, model, capsys):
    file = write_lines(tmp_path / "a.jsonl", 100)
    score(file, model, tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        score(file, model, out, stop_after=2)
    part, _ = part_paths(out)
    assert part.read_bytes().count(b"\n") == 64 and not out.exists()
    # As after kill -9 in the middle of a chunk and of a line.
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([*lines[:64], *lines[:5], b'{"id":69,"sco']))
    capsys.readouterr()
    assert score(file, model, out).calls == 2
    assert "goes on after line 64 of 100" in capsys.readouterr().err
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not any(path.exists() for path in part_paths(out))


def test_what_was_done_but_for_its_name_is_not_scored_again(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 40), tmp_path / "out.jsonl"
    score(file, model, out)
    whole = out.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        score(file, model, out, stop_after=0)
    part, _ = part_paths(out)
    part.write_bytes(whole + b"torn")
    assert score(file, model, out).calls == 0
    assert out.read_bytes() == whole


@pytest.mark.parametrize("change", ["input", "model", "code", "device"])
def test_other_input_another_model_other_code_or_another_device_begins_anew(change, tmp_path, model, monkeypatch, capsys):
    file, out = write_lines(tmp_path / "a.jsonl", 40), tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        score(file, model, out, stop_after=1)
    if change == "input":
        write_lines(file, 40, start=1)
    elif change == "model":
        (model / "config.json").write_text("{ }")
        write_manifest(model)
    elif change == "device":
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    else:
        monkeypatch.setattr("training.scoring.programme.source_hash", lambda sources: sha256_text("other"))
    assert score(file, model, out).calls == 2
    assert "out.jsonl.part was of another input, model, version or device: begins anew" in capsys.readouterr().err
    assert len(out.read_text().splitlines()) == 40


def test_an_earlier_result_stands_until_the_new_one_is_whole(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 40), tmp_path / "out.jsonl"
    out.write_text("earlier\n")
    with pytest.raises(KeyboardInterrupt):
        score(file, model, out, stop_after=1)
    assert out.read_text() == "earlier\n"
    score(file, model, out)
    assert len(out.read_text().splitlines()) == 40


def test_a_bad_line_stops_before_a_model_is_loaded_or_a_file_is_made(tmp_path, model):
    file = write_lines(tmp_path / "a.jsonl", 40)
    with file.open("a") as handle:
        handle.write('{"instruction": "q"}\n')

    def load(*arguments, **keywords):
        raise AssertionError("the model was loaded")

    with pytest.raises(StageRefusal, match=r"^a\.jsonl line 41: needs either response or responses"):
        run(options(file, model, tmp_path / "out.jsonl"), load)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "model"]


def test_a_file_without_a_line_is_refused(tmp_path, model):
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(StageRefusal, match=r"a\.jsonl holds no line to score"):
        score(tmp_path / "a.jsonl", model, None)


def test_a_last_line_without_an_end_counts(tmp_path):
    file = write_lines(tmp_path / "a.jsonl", 3)
    file.write_bytes(file.read_bytes().rstrip())
    assert check_input(file, name="a").lines == 3


def test_a_file_that_changes_while_it_is_scored_gives_no_result(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 10), tmp_path / "out.jsonl"

    def load(folder, name, *, device, tokens_per_batch):
        write_lines(file, 10, start=1)
        return Lengths(), ModelFacts(name=name, judged=frozenset(), flat=(), scalar=False)

    with pytest.raises(StageRefusal, match=r"a\.jsonl was changed while it was being scored; run again"):
        run(options(file, model, out), load)
    assert not out.exists()


def test_the_input_is_never_written_over(tmp_path, model):
    file = write_lines(tmp_path / "a.jsonl.part", 3)
    before = file.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(file)
    for out in ("a.jsonl.part", "a.jsonl", "link.jsonl"):
        with pytest.raises(StageRefusal, match="would write over the input"):
            score(file, model, tmp_path / out)
    assert file.read_bytes() == before


def test_places_that_cannot_hold_the_result_are_refused(tmp_path, model):
    file = write_lines(tmp_path / "a.jsonl", 3)
    with pytest.raises(StageRefusal, match=r"model is no file; choose another --out"):
        score(file, model, model)
    with pytest.raises(StageRefusal, match=r"/dev/null is no file"):
        score(file, model, Path("/dev/null"))
    with pytest.raises(StageRefusal, match=r"nowhere/out\.part cannot be written: No such file or directory"):
        score(file, model, tmp_path / "nowhere" / "out")
    foreign, _ = part_paths(tmp_path / "out.jsonl")
    foreign.write_text("mine")
    with pytest.raises(StageRefusal, match=r"out\.jsonl\.part is there, and none of this command's"):
        score(file, model, tmp_path / "out.jsonl")
    assert foreign.read_text() == "mine"


def test_two_processes_do_not_write_one_file(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 3), tmp_path / "out.jsonl"
    with PartFile(out, {"input": "x"}), pytest.raises(StageRefusal, match=r"another process writes .*out\.jsonl"):
        score(file, model, out)


def test_a_folder_that_is_no_reward_model_or_not_what_its_manifest_says_is_refused(tmp_path, model):
    file = write_lines(tmp_path / "a.jsonl", 3)
    with pytest.raises(StageRefusal, match=r"model .* holds no config\.json; give the folder of a reward_model artifact"):
        score(file, tmp_path, None)
    (model / "calibration.json").write_text("{}")
    with pytest.raises(StoreError, match=r"calibration\.json is not what the manifest says"):
        score(file, model, None)


def test_a_folder_without_a_manifest_is_named_by_its_content(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 1), tmp_path / "out.jsonl"
    digests = []
    for text in ("{}", "{}", "{ }"):
        (model / "manifest.json").unlink(missing_ok=True)
        (model / "config.json").write_text(text)
        score(file, model, out)
        digests.append(json.loads(out.read_text())["reward_model"])
    assert digests[0] == digests[1] != digests[2] and digests[0].startswith("model@")


def test_another_token_budget_goes_on(tmp_path, model):
    file, out = write_lines(tmp_path / "a.jsonl", 70), tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        score(file, model, out, stop_after=1)
    assert score(file, model, out, tokens_per_batch=512).calls == 2


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail]\nDefaultCPUAllocator: can't allocate memory: 1 GB")]
)
def test_out_of_memory_is_one_line_that_names_the_option(error, tmp_path, model, monkeypatch, capsys):
    def load(*arguments, **keywords):
        raise error

    monkeypatch.setattr(run, "__defaults__", (load,))
    monkeypatch.setattr("training.scoring.programme.unwind_on_sigterm", lambda: None)
    assert main([str(write_lines(tmp_path / "a.jsonl", 1)), "--model", str(model)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("promedical: out of memory; give a smaller --tokens-per-batch (") and said.count("\n") == 1


@given(st.lists(st.integers(1, CHUNK_BYTES + 10), max_size=80), st.integers(0, 80))
def test_chunks_hold_all_lines_in_order_and_are_bounded(sizes, done):
    lines = [bytes([i % 256]) * size for i, size in enumerate(sizes)]
    found = list(chunks(iter(lines)))
    assert [line for chunk in found for line in chunk] == lines
    for chunk in found:
        assert 1 <= len(chunk) <= CHUNK_LINES and sum(map(len, chunk[:-1])) < CHUNK_BYTES


@given(done=st.integers(0, 100))
def test_going_on_starts_at_a_chunk(done, tmp_path_factory):
    file = write_lines(tmp_path_factory.mktemp("lines") / "a.jsonl", 100)
    start = lines_of_whole_chunks(file, done)
    assert start == (100 if done == 100 else 32 * math.floor(done / 32))
