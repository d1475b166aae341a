"""Which rubric counts: the published one, then the reviewed one, then the draft; and the versions criteria went through."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instructions.tables import SCHEMAS, TableError
from assets.rubrics.current import criterion_history, current_rubrics, rejected_versions, rubric_count
from training.records import HELD_OUT_SPLITS, SPLITS


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of a table of which the test says only what it is about."""
    return pa.Table.from_pylist([dict.fromkeys(SCHEMAS[name].names) | row for row in rows], schema=SCHEMAS[name])


def criteria(name: str, *of: tuple[str, str]) -> pa.Table:
    """Two criteria of each (instruction, version)."""
    return table(
        "rubric_drafts" if name == "rubric_drafts" else "raw_criteria",
        [
            {"criterion_id": f"{name} {key} {version} {n}", "instruction_id": key, "rubric_version": version, "origin": name}
            for key, version in of
            for n in (1, 2)
        ],
    )


def decisions(*of: tuple[str, str]) -> pa.Table:
    return table("review_decisions", [{"rubric_version": version, "decision": decision} for version, decision in of])


def current(**given_tables: Any) -> dict[str, set[tuple[str, str]]]:
    """(instruction, version) of what counts, by where it comes from."""
    known = {
        "published": criteria("published_criteria"),
        "reviewed": criteria("reviewed_criteria"),
        "drafts": criteria("rubric_drafts"),
        "decisions": decisions(),
        "splits": pa.table({"instruction_id": ["a", "b", "c"], "split": ["rm_train", "rm_train", "validation"]}),
        "use_unreviewed": True,
    } | given_tables
    found = current_rubrics(**known)
    assert all(part.schema.names == SCHEMAS["raw_criteria"].names for part in found.values())
    return {
        name: set(zip(part["instruction_id"].to_pylist(), part["rubric_version"].to_pylist(), strict=True))
        for name, part in found.items()
    }


def test_published_beats_reviewed_beats_drafted() -> None:
    found = current(
        published=criteria("published_criteria", ("a", "p")),
        reviewed=criteria("reviewed_criteria", ("a", "ra"), ("b", "rb")),
        drafts=criteria("rubric_drafts", ("a", "da"), ("b", "db"), ("c", "dc")),
    )
    assert found == {"published": {("a", "p")}, "reviewed": {("b", "rb")}, "drafted": {("c", "dc")}}


def test_drafts_can_wait_for_their_review() -> None:
    drafts = criteria("rubric_drafts", ("a", "da"))
    assert current(drafts=drafts)["drafted"] == {("a", "da")}
    assert current(drafts=drafts, use_unreviewed=False)["drafted"] == set()


@pytest.mark.parametrize("split", HELD_OUT_SPLITS)
def test_nothing_is_measured_by_a_draft_that_no_physician_has_seen(split: str) -> None:
    splits = pa.table({"instruction_id": ["a", "b"], "split": [split, split]})
    drafts, reviewed = criteria("rubric_drafts", ("a", "da")), criteria("reviewed_criteria", ("b", "rb"))
    found = current(drafts=drafts, reviewed=reviewed, splits=splits)
    assert found["drafted"] == set() and found["reviewed"] == {("b", "rb")}


def test_a_rejected_draft_does_not_count_and_an_accepted_one_is_not_held_back() -> None:
    drafts = criteria("rubric_drafts", ("a", "da"), ("b", "db"))
    assert current(drafts=drafts, decisions=decisions(("da", "rejected"), ("db", "accepted")))["drafted"] == {("b", "db")}
    assert rejected_versions(decisions(("da", "rejected"), ("db", "edited"))).to_pylist() == ["da"]


def test_what_is_not_among_the_instructions_now_has_no_rubric_now() -> None:
    gone = {"reviewed": criteria("reviewed_criteria", ("x", "rx")), "drafts": criteria("rubric_drafts", ("y", "dy"))}
    found = current(**gone)
    assert found["reviewed"] == found["drafted"] == set()


@pytest.mark.parametrize(("role", "name"), [("reviewed", "reviewed_criteria"), ("drafts", "rubric_drafts")])
def test_two_rubrics_of_one_instruction_are_refused_by_name(role: str, name: str) -> None:
    with pytest.raises(TableError, match="b has more than one"):
        current(**{role: criteria(name, ("b", "v1"), ("b", "v2"), ("a", "v"))})


def test_without_any_rubric_the_tables_are_empty_and_have_their_columns() -> None:
    assert current() == {"published": set(), "reviewed": set(), "drafted": set()}


KEYS = st.sampled_from("abcdefgh")


@given(
    st.sets(KEYS), st.sets(KEYS), st.sets(KEYS), st.sets(KEYS), st.dictionaries(KEYS, st.sampled_from(SPLITS)), st.booleans()
)
def test_every_instruction_has_at_most_one_rubric_and_the_best_there_is(
    published: set[str], reviewed: set[str], drafted: set[str], rejected: set[str], splits: dict[str, str], use: bool
) -> None:
    found = current(
        published=criteria("published_criteria", *((key, "p" + key) for key in published)),
        reviewed=criteria("reviewed_criteria", *((key, "r" + key) for key in reviewed)),
        drafts=criteria("rubric_drafts", *((key, "d" + key) for key in drafted)),
        decisions=decisions(*(("d" + key, "rejected") for key in rejected)),
        splits=pa.table(
            {"instruction_id": pa.array(list(splits), pa.string()), "split": pa.array(list(splits.values()), pa.string())}
        ),
        use_unreviewed=use,
    )
    assert sorted(key for part in found.values() for key, _ in part) == sorted(
        {key for part in found.values() for key, _ in part}
    )
    best = {}
    for key in published | reviewed | drafted:
        if key in published:
            best[key] = "p" + key
        elif key in reviewed and key in splits:
            best[key] = "r" + key
        elif key in drafted - rejected and use and splits.get(key) not in (None, *HELD_OUT_SPLITS):
            best[key] = "d" + key
    assert dict(pair for part in found.values() for pair in part) == best


def test_the_history_holds_every_change_and_every_draft_once() -> None:
    drafts = table(
        "rubric_drafts",
        [
            {
                "criterion_id": key,
                "instruction_id": "a",
                "rubric_version": "v1",
                "tier": "main",
                "text": "States A",
                "weight": 0.5,
            }
            for key in ("c1", "c2")
        ],
    )
    changes = table(
        "review_changes",
        [
            {"criterion_id": "c1", "instruction_id": "a", "rubric_version": "v1", "change": "drafted", "round": "r1"},
            {
                "criterion_id": "c3",
                "instruction_id": "a",
                "rubric_version": "v2",
                "change": "edited",
                "replaces": "c1",
                "round": "r1",
            },
            # Of another version: it says nothing of the draft c2.
            {"criterion_id": "c2", "instruction_id": "a", "rubric_version": "v2", "change": "kept", "round": "r1"},
        ],
    )
    history = criterion_history(drafts=drafts, changes=changes)
    assert history.schema == SCHEMAS["criterion_versions"]
    assert history.slice(0, 3) == changes
    assert history.slice(3).to_pylist() == [
        dict.fromkeys(SCHEMAS["criterion_versions"].names)
        | {
            "criterion_id": "c2",
            "instruction_id": "a",
            "rubric_version": "v1",
            "tier": "main",
            "text": "States A",
            "weight": 0.5,
            "change": "drafted",
        }
    ]


def test_rubrics_are_counted_by_instruction() -> None:
    assert rubric_count(criteria("rubric_drafts", ("a", "v"), ("b", "w"))) == 2
    assert rubric_count(criteria("rubric_drafts")) == 0
