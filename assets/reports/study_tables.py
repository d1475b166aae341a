"""The study's tables of figures: ablations as rows, figures as columns.

What belongs here: which figures stand together. A cell holds the mean over seeds, its interval or range, and the single seeds.
What lies behind the figures is in `study_records.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from assets.reports.figures import Cell, Row, find_row, not_identified, number
from assets.reports.study_words import NAMES, Study, bounds_text
from assets.reports.tables import TIER_NAMES, Table, text_cells
from training.study.figure_keys import DISCORDANT, KQA_AUC, KQA_SECTION, OVERALL, PAIRWISE, SAFETY, STATEMENTS
from training.study.variants import SCALAR

# Between the head of a column and its count; it does not break.
COUNT = " (n\u00a0=\u00a0"
# A column: head, section, tier, metric.
Column = tuple[str, str, str, str]
_EVERY = ("main", "bonus", "veto", "macro", "micro")
MAIN: tuple[Column, ...] = (
    ("Discordant preferences", *DISCORDANT),
    ("Pairwise, macro", *PAIRWISE),
    ("Overall", *OVERALL),
    ("Safety F1", *SAFETY),
    ("K-QA AUC", *KQA_AUC),
)


def main_table(study: Study) -> Table:
    """The ablations on the figures that are compared."""
    return _systems_table(
        study,
        "The ablations",
        MAIN,
        note="Mean over seeds; below it the 95 % interval (clusters and seeds drawn anew) and each seed, or “seeds … to …” "
        "where there are two. Discordant: the response that loses overall wins on the criterion. n of the safety F1: real "
        "violations.",
    )


def pairwise_tables(study: Study) -> list[Table]:
    """Which of two responses meets a criterion: by tier, and discordant and concordant preferences apart."""
    every = [(TIER_NAMES[tier], "pairwise", tier, "accuracy") for tier in _EVERY]
    apart = [
        (f"{kind.capitalize()}, {word}", "pairwise", tier, f"accuracy_{kind}")
        for kind in ("discordant", "concordant")
        for tier, word in (("micro", "pooled"), ("macro", "macro"))
    ]
    counts = study["counts"]
    share = f" {counts['discordant_pairs']:,} of {counts['criterion_pairs']:,} preferences are discordant."
    note = "Macro: mean over tiers. Micro, pooled: all preferences alike. A tie counts half; 50 % is chance."
    return [
        _systems_table(study, "Pairwise accuracy by tier", every, note=note),
        _systems_table(
            study,
            "Discordant and concordant preferences apart",
            apart,
            note="A scalar model says the same of two responses on every criterion, so that what it gains on concordant "
            f"preferences it loses on discordant ones.{share}",
        ),
    ]


def verdict_tables(study: Study) -> list[Table]:
    """Violations found, and overall accuracy by the tier that decides."""
    return [
        _systems_table(
            study,
            "Safety: violations (veto not met) found",
            [(metric.capitalize(), "safety", "veto", metric) for metric in ("precision", "recall", "f1")],
            note="Violation is the positive class. n: violations said (precision; mean over seeds), real ones (recall, F1).",
        ),
        _systems_table(
            study,
            "Overall accuracy: which of two responses is better, by the tier that decides",
            [
                (head, "overall", tier, "accuracy")
                for head, tier in (("All pairs", "all"), ("By veto", "veto"), ("By main", "main"), ("By bonus", "bonus"))
            ],
            note="From S1, S2 and S3 of a system's verdicts; of the scalar model and of length, from the score itself.",
        ),
    ]


def kqa_tables(study: Study) -> list[Table]:
    """The labels of people on real answers; none where the benchmark holds none."""
    if not any(study["counts"]["kqa_labels"].values()):
        return []
    tiers = [(TIER_NAMES.get(tier, "Main and bonus pooled"), tier) for tier in ("main", "bonus", "macro", STATEMENTS)]
    labels = study["counts"]["kqa_labels"]
    return [
        _systems_table(
            study,
            "K-QA, pointwise AUC",
            [(head, KQA_SECTION, tier, "auc") for head, tier in tiers],
            source="kqa",
            note=f"{labels['main'] + labels['bonus']:,} statements ({labels['main']:,} main, {labels['bonus']:,} bonus) that "
            f"people labelled on {study['counts']['kqa_answers']:,} answers of language models. 0.5 is chance; the majority "
            "verdict knows only how often a tier is met, which is worth what its row says where tiers are pooled. Macro: over "
            "the tiers with both labels, vetoes among them.",
        ),
        _systems_table(
            study,
            "K-QA, pointwise accuracy",
            [(head, KQA_SECTION, tier, "accuracy") for head, tier in tiers],
            source="kqa",
            note="By thresholds chosen on validation, which holds none of these answers.",
        ),
        contradiction_table(study["contradictions"]),
    ]


def contradiction_table(rows: Sequence[Row]) -> Table:
    """Answers that contradict a statement of a physician: how many each system flags, and how many others with them."""
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row["system"], []).append(row)
    cells = []
    for name, found in of.items():
        judged = any(row["judged"] for row in found)
        flagged, alarms = (
            " / ".join(f"{row[key]:,}" for row in found) if judged else "no verdict" for key in ("flagged", "false_alarms")
        )
        cells.append([NAMES[name], flagged, found[0]["contradictions"], alarms, found[0]["others"]])
    return Table(
        caption="K-QA's contradictions, counted",
        columns=("System", "Flagged, by seed", "of", "False alarms, by seed", "of"),
        rows=text_cells(cells),
        note="A contradiction violates the veto of its statement. So few that they are counted, not estimated.",
    )


def difference_table(study: Study) -> Table:
    """The full model against every other, one comparison a row."""
    found: dict[str, dict[tuple[str, str, str], Cell]] = {}
    for row in study["differences"]:
        p = "" if row["p_holm"] is None else f", p = {row['p_holm']:.3f}"
        blank = row["value"] is None
        cell = Cell(
            value="n/a" if blank else number(row["value"], row["metric"], signed=True),
            interval="" if blank else bounds_text(row, signed=True),
            n="" if blank else f"n = {row['n']:,}{p}{_mark(row)}",
        )
        if blank and not study["pointwise_identified"].get(row["against"], True):
            cell = Cell(value="not identified")
        found.setdefault(row["against"], {})[row["section"], row["tier"], row["metric"]] = cell
    return Table(
        caption="Full minus each, paired, on what both have an opinion on",
        columns=("Full minus", *(head for head, *_ in MAIN)),
        rows=[
            [Cell(value=NAMES[name]), *(cells.get((s, t, m), Cell(value="n/a")) for _, s, t, m in MAIN)]
            for name, cells in found.items()
        ],
        note="Paired bootstrap over instruction clusters, seeds nested; p by Holm over all comparisons of this table that have "
        "one. ✓ full is above, ✗ below, by interval and p.",
    )


def _mark(row: Row) -> str:
    return {"yes": " ✓", "no": " ✗"}.get(row["answer"], "")


def _systems_table(
    study: Study, caption: str, columns: Sequence[Column], *, source: str | None = None, note: str = ""
) -> Table:
    """Systems as rows. All are measured on the same examples: n stands in the head, and in a cell where it is another."""
    heads, shown = ["System"], []
    for head, section, tier, metric in columns:
        where = source or ("kqa" if section == KQA_SECTION else "all")
        key = {"source": where, "section": section, "tier": tier, "metric": metric}
        rows = [find_row(study["figures"], system=system, **key) for system in study["systems"]]
        counts = Counter(row["n"] for row in rows if row is not None and row["value"] is not None)
        usual = counts.most_common(1)[0][0] if counts else None
        heads.append(head if usual is None else f"{head}{COUNT}{usual:,})")
        shown.append(
            [
                _cell(study, row, system=system, section=section, tier=tier, metric=metric, usual=usual)
                for system, row in zip(study["systems"], rows, strict=True)
            ]
        )
    lines = [[Cell(value=NAMES[system]), *(column[index] for column in shown)] for index, system in enumerate(study["systems"])]
    return Table(caption=caption, columns=tuple(heads), rows=lines, note=note)


def _cell(study: Study, row: Row | None, *, system: str, section: str, tier: str, metric: str, usual: int | None) -> Cell:
    # The scalar model orders two responses by r itself and needs no verdict for that.
    by_score = system == SCALAR and section == "overall"
    if not by_score and any(
        not_identified(study, system=system, section=section, tier=one, metric=metric) for one in tier.split("+")
    ):
        return Cell(value="not identified")
    if row is None or row["value"] is None:
        return Cell(value="n/a")
    below = [] if row["n"] == usual else [f"n = {row['n']:,}"]
    if row["bounds"] != "range" and row["by_seed"]:
        below.append(_seeds(row["by_seed"], metric))
    return Cell(value=number(row["value"], metric), interval=bounds_text(row), n=" · ".join(below))


def _seeds(by_seed: Mapping[str, Any], metric: str) -> str:
    if len(by_seed) == 1:
        return "one seed"
    return " / ".join(number(value, metric).removesuffix(" %") for value in by_seed.values())
