"""Contracts of a snapshot: the record that its tables passed their suites, and the invariants that training holds them to.

What belongs here: writing and requiring `contracts.json`, and rules over rows. The suites stand in `assets/checks`: they guard
the warehouse in one run, while a stage may start in any later one, from any folder. So a stage trusts neither: it wants the
record, checks that it is about exactly these files, and recomputes scores and orders from the verdicts with `rubric_score`,
not with the SQL that made them.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Any, get_args

from training.errors import StageRefusal
from training.manifests import sha256_file
from training.records import HELD_OUT_SPLITS, TIERS, Criterion, JudgeKind, Verdict
from training.rubric_score import SCORE_TOLERANCE, Order, RubricError, RubricScore, lexicographic_order, score_response
from training.snapshot import TABLES, read_table

CONTRACTS_FILE = "contracts.json"
ROLE_SPLITS: dict[str, tuple[str, ...]] = {
    "reward_model": ("rm_train", "validation"),
    "panel": ("panel_train", "validation"),
    "policy": ("policy_train", "validation"),
    "benchmark": HELD_OUT_SPLITS,
}
SUITES = ("criteria", "resolved_verdicts", "preference_pairs", "criterion_preferences")
# As evidence behind a preference an assumption is the weakest, though it overrules a model when verdicts are resolved.
STRONGEST_FIRST: tuple[str, ...] = ("adjudicated", "human", "construction", "model", "assumed")
_QUESTIONS = ("instructions", "criteria")
_NOT_EMPTY = {
    "reward_model": (*_QUESTIONS, "responses", "resolved_verdicts", "criterion_preferences"),
    "panel": (*_QUESTIONS, "responses", "resolved_verdicts", "criterion_preferences"),
    "policy": _QUESTIONS,
    "benchmark": _QUESTIONS,
}
_KEYS: dict[str, tuple[str, ...]] = {
    "instructions": ("instruction_id",),
    "criteria": ("criterion_id",),
    "responses": ("response_id",),
    "resolved_verdicts": ("response_id", "criterion_id"),
    "response_scores": ("response_id",),
    "preference_pairs": ("pair_id",),
    "criterion_preferences": ("criterion_id", "better_id", "worse_id"),
}
Row = dict[str, Any]


def write_contracts(folder: Path, suites: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes `contracts.json` beside a snapshot's tables: what the suites said, and the sha256 of every table in the folder.

    Args:
        folder: a snapshot folder whose tables are all written.
        suites: table → its suite's result, with `passed` and the list `expectations`. Which marts it saw is in the manifest
            of the snapshot: here it would make the snapshot another one whenever a row of any other split changes.
    """
    record = {
        "suites": {
            table: {
                "passed": bool(result["passed"]),
                "expectations": len(result["expectations"]),
            }
            for table, result in suites.items()
        },
        "tables": {table: sha256_file(folder / f"{table}.parquet") for table in TABLES},
    }
    (folder / CONTRACTS_FILE).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def check_snapshot(folder: Path, *, role: str) -> None:
    """Refuses a snapshot without passed contracts for exactly these tables, or whose rows break an invariant.

    Args:
        folder: the snapshot.
        role: what it is used for, a key of ROLE_SPLITS.

    Raises:
        StageRefusal: one line, naming the table and the row.
        ValueError: unknown role.
    """
    if role not in ROLE_SPLITS:
        raise ValueError(f"unknown role {role!r}; allowed: {', '.join(ROLE_SPLITS)}")
    for problem in _record_problems(folder):
        raise StageRefusal(f"snapshot {folder.name}: {problem}")
    rows = {table: read_table(folder, table) for table in TABLES}
    for problem in row_problems(rows, role=role):
        raise StageRefusal(f"snapshot {folder.name}: {problem}")


def row_problems(rows: Mapping[str, list[Row]], *, role: str) -> Iterator[str]:
    """The ways in which these tables break an invariant, cheapest first; later rules rest on the earlier ones being kept.

    Args:
        rows: table → rows, for every table of a snapshot.
        role: a key of ROLE_SPLITS.
    """
    yield from (f"{table} has no row" for table in _NOT_EMPTY[role] if not rows[table])
    yield from _key_problems(rows)
    yield from _split_problems(rows, ROLE_SPLITS[role])
    yield from _reference_problems(rows)
    yield from _rubric_problems(rows["criteria"])
    yield from _verdict_problems(rows["resolved_verdicts"])
    index = _Index.of(rows)
    yield from _score_problems(rows["response_scores"], index)
    yield from _pair_problems(rows["preference_pairs"], index)
    yield from _criterion_preference_problems(rows["criterion_preferences"], index)
    yield from _missing_preference_problems(rows["criterion_preferences"], index)


def _record_problems(folder: Path) -> Iterator[str]:
    try:
        record = json.loads((folder / CONTRACTS_FILE).read_text(encoding="utf-8"))
        suites, tables = dict(record["suites"]), dict(record["tables"])
        verdicts = {table: suite["passed"] is True for table, suite in suites.items()}
    except FileNotFoundError:
        yield f"no {CONTRACTS_FILE}: its tables were never checked"
        return
    except (ValueError, TypeError, KeyError) as error:
        yield f"{CONTRACTS_FILE} cannot be read: {error!r}"
        return
    yield from (f"the contract of {table} was never checked" for table in SUITES if table not in verdicts)
    yield from (f"the contract of {table} failed" for table, passed in sorted(verdicts.items()) if not passed)
    for table in TABLES:
        path = folder / f"{table}.parquet"
        if not path.is_file():
            yield f"{path.name} is missing"
        elif sha256_file(path) != tables.get(table):
            yield f"{path.name} is not the table that was checked"


def _key_problems(rows: Mapping[str, list[Row]]) -> Iterator[str]:
    for table, columns in _KEYS.items():
        for row in rows[table]:
            yield from (f"{table}: {column} is null in {_brief(row)}" for column in columns if row[column] is None)
        repeated = Counter(tuple(row[column] for column in columns) for row in rows[table])
        yield from (f"{table}: {' '.join(map(str, key))} stands {n} times" for key, n in repeated.items() if n > 1)


def _split_problems(rows: Mapping[str, list[Row]], allowed: tuple[str, ...]) -> Iterator[str]:
    split_of = {row["instruction_id"]: row["split"] for row in rows["instructions"]}
    clusters: dict[str, str] = {}
    for row in rows["instructions"]:
        name, split, cluster = row["instruction_id"], row["split"], row["cluster_id"]
        if split not in allowed:
            yield f"instructions: {name} is of split {split}, allowed here: {', '.join(allowed)}"
        if cluster is None:
            yield f"instructions: {name} has no cluster_id"
        elif clusters.setdefault(cluster, split) != split:
            yield f"instructions: {name} ({split}) shares cluster {cluster} with split {clusters[cluster]}"
    for table in ("preference_pairs", "criterion_preferences"):
        for row in rows[table]:
            if row["split"] != split_of.get(row["instruction_id"]):
                yield f"{table}: split {row['split']} is not that of the instruction in {_brief(row)}"


def _reference_problems(rows: Mapping[str, list[Row]]) -> Iterator[str]:
    """Every id points to a row of this snapshot, and all ids in one row belong to one instruction."""
    instructions = {row["instruction_id"]: row["instruction_id"] for row in rows["instructions"]}
    responses = {row["response_id"]: row["instruction_id"] for row in rows["responses"]}
    criteria = {row["criterion_id"]: row["instruction_id"] for row in rows["criteria"]}
    home = {"instruction_id": instructions, "response_id": responses, "criterion_id": criteria}
    home |= {column: responses for column in ("chosen_id", "rejected_id", "better_id", "worse_id")}
    for table, table_rows in rows.items():
        for row in table_rows:
            columns = [column for column in row if column in home]
            yield from (f"{table}: unknown {c} {row[c]} in {_brief(row)}" for c in columns if row[c] not in home[c])
            if len({home[c].get(row[c]) for c in columns}) > 1:
                yield f"{table}: ids of different instructions in {_brief(row)}"


def _rubric_problems(criteria: list[Row]) -> Iterator[str]:
    versions: dict[str, str] = {}
    for row in criteria:
        if row["tier"] not in TIERS:
            yield f"criteria: tier {row['tier']} of {row['criterion_id']}"
        if versions.setdefault(row["instruction_id"], row["rubric_version"]) != row["rubric_version"]:
            yield f"criteria: instruction {row['instruction_id']} has two rubric versions"
    for instruction, rubric in _rubrics(criteria).items():
        try:
            score_response(rubric, ["unknown"] * len(rubric))
        except RubricError as error:
            yield f"criteria: rubric of instruction {instruction}: {error}"


def _verdict_problems(verdicts: list[Row]) -> Iterator[str]:
    for row in verdicts:
        if row["verdict"] not in get_args(Verdict):
            yield f"resolved_verdicts: verdict {row['verdict']} in {_brief(row)}"
        if row["judge_kind"] is not None and row["judge_kind"] not in get_args(JudgeKind):
            yield f"resolved_verdicts: judge_kind {row['judge_kind']} in {_brief(row)}"
        if row["judge_kind"] is None and row["verdict"] != "unknown":
            yield f"resolved_verdicts: a verdict of nobody in {_brief(row)}"


@dataclass(frozen=True, kw_only=True)
class _Index:
    """What the rules on scores and preferences look up, recomputed from criteria and verdicts."""

    criteria: dict[str, Row]
    verdicts: dict[tuple[str, str], Row]
    split_of: dict[str, str]
    versions: dict[str, str]
    instruction_of: dict[str, str]
    scores: dict[str, RubricScore] = field(default_factory=dict)
    assumed: dict[str, int] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Mapping[str, list[Row]]) -> _Index:
        index = cls(
            criteria={row["criterion_id"]: row for row in rows["criteria"]},
            verdicts={(row["response_id"], row["criterion_id"]): row for row in rows["resolved_verdicts"]},
            split_of={row["instruction_id"]: row["split"] for row in rows["instructions"]},
            versions={row["instruction_id"]: row["rubric_version"] for row in rows["criteria"]},
            instruction_of={row["response_id"]: row["instruction_id"] for row in rows["responses"]},
        )
        rubrics = _rubrics(rows["criteria"])
        for response, instruction in index.instruction_of.items():
            rubric = rubrics.get(instruction, [])
            found = [index.verdicts.get((response, criterion.criterion_id)) for criterion in rubric]
            if not rubric or any(row is None for row in found):
                index.incomplete.append(response)
                continue
            known = [row for row in found if row is not None]
            index.scores[response] = score_response(rubric, [row["verdict"] for row in known])
            index.assumed[response] = sum(row["judge_kind"] == "assumed" for row in known)
        return index

    def order(self, first: str, second: str) -> Order:
        """The overall order of two responses; in held-out splits one that rests on an assumption counts as none."""
        held_out = self.split_of[self.instruction_of[first]] in HELD_OUT_SPLITS
        if held_out and self.assumed[first] + self.assumed[second]:
            return Order(better="undecidable")
        return lexicographic_order(self.scores[first], self.scores[second])


def _score_problems(scores: list[Row], index: _Index) -> Iterator[str]:
    yield from (f"resolved_verdicts: not every criterion has a row for response {name}" for name in index.incomplete)
    scored = {row["response_id"] for row in scores}
    yield from (f"response_scores: no row for response {name}" for name in index.scores if name not in scored)
    for row in scores:
        name = row["response_id"]
        for column, expected in (asdict(index.scores[name]) | {"assumed": index.assumed[name]}).items():
            if not _same(row[column], expected):
                yield f"response_scores: {column} of response {name} is {row[column]}, its verdicts say {expected}"
        if row["rubric_version"] != index.versions[row["instruction_id"]]:
            yield f"response_scores: another rubric version in {_brief(row)}"


def _pair_problems(pairs: list[Row], index: _Index) -> Iterator[str]:
    seen = Counter(frozenset((row["chosen_id"], row["rejected_id"])) for row in pairs)
    for row in pairs:
        if row["split"] in HELD_OUT_SPLITS and index.assumed[row["chosen_id"]] + index.assumed[row["rejected_id"]]:
            yield f"preference_pairs: an assumed verdict would enter a metric in {_brief(row)}"
            continue
        order = index.order(row["chosen_id"], row["rejected_id"])
        if order.better != "first":
            yield f"preference_pairs: the chosen response is not the better one ({order.better}) in {_brief(row)}"
        elif order.decided_by != row["decided_by"] or not _same(row["margin"], order.margin):
            yield f"preference_pairs: decided by {order.decided_by} with margin {order.margin}, not as in {_brief(row)}"
        if row["rubric_version"] != index.versions[row["instruction_id"]]:
            yield f"preference_pairs: another rubric version in {_brief(row)}"
        if seen[frozenset((row["chosen_id"], row["rejected_id"]))] > 1:
            yield f"preference_pairs: the two responses are compared twice in {_brief(row)}"
    siblings = defaultdict(list)
    for response in index.scores:
        siblings[index.instruction_of[response]].append(response)
    for first, second in (pair for group in siblings.values() for pair in combinations(group, 2)):
        if frozenset((first, second)) not in seen and index.order(first, second).decided_by:
            yield f"preference_pairs: the decided pair of {first} and {second} is missing"


def _criterion_preference_problems(preferences: list[Row], index: _Index) -> Iterator[str]:
    for row in preferences:
        better = index.verdicts[row["better_id"], row["criterion_id"]]
        worse = index.verdicts[row["worse_id"], row["criterion_id"]]
        where = f"in {_brief(row)}"
        if (better["verdict"], worse["verdict"]) != ("met", "unmet"):
            yield f"criterion_preferences: verdicts are {better['verdict']} and {worse['verdict']}, not met and unmet, {where}"
            continue
        weaker = max(better["judge_kind"], worse["judge_kind"], key=STRONGEST_FIRST.index)
        if row["judge_kind"] != weaker:
            yield f"criterion_preferences: the weaker kind of judge is {weaker}, not {row['judge_kind']}, {where}"
        if weaker == "assumed" and row["split"] in HELD_OUT_SPLITS:
            yield f"criterion_preferences: an assumed verdict would enter a metric {where}"
        if row["tier"] != index.criteria[row["criterion_id"]]["tier"]:
            yield f"criterion_preferences: tier {row['tier']} is not the criterion's {where}"
        if row["discordant"] != (index.order(row["better_id"], row["worse_id"]).better == "second"):
            yield f"criterion_preferences: discordant should not be {row['discordant']} {where}"


def _missing_preference_problems(preferences: list[Row], index: _Index) -> Iterator[str]:
    """Every met and unmet response of a criterion make a row; in held-out splits only where neither verdict is assumed.

    A row left out would show nowhere else: every figure over pairs would rest on a part that nobody drew.
    """
    present = {(row["criterion_id"], row["better_id"], row["worse_id"]) for row in preferences}
    responses: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (response, criterion), row in sorted(index.verdicts.items()):
        responses[criterion, row["verdict"]].append(response)
    for criterion in sorted(index.criteria):
        held_out = index.split_of[index.criteria[criterion]["instruction_id"]] in HELD_OUT_SPLITS
        for better, worse in product(responses[criterion, "met"], responses[criterion, "unmet"]):
            kinds = {index.verdicts[response, criterion]["judge_kind"] for response in (better, worse)}
            if (criterion, better, worse) not in present and not (held_out and "assumed" in kinds):
                yield f"criterion_preferences: no row for criterion_id={criterion} better_id={better} worse_id={worse}"


def _rubrics(criteria: Iterable[Row]) -> dict[str, list[Criterion]]:
    rubrics: dict[str, list[Criterion]] = defaultdict(list)
    for row in criteria:
        rubrics[row["instruction_id"]].append(
            Criterion(criterion_id=row["criterion_id"], tier=row["tier"], text=row["text"], weight=row["weight"])
        )
    return rubrics


def _same(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=0, abs_tol=SCORE_TOLERANCE)


def _brief(row: Row) -> str:
    return " ".join(f"{key}={value}" for key, value in row.items() if key.endswith("_id"))
