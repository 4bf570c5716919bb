"""Splits clips for training, validation and testing: whole groups are held out.

Why not scikit-learn's ``StratifiedGroupKFold``: it divides all clips into k folds of about equal size, so the part held out is
1/k, and nothing keeps a class in each fold. On UCF101 split 1 (7 folds) it holds out 10.2 % of all clips, 10 to 18 % of a class;
the draw below 10.0 %, as in the thesis. With 3 classes of 4 groups, as in users' own data, all of its 7 folds lack a class.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..errors import OptionError
from .clips import CSV_NAME, Clip, DatasetError

# A class with fewer groups than this needs all of them for training and validation.
MIN_GROUPS_FOR_TEST = 5
DEFAULT_TEST_SHARE = 0.2
# The thesis: 62 % of the clips for training, 10 % for validation, 28 % for testing.
_THESIS_SHARE = 10 / 72


class Fold(NamedTuple):
    """A split into clips to train on and clips to validate on: indices, ascending."""

    training: list[int]
    validation: list[int]


@dataclass(frozen=True)
class Division:
    """Clips by use: indices, ascending.

    Attributes:
        folds: one or more; no group is held out in two of them. The first one is used for training and its figures, all of them
            for choosing settings.
        test: held out of all folds; empty if the data set names its test clips, or has too few groups.
    """

    folds: list[Fold]
    test: list[int]

    @property
    def training(self) -> list[int]:
        return self.folds[0].training

    @property
    def validation(self) -> list[int]:
        return self.folds[0].validation


def divide(clips: Sequence[Clip], validation_share: float, test_share: float, seed: int, num_folds: int) -> Division:
    """Split clips that are not test clips already.

    Whole groups are held out, see :func:`validation_folds`: first ``test_share`` of each class's clips for testing, if each
    class has enough groups, then ``validation_share`` of the rest.

    Args:
        test_share: 0: none.
        num_folds: maximum number; fewer if there are not enough groups.

    Raises:
        DatasetError: a class has only one group.
    """
    test = _hold_out_test(clips, test_share, seed) if test_share else []
    rest = sorted(set(range(len(clips))) - set(test))
    kept = [clips[i] for i in rest]
    for wanted in range(num_folds, 0, -1):
        try:
            folds = validation_folds(kept, validation_share, seed, wanted)
            break
        except (DatasetError, OptionError):
            if wanted == 1:
                raise
    return Division(
        [Fold([rest[i] for i in fold.training], [rest[i] for i in fold.validation]) for fold in folds], test
    )


def validation_folds(clips: Sequence[Clip], share: float, seed: int, count: int = 1) -> list[Fold]:
    """Split training clips into those to train on and those held out for validation, in ``count`` ways.

    Of each class, whole groups are drawn at random so that about ``share`` of its clips are held out: at least one group, and
    never its last one. A group's name means the same in all classes, so that a person who appears in several is held out of
    all. If no group appears in two classes, the number held out is as near to ``share`` of all as whole groups allow. No
    group is held out in two folds. If there are clips whose split is "validation", they are used instead of a draw.
    Test clips are in neither part.

    Args:
        share: fraction of the training clips to hold out, 0 to 1, both excluded.
        seed: seed of the draw.
        count: number of folds; the first does not depend on it.

    Raises:
        DatasetError: there are not enough groups. OptionError: ``share`` or ``count`` is out of range.
    """
    check_share(share)
    if count < 1:
        raise OptionError(f"{count!r} splits into training and validation clips were requested; expected 1 or more.")
    candidates = [i for i, clip in enumerate(clips) if clip.split == "train"]
    named = [i for i, clip in enumerate(clips) if clip.split == "validation"]
    if named:
        if count > 1:
            raise OptionError(
                f"{count} splits were requested, but the data set names its validation clips, which is one split."
            )
        return [Fold(candidates, named)]
    rng = np.random.default_rng(seed)
    folds: list[Fold] = []
    used: set[str] = set()
    for _ in range(count):
        held_out = _draw_groups([clips[i] for i in candidates], share, rng, used)
        used |= held_out
        sides: tuple[list[int], list[int]] = [], []
        for i in candidates:
            sides[clips[i].group in held_out].append(i)
        folds.append(Fold(*sides))
    return folds


def default_validation_share(clips: Iterable[Clip]) -> float:
    """The fraction of the training clips to hold out for validation: 10 % of all clips, as in the thesis.

    If there are no test clips, 10/72, which is the same fraction of the training clips as in the thesis.
    """
    count = Counter(clip.split for clip in clips)
    if not count["test"] or not count["train"]:
        return _THESIS_SHARE
    return min(0.1 * sum(count.values()) / count["train"], 0.5)


def check_share(share: float, *, none: bool = False) -> float:
    """Return ``share`` if it is a fraction of the clips, 0 to 1, both excluded, or 0 if ``none`` may be held out."""
    if not (0.0 < share < 1.0 or (none and share == 0)):
        raise OptionError(f"A validation share of {share!r} was given; expected a part of the clips between 0 and 1.")
    return share


def with_splits(clips: Sequence[Clip], division: Division) -> list[Clip]:
    """The clips in use, with the ``split`` of the division, in their order."""
    split = {
        **dict.fromkeys(division.training, "train"),
        **dict.fromkeys(division.validation, "validation"),
        **dict.fromkeys(division.test, "test"),
    }
    return [replace(clip, split=split[i]) for i, clip in enumerate(clips) if i in split]


def _hold_out_test(clips: Sequence[Clip], share: float, seed: int) -> list[int]:
    groups: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        groups[clip.label].add(clip.group)
    if min(map(len, groups.values())) < MIN_GROUPS_FOR_TEST:
        return []
    candidates = [i for i, clip in enumerate(clips) if clip.split == "train"]
    try:
        (fold,) = validation_folds([clips[i] for i in candidates], share, seed)
    except DatasetError:  # groups that appear in several classes
        return []
    return [candidates[i] for i in fold.validation]


def _draw_groups(clips: Sequence[Clip], share: float, rng: np.random.Generator, used: set[str]) -> set[str]:
    sizes: dict[str, Counter[str]] = defaultdict(Counter)  # label -> group -> number of clips
    for clip in clips:
        sizes[clip.label][clip.group] += 1
    names = sorted({clip.group for clip in clips})
    order = [names[i] for i in rng.permutation(len(names)) if names[i] not in used]
    each_of_one_class = sum(map(len, sizes.values())) == len(names)
    return (_draw_by_class if each_of_one_class else _draw_across_classes)(sizes, share, order, used)


def _draw_by_class(
    sizes: Mapping[str, Mapping[str, int]], share: float, order: Sequence[str], used: set[str]
) -> set[str]:
    """For each class, the groups whose clips come nearest to its share; the next class makes up for the difference."""
    held_out: set[str] = set()
    owed = 0.0
    for label, groups in sorted(sizes.items()):
        wanted = share * sum(groups.values()) + owed
        free = [group for group in order if group in groups]
        chosen = _nearest_subset([groups[group] for group in free], wanted, keep_one=len(free) == len(groups))
        if not chosen:
            raise _not_divisible(label, groups, used)
        held_out |= {free[i] for i in chosen}
        mean = sum(groups.values()) / len(groups)  # others must not make up for a class too small for its share
        owed = min(max(wanted - sum(groups[free[i]] for i in chosen), -mean / 2), mean / 2)
    return held_out


def _nearest_subset(sizes: Sequence[int], wanted: float, keep_one: bool) -> list[int]:
    """Indices of numbers with the sum nearest to ``wanted``: one or more, not all if ``keep_one``, the first ones preferred."""
    reachable = [1]  # bit s of reachable[i]: the sum s can be made from the first i numbers
    for size in sizes:
        reachable.append(reachable[-1] | reachable[-1] << size)
    sums = [s for s in range(1, sum(sizes) + (not keep_one)) if reachable[-1] >> s & 1]
    rest = min(sums, key=lambda s: abs(s - wanted), default=0)
    chosen = []
    for i in reversed(range(len(sizes))):
        if not reachable[i] >> rest & 1:
            chosen.append(i)
            rest -= sizes[i]
    return chosen


def _draw_across_classes(
    sizes: Mapping[str, Mapping[str, int]], share: float, order: Sequence[str], used: set[str]
) -> set[str]:
    """Each group in the order drawn, if it brings its classes nearer to their shares; and at least one of each class."""
    held_out: set[str] = set()
    wanted = {label: share * sum(groups.values()) for label, groups in sizes.items()}

    def members(group: str) -> list[str]:
        return [label for label, groups in sizes.items() if group in groups]

    def taken(label: str) -> int:
        return sum(sizes[label][group] for group in held_out & sizes[label].keys())

    def may(group: str) -> bool:
        return all(len(sizes[label].keys() - held_out) > 1 for label in members(group))

    def brings_nearer(group: str) -> float:
        off = [wanted[label] - taken(label) for label in members(group)]
        more = [sizes[label][group] for label in members(group)]
        return sum(abs(gap) - abs(gap - size) for gap, size in zip(off, more))

    for group in order:
        if may(group) and brings_nearer(group) > 1e-9:
            held_out.add(group)
    for label, groups in sorted(sizes.items()):
        if not taken(label):
            free = [group for group in order if group in groups and may(group)]
            if not free:
                raise _not_divisible(label, groups, used)
            held_out.add(free[0])
    return held_out


def _not_divisible(label: str, groups: Mapping[str, int], used: set[str]) -> DatasetError:
    return DatasetError(
        f"No whole group of the class {label} can be held out for validation: its {sum(groups.values())} training "
        f"clip(s) are of {len(groups)} group(s), {len(groups.keys() & used)} of them held out before. Add clips of "
        f"other people or places, or name validation clips in {CSV_NAME}."
    )
