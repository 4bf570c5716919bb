"""Plots of an evaluation, as PNG. They stay legible from 2 to 101 classes: they grow with the number of classes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import ExtraNotInstalledError

_DPI = 110
_VALUES_UP_TO = 25  # classes; in a larger matrix the cells are too small for numbers
_INK, _FAINT = "#1f2328", "#8b949e"
COLOURS = ("#2166ac", "#d6604d", "#4d9221", "#762a83", "#b8860b", "#5e6b78")
_STYLE = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "text.color": _INK, "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "axes.unicode_minus": False,
}  # fmt: skip


def confusion_plot(
    confusion: NDArray[Any], rows: Sequence[str], columns: Sequence[str], title: str, *, normalised: bool
) -> bytes:
    """A confusion matrix: true classes down, predicted classes across.

    Args:
        confusion: counts ``[rows, columns]``.
        normalised: show each cell as a share of its row.
    """
    matplotlib, figure_class = load_matplotlib()
    shown = normalise_rows(confusion) if normalised else confusion.astype(np.float64)
    few = max(len(rows), len(columns)) <= _VALUES_UP_TO
    cell, size = (max(0.52, 3.0 / len(columns)), 10.0) if few else (0.19, 7.5)
    names = max(map(len, [*rows, *columns])) * size * 0.0092
    # A large matrix has its labels on all four sides: the way from a cell to its label is long.
    side, far = names + 0.45, (0.15 if few else names + 0.15)
    width = max(side + cell * len(columns) + far + 0.8, 0.105 * len(title) + 0.4)
    height = side + cell * len(rows) + far + 0.45
    with matplotlib.rc_context(_STYLE):
        figure = figure_class(figsize=(width, height), dpi=_DPI)
        axes = figure.add_axes((side / width, side / height, cell * len(columns) / width, cell * len(rows) / height))
        # The root makes rare confusions visible beside the diagonal.
        top = 1.0 if normalised else max(float(shown.max()), 1.0)
        norm = matplotlib.colors.PowerNorm(0.5, 0.0, top)
        image = axes.imshow(shown, cmap="Blues", norm=norm, aspect="auto", interpolation="nearest")
        axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=size)
        axes.set_yticks(range(len(rows)), rows, fontsize=size)
        axes.set_xlabel("predicted", fontsize=size + 2)
        axes.set_ylabel("true", fontsize=size + 2)
        figure.suptitle(title, x=0.15 / width, y=1 - 0.22 / height, ha="left", va="center", fontsize=size + 3)
        axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#d0d7de", linewidth=0.8 if few else 0.35)
        axes.tick_params(which="minor", length=0)
        axes.tick_params(which="major", length=2)
        if few:
            for (i, j), value in np.ndenumerate(shown):
                if confusion[i, j]:
                    text = f"{value:.2f}".lstrip("0") if normalised and value < 1 else f"{value:.0f}"
                    colour = "white" if norm(value) > 0.6 else _INK
                    axes.text(j, i, text, ha="center", va="center", fontsize=size - 0.5, color=colour)
        else:
            _guide(axes, len(rows), len(columns))
        bar = figure.add_axes(
            (
                (side + cell * len(columns) + far + 0.18) / width,
                side / height,
                0.16 / width,
                min(3.0, cell * len(rows)) / height,
            )
        )
        figure.colorbar(image, cax=bar)
        bar.tick_params(labelsize=size - 1)
        return _png(figure)


def class_bars(
    labels: Sequence[str],
    f1: Sequence[float],
    intervals: Sequence[Optional[Sequence[float]]],
    precision: Sequence[float],
    recall: Sequence[float],
    clips: Sequence[int],
    title: str,
) -> bytes:
    """F1 of each class as bars, best first, with its interval, and precision and recall as marks."""
    matplotlib, figure_class = load_matplotlib()
    order = sorted(range(len(labels)), key=lambda i: (-f1[i], labels[i]))
    names = [f"{labels[i]}  ({clips[i]})" for i in order]
    side, row = max(map(len, names)) * 0.085 + 0.4, 0.3 if len(labels) <= _VALUES_UP_TO else 0.21
    width, height = side + 7.5, row * len(labels) + 1.35
    size = 10 if len(labels) <= _VALUES_UP_TO else 8.5
    at = np.arange(len(labels))
    with matplotlib.rc_context(_STYLE):
        figure = figure_class(figsize=(width, height), dpi=_DPI)
        axes = figure.add_axes((side / width, 0.5 / height, 7.2 / width, row * len(labels) / height))
        axes.barh(at, [f1[i] for i in order], color="#9ecae1", height=0.72, label="F1")
        named = False
        for place, i in enumerate(order):
            bounds = intervals[i]
            if bounds is not None:
                label = None if named else "95 % interval of F1"
                axes.plot(bounds, [place, place], color=_INK, linewidth=1, label=label)
                named = True
        axes.plot([precision[i] for i in order], at, "o", color=COLOURS[0], markersize=4, label="precision")
        axes.plot([recall[i] for i in order], at, "D", color=COLOURS[1], markersize=3.6, label="recall")
        axes.set_yticks(at, names, fontsize=size)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlim(0, 1.01)
        axes.set_xticks(np.arange(0, 1.01, 0.1))
        axes.tick_params(
            axis="x", top=len(labels) > _VALUES_UP_TO, labeltop=len(labels) > _VALUES_UP_TO, labelsize=size
        )
        axes.grid(axis="x", color="#d0d7de", linewidth=0.6)
        axes.set_axisbelow(True)
        figure.suptitle(title, x=0.02, y=1 - 0.2 / height, ha="left", va="center", fontsize=size + 3)
        handles, texts = axes.get_legend_handles_labels()
        figure.legend(
            handles, texts, loc="center left", bbox_to_anchor=(0.015, 1 - 0.48 / height), ncols=4, frameon=False, fontsize=size
        )  # fmt: skip
        return _png(figure)


def interval_plot(
    rows: Sequence[tuple[str, str, Mapping[str, tuple[float, Optional[Sequence[float]]]]]], title: str
) -> bytes:
    """Figures of several bundles with their intervals, a panel for each figure.

    Args:
        rows: for each bundle its name, what to colour it by, and name of a figure -> value and 95 % interval.
    """
    matplotlib, figure_class = load_matplotlib()
    panels = list(rows[0][2])
    families = list(dict.fromkeys(family for _, family, _ in rows))
    side = max(len(name) for name, _, _ in rows) * 0.085 + 0.4
    width, height = side + 3.6 * len(panels), 0.42 * len(rows) + 1.2
    with matplotlib.rc_context(_STYLE):
        figure = figure_class(figsize=(width, height), dpi=_DPI)
        for number, panel in enumerate(panels):
            left, panel_height = (side + 3.6 * number) / width, 0.42 * len(rows) / height
            axes = figure.add_axes((left, 0.4 / height, 3.4 / width, panel_height))
            for place, (_, family, values) in enumerate(rows):
                value, bounds = values[panel]
                colour = COLOURS[families.index(family) % len(COLOURS)]
                if bounds is not None:
                    axes.plot(bounds, [place, place], color=colour, linewidth=2)
                axes.plot([value], [place], "o", color=colour, markersize=6)
                axes.annotate(
                    f"{value:.3f}", (value, place), (0, 5), textcoords="offset points", ha="center", fontsize=8
                )
            axes.set_ylim(len(rows) - 0.4, -0.7)
            axes.set_yticks(
                range(len(rows)), [name for name, _, _ in rows] if not number else [""] * len(rows), fontsize=10
            )
            axes.grid(color="#d0d7de", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.set_title(panel, fontsize=10.5)
        figure.suptitle(title, x=0.015, y=1 - 0.2 / height, ha="left", va="center", fontsize=12)
        return _png(figure)


def paired_bars(
    labels: Sequence[str], first: Sequence[float], second: Sequence[float], names: tuple[str, str], title: str
) -> bytes:
    """A figure of each class for two bundles, joined by a line, the largest gap in favour of the first on top."""
    matplotlib, figure_class = load_matplotlib()
    order = sorted(range(len(labels)), key=lambda i: (second[i] - first[i], labels[i]))
    side, row = max(map(len, labels)) * 0.085 + 0.4, 0.3 if len(labels) <= _VALUES_UP_TO else 0.21
    width, height = side + 7.5, row * len(labels) + 1.35
    size, at = (10 if len(labels) <= _VALUES_UP_TO else 8.5), np.arange(len(labels))
    with matplotlib.rc_context(_STYLE):
        figure = figure_class(figsize=(width, height), dpi=_DPI)
        axes = figure.add_axes((side / width, 0.5 / height, 7.2 / width, row * len(labels) / height))
        for place, i in enumerate(order):
            colour = COLOURS[0] if first[i] > second[i] else COLOURS[1]
            axes.plot([first[i], second[i]], [place, place], color=colour, linewidth=1.5, alpha=0.6)
        axes.plot([first[i] for i in order], at, "o", color=COLOURS[0], markersize=5.5, label=names[0])
        axes.plot([second[i] for i in order], at, "D", color=COLOURS[1], markersize=4.2, label=names[1])
        axes.set_yticks(at, [labels[i] for i in order], fontsize=size)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlim(-0.01, 1.01)
        axes.set_xticks(np.arange(0, 1.01, 0.1))
        axes.tick_params(axis="x", labelsize=size)
        axes.grid(color="#e3e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        figure.suptitle(title, x=0.02, y=1 - 0.2 / height, ha="left", va="center", fontsize=size + 3)
        figure.legend(
            loc="center left", bbox_to_anchor=(0.015, 1 - 0.48 / height), ncols=2, frameon=False, fontsize=size
        )
        return _png(figure)


def normalise_rows(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """Each cell as a share of its row; a row of nothing stays 0."""
    counts = confusion.astype(np.float64)
    sums = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    return shares


def _guide(axes: Any, num_rows: int, num_columns: int) -> None:
    """A stronger line after every fifth class, and labels on the other two sides as well."""
    for i in range(5, num_rows, 5):
        axes.axhline(i - 0.5, color="#8b949e", linewidth=0.6)
    for j in range(5, num_columns, 5):
        axes.axvline(j - 0.5, color="#8b949e", linewidth=0.6)
    axes.tick_params(which="major", right=True, top=True, labelright=True, labeltop=True)


def load_matplotlib() -> tuple[Any, Any]:
    """The module ``matplotlib`` and its class of figures. Not pyplot: that keeps a global state and may open windows.

    Raises:
        ExtraNotInstalledError: it is absent.
    """
    try:
        import matplotlib.colors
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"Plots need Matplotlib, which cannot be imported ({error}): pip install 'edgevid[train]'"
        ) from error
    return matplotlib, Figure


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
