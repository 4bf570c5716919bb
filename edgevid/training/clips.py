"""Labelled clips, and whole groups of them held out for validation.

A **group** is a set of clips that share people, place or recording (UCF101's "groups"). Such clips resemble each other, so a
group is never divided between training and validation clips.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EdgevidError, OptionError

CSV_NAME = "clips.csv"
SPLITS = ("train", "validation", "test")


class DatasetError(EdgevidError):
    """A set of labelled clips is missing, incomplete or contradicts itself."""


@dataclass(frozen=True)
class Clip:
    """A labelled video file.

    Attributes:
        group: clips with the same group share people, place or recording, whatever their labels.
        split: "train", "validation" or "test".
    """

    path: Path
    label: str
    group: str
    split: str = "train"


@dataclass(frozen=True)
class Dataset:
    """Labelled clips and where they come from.

    Attributes:
        root: the folder that holds the clips.
        kind: what it was read as, in words.
        clips: in the order of the file or list, or sorted by path.
        notes: what whoever uses it should know, a sentence each: clips that a list names and that are not there, for example.
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


def validation_splits(
    clips: Sequence[Clip], share: float, seed: int, count: int = 1
) -> list[tuple[list[int], list[int]]]:
    """Divide training clips into those to train on and those held out for validation, in ``count`` ways.

    Of each class, whole groups are drawn at random so that about ``share`` of its clips are held out: at least one group, and
    never its last one. A group's name means the same in all classes, so that a person who appears in several is held out of
    all; where no group appears in two classes, the number held out is as near ``share`` of all as whole groups allow. No
    group is held out in two of the ways. Clips whose split is "validation" already are taken instead of a draw, if there
    are any. Test clips are in neither part.

    Args:
        share: the part of the training clips to hold out, 0 to 1, both excluded.
        seed: of the draw.
        count: how many divisions; the first does not depend on it.

    Returns:
        For each division, indices into ``clips``, ascending: to train on, to validate on.

    Raises:
        DatasetError: there are not groups enough. OptionError: ``share`` or ``count`` is out of range.
    """
    check_share(share)
    if count < 1:
        raise OptionError(f"{count!r} divisions into training and validation clips were asked for; expected 1 or more.")
    if any(clip.split == "validation" for clip in clips):
        if count > 1:
            raise OptionError(
                f"{count} divisions were asked for, but the data set names its validation clips: that is one."
            )
        return [(_indices(clips, "train"), _indices(clips, "validation"))]
    candidates = _indices(clips, "train")
    rng = np.random.default_rng(seed)
    splits: list[tuple[list[int], list[int]]] = []
    used: set[str] = set()
    for _ in range(count):
        held_out = _draw_groups([clips[i] for i in candidates], share, rng, used)
        used |= held_out
        splits.append(
            (
                [i for i in candidates if clips[i].group not in held_out],
                [i for i in candidates if clips[i].group in held_out],
            )
        )
    return splits


def default_share(clips: Iterable[Clip]) -> float:
    """The part of the training clips to hold out for validation: 10 % of all clips, as in the thesis (62 / 10 / 28 %).

    Where no clip is a test clip, 10 of 72, which is the same part of the training clips as in the thesis.
    """
    count = Counter(clip.split for clip in clips)
    if not count["test"] or not count["train"]:
        return 10 / 72
    return min(0.1 * sum(count.values()) / count["train"], 0.5)


def check_share(share: float) -> float:
    """``share`` if it is a part of the clips, 0 to 1, both excluded; :class:`OptionError` otherwise."""
    if not 0.0 < share < 1.0:
        raise OptionError(f"A validation share of {share!r} was given; expected a part of the clips between 0 and 1.")
    return share


def groups_in_both(first: Iterable[Clip], second: Iterable[Clip]) -> list[str]:
    """Groups that have clips of the same label in both: their clips resemble each other, so a measured accuracy is too high."""
    shared = {(clip.label, clip.group) for clip in first} & {(clip.label, clip.group) for clip in second}
    return sorted(f"{label}/{group}" for label, group in shared)


def _draw_groups(clips: Sequence[Clip], share: float, rng: np.random.Generator, used: set[str]) -> set[str]:
    sizes: dict[str, Counter[str]] = defaultdict(Counter)  # label -> group -> number of clips
    labels: dict[str, set[str]] = defaultdict(set)  # group -> its labels
    for clip in clips:
        sizes[clip.label][clip.group] += 1
        labels[clip.group].add(clip.label)
    names = sorted(labels)
    order = [names[i] for i in rng.permutation(len(names)) if names[i] not in used]
    if all(len(its) == 1 for its in labels.values()):
        return _draw_by_class(sizes, share, order, used)
    return _draw_across_classes(sizes, labels, share, order, used)


def _draw_by_class(
    sizes: Mapping[str, Mapping[str, int]], share: float, order: Sequence[str], used: set[str]
) -> set[str]:
    """Of each class the groups whose clips are nearest its share; what a class is off by, the next one makes up for."""
    held_out: set[str] = set()
    owed = 0.0
    for label, groups in sorted(sizes.items()):
        wanted = share * sum(groups.values()) + owed
        free = [group for group in order if group in groups]
        chosen = _nearest_subset([groups[group] for group in free], wanted, keep_one=len(free) == len(groups))
        if not chosen:
            raise _not_divisible(label, groups, used)
        held_out |= {free[i] for i in chosen}
        mean = sum(groups.values()) / len(groups)  # a class too small for its share must not be made up for by others
        owed = min(max(wanted - sum(groups[free[i]] for i in chosen), -mean / 2), mean / 2)
    return held_out


def _nearest_subset(sizes: Sequence[int], wanted: float, keep_one: bool) -> list[int]:
    """Indices of numbers whose sum is nearest ``wanted``: one or more, not all if ``keep_one``, the first ones preferred."""
    reachable = [1]  # bit s of reachable[i]: the sum s can be had of the first i numbers
    for size in sizes:
        reachable.append(reachable[-1] | reachable[-1] << size)
    sums = [s for s in range(1, sum(sizes) + (not keep_one)) if reachable[-1] >> s & 1]
    if not sums:
        return []
    rest = min(sums, key=lambda s: abs(s - wanted))
    chosen = []
    for i in reversed(range(len(sizes))):
        if not reachable[i] >> rest & 1:
            chosen.append(i)
            rest -= sizes[i]
    return chosen


def _draw_across_classes(
    sizes: Mapping[str, Mapping[str, int]],
    labels: Mapping[str, set[str]],
    share: float,
    order: Sequence[str],
    used: set[str],
) -> set[str]:
    held_out: set[str] = set()
    total = {label: sum(groups.values()) for label, groups in sizes.items()}
    taken = Counter({label: 0 for label in sizes})  # clips held out
    kept = {label: len(groups) for label, groups in sizes.items()}  # groups not held out

    def off_by(label: str, more: int = 0) -> float:
        return abs(taken[label] + more - share * total[label])

    def hold_out(group: str) -> None:
        held_out.add(group)
        for label in labels[group]:
            taken[label] += sizes[label][group]
            kept[label] -= 1

    def may(group: str) -> bool:
        return all(kept[label] > 1 for label in labels[group])

    for group in order:  # taken if that brings its classes nearer to their shares
        nearer = sum(off_by(label) - off_by(label, sizes[label][group]) for label in labels[group])
        if may(group) and nearer > 1e-9:
            hold_out(group)
    for label, groups in sorted(sizes.items()):  # and at least one of each class
        if not taken[label]:
            free = [group for group in order if group in groups and may(group)]
            if not free:
                raise _not_divisible(label, groups, used)
            hold_out(free[0])
    return held_out


def _not_divisible(label: str, groups: Mapping[str, int], used: set[str]) -> DatasetError:
    return DatasetError(
        f"No whole group of the class {label} can be held out for validation: its {sum(groups.values())} training "
        f"clip(s) are of {len(groups)} group(s), {len(groups.keys() & used)} of them held out before. Add clips of "
        f"other people or places, or name validation clips in {CSV_NAME}."
    )


def _indices(clips: Sequence[Clip], split: str) -> list[int]:
    return [i for i, clip in enumerate(clips) if clip.split == split]
