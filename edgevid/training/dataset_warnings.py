"""What in a set of labelled clips would spoil a training, or make its figures look better than they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..sampling import FRAMES_PER_CLIP
from .clips import Clip, DatasetError, check_classes, groups_in_both

# With fewer training clips, 10 of 72 for validation are two at most: the recall of that class is then a matter of chance.
FEW_CLIPS = 20
# With fewer groups, what is left to train on after one is held out is one recording situation.
FEW_GROUPS = 3
# The largest class of UCF101 has 1.7 times the clips of the smallest one.
UNEQUAL = 3.0

_SHOWN = 5


@dataclass(frozen=True)
class DatasetWarning:
    """Something that deserves a look.

    Attributes:
        kind: one of "unreadable", "classes", "indivisible", "straddling groups", "contradicting duplicates", "straddling
            duplicates", "duplicates", "few clips", "few groups", "short clips", "imbalance".
        text: what it is, what it does, what to do; names the first few of ``items``.
        items: the clips (by their paths in the data set), classes or groups concerned.
    """

    kind: str
    text: str
    items: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, "items": list(self.items)}


def find_warnings(
    root: Path,
    clips: Sequence[tuple[Clip, int]],
    unreadable: Sequence[tuple[Clip, str]],
    duplicates: Sequence[Sequence[Clip]],
    indivisible: Optional[str] = None,
) -> tuple[DatasetWarning, ...]:
    """The warnings, the worst first.

    Args:
        root: the folder that the paths of ``items`` start from.
        clips: those that can be read, and their numbers of frames.
        unreadable: the others, and why.
        duplicates: clips whose files are equal.
        indivisible: why no validation clips can be held out, if so.
    """
    readable = [clip for clip, _ in clips]
    found: list[DatasetWarning] = []
    if unreadable:
        names = [_name(clip, root) for clip, _ in unreadable]
        # a report does not tell where the data lie
        reason = unreadable[0][1].replace(str(unreadable[0][0].path), names[0])
        found.append(
            DatasetWarning(
                "unreadable",
                f"{len(names):,} clip(s) cannot be read and are left out: {_some(names)}. The first one: {reason}",
                tuple(names),
            )
        )
    try:
        check_classes(readable)
    except DatasetError as error:
        found.append(DatasetWarning("classes", str(error), ()))
    if indivisible is not None:
        found.append(DatasetWarning("indivisible", indivisible, ()))
    found += _straddling(readable)
    found += _duplicates(duplicates, root)
    found += _small(readable)
    found += _short(clips, root)
    found += _unequal(readable)
    return tuple(found)


def _straddling(clips: Sequence[Clip]) -> Iterator[DatasetWarning]:
    by_split: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_split[clip.split].append(clip)
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        groups = groups_in_both(by_split[first], by_split[second])
        if groups:
            yield DatasetWarning(
                "straddling groups",
                f"{len(groups):,} group(s) have both {_WORDS[first]} and {_WORDS[second]} clips: {_some(groups)}. Clips of a "
                "group resemble each other, so accuracy will look better than it is; put each group on one side.",
                tuple(groups),
            )


def _duplicates(duplicates: Iterable[Sequence[Clip]], root: Path) -> Iterator[DatasetWarning]:
    sorts: dict[str, list[list[str]]] = defaultdict(list)
    for alike in duplicates:
        if len({clip.label for clip in alike}) > 1:
            kind = "contradicting duplicates"
        elif len({clip.split for clip in alike}) > 1:
            kind = "straddling duplicates"
        else:
            kind = "duplicates"
        sorts[kind].append([_name(clip, root) for clip in alike])
    for kind, text in (
        ("contradicting duplicates", "under different labels: {}. At most one of them is right; delete the others."),
        (
            "straddling duplicates",
            "on both sides of the division into training, validation and test clips: {}. Accuracy will look better than it is; "
            "keep one of each.",
        ),
        ("duplicates", "more than once: {}. They weigh more than others; keep one of each."),
    ):
        if sorts[kind]:
            sets = sorted(sorts[kind])
            shown = _some([" = ".join(names[:3]) + _rest(len(names), 3) for names in sets])
            items = tuple(" = ".join(names) for names in sets)
            yield DatasetWarning(kind, f"{len(sets):,} video(s) are here {text.format(shown)}", items)


def _small(clips: Iterable[Clip]) -> Iterator[DatasetWarning]:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        if clip.split != "test":
            groups[clip.label][clip.group] += 1
    count = {label: sum(its.values()) for label, its in groups.items()}
    few = sorted((label for label in count if count[label] < FEW_CLIPS), key=lambda label: count[label])
    if few:
        named = _some([f"{label} ({count[label]})" for label in few])
        yield DatasetWarning(
            "few clips",
            f"{len(few):,} class(es) have fewer than {FEW_CLIPS} clips to train and validate on: {named}. They will be learned "
            "poorly, and their accuracy is a matter of chance; add clips.",
            tuple(few),
        )
    few = sorted(label for label, its in groups.items() if len(its) < FEW_GROUPS)
    if few:
        named = _some([f"{label} ({len(groups[label])})" for label in few])
        yield DatasetWarning(
            "few groups",
            f"{len(few):,} class(es) have clips of fewer than {FEW_GROUPS} groups to train and validate on: {named}. What is "
            "learned may be the place or the person; add clips of others.",
            tuple(few),
        )


def _short(clips: Iterable[tuple[Clip, int]], root: Path) -> Iterator[DatasetWarning]:
    short = sorted(((frames, _name(clip, root)) for clip, frames in clips if frames < FRAMES_PER_CLIP))
    if short:
        named = _some([f"{name} ({frames})" for frames, name in short])
        yield DatasetWarning(
            "short clips",
            f"{len(short):,} clip(s) have fewer than {FRAMES_PER_CLIP} frames: {named}. So many are sampled of each clip, so "
            "some of theirs are used twice; cut them longer if there is more.",
            tuple(name for _, name in short),
        )


def _unequal(clips: Iterable[Clip]) -> Iterator[DatasetWarning]:
    count = Counter(clip.label for clip in clips if clip.split != "test").most_common()
    if not count:
        return
    (largest, most), (smallest, fewest) = count[0], count[-1]
    if most >= UNEQUAL * fewest:
        yield DatasetWarning(
            "imbalance",
            f"The class {largest} has {most:,} clips to train and validate on, {smallest} has {fewest:,}: {most / fewest:.1f} "
            "times as many. The network will prefer the larger one; add clips to the smaller ones.",
            (largest, smallest),
        )


_WORDS = {"train": "training", "validation": "validation", "test": "test"}


def _name(clip: Clip, root: Path) -> str:
    """A clip's path in its data set."""
    return clip.path.relative_to(root).as_posix() if clip.path.is_relative_to(root) else str(clip.path)


def _some(items: Sequence[str]) -> str:
    return ", ".join(items[:_SHOWN]) + _rest(len(items), _SHOWN)


def _rest(count: int, shown: int) -> str:
    return f" and {count - shown:,} more" if count > shown else ""
