"""The peer of the warehouse: the same marts in pandas, as somebody would write them who has no dbt and no DuckDB.

What belongs here: frames in, frames out; vectorized, no row loops but for the hash in `pair_id`. The rules are those of
dbt_project's models, written a second time: `differences` tells whether both come to the same. The mart `quarantine` is left
out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from training.rubric_score import SCORE_TOLERANCE, WEIGHT_TOLERANCE

RESOLUTION = {kind: rank for rank, kind in enumerate(("adjudicated", "human", "construction", "assumed", "model"))}
STRONGEST_FIRST = ("adjudicated", "human", "construction", "model", "assumed")
HELD_OUT = ("benchmark", "external")
CELL = ["response_id", "criterion_id"]
RUBRIC = ["instruction_id", "rubric_version"]
# Mart → the columns that tell its rows apart.
KEYS = {
    "instructions": ["instruction_id"],
    "criteria": ["criterion_id"],
    "responses": ["response_id"],
    "verdicts": ["response_id", "criterion_id", "judge", "judge_kind"],
    "resolved_verdicts": CELL,
    "response_scores": ["response_id"],
    "pair_outcomes": ["split", "source", "outcome"],
    "preference_pairs": ["pair_id"],
    "criterion_preferences": ["criterion_id", "better_id", "worse_id"],
}
Frames = dict[str, pd.DataFrame]


def build_marts(raw: Path, out: Path) -> dict[str, int]:
    """Reads the raw Parquet files, writes one Parquet file per mart sorted by its key, returns the rows of each."""
    out.mkdir(parents=True, exist_ok=True)
    marts = compute({path.stem: pd.read_parquet(path) for path in raw.glob("*.parquet")})
    for mart, frame in marts.items():
        frame.sort_values(KEYS[mart]).to_parquet(out / f"{mart}.parquet", index=False, compression="zstd")
    return {mart: len(frame) for mart, frame in marts.items()}


def compute(raw: Frames) -> Frames:
    """The marts of these raw tables."""
    instructions = _instructions(raw)
    criteria = _accepted(raw["raw_criteria"])
    labels = raw["raw_verdicts"].merge(criteria[["criterion_id"]], on="criterion_id")
    cells = _resolved(raw["raw_responses"], criteria, labels)
    scores = _scores(cells)
    of_instruction = instructions.loc[instructions["kept"], ["instruction_id", "source", "split"]]
    compared = _compared(scores, of_instruction)
    pairs = _preference_pairs(compared)
    grouped = compared.assign(n_assumed=compared["assumed"] > 0).groupby(["split", "source", "outcome"], dropna=False)
    outcomes = grouped.agg(n_pairs=("assumed", "size"), n_assumed=("n_assumed", "sum")).reset_index()
    return {
        "instructions": instructions,
        "criteria": criteria,
        "responses": raw["raw_responses"],
        "verdicts": labels,
        "resolved_verdicts": cells[[*CELL, "verdict", "judge_kind", "n_labels", "agreement"]],
        "response_scores": scores,
        "pair_outcomes": outcomes,
        "preference_pairs": pairs,
        "criterion_preferences": _criterion_preferences(cells, of_instruction, pairs),
    }


def _instructions(raw: Frames) -> pd.DataFrame:
    published = raw["raw_instructions"].drop(columns=["category", "specialty", "difficulty", "source_label"])
    joined = published.merge(raw["curated_instructions"], on="instruction_id", how="left")
    return joined.merge(raw["instruction_splits"], on="instruction_id", how="left")


def _accepted(criteria: pd.DataFrame) -> pd.DataFrame:
    main = criteria[criteria["tier"] == "main"]
    weights = main.groupby(RUBRIC)["weight"].agg(["sum", "min", "count", "size"]).reset_index()
    sound = (weights["min"] > 0) & ((weights["sum"] - 1).abs() <= WEIGHT_TOLERANCE) & (weights["count"] == weights["size"])
    return criteria.merge(weights.loc[sound, RUBRIC], on=RUBRIC)


def _resolved(responses: pd.DataFrame, criteria: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    ranked = labels[[*CELL, "verdict", "judge_kind"]].assign(rank=labels["judge_kind"].map(RESOLUTION))
    deciding = ranked[ranked["rank"] == ranked.groupby(CELL)["rank"].transform("min")]
    said = deciding.assign(**{verdict: deciding["verdict"] == verdict for verdict in ("met", "unmet", "unknown")})
    counts = said.groupby([*CELL, "judge_kind"])[["met", "unmet", "unknown"]].sum().reset_index()
    rubric = criteria[["criterion_id", *RUBRIC, "tier", "weight"]]
    cells = responses[["response_id", "instruction_id"]].merge(rubric, on="instruction_id").merge(counts, on=CELL, how="left")
    for verdict in ("met", "unmet", "unknown"):
        cells[verdict] = cells[verdict].fillna(0).astype("int64")
    cells["n_labels"] = cells["met"] + cells["unmet"] + cells["unknown"]
    human, n = (cells["judge_kind"] == "human").fillna(False), cells["n_labels"]
    met = (n > 0) & ((cells["met"] == n) | (human & (2 * cells["met"] > n)))
    unmet = (n > 0) & ((cells["unmet"] == n) | (human & (2 * cells["unmet"] > n)))
    cells["verdict"] = np.select([met, unmet], ["met", "unmet"], "unknown")
    agreeing = np.select([met, unmet], [cells["met"], cells["unmet"]], cells["unknown"])
    cells["agreement"] = (agreeing / n.where(n > 0)).astype("float64")
    return cells


def _scores(cells: pd.DataFrame) -> pd.DataFrame:
    tier, verdict = cells["tier"], cells["verdict"]
    marked = cells[["response_id", *RUBRIC]].assign(
        s1=cells["weight"].where((tier == "main") & (verdict == "met"), 0.0),
        s2=(tier == "bonus") & (verdict == "met"),
        s3=(tier == "veto") & (verdict == "unmet"),
        unknown_main=(tier == "main") & (verdict == "unknown"),
        unknown_bonus=(tier == "bonus") & (verdict == "unknown"),
        unknown_veto=(tier == "veto") & (verdict == "unknown"),
        assumed=(cells["judge_kind"] == "assumed").fillna(False),
    )
    scores = marked.groupby(["response_id", *RUBRIC]).sum().reset_index()
    for score, unknown in (("s1", "unknown_main"), ("s2", "unknown_bonus"), ("s3", "unknown_veto")):
        scores[score] = scores[score].astype("float64").where(scores[unknown] == 0)
    return scores


def _compared(scores: pd.DataFrame, instructions: pd.DataFrame) -> pd.DataFrame:
    both = scores.merge(scores, on=RUBRIC, suffixes=("_1", "_2"))
    both = both[both["response_id_1"] < both["response_id_2"]].merge(instructions, on="instruction_id")
    veto, main, bonus = both["s3_2"] - both["s3_1"], both["s1_1"] - both["s1_2"], both["s2_1"] - both["s2_2"]
    decisions = {
        "no veto": (veto.isna(), "undecidable", np.nan),
        "veto": (veto != 0, "veto", veto),
        "no main": (main.isna(), "undecidable", np.nan),
        "main": (main.abs() > SCORE_TOLERANCE, "main", main),
        "no bonus": (bonus.isna(), "undecidable", np.nan),
        "bonus": (bonus != 0, "bonus", bonus),
    }
    conditions, outcomes, leads = zip(*decisions.values(), strict=True)
    both["outcome"] = np.select(conditions, outcomes, "tie")
    lead = np.select(conditions, [np.broadcast_to(value, len(both)) for value in leads], np.nan)
    both["better_id"] = both["response_id_1"].where(lead > 0, both["response_id_2"])
    both["worse_id"] = both["response_id_2"].where(lead > 0, both["response_id_1"])
    both["margin"] = np.abs(lead)
    both["assumed"] = both["assumed_1"] + both["assumed_2"]
    return both


def _preference_pairs(compared: pd.DataFrame) -> pd.DataFrame:
    held_out = compared["split"].isin(HELD_OUT)
    counts = compared["outcome"].isin(["veto", "main", "bonus"]) & compared["split"].notna()
    chosen = compared[counts & ~(held_out & (compared["assumed"] > 0))]
    names = chosen["rubric_version"] + "|" + chosen["better_id"] + "|" + chosen["worse_id"]
    ids = ["pair_" + hashlib.sha256(name.encode()).hexdigest()[:16] for name in names]
    columns = {"better_id": "chosen_id", "worse_id": "rejected_id", "outcome": "decided_by"}
    kept = [*RUBRIC, "chosen_id", "rejected_id", "decided_by", "margin", "split"]
    return chosen.rename(columns=columns)[kept].assign(pair_id=ids)


def _criterion_preferences(cells: pd.DataFrame, instructions: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    known = cells[["response_id", "criterion_id", *RUBRIC, "tier", "verdict", "judge_kind"]]
    better = known[known["verdict"] == "met"].rename(columns={"response_id": "better_id"})
    worse = known.loc[known["verdict"] == "unmet", ["response_id", "criterion_id", "judge_kind"]]
    worse = worse.rename(columns={"response_id": "worse_id"})
    both = better.merge(worse, on="criterion_id", suffixes=("", "_worse")).merge(instructions, on="instruction_id")
    weakness = {kind: place for place, kind in enumerate(STRONGEST_FIRST)}
    weaker = np.maximum(both["judge_kind"].map(weakness), both["judge_kind_worse"].map(weakness)).astype("int64")
    both["judge_kind"] = np.array(STRONGEST_FIRST)[weaker]
    both = both[both["split"].notna() & ~(both["split"].isin(HELD_OUT) & (both["judge_kind"] == "assumed"))]
    lost = pairs[["chosen_id", "rejected_id"]].assign(discordant=True)
    both = both.merge(lost, how="left", left_on=["worse_id", "better_id"], right_on=["chosen_id", "rejected_id"])
    both["discordant"] = both["discordant"].notna()
    return both[["instruction_id", "criterion_id", "tier", "better_id", "worse_id", "discordant", "judge_kind", "split"]]


def differences(left: Path, right: Path) -> dict[str, int]:
    """Mart → rows in which two folders of marts differ, over all columns both have; doubles within the score's tolerance."""
    import duckdb

    found = {}
    for mart, key in KEYS.items():
        connection = duckdb.connect()
        try:
            ours, theirs = (connection.read_parquet(str(folder / f"{mart}.parquet")) for folder in (left, right))
            columns = [column for column in ours.columns if column in theirs.columns and column not in key]
            types = dict(zip(ours.columns, ours.types, strict=True))
            same = [
                f"(coalesce(abs(l.{c} - r.{c}) <= {SCORE_TOLERANCE}, false) or (l.{c} is null and r.{c} is null))"
                if str(types[c]) == "DOUBLE"
                else f"l.{c} is not distinct from r.{c}"
                for c in columns
            ]
            on = " and ".join(f"l.{c} is not distinct from r.{c}" for c in key)
            query = (
                f"select count(*) from (select *, true as here from ours) l full join (select *, true as here from theirs) r "
                f"on {on} where l.here is null or r.here is null or not ({' and '.join(same)})"
            )
            row = connection.execute(query).fetchone()
        finally:
            connection.close()
        found[mart] = int(row[0]) if row else 0
    return found
