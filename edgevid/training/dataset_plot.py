"""The plot of a data set: clips of each class, coloured by their durations. Needs Matplotlib."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Union

from ..errors import ExtraNotInstalledError, OptionError
from .analysis import Video

# Seconds between the bands; the set is taken whose middle bands hold the median duration.
_BOUNDS = ((0.5, 1, 2), (1, 2, 5), (2, 5, 10), (5, 10, 20), (10, 30, 60), (60, 120, 300), (300, 600, 1200))
_USUAL = (2, 5, 10)
# Light to dark, of even steps in lightness, so that they differ in print and to colour-blind people too
_COLOURS = ("#bdd7e7", "#6baed6", "#2171b5", "#08306b")
_INK, _FAINT = "#222222", "#d0d0d0"
_ONE_PANEL = 40  # classes; more are drawn in two panels side by side
_ROW = 0.19  # inches
_DPI = 150
_LONGEST_NAME = 32  # characters; more are cut


def plot_clips_per_class(videos: Iterable[Video], path: Union[str, Path], *, title: str = "") -> None:
    """Write the plot of :func:`clips_per_class` to a file, PNG or whatever else its suffix says.

    Raises:
        ExtraNotInstalledError: Matplotlib is absent. OptionError: the file cannot be written.
    """
    figure = clips_per_class(videos, title=title)
    try:
        figure.savefig(path, dpi=_DPI)
    except (OSError, ValueError) as error:
        raise OptionError(f"The plot {path} cannot be written: {error}.") from error


def clips_per_class(videos: Iterable[Video], *, title: str = "") -> Any:
    """A bar for each class, its clips, in bands of durations.

    Args:
        videos: one or more.
        title: what the data are.

    Returns:
        A ``matplotlib.figure.Figure``, bound to no window.

    Raises:
        ExtraNotInstalledError: Matplotlib is absent.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"Plots need Matplotlib, which cannot be imported ({error}): pip install 'edgevid[train]'"
        ) from error
    seconds: dict[str, list[float]] = defaultdict(list)
    for video in videos:
        seconds[video.clip.label].append(video.seconds)
    labels = sorted(seconds, key=str.lower)
    bounds = bands([value for values in seconds.values() for value in values])
    longest = max(len(values) for values in seconds.values())
    columns = 1 if len(labels) <= _ONE_PANEL else 2
    rows = -(-len(labels) // columns)
    head, foot = 0.75, 0.5  # inches
    height = head + max(rows, 3) * _ROW + foot
    figure = Figure(figsize=(7.0 if columns == 1 else 12.0, height), layout="none")
    left = 0.25 + 0.068 * min(max(map(len, labels)), _LONGEST_NAME)  # inches: the widest name
    for column in range(columns):
        width = figure.get_figwidth() / columns
        axes = figure.add_axes(
            (
                (column * width + left) / figure.get_figwidth(),
                foot / height,
                (width - left - 0.35) / figure.get_figwidth(),
                1 - (head + foot) / height,
            )
        )
        part = labels[column * rows : (column + 1) * rows]
        _draw(axes, part, [seconds[label] for label in part], bounds, rows, longest)
    _legend(figure, bounds, title, len(labels), height)
    return figure


def bands(seconds: Sequence[float]) -> tuple[float, ...]:
    """Three durations that divide clips into four bands, in seconds.

    >>> bands([7.2]), bands([1.4]), bands([45.0])
    ((2, 5, 10), (0.5, 1, 2), (10, 30, 60))
    """
    middle = sorted(seconds)[len(seconds) // 2]
    if _USUAL[0] <= middle < _USUAL[-1]:
        return _USUAL
    return next((bounds for bounds in _BOUNDS if middle < bounds[-1]), _BOUNDS[-1])


def _draw(
    axes: Any,
    labels: Sequence[str],
    seconds: Sequence[Sequence[float]],
    bounds: Sequence[float],
    rows: int,
    longest: int,
) -> None:
    counts = [[0] * (len(bounds) + 1) for _ in labels]
    for count, values in zip(counts, seconds):
        for value in values:
            count[bisect_right(bounds, value)] += 1
    start = [0] * len(labels)
    for band, colour in enumerate(_COLOURS):
        widths = [count[band] for count in counts]
        axes.barh(range(len(labels)), widths, left=start, height=0.76, color=colour, linewidth=0)
        start = [a + b for a, b in zip(start, widths)]
    for row, total in enumerate(start):
        axes.text(total + 0.008 * longest, row, str(total), va="center", fontsize=6.5, color=_INK)
    names = [label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 3]}..." for label in labels]
    axes.set_yticks(range(len(labels)), names, fontsize=7.5, color=_INK, parse_math=False)
    axes.set_ylim(rows - 0.4, -0.6)  # the first class on top; panels with rows of equal height
    axes.set_xlim(0, 1.08 * longest)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("clips", fontsize=8, color=_INK)
    axes.tick_params(axis="x", labelsize=7.5, colors=_INK)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)


def _legend(figure: Any, bounds: Sequence[float], title: str, classes: int, height: float) -> None:
    from matplotlib.patches import Patch

    texts = [f"under {bounds[0]:g} s"]
    texts += [f"{low:g} to {high:g} s" for low, high in zip(bounds, bounds[1:])]
    texts += [f"{bounds[-1]:g} s and longer"]
    heading = "Clips of each class by duration" if classes > 1 else "Clips by duration"
    figure.text(
        0.15 / figure.get_figwidth(), 1 - 0.12 / height, f"{heading}{f': {title}' if title else ''}",
        fontsize=10, va="top", color=_INK, parse_math=False,
    )  # fmt: skip
    figure.legend(
        handles=[Patch(color=colour, label=text) for colour, text in zip(_COLOURS, texts)],
        loc="upper left",
        bbox_to_anchor=(0.05 / figure.get_figwidth(), 1 - 0.34 / height),
        ncols=4,
        fontsize=8,
        frameon=False,
        handlelength=1.2,
        handleheight=0.9,
        labelcolor=_INK,
    )
