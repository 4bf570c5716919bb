"""Which clips train, which validate, which test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import OptionError
from .clips import Clip, DatasetError, check_share, validation_splits

# Fewer groups of a class than this are all needed to train and to validate.
MIN_GROUPS_FOR_TEST = 5
DEFAULT_TEST_SHARE = 0.2


@dataclass(frozen=True)
class Division:
    """Clips by use: indices into the embedded clips, ascending.

    Attributes:
        training, validation: to train on, and to stop by.
        test: held out here; empty where the data set names its test clips, or has too few groups.
        others: further divisions of training and validation clips, none of whose groups is held out twice; the first is
            (training, validation).
    """

    training: list[int]
    validation: list[int]
    test: list[int]
    others: list[tuple[list[int], list[int]]]


def divide(clips: Sequence[Clip], validation_share: float, test_share: float, seed: int, count: int) -> Division:
    """Divide clips that are not test clips already.

    Whole groups, see :func:`edgevid.training.clips.validation_splits`: first ``test_share`` of each class's clips for the
    test, where each class has groups enough, then ``validation_share`` of the rest.

    Args:
        test_share: 0: none.
        count: at most so many divisions into training and validation clips; fewer where there are not groups enough.

    Raises:
        DatasetError: a class has only one group.
    """
    test = _hold_out_test(clips, test_share, seed) if test_share else []
    rest = sorted(set(range(len(clips))) - set(test))
    kept = [clips[i] for i in rest]
    for wanted in range(count, 0, -1):
        try:
            splits = validation_splits(kept, validation_share, seed, wanted)
            break
        except (DatasetError, OptionError):
            if wanted == 1:
                raise
    divisions = [([rest[i] for i in training], [rest[i] for i in validation]) for training, validation in splits]
    return Division(*divisions[0], test, divisions)


def check_test_share(share: float) -> float:
    """``share`` if it is a part of the clips, from 0 to below 1."""
    return share if share == 0 else check_share(share)


def with_splits(clips: Sequence[Clip], division: Division) -> list[Clip]:
    """The clips that are used, their ``split`` as the division has it, in their order."""
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
        ((_, test),) = validation_splits([clips[i] for i in candidates], share, seed)
    except DatasetError:  # groups that appear in several classes
        return []
    return [candidates[i] for i in test]
