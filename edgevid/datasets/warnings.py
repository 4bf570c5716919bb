"""Problems in labelled clips that would harm a training, or make its figures look too good."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import NamedTuple, Optional

from ..sampling import SAMPLES_PER_CLIP, TAUGHT_WINDOW_SECONDS
from .clips import SPLITS, Clip, DatasetError, check_classes, groups_in_both

# With fewer training clips, 10/72 for validation are at most two: the recall of that class is then a matter of chance.
FEW_CLIPS = 20
# With fewer groups, holding one out leaves only one recording situation to train on.
FEW_GROUPS = 3
# The largest class of UCF101 has 1.7 times the clips of the smallest one.
UNEQUAL = 3.0
# `edgevid teach` uses the class none for "none of these"; a class with one of the other names is an action like any other
_NONE_WORDS = {"none", "nothing", "idle", "background", "other"}
_ABOUT = 0.9  # a clip of this many windows fills one: cameras give the last frame a little early
_OTHER_SIDE = {"left": "right", "right": "left"}
_SHOWN = 5


class DatasetWarning(NamedTuple):
    """A problem in the data.

    Attributes:
        kind: "unreadable", "classes", "indivisible", "straddling groups", "duplicates", "empty class", "few clips", "few groups",
            "imbalance", "no groups", "one group", "one person", "one place", "no none", "left and right", "shorter than the
            window" or "short clips".
        text: what it is, its effect, and what to do; names the first few of ``items``.
        items: the affected clips (by their paths in the data set), classes or groups.
    """

    kind: str
    text: str
    items: list[str]


def find_warnings(
    root: Path,
    clips: Sequence[tuple[Clip, int, float]],
    unreadable: Sequence[tuple[Clip, str]],
    duplicates: Sequence[Sequence[Clip]],
    indivisible: Optional[str] = None,
    empty: Sequence[str] = (),
) -> list[DatasetWarning]:
    """The warnings, the worst first.

    Args:
        root: the folder that the paths of ``items`` start from.
        clips: the readable ones, with their numbers of frames and lengths in seconds.
        unreadable: the others, and why.
        duplicates: clips with equal files.
        indivisible: why no validation clips can be held out, if so.
        empty: names of class folders without a video.
    """
    readable = [clip for clip, *_ in clips]
    found = []
    if unreadable:
        names = [_name(clip, root) for clip, _ in unreadable]
        reason = unreadable[0][1].replace(str(unreadable[0][0].path), names[0])  # without the path of the data
        text = f"{len(names):,} clip(s) cannot be read and are left out: {_some(names)}. The first one: {reason}"
        found.append(DatasetWarning("unreadable", text, names))
    try:
        check_classes(readable)
    except DatasetError as error:
        found.append(DatasetWarning("classes", str(error), []))
    if indivisible is not None:
        found.append(DatasetWarning("indivisible", indivisible, []))
    found += _straddling(readable)
    if duplicates:
        same = sorted(" = ".join(_name(clip, root) for clip in alike) for alike in duplicates)
        text = (
            f"{len(same):,} video(s) are here more than once: {_some(same)}. Keep one of each: with two labels one is wrong, "
            "and in both parts of a split they make accuracy look too good."
        )
        found.append(DatasetWarning("duplicates", text, same))
    if empty:
        text = f"{len(empty):,} folder(s) contain no video: {_some(empty)}. These actions are not learned; record them."
        found.append(DatasetWarning("empty class", text, list(empty)))
    learned = [clip for clip in readable if clip.split != "test"]
    found += _small(learned)
    found += _ungrouped(readable)
    found += _alike(learned)
    found += _missing({clip.label for clip in readable})
    found += _shorter_than_window(root, clips)
    short = sorted((frames, _name(clip, root)) for clip, frames, _ in clips if frames < SAMPLES_PER_CLIP)
    if short:
        named = _some([f"{name} ({frames})" for frames, name in short])
        text = (
            f"{len(short):,} clip(s) have fewer than {SAMPLES_PER_CLIP} frames: {named}. So many are sampled from each clip: "
            "some are used twice."
        )
        found.append(DatasetWarning("short clips", text, [name for _, name in short]))
    return found


def _straddling(clips: Sequence[Clip]) -> Iterator[DatasetWarning]:
    for sides in combinations(SPLITS, 2):
        first, second = ([clip for clip in clips if clip.split == side] for side in sides)
        groups = groups_in_both(first, second)
        if groups:
            one, other = sides
            text = (
                f"{len(groups):,} group(s) have both {one} and {other} clips: {_some(groups)}. Clips of a group resemble each "
                "other, so accuracy will look too good; put each group on one side."
            )
            yield DatasetWarning("straddling groups", text, groups)


def _small(clips: Sequence[Clip]) -> Iterator[DatasetWarning]:
    """``clips``: those to train and validate on."""
    num_clips = Counter(clip.label for clip in clips)
    num_groups = Counter(label for label, _ in {(clip.label, clip.group) for clip in clips})
    for kind, count, least, text in (
        ("few clips", num_clips, FEW_CLIPS, "clips: {}. They will be learned poorly; add clips."),
        (
            "few groups",
            num_groups,
            FEW_GROUPS if len({clip.group for clip in clips}) > 1 else 0,  # else `_alike` reports it
            "groups: {}. What is learned may be the place or the person; add others.",
        ),
    ):
        few = sorted((label for label in count if count[label] < least), key=lambda label: (count[label], label))
        if few:
            named = text.format(_some([f"{label} ({count[label]})" for label in few]))
            yield DatasetWarning(kind, f"{len(few):,} class(es) have fewer than {least} training {named}", few)
    ranked = num_clips.most_common()
    if ranked and ranked[0][1] >= UNEQUAL * ranked[-1][1]:
        (largest, most), (smallest, fewest) = ranked[0], ranked[-1]
        text = (
            f"The class {largest} has {most:,} training clips, {smallest} has {fewest:,}: {most / fewest:.1f} times as many. The "
            "network will prefer the larger one; add clips to the smaller ones."
        )
        yield DatasetWarning("imbalance", text, [largest, smallest])


def _ungrouped(clips: Sequence[Clip]) -> Iterator[DatasetWarning]:
    """Clips without groups."""
    if len(clips) > 2 and len({clip.group for clip in clips}) == len(clips):
        text = (
            "Each clip counts as a group of its own. If several show the same person, place or recording, say so in a clips.csv "
            "with a column 'group' (`edgevid record` does): otherwise the accuracy is too high."
        )
        yield DatasetWarning("no groups", text, [])


def _alike(clips: Sequence[Clip]) -> Iterator[DatasetWarning]:
    """Groups, persons or places that all clips share, so that accuracy on others is unknown."""
    for kind, values, text in (
        (
            "one group",
            {clip.group for clip in clips},
            "are of one group, {}: nothing can be held out to measure with. Record another session, with others or elsewhere.",
        ),
        (
            "one person",
            {clip.person for clip in clips},
            "show one person, {}: others may be recognised less well. Record them too.",
        ),
        (
            "one place",
            {clip.place for clip in clips},
            "are from one place, {}: elsewhere actions may be recognised less well. Record in other places too.",
        ),
    ):
        (value, *others) = values or {""}
        if value and not others and len(clips) > 1:
            yield DatasetWarning(kind, f"All clips {text.format(value)}", [value])


def _missing(labels: set[str]) -> Iterator[DatasetWarning]:
    """Classes that are missing or related, by their names."""
    if not _NONE_WORDS & {word for label in labels for word in label.casefold().split()}:
        text = (
            "No class is called none. Record doing nothing and other movements as none, or give clips of other actions with "
            "`edgevid teach --outside`: else other movements are more often taken for one of the actions."
        )
        yield DatasetWarning("no none", text, [])
    mirrored = {
        label: re.sub("left|right", lambda side: _OTHER_SIDE[side[0].lower()], label, flags=re.I) for label in labels
    }
    pairs = sorted(
        f"{label} and {other}"
        for label, other in mirrored.items()
        if "left" in label.lower() and other in labels - {label}
    )
    if pairs:
        text = (
            f"{len(pairs):,} pair(s) of actions differ by their side: {_some(pairs)}. Do not teach them with --mirror, "
            "which makes left and right one."
        )
        yield DatasetWarning("left and right", text, pairs)


def _shorter_than_window(root: Path, clips: Sequence[tuple[Clip, int, float]]) -> Iterator[DatasetWarning]:
    window = TAUGHT_WINDOW_SECONDS
    short = sorted((seconds, _name(clip, root)) for clip, _, seconds in clips if seconds < _ABOUT * window)
    if short:
        length = median(seconds for _, _, seconds in clips)
        text = (
            f"{len(short):,} clip(s) are shorter than the {window:g} s of a window of `edgevid teach`: "
            f"{_some([f'{name} ({seconds:.1f} s)' for seconds, name in short])}. A stream sees what comes before and after an "
            "action too"
        )
        advice = f"; teach with --window-seconds {length:.2g}" if length < _ABOUT * window else ""
        names = [name for _, name in short]
        yield DatasetWarning("shorter than the window", f"{text}: record longer clips{advice}.", names)


def _name(clip: Clip, root: Path) -> str:
    """A clip's path in its data set."""
    return clip.path.relative_to(root).as_posix() if clip.path.is_relative_to(root) else str(clip.path)


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
