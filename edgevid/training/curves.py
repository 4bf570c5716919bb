"""The plot of a training: loss and accuracy of each epoch."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ..errors import ExtraNotInstalledError
from .fit import Epoch, best_epoch

_TRAINING, _VALIDATION, _BEST = "#5b7c99", "#c8553d", "#555555"


def curves_plot(epochs: Sequence[Epoch], title: str) -> bytes:
    """A PNG of loss and accuracy over the epochs, on training and validation clips; the kept epoch is marked.

    Raises:
        ExtraNotInstalledError: matplotlib is absent.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, PercentFormatter
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"Plots need matplotlib, which cannot be imported ({error}): pip install 'edgevid[train]'"
        ) from error
    figure = Figure(figsize=(10, 4.2), dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=11)
    numbers, best = [epoch.epoch for epoch in epochs], best_epoch(epochs)
    for axes, name, training, validation in (
        (figure.add_subplot(1, 2, 1), "loss (cross-entropy)", "loss", "val_loss"),
        (figure.add_subplot(1, 2, 2), "accuracy", "accuracy", "val_accuracy"),
    ):
        marker = "o" if len(epochs) < 15 else None
        for field, label, colour in ((training, "training", _TRAINING), (validation, "validation", _VALIDATION)):
            values = [getattr(epoch, field) for epoch in epochs]
            axes.plot(numbers, values, color=colour, label=label, marker=marker, markersize=3, linewidth=1.4)
        axes.axvline(best, color=_BEST, linewidth=1, linestyle=":", label=f"kept: epoch {best}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if training == "loss":
            axes.set_ylim(bottom=0)
        else:
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.legend(frameon=False, fontsize=9)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
