"""Labelled clips.

A **group** is a set of clips that share people, place or recording (UCF101's "groups"). Such clips resemble each other, so a
group is never split between training and validation clips.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import EdgevidError

CSV_NAME = "clips.csv"
SPLITS = ("train", "validation", "test")


class DatasetError(EdgevidError):
    """A set of labelled clips is missing, incomplete, contradicts itself, or cannot be changed."""


@dataclass(frozen=True)
class Clip:
    """A labelled video file.

    Attributes:
        group: clips of one group share people, place or recording, whatever their labels.
        split: "train", "validation" or "test".
        person, place: who is in the picture, and where; empty: unknown.
    """

    path: Path
    label: str
    group: str
    split: str = "train"
    person: str = ""
    place: str = ""

    def used_for(self, split: str) -> Clip:
        """The same clip in another split."""
        return replace(self, split=split)


@dataclass(frozen=True)
class Dataset:
    """Labelled clips and where they come from.

    Attributes:
        root: the folder of the clips.
        kind: the format it was read as, in words.
        clips: in the order of the file or list, or sorted by path.
        notes: things to know, one sentence each: for example, clips in a list that do not exist.
    """

    root: Path
    kind: str
    clips: list[Clip]
    notes: tuple[str, ...] = ()


def check_classes(clips: Iterable[Clip]) -> list[str]:
    """The labels, sorted: the classes in the order of a network's outputs.

    Raises:
        DatasetError: fewer than two labels have training clips, or another split has a label that training clips lack.
    """
    clips = list(clips)
    labels = sorted({clip.label for clip in clips if clip.split == "train"})
    if len(labels) < 2:
        raise DatasetError(
            f"Training clips of {len(labels)} class(es) were given: {', '.join(labels) or 'none'}; "
            "expected 2 classes or more, as a classifier tells them apart."
        )
    unknown = sorted({clip.label for clip in clips} - set(labels))
    if unknown:
        raise DatasetError(
            f"These classes have validation or test clips but no training clip: {', '.join(unknown)}; add some or leave them out."
        )
    return labels


def groups_in_both(first: Iterable[Clip], second: Iterable[Clip]) -> list[str]:
    """Groups with clips of the same label in both: these resemble each other, so a measured accuracy is too high."""
    shared = {(clip.label, clip.group) for clip in first} & {(clip.label, clip.group) for clip in second}
    return sorted(f"{label}/{group}" for label, group in shared)
