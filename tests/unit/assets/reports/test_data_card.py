"""The data card: counts worked out by hand from small tables, and a page that says what they say."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.instructions.config import BandConfig
from assets.reports.data_card import DataCardInputs, data_headline, funnel_steps, render_data_card
from assets.reports.data_card_counts import TABLES, count_data
from assets.reports.data_card_steps import MEASURED, data_card_step
from assets.steps import Settings, Step, StepRun
from training.errors import StageRefusal
from training.manifests import ArtifactRef
from training.storage import Store

TEXTS = {
    "a1": "What is gout?",
    "a2": "what is gout?",
    "a3": "Define gout.",
    "b1": "Is 5 mg safe?",
    "b2": "Hi",
    "b3": "Why?",
    "c1": "x" * 60,
    "c2": "y" * 2000,
}
# id → representative, merged_by, difficulty, excluded_because
CURATED = {
    "a1": ("a1", None, 6.0, None),
    "a2": ("a1", "exact", 6.0, "duplicate"),
    "a3": ("b1", "semantic", 6.0, "duplicate"),
    "b1": ("b1", None, 7.5, None),
    "b2": ("b2", None, 1.0, "too_easy"),
    "b3": ("b3", None, None, "difficulty_unknown"),
    # A source with rubrics: one repeats and is too hard, the other only belongs to the same case.
    "c1": ("a1", "semantic", 9.5, None),
    "c2": ("c1", "declared", 10.0, None),
}
CLUSTERS = {"a1": "1", "a2": "1", "c1": "1", "c2": "1", "a3": "2", "b1": "2", "b2": "3", "b3": "4"}
CONTAMINATION = {"passed": True, "held_out": 3, "training": 1200, "exact": 0, "semantic": 0}
CONTAMINATION |= {"threshold": 0.8, "embedding": "some vectors"}
ACCURACY = [
    {"what": "specialty", "group": "a", "half": half, "n": n, "classes": 2, "coverage": 0.5, "accuracy": accuracy}
    | {"low": low, "high": high, "accuracy_of_all": 0.25, "macro": 0.125, "majority": 0.75}
    for half, n, accuracy, low, high in (("held out", 8, 0.5, 0.15, 0.85), ("chosen on", 9, None, None, None))
]
AGREEMENT = [{"source": "b", "scorer": "lexical-v1", "n": 99, "rho": 0.25, "low": 0.06, "high": 0.43}]


def count(source: str, outcome: str, n: int, *, kind: str = "question", reason: str = "") -> dict[str, Any]:
    return {"source": source, "outcome": outcome, "kind": kind, "reason": reason, "n": n}


def facts(source: str, *, commercial: bool) -> dict[str, Any]:
    return {
        "source": source,
        "adapter": source,
        "licence": "MIT" if commercial else "CC-BY-NC-4.0",
        "commercial_use": commercial,
        "provider_terms": None,
        "citation": "By hand <2026>",
        "home": "here",
        "content_digest": "0" * 64,
        "brings_rubrics": source == "c",
        "labels_replaced": 0,
    }


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    rows: dict[str, list[dict[str, Any]]] = {
        "source_facts": [facts("a", commercial=True), facts("b", commercial=False), facts("c", commercial=True)],
        "source_counts": [
            count("a", "read", 4),
            count("a", "accepted", 3),
            count("a", "quarantined", 1, reason="bad_json"),
            count("b", "read", 3),
            count("b", "accepted", 3),
            count("b", "personal_data", 2, kind="phone", reason="mask"),
            count("c", "read", 2),
            count("c", "accepted", 2),
            # Everything it had was set aside.
            count("d", "read", 1),
            count("d", "quarantined", 1, reason="empty_text"),
        ],
        "raw_instructions": [
            {"instruction_id": key, "source": key[0], "text": text, "difficulty": None} for key, text in TEXTS.items()
        ],
        "curated_instructions": [
            {
                "instruction_id": key,
                "representative_id": representative,
                "merged_by": merged,
                "category": "treatment" if key == "a1" else None,
                "category_by": "source" if key == "a1" else None,
                "specialty": "rheumatology" if key == "a1" else None,
                "specialty_by": "prototypes-v1" if key == "a1" else None,
                "difficulty": difficulty,
                "difficulty_scorer": None if difficulty is None else "source",
                "excluded_because": reason,
                "kept": reason is None,
            }
            for key, (representative, merged, difficulty, reason) in CURATED.items()
        ],
        "instruction_clusters": [{"instruction_id": key, "cluster_id": cluster} for key, cluster in CLUSTERS.items()],
        "instruction_splits": [{"instruction_id": key, "split": "rm_train"} for key in TEXTS],
    }
    found = {}
    for name in TABLES:
        (tmp_path / name).mkdir()
        found[name] = tmp_path / name / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows[name]), found[name])
    return found


@pytest.fixture
def counts(tables: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    return count_data(tables, BandConfig())


def test_the_funnel_by_hand(counts: Mapping[str, list[dict[str, Any]]]) -> None:
    names = ("read", "quarantined", "accepted", "exact_duplicates", "near_duplicates")
    rules = ("too_easy", "too_hard", "difficulty_unknown", "kept")
    found = {row["source"]: tuple(row[name] for name in (*names, *rules)) for row in counts["funnel"]}
    assert found == {
        "a": (4, 1, 3, 1, 1, 0, 0, 0, 1),
        "b": (3, 0, 3, 0, 0, 1, 0, 1, 1),
        "c": (2, 0, 2, 0, 0, 0, 0, 0, 2),
        "d": (1, 1, 0, 0, 0, 0, 0, 0, 0),
    }
    assert funnel_steps(counts["funnel"])["a"] == [4, 3, 2, 1, 1]
    for row in counts["funnel"]:
        assert row["read"] == row["quarantined"] + row["accepted"]
        assert row["accepted"] == sum(row[name] for name in (*names[3:], *rules))


def test_what_is_kept_against_the_rules_is_counted(counts: Mapping[str, list[dict[str, Any]]]) -> None:
    assert counts["always_kept"] == [{"source": "c", "repeats": 1, "outside_band": 2, "without_difficulty": 0}]


def test_repeats_are_named_by_both_sources(counts: Mapping[str, list[dict[str, Any]]]) -> None:
    assert counts["repeats"] == [
        {"repeats": "a repeats a", "merged_by": "exact", "n": 1},
        {"repeats": "a repeats b", "merged_by": "semantic", "n": 1},
        {"repeats": "c repeats a", "merged_by": "semantic", "n": 1},
    ]


def test_sources_share_the_clusters_that_both_have_a_member_of(counts: Mapping[str, list[dict[str, Any]]]) -> None:
    shared = {(row["source"], row["other"]): row["n"] for row in counts["overlaps"]}
    assert shared == {
        ("a", "a"): 2,
        ("b", "b"): 3,
        ("c", "c"): 1,
        ("a", "b"): 1,
        ("b", "a"): 1,
        ("a", "c"): 1,
        ("c", "a"): 1,
    }


def test_distributions_by_hand(counts: Mapping[str, list[dict[str, Any]]]) -> None:
    # 0 stands for longer than any end; the six others have at most 50 characters.
    assert counts["length_bins"] == [
        {"at_most": 50, "accepted": 6, "kept": 2},
        {"at_most": 100, "accepted": 1, "kept": 1},
        {"at_most": 0, "accepted": 1, "kept": 1},
    ]
    assert counts["categories"] == [
        {"category": "treatment", "accepted": 1, "kept": 1, "kept_by_source": 1},
        {"category": "unknown", "accepted": 7, "kept": 3, "kept_by_source": 0},
    ]
    assert counts["specialties"][0] == {"specialty": "rheumatology", "accepted": 1, "kept": 1, "kept_by_source": 0}
    # 10 is counted with what begins at 9.
    assert {row["from_difficulty"]: (row["n"], row["kept"]) for row in counts["difficulty"]} == {
        1: (1, 0),
        6: (3, 1),
        7: (1, 1),
        9: (2, 2),
    }


def card(counts: Mapping[str, Any], **changes: Any) -> DataCardInputs:
    values: dict[str, Any] = {
        "counts": counts,
        "band": BandConfig(),
        "scorers": ["source", "local"],
        "agreement": AGREEMENT,
        "accuracy": ACCURACY,
        "contamination": CONTAMINATION,
    }
    return DataCardInputs(**{**values, **changes})


def test_the_page_says_what_the_tables_say(counts: Mapping[str, Any]) -> None:
    made = render_data_card(card(counts))
    page = made["data_card.html"]
    assert "4 questions kept of 10 read from 3 sources" in page
    assert "Not for commercial use: b" in page
    assert "By hand &lt;2026&gt;" in page
    assert "bad json" in page and "empty text" in page and "phone" in page and "mask" in page
    assert "Sources that bring rubrics (c)" in page
    assert "10·p/(p + 4)" in page and "source, lexical-v1. Kept: 5 to 9" in page
    assert "15.0 % to 85.0 %" in page and "0.06 to 0.43" in page
    assert "✓ No training instruction says" in page and "3 held-out and 1,200 other kept instructions" in page
    assert "Texts were compared by some vectors" in page
    assert 'src="' not in page and "<script" not in page and "<link" not in page
    plain = json.loads(made["data_card.json"])
    assert plain["counts"]["splits"][0] == {"source": "a", "split": "rm_train", "n": 1}
    assert plain["taxonomy_accuracy"] == ACCURACY
    assert list(plain["difficulty"]["formulas"]) == ["lexical-v1"]
    assert render_data_card(card(counts)) == made


def test_a_card_of_another_configuration_says_so(counts: Mapping[str, Any]) -> None:
    failed = {**CONTAMINATION, "passed": False, "semantic": 2}
    made = render_data_card(
        card(counts, scorers=["endpoint"], band=BandConfig(low=2.5, unknown="keep"), contamination=failed, accuracy=[])
    )
    page = made["data_card.html"]
    assert "10·p/(p + 4)" not in page and json.loads(made["data_card.json"])["difficulty"]["formulas"] == {}
    assert "Kept: 2.5 to 9" in page and "an unknown difficulty is kept" in page
    assert "✗ Training instructions say what held-out ones ask" in page and "2 near contacts" in page
    assert "No source has a label to measure the classifier on" in page


def test_the_headline_has_a_line_per_source_and_their_sum(counts: Mapping[str, Any]) -> None:
    lines = data_headline(counts, BandConfig()).splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["source", "a", "b", "c", "d", "all"]
    assert lines[5].split()[1:] == ["10", "2", "1", "1", "1", "0", "1", "4"]


def test_the_headline_says_why_records_were_set_aside_what_is_cut_off_and_who_scored() -> None:
    quarantine = [
        {"source": "a", "reason": "bad_json", "n": 1_200},
        {"source": "b", "reason": "bad_json", "n": 3},
        {"source": "b", "reason": "truncated_file", "n": 1},
    ]
    names = ("quarantined", "exact_duplicates", "near_duplicates", "too_easy", "too_hard", "difficulty_unknown", "kept")
    lost = {"source": "a", "read": 1_200, "accepted": 0, **dict.fromkeys(names, 0)}
    counts = {"funnel": [lost], "quarantine": quarantine, "difficulty": [{"scorer": "lexical-v1"}, {"scorer": None}]}
    notes = data_headline(counts, BandConfig(low=4, high=9)).splitlines()[2:]
    assert notes == [
        "set aside: bad_json 1,203, truncated_file 1",
        "! b: a file ends too early; nobody knows how many records are missing: get it again",
        "! a: none of its 1,200 records can be used (bad_json 1,200): look at its place, format and columns",
        "difficulty by lexical-v1; kept from 4 to 9 (how far scorers and labels agree stands in the card)",
    ]


def contamination() -> Step:
    return Step(
        name="contamination",
        outputs=("contamination_results",),
        inputs={"curated_instructions": "curated_instructions", "text_embedding": "text_embedding"},
        checks=("curated_instructions",),
        check_name="contamination",
        group="curation",
        config=lambda settings: {},
    )


def run_of(step: Step, tables: dict[str, Path], folder: Path) -> StepRun:
    settings = Settings(profile="smoke", sources=(), home=folder / "home")
    for asset, name, content in (
        ("instruction_difficulty", "agreement.json", AGREEMENT),
        ("instruction_taxonomy", "accuracy.json", ACCURACY),
    ):
        (folder / asset).mkdir()
        (folder / asset / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "data_card").mkdir()
    refs = {role: ArtifactRef(name=asset, digest=f"{len(role):064x}") for role, asset in step.inputs.items()}
    inputs = {role: folder / asset for role, asset in step.inputs.items()}
    outputs = {"data_card": folder / "data_card"}
    return StepRun(settings=settings, config=step.config(settings), inputs=inputs, outputs=outputs, refs=refs, previous=None)


def test_the_step_tells_what_the_check_found_on_these_very_instructions(tables: dict[str, Path], tmp_path: Path) -> None:
    checking = contamination()
    step = data_card_step(checking)
    assert set(step.inputs.values()) == {*TABLES, *MEASURED, "text_embedding"}
    run = run_of(step, tables, tmp_path)
    assert step.run is not None
    with pytest.raises(StageRefusal, match="the check `contamination` was not made on these instructions"):
        step.run(run)
    store = Store(run.settings.store_root)
    key = checking.key({}, {role: run.refs[role] for role in checking.inputs})
    with store.workspace() as folder:
        (folder / "results.json").write_text("{}", encoding="utf-8")
        found = store.publish(
            name="contamination_results",
            folder=folder,
            skip_key=key,
            inputs={},
            config={},
            code_version="0",
            metadata=CONTAMINATION,
        )
    store.remember(key, {"contamination_results": found.ref})
    metadata = step.run(run)["data_card"]
    assert any(line.startswith("all ") for line in metadata["headline"].splitlines())
    page = (tmp_path / "data_card" / metadata["html"]).read_text(encoding="utf-8")
    assert "3 held-out and 1,200 other kept instructions" in page
