"""Difficulty from a source's own scale to 0–10."""

from __future__ import annotations

import math


def rescaled(value: object, scale: tuple[float, float]) -> float | None:
    """A difficulty mapped linearly from its source's scale to 0–10; None if there is none.

    >>> rescaled(4, (1, 5)), rescaled("2.5", (0, 5)), rescaled(None, (1, 5))
    (7.5, 5.0, None)

    Raises:
        ValueError: no number, or one outside the scale.
    """
    if value is None or value == "":
        return None
    number = float(value)  # type: ignore[arg-type]
    low, high = scale
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"difficulty {value!r} is not on the scale {low} to {high}")
    return 10 * (number - low) / (high - low)
