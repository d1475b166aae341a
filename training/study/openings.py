"""The record of openings: which cells' predictions the studies of a project folder held against K-QA's human labels, in order.

What belongs here: carrying the record on. A label that is looked at again and again stops being a test, so the studies' looks
are counted: each study takes over the record of the one before it and adds the cells that are new to it. Nothing is ever taken
out, also not the cells of a variant that was changed afterwards. The record starts empty in every project folder, and the stage
`reward_model_benchmark`, which measures on the same labels, is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Opening = dict[str, Any]


def carried_on(before: Sequence[Opening], cells: Mapping[str, str], *, snapshot: str, labels: int) -> list[Opening]:
    """The record, with an entry for each cell that was not held against these labels before.

    Args:
        before: the record of the study before.
        cells: name of a cell → its artifact.
        snapshot: the benchmark snapshot that holds the labels.
        labels: how many there are; none opens nothing.

    >>> carried_on([], {"full-0": "cells@1"}, snapshot="b@1", labels=9)
    [{'number': 1, 'cell': 'full-0', 'artifact': 'cells@1', 'snapshot': 'b@1', 'labels': 9}]
    """
    known = {(row["artifact"], row["snapshot"]) for row in before}
    new = [(name, artifact) for name, artifact in cells.items() if labels and (artifact, snapshot) not in known]
    return [
        *before,
        *(
            {"number": number, "cell": name, "artifact": artifact, "snapshot": snapshot, "labels": labels}
            for number, (name, artifact) in enumerate(new, start=len(before) + 1)
        ),
    ]
