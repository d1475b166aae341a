"""The table of the reward-model benchmark: its figures from seconds and lengths, its limits, and how it is printed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from tests.benchmarks.bench_rm_examples import Shape

COLUMNS = (
    f"{'':22}{'dtype':>6}{'tokens':>15}{'token':>7}{'seconds a step':>16}{'times as fast':>20}{'of':>6}"
    f"{'peak MB':>15}{'criteria/s':>13}{'at':>7}\n"
    f"{'':22}{'':>6}{'usual':>8}{'tree':>7}{'ratio':>7}{'usual':>9}{'tree':>7}{'median [range]':>20}{'limit':>6}"
    f"{'usual':>8}{'tree':>7}{'usual':>7}{'tree':>6}{'least':>7}"
)


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one side measured.

    Attributes:
        seconds: of every repeat.
        update: of them those for the update of the weights; None in scoring.
        peak_mb: highest memory above the loaded weights.
    """

    seconds: Sequence[float]
    update: Sequence[float] | None
    peak_mb: float

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Limits of a row: at least so many times as fast and, in training, a peak no higher than the usual way's."""

    ratio: float
    memory: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table."""

    name: str
    precision: str
    shape: Shape
    usual: Side
    tree: Side
    target: Target | None

    @property
    def ratio(self) -> float:
        """Ratio of the medians."""
        return self.usual.median / self.tree.median

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest ratio of a repeat of the usual way and the tree's repeat next to it."""
        ratios = [usual / tree for usual, tree in zip(self.usual.seconds, self.tree.seconds, strict=True)]
        return min(ratios), max(ratios)

    def missed(self) -> list[str]:
        """The limits that do not hold, in words; none where there is no target."""
        if self.target is None:
            return []
        found = [] if self.ratio >= self.target.ratio else [f"{self.ratio:.2f} x is below {self.target.ratio:g} x"]
        if self.target.memory and self.tree.peak_mb > self.usual.peak_mb:
            found.append(f"peak {self.tree.peak_mb:,.0f} MB is above {self.usual.peak_mb:,.0f} MB")
        return found

    def criteria_per_second(self, side: Side) -> float:
        """In training one is a pair of responses on a criterion, in scoring one response on a criterion."""
        per_criterion = 1 if self.usual.update is not None else self.shape.responses
        return self.shape.criteria * per_criterion / side.median


def head(base: str, batch: int | None, *, threads: int, repeats: int, autocast: bool) -> str:
    """What the table rests on."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl"))
    pairs = f"{batch} pairs" if batch else "all K pairs (4 of 8 at |y|=700, for memory)"
    usual_bf16 = (
        "fp32 weights under autocast (its default)"
        if autocast
        else "bf16 weights, gradients and moments (faster than its default)"
    )
    return (
        f"base {base}; {threads} torch threads; {versions}; medians of {repeats} repeats in turns, after three to warm up\n"
        "Trained on both sides: all layers and the head, embeddings frozen; no gradient checkpointing; no weight decay.\n"
        "A step is one instruction of 120 tokens, a pair of responses of |y| and K criteria of 32: K pairs, one update.\n"
        f"Usual: TRL RewardTrainer.train(), {pairs} a forward pass, AdamW fused (its default).\n"
        "Tree: one tree, pairwise loss, MasterAdamW.\n"
        f"bf16: usual {usual_bf16}; tree bf16 weights and gradients, fp32 copies and moments.\n"
        "Scoring: 8 completions of a prompt on 6 criteria, fp32; usual: a plain classifier on batches, token ids ready made.\n"
        "Token ratio: the gain if time were tokens, the limit but for attention. Peak: above the loaded weights.\n"
    )


def table(rows: Sequence[Row]) -> str:
    """Columns, rows, and what updates take."""
    return "\n".join(["", COLUMNS, *map(table_line, rows), *filter(None, [updates(rows)])])


def table_line(row: Row) -> str:
    """One line under `COLUMNS`."""
    low, high = row.span
    least = "" if row.target is None else f"{row.target.ratio:.1f}"
    missed = "; ".join(row.missed())
    return (
        f"{row.name:22}{dtype(row.precision):>6}"
        f"{row.shape.usual_tokens:>8,}{row.shape.tree_tokens:>7,}{row.shape.token_ratio:>7.2f}"
        f"{row.usual.median:>9.2f}{row.tree.median:>7.2f}{f'{row.ratio:.2f} [{low:.2f}, {high:.2f}]':>20}"
        f"{row.ratio / row.shape.token_ratio:>6.0%}{row.usual.peak_mb:>8,.0f}{row.tree.peak_mb:>7,.0f}"
        f"{row.criteria_per_second(row.usual):>7.2f}{row.criteria_per_second(row.tree):>6.2f}{least:>7}"
        + (f"  MISSED: {missed}" if missed else "")
    )


def updates(rows: Sequence[Row]) -> str:
    """The part of a step that sharing tokens cannot make less, for each precision and side."""
    found = []
    for precision in dict.fromkeys(row.precision for row in rows):
        own = [row for row in rows if row.precision == precision]
        usual = [second for row in own for second in row.usual.update or ()]
        tree = [second for row in own for second in row.tree.update or ()]
        if usual and tree:
            found.append(f"{dtype(precision)} usual {statistics.median(usual):.2f}, tree {statistics.median(tree):.2f}")
    return f"Seconds of a step that are its update: {'; '.join(found)}" if found else ""


def dtype(precision: str) -> str:
    """The short name."""
    return {"float32": "fp32", "bfloat16": "bf16"}[precision]
