"""Plots of an evaluation, as PNG. They are legible from 2 to 101 classes, because they grow with the number of classes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..support.extras import load_matplotlib
from .figures import Figure

_VALUES_UP_TO = 25  # classes; in a larger matrix the cells are too small for numbers
_INK, _FAINT = "#1f2328", "#d0d7de"
COLOURS = ("#2166ac", "#d6604d", "#4d9221", "#762a83", "#b8860b", "#5e6b78")


def confusion_plot(
    confusion: NDArray[Any], rows: Sequence[str], columns: Sequence[str], title: str, *, normalised: bool
) -> bytes:
    """A confusion matrix: true classes down, predicted classes across.

    Args:
        confusion: counts ``[rows, columns]``.
        normalised: show each cell as a share of its row.
    """
    matplotlib, _ = load_matplotlib()
    shown = normalise_rows(confusion) if normalised else confusion.astype(np.float64)
    few = max(len(rows), len(columns)) <= _VALUES_UP_TO
    cell, size = (max(0.52, 3.0 / len(columns)), 10.0) if few else (0.19, 7.5)
    # A large matrix has labels on all four sides, because cells are far from them.
    names = max(map(len, [*rows, *columns])) * size * 0.0095 * (1 if few else 2)
    width, height = cell * len(columns) + names + 1.3, cell * len(rows) + names + 1.0
    figure = _figure(max(width, 0.11 * len(title)), height, title)
    axes = figure.add_subplot()
    # The square root makes rare confusions visible beside the diagonal.
    norm = matplotlib.colors.PowerNorm(0.5, 0.0, 1.0 if normalised else max(float(shown.max()), 1.0))
    image = axes.imshow(shown, cmap="Blues", norm=norm, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=size)
    axes.set_yticks(range(len(rows)), rows, fontsize=size)
    axes.set_xlabel("predicted", fontsize=size + 2)
    axes.set_ylabel("true", fontsize=size + 2)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=_FAINT, linewidth=0.8 if few else 0.35)
    axes.tick_params(which="minor", length=0)
    axes.tick_params(which="major", length=2, right=not few, top=not few, labelright=not few, labeltop=not few)
    if few:
        for (i, j), value in np.ndenumerate(shown):
            if confusion[i, j]:
                text = f"{value:.2f}".lstrip("0") if normalised and value < 1 else f"{value:.0f}"
                colour = "white" if norm(value) > 0.6 else _INK
                axes.text(j, i, text, ha="center", va="center", fontsize=size - 0.5, color=colour)
    figure.colorbar(image, ax=axes, shrink=min(1.0, 3.0 / height), aspect=15).ax.tick_params(labelsize=size - 1)
    return _png(figure)


def class_bars(
    labels: Sequence[str], figures: Mapping[str, Sequence[Figure]], clips: Sequence[int], title: str
) -> bytes:
    """F1 of each class as bars, best first, with its interval, and precision and recall as marks.

    Args:
        figures: "f1", "precision" and "recall": of each class.
    """
    f1 = figures["f1"]
    order = sorted(range(len(labels)), key=lambda i: (-f1[i].value, labels[i]))
    figure, axes = _class_axes([f"{labels[i]}  ({clips[i]})" for i in order], title)
    axes.barh(range(len(order)), [f1[i].value for i in order], color="#9ecae1", height=0.72, label="F1")
    known = [(place, *interval) for place, i in enumerate(order) if (interval := f1[i].interval) is not None]
    if known:
        axes.hlines(*zip(*known), color=_INK, linewidth=1, label="95 % interval of F1")
    for name, marker, colour in (("precision", "o", COLOURS[0]), ("recall", "D", COLOURS[1])):
        values = [figures[name][i].value for i in order]
        axes.plot(values, range(len(order)), marker, color=colour, markersize=4, label=name)
    figure.legend(loc="outside lower left", ncols=4, frameon=False)
    return _png(figure)


def paired_bars(
    labels: Sequence[str], first: Sequence[float], second: Sequence[float], names: tuple[str, str], title: str
) -> bytes:
    """A figure of each class for two bundles, joined by a line; the largest gap in favour of the first is on top."""
    order = sorted(range(len(labels)), key=lambda i: (second[i] - first[i], labels[i]))
    at = np.arange(len(labels))
    one, other = ([values[i] for i in order] for values in (first, second))
    figure, axes = _class_axes([labels[i] for i in order], title)
    axes.hlines(at, one, other, [COLOURS[a <= b] for a, b in zip(one, other)], alpha=0.6)
    axes.plot(one, at, "o", color=COLOURS[0], markersize=5.5, label=names[0])
    axes.plot(other, at, "D", color=COLOURS[1], markersize=4.2, label=names[1])
    figure.legend(loc="outside lower left", frameon=False)
    return _png(figure)


def interval_plot(rows: Sequence[tuple[str, str, Mapping[str, Figure]]], title: str) -> bytes:
    """Figures of several bundles with their intervals, a panel for each figure.

    Args:
        rows: for each bundle its name, what to colour it by, and name of a figure -> figure.
    """
    panels = list(rows[0][2])
    families = list(dict.fromkeys(family for _, family, _ in rows))
    side = max(len(name) for name, _, _ in rows) * 0.085
    figure = _figure(side + 3.6 * len(panels), 0.42 * len(rows) + 1.2, title)
    for axes, panel in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels):
        for place, (_, family, figures) in enumerate(rows):
            value, interval = figures[panel].value, figures[panel].interval
            colour = COLOURS[families.index(family) % len(COLOURS)]
            if interval:
                axes.plot(interval, [place, place], color=colour, linewidth=2)
            axes.plot([value], [place], "o", color=colour, markersize=6)
            axes.annotate(f"{value:.3f}", (value, place), (0, 5), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.4, -0.7)
        axes.grid(color=_FAINT)
        axes.set_title(panel, fontsize=10.5)
    return _png(figure)


def normalise_rows(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """Each cell as a share of its row; a row of nothing stays 0."""
    counts = confusion.astype(np.float64)
    sums = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    return shares


def _class_axes(names: Sequence[str], title: str) -> tuple[Any, Any]:
    """A figure, and axes from 0 to 1 with a row for each class, from top to bottom."""
    few = len(names) <= _VALUES_UP_TO
    figure = _figure(max(map(len, names)) * 0.085 + 7.9, (0.3 if few else 0.21) * len(names) + 1.35, title)
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), names, fontsize=10 if few else 8.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.01, 1.01)
    axes.set_xticks(np.arange(0, 1.01, 0.1))
    axes.tick_params(axis="x", top=not few, labeltop=not few)
    axes.grid(axis="x", color=_FAINT)
    axes.set_axisbelow(True)
    return figure, axes


def _figure(width: float, height: float, title: str) -> Any:
    _, figure_class = load_matplotlib()
    figure = figure_class(figsize=(width, height), dpi=110, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _png(figure: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", facecolor="white", metadata={"Software": None})
    return content.getvalue()
