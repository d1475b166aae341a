"""Live curves of a training as TensorBoard event files: `make curves` shows them, while it runs and later.

What belongs here: the names under which figures are shown. The artifact's own record is `curve.csv`: these files hold times
and belong to no artifact.

TensorBoard and not trackio: its files are plain, written without a server or a database, and read offline; trackio brings
gradio and a web server into every training image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from training.records import TIERS
from training.reward_model.validation import ValidationFigures

Figures = Mapping[str, float | None]
Write = Callable[[int, Figures], None]


@contextmanager
def open_curves(folder: Path | None, *, first_step: int) -> Iterator[Write]:
    """Opens event files; what it yields adds the figures of a step (None is left out) and puts them on the disk.

    Args:
        folder: one training's own, which an earlier part of it may have begun; None for no curves.
        first_step: the step that comes first now. What an earlier process wrote from there on is shown no more.
    """
    if folder is None:
        yield lambda step, figures: None
        return
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=first_step)

    def write(step: int, figures: Figures) -> None:
        for name, value in figures.items():
            if value is not None:
                writer.add_scalar(name, value, step)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()


def validation_curves(figures: ValidationFigures) -> dict[str, float | None]:
    """The figures of a validation by the names they are shown under."""
    shown: dict[str, float | None] = {
        "validation/loss": figures.loss,
        "validation/accuracy": figures.accuracy,
        "validation/discordant_accuracy": figures.discordant_accuracy,
    }
    for tier in TIERS:
        shown[f"validation_accuracy/{tier}"] = figures.pairwise_accuracy[tier]
        shown[f"validation_pairwise_loss/{tier}"] = figures.pairwise_loss[tier]
        shown[f"validation_pointwise_loss/{tier}"] = figures.pointwise_loss[tier]
    return shown
