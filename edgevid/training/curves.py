"""The plot of a training: loss and accuracy of each epoch."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ..support.extras import load_matplotlib
from .fit import Epoch, best_epoch


def curves_plot(epochs: Sequence[Epoch], title: str) -> bytes:
    """A PNG of loss and accuracy over the epochs, on training and validation clips; the kept epoch is marked.

    Raises:
        ExtraNotInstalledError: matplotlib is absent.
    """
    _, figure_class = load_matplotlib()
    figure = figure_class(figsize=(10, 4.2), dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=11)
    numbers, best = [epoch.epoch for epoch in epochs], best_epoch(epochs)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy")):
        for field, label, colour in ((name, "training", "#5b7c99"), (f"val_{name}", "validation", "#c8553d")):
            values = [getattr(epoch, field) for epoch in epochs]
            axes.plot(numbers, values, "o-" if len(epochs) < 15 else "-", color=colour, label=label, markersize=3)
        axes.axvline(best, color="#555555", linewidth=1, linestyle=":", label=f"kept: epoch {best}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.set_ylim(0, None if name == "loss" else 1.02)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
