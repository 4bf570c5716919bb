"""Warnings about the results of a training, in words."""

from __future__ import annotations

from collections.abc import Mapping

from .data import TrainingData, count_clips
from .packaging import Measured
from .tuning import SMALL

# Classes below these sizes are called small. A rule of thumb: UCF101 has about 130 clips of 25 groups per class.
_FEW_CLIPS, _FEW_GROUPS = 20, 5
_WIDE = 0.2


def warnings(data: TrainingData, accuracy: Mapping[str, Measured]) -> list[str]:
    """Reasons not to rely on the figures, or on the model; one sentence each.

    Args:
        accuracy: on the "validation" clips, and on the "test" clips if there are any.
    """
    found, small = [], []
    for label in data.labels:
        count = count_clips([clip for clip in data.of("train") if clip.label == label])
        if count["clips"] < _FEW_CLIPS or count["groups"] < _FEW_GROUPS:
            small.append(f"{label} ({count['clips']} of {count['groups']})")
    if small:
        found.append(
            f"Too little to rely on: training clips (of groups) of {', '.join(small[:6])}{' and others' if small[6:] else ''}. "
            f"Aim for {_FEW_CLIPS} clips and {_FEW_GROUPS} people or places a class, or more."
        )
    if len({clip.group for clip in data.clips}) == len(data.clips):
        found.append(
            "Each clip counts as a group of its own. If several show the same person, place or recording, say so in a clips.csv "
            "with a column 'group': otherwise the accuracy is too high."
        )
    if len(data.of("train")) < SMALL:
        found.append(
            "`edgevid teach` learns better from few clips (measured with 50 and with 528 of ten actions), in seconds."
        )
    name = "test" if "test" in accuracy else "validation"
    share = accuracy[name].clips.accuracy
    low, high = share.interval
    if high - low > _WIDE:
        found.append(
            f"The accuracy is known only to be between {100 * low:.0f} and {100 * high:.0f} %: {share.n} {name} clips are few."
        )
    if low <= 1 / len(data.labels):
        found.append(f"That is not shown to be better than a guess among {len(data.labels)} classes.")
    if "test" not in accuracy:
        found.append("There is no test: the validation clips chose the epoch, so their accuracy is too high.")
    return found
