"""The section `benchmark` of a user's file: what is checked up front, and what the benchmark's skip key depends on."""

import json
from pathlib import Path

import pytest

from assets.reward_model import benchmark_section as module
from assets.reward_model.benchmark_section import benchmark_section, check_benchmark, outside
from assets.reward_model.steps import REWARD_MODEL_BENCHMARK
from assets.steps import Settings
from orchestration.sections import check_models
from training.config import ConfigError, parse_config
from training.manifests import ArtifactRef
from training.stages import STAGES

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECTION = """
benchmark:
  rivals: [{name: other, path: rival}, {name: far, hub: owner/name, revision: REVISION}]
  pairwise_sets: [{name: doses, path: sets/doses.jsonl}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file that names a rival and a set beside it."""
    rival = tmp_path / "rival"
    rival.mkdir()
    (rival / "config.json").write_text(json.dumps({"model_type": "qwen3", "id2label": {"0": "LABEL_0"}}))
    (rival / "model.safetensors").write_text("weights")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "doses.jsonl").write_text('{"prompt": "p", "chosen": "c", "rejected": "r"}\n')
    path = tmp_path / "own.yaml"
    path.write_text(SECTION.replace("REVISION", COMMIT))
    return path


def settings(own: Path | None, home: Path) -> Settings:
    return Settings(profile="smoke", sources=(), home=home, config=own)


def key(own: Path | None, home: Path) -> str:
    config = REWARD_MODEL_BENCHMARK.config(settings(own, home))
    return REWARD_MODEL_BENCHMARK.key(config, {"snapshot": ArtifactRef(name="x", digest="1")})


def test_what_the_file_names_reaches_the_stages_config_with_its_digests(own: Path, tmp_path: Path) -> None:
    values = REWARD_MODEL_BENCHMARK.config(settings(own, tmp_path))
    config = parse_config(STAGES["reward_model_benchmark"].config_class(), values, where="x")
    here, far = config.rivals  # type: ignore[attr-defined]
    assert (here.path, len(here.sha256)) == (str(tmp_path / "rival"), 64)
    # A commit names its content.
    assert (far.hub, far.revision, far.sha256) == ("owner/name", COMMIT, None)
    (one,) = config.pairwise_sets  # type: ignore[attr-defined]
    assert (one.path, len(one.sha256)) == (str(tmp_path / "sets" / "doses.jsonl"), 64)
    assert config.max_pairs == 12  # type: ignore[attr-defined]


def test_without_a_file_or_its_section_there_is_nothing_from_outside(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("rubrics: {limit: 3}\n")
    assert outside(settings(None, tmp_path)) == outside(settings(own, tmp_path)) == {"rivals": [], "pairwise_sets": []}
    assert key(None, tmp_path) == key(own, tmp_path)


@pytest.mark.parametrize("changed", ["rival/model.safetensors", "rival/config.json", "rival/new.json", "sets/doses.jsonl"])
def test_another_content_is_another_piece_of_work(own: Path, tmp_path: Path, changed: str) -> None:
    before = key(own, tmp_path)
    assert key(own, tmp_path) == before
    path = tmp_path / changed
    path.write_text((path.read_text() if path.exists() else "") + " ")
    assert key(own, tmp_path) != before


def test_another_commit_is_another_piece_of_work(own: Path, tmp_path: Path) -> None:
    before = key(own, tmp_path)
    own.write_text(own.read_text().replace(COMMIT, COMMIT[::-1]))
    assert key(own, tmp_path) != before


def test_the_comparisons_of_other_steps_do_not_hang_on_the_section(own: Path, tmp_path: Path) -> None:
    from assets.policy.steps import POLICY_BENCHMARK

    assert POLICY_BENCHMARK.config(settings(own, tmp_path)) == POLICY_BENCHMARK.config(settings(None, tmp_path))


def test_an_unchanged_folder_is_hashed_once(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(own, tmp_path)
    monkeypatch.setattr("assets.instructions.sources.location.SourceFile.sha256", lambda self: pytest.fail("hashed again"))
    assert key(own, tmp_path) == before


def test_content_that_is_pinned_must_be_there(own: Path, tmp_path: Path) -> None:
    own.write_text(f"benchmark: {{pairwise_sets: [{{name: doses, path: sets/doses.jsonl, sha256: {'ab' * 32}}}]}}\n")
    with pytest.raises(ConfigError, match="pairwise set doses: its content is [0-9a-f]{64}, but (ab){32} is pinned"):
        outside(settings(own, tmp_path))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            "rivals: [{name: other, path: nowhere}]",
            "rival other: no such folder: .*; for a model of the hub give hub and revision",
        ),
        ("rivals: [{name: other, path: sets}]", "rival other: .* has no readable config.json"),
        ("rivals: [{name: other, path: bin}]", "rival other: .* has no weights in safetensors"),
        ("rivals: [{name: other, path: three}]", "rival other: its config.json names 3 labels"),
        ("rivals: [{name: other, path: two}]", "rival other: its config.json names 2 labels"),
        ("rivals: [{name: other, hub: owner/name}]", "hub needs revision"),
        ("rivals: [{name: majority, path: rival}]", "rivals: the name majority is taken"),
        ("rival: []", "rival: unknown key; allowed: pairwise_sets, rivals"),
        ("rivals: [{name: a, path: rival, colour: red}]", "rivals.0.colour: unknown key; allowed: hub, max_length, name, path"),
        (
            "pairwise_sets: [{name: s, path: x, criteria: [{tier: main, text: a, tear: 1}]}]",
            "criteria.0.tear: unknown key; allowed: text, tier$",
        ),
        ("pairwise_sets: [{name: s, path: nowhere.jsonl}]", "pairwise set s: no such file"),
        ("pairwise_sets: [{name: s, path: sets}]", "pairwise set s: no such file"),
        ("pairwise_sets: [{name: s, path: sets/doses.jsonl, criteria: [{tier: good, text: x}]}]", "tier"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(own: Path, tmp_path: Path, section: str, said: str) -> None:
    for name, labels in (("bin", {"0": "a"}), ("three", {"0": "a", "1": "b", "2": "c"}), ("two", None)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"id2label": labels} if labels else {}))
        (tmp_path / name / ("pytorch_model.bin" if name == "bin" else "model.safetensors")).write_text("weights")
    own.write_text(f"benchmark:\n  {section}\n")
    with pytest.raises(ConfigError, match=said) as caught:
        check_models("smoke", own)
    assert "\n" not in str(caught.value)


def test_a_set_that_is_too_large_is_refused_up_front(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_benchmark(own)
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="pairwise set doses: larger than"):
        check_benchmark(own)


def test_paths_are_taken_from_where_the_file_lies_and_urls_as_they_are(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("benchmark: {pairwise_sets: [{name: a, path: ../a.jsonl}, {name: b, path: 's3://bucket/b.jsonl'}]}\n")
    first, second = benchmark_section(own).pairwise_sets
    assert Path(first.path).resolve() == (tmp_path.parent / "a.jsonl").resolve()
    assert second.path == "s3://bucket/b.jsonl"
