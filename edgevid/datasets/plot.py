"""A plot of a data set: the clips of each class, by duration."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from ..errors import OptionError
from ..support.extras import load_matplotlib
from ..support.files import whole
from .analysis import Video

# Limits in seconds of the duration bands, as in the paper of UCF101
_BOUNDS = (2, 5, 10)
_BANDS = ("under 2 s", "2 to 5 s", "5 to 10 s", "10 s and longer")
_COLOURS = ("#c6dbef", "#6baed6", "#2171b5", "#08306b")


def plot_clips_per_class(videos: Sequence[Video], path: Path, *, title: str = "") -> None:
    """Write a PNG with a bar for each class: its clips, in duration bands.

    Raises:
        ExtraNotInstalledError: Matplotlib is absent. OptionError: the file cannot be written.
    """
    _, figure_class = load_matplotlib()
    labels = sorted({video.clip.label for video in videos}, key=str.lower)
    counts = [[0] * len(labels) for _ in _BANDS]
    for video in videos:
        counts[bisect_right(_BOUNDS, video.seconds)][labels.index(video.clip.label)] += 1
    figure = figure_class(figsize=(8, 1.2 + 0.2 * max(len(labels), 3)), dpi=140, layout="constrained")
    axes = figure.add_subplot()
    start = [0] * len(labels)
    for count, name, colour in zip(counts, _BANDS, _COLOURS):
        bars = axes.barh(labels, count, left=start, height=0.76, color=colour, label=name)
        start = [before + more for before, more in zip(start, count)]
    axes.bar_label(bars, [str(total) for total in start], padding=2, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7.5, parse_math=False)
    axes.set_ylim(len(labels) - 0.4, -0.6)  # the first class on top
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("clips")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Clips of each class by duration: {title}", fontsize=10, loc="left", parse_math=False)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    try:
        with whole(path) as partial:
            figure.savefig(partial, format="png")
    except (OSError, ValueError) as error:
        raise OptionError(f"The plot {path} cannot be written: {error}.") from error
