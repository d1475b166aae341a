"""How right the classification is, on rows whose source says what they are.

What belongs here: truths out of sources' labels, and accuracy against them. A source's own category or specialty is a truth;
so is what `source_labels.csv` decides of its label (a site, a diagnosis, a subject). Such labels were not made for this
taxonomy: a site answers questions of other specialties too, a diagnosis belongs to a visit and not to the question asked in it.
Figures against them are low estimates of how well the classifier reads, and are given by source.

Half of the rows (`half` "chosen on") were in view when the phrases, their form and the thresholds were chosen; the other
half ("held out") was not. Which half a row is in hangs on its text alone.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from assets.instructions.taxonomy_names import Decided, Taxonomy, decide

What = Literal["category", "specialty"]
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled row: which group it is reported in, its half, the truth and what was said (None: unknown)."""

    group: str
    held_out: bool
    truth: str
    said: str | None


def measure_accuracy(
    instructions: pa.Table, classified: pa.Table, *, taxonomy: Taxonomy, labels: Mapping[tuple[str, str], Decided]
) -> list[dict[str, Any]]:
    """Accuracy by what, group and half; see `figures`.

    Args:
        instructions: instruction_id, source, text, category, specialty, source_label.
        classified: rows of instruction_taxonomy, of the same ids in the same order.
        taxonomy: the names; a source's own may be aliases.
        labels: see `load_source_labels`.

    Raises:
        ValueError: the tables differ in their ids.
    """
    if instructions.column("instruction_id") != classified.column("instruction_id"):
        raise ValueError("accuracy: the classified instructions are not the instructions")
    columns: tuple[What, What] = ("category", "specialty")
    names = {"category": taxonomy.names_of(taxonomy.categories), "specialty": taxonomy.names_of(taxonomy.specialties)}
    said = {what: classified.column(what).to_pylist() for what in columns}
    judged: dict[What, list[Judged]] = {"category": [], "specialty": []}
    seen: set[tuple[str, str]] = set()
    known: dict[tuple[str, str], Decided] = {}
    rows = instructions.select(["source", "text", "category", "specialty", "source_label"]).to_pylist()
    for place, row in enumerate(rows):
        source, label = row["source"], row["source_label"]
        if (label is None and row["category"] is None and row["specialty"] is None) or (source, row["text"]) in seen:
            continue
        # A text that a source has twice counts once.
        seen.add((source, row["text"]))
        if label is not None and (source, label) not in known:
            known[source, label] = decide(source, label, labels)
        decided = known.get((source, label or ""), Decided(None, None))
        held_out = in_held_out_half(row["text"])
        group = f"{source}: {label.split('/')[0]}" if label is not None and "/" in label else source
        for what in columns:
            truth = names[what].get(row[what]) or getattr(decided, what)
            if truth is not None:
                judged[what].append(Judged(group, held_out, truth, said[what][place]))
    return [figure for what in columns for figure in figures(what, judged[what])]


def in_held_out_half(text: str) -> bool:
    """Whether a labelled text was out of view when the classifier was made."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


def figures(what: str, rows: Sequence[Judged]) -> list[dict[str, Any]]:
    """One row by group and half, and over all groups (`group` "all").

    Keys: what, group, half, n, classes, coverage (share with an answer), accuracy (of those with an answer) with low and
    high (Wilson, 95 %), accuracy_of_all (unknown counts as wrong), macro (mean over classes of accuracy_of_all), majority
    (share of the most frequent class: what a constant answer gets). Shares are None where nothing is there to divide by.
    """
    found = []
    for half in ("held out", "chosen on"):
        part = [row for row in rows if row.held_out == (half == "held out")]
        groups = sorted({row.group for row in part})
        for group in [*groups, "all"] if len(groups) > 1 else groups:
            found.append(
                {"what": what, "group": group, "half": half, **_figure([r for r in part if group in ("all", r.group)])}
            )
    return found


def _figure(rows: Sequence[Judged]) -> dict[str, Any]:
    answered = sum(row.said is not None for row in rows)
    right = sum(row.said == row.truth for row in rows)
    truths = Counter(row.truth for row in rows)
    rights = Counter(row.truth for row in rows if row.said == row.truth)
    low, high = wilson(right, answered) if answered else (None, None)
    return {
        "n": len(rows),
        "classes": len(truths),
        "coverage": answered / len(rows),
        "accuracy": right / answered if answered else None,
        "low": low,
        "high": high,
        "accuracy_of_all": right / len(rows),
        "macro": sum(rights[truth] / n for truth, n in truths.items()) / len(truths),
        "majority": max(truths.values()) / len(rows),
    }


def wilson(right: int, n: int, z: float = _Z95) -> tuple[float, float]:
    """Wilson's interval of a share, 95 % by default.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]

    Raises:
        ValueError: n is not positive, or `right` not in 0 … n.
    """
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"a share of {right} in {n}")
    share, spread = right / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    reach = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)
