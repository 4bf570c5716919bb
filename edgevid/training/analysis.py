"""What a set of labelled clips consists of, and what in it would spoil a training.

Counts of each class, lengths, frame rates, resolutions, the division into training, validation and test clips, and warnings. It
needs no more than edgevid itself; :mod:`edgevid.training.dataset_plot` draws it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, Callable, Optional, TypeVar, Union

from ..bundles.bundle import sha256_of
from ..errors import EdgevidError
from ..sources import VideoFile
from ..tflite.interpreter import default_num_threads
from .clips import SPLITS, Clip, Dataset, DatasetError, default_share, validation_splits
from .dataset_warnings import DatasetWarning, find_warnings

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Video:
    """A clip that can be read. Its width and height are in pixels, its frame rate is the file's nominal one."""

    clip: Clip
    frames: int
    fps: float
    width: int
    height: int

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


@dataclass(frozen=True)
class Lengths:
    """Durations of clips in seconds."""

    shortest: float
    mean: float
    median: float
    longest: float
    total: float

    @classmethod
    def of(cls, videos: Iterable[Video]) -> Lengths:
        """Of one video or more."""
        seconds = [video.seconds for video in videos]
        return cls(min(seconds), fmean(seconds), median(seconds), max(seconds), sum(seconds))

    def as_dict(self) -> dict[str, float]:
        return {
            "min_seconds": round(self.shortest, 3),
            "mean_seconds": round(self.mean, 3),
            "median_seconds": round(self.median, 3),
            "max_seconds": round(self.longest, 3),
            "total_minutes": round(self.total / 60, 2),
        }


@dataclass(frozen=True)
class ClassSummary:
    """The readable clips of a class. ``parts``: how many of them are "train", "validation" and "test" clips."""

    label: str
    clips: int
    groups: int
    parts: dict[str, int]
    lengths: Lengths


@dataclass(frozen=True)
class Part:
    """The clips to train on, to validate on or to test with. ``share``: of all readable clips."""

    name: str
    clips: int
    groups: int
    share: float


@dataclass(frozen=True)
class Analysis:
    """What :func:`analyse` found.

    Attributes:
        dataset: what was analysed.
        videos: the readable clips, in its order; the split of each is that of the division.
        unreadable: the other ones, and why.
        classes: sorted by label.
        frame_rates, resolutions: each with its number of clips, the most frequent first.
        parts: training, validation and test clips.
        warnings: the worst first.
    """

    dataset: Dataset
    videos: tuple[Video, ...]
    unreadable: tuple[tuple[Clip, str], ...]
    classes: tuple[ClassSummary, ...]
    lengths: Lengths
    frame_rates: tuple[tuple[float, int], ...]
    resolutions: tuple[tuple[tuple[int, int], int], ...]
    parts: tuple[Part, ...]
    warnings: tuple[DatasetWarning, ...]

    @property
    def groups(self) -> int:
        """Groups, counted in each class."""
        return sum(row.groups for row in self.classes)

    def as_dict(self) -> dict[str, Any]:
        """All but the single clips, for JSON. The place of the data on this machine is left out."""
        return {
            "folder": self.dataset.root.resolve().name,
            "kind": self.dataset.kind,
            "clips": len(self.videos),
            "groups": self.groups,
            "unreadable": len(self.unreadable),
            "lengths": self.lengths.as_dict(),
            "frame_rates": [{"fps": rate, "clips": clips} for rate, clips in self.frame_rates],
            "resolutions": [{"width": w, "height": h, "clips": clips} for (w, h), clips in self.resolutions],
            "parts": {
                part.name: {"clips": part.clips, "groups": part.groups, "share": round(part.share, 4)}
                for part in self.parts
            },
            "classes": [
                {"label": row.label, "clips": row.clips, "groups": row.groups, **row.parts, **row.lengths.as_dict()}
                for row in self.classes
            ],
            "notes": list(self.dataset.notes),
            "warnings": [warning.as_dict() for warning in self.warnings],
        }


def analyse(
    dataset: Dataset, *, exact: bool = False, seed: int = 0, progress: Optional[Callable[[], None]] = None
) -> Analysis:
    """Open every clip and sum up what is there.

    Args:
        exact: decode all frames and count them. Otherwise the container's count is taken, where it gives one.
        seed: of the draw of validation clips, as in training.
        progress: called after each clip.

    Raises:
        DatasetError: no clip can be read.
    """
    found = _in_parallel(lambda clip: _inspect(clip, exact), dataset.clips, progress)
    videos = [video for video in found if isinstance(video, Video)]
    unreadable = [(clip, reason) for clip, reason in zip(dataset.clips, found) if isinstance(reason, str)]
    if not videos:
        raise DatasetError(
            f"None of the {len(found):,} clip(s) in {dataset.root} can be read; the first one: "
            f"{unreadable[0][1] if unreadable else 'there is none'}"
        )
    videos, indivisible = _divided(videos, seed)
    return Analysis(
        dataset=dataset,
        videos=tuple(videos),
        unreadable=tuple(unreadable),
        classes=_classes(videos),
        lengths=Lengths.of(videos),
        frame_rates=tuple(Counter(round(video.fps, 2) for video in videos).most_common()),
        resolutions=tuple(Counter((video.width, video.height) for video in videos).most_common()),
        parts=_parts(videos),
        warnings=find_warnings(
            dataset.root,
            [(video.clip, video.frames) for video in videos],
            unreadable,
            _same_content([video.clip for video in videos]),
            indivisible,
        ),
    )


def _inspect(clip: Clip, exact: bool) -> Union[Video, str]:
    """The clip's figures, or why it cannot be read."""
    try:
        with VideoFile(clip.path) as video:
            video.grab()  # a container can be whole around frames that cannot be decoded
            frames = video.declared_frames
            if exact or not frames:
                frames = 1
                while video.grab() is not None:
                    frames += 1
            return Video(clip, frames, video.fps, video.width, video.height)
    except EdgevidError as error:
        return str(error)


def _divided(videos: Sequence[Video], seed: int) -> tuple[list[Video], Optional[str]]:
    """The videos with the splits that training will use; or as they are, and why they cannot be divided."""
    clips = [video.clip for video in videos]
    try:
        ((_, held_out),) = validation_splits(clips, default_share(clips), seed)
    except DatasetError as error:
        return list(videos), str(error)
    validation = set(held_out)
    return [
        replace(video, clip=replace(video.clip, split="validation")) if i in validation else video
        for i, video in enumerate(videos)
    ], None


def _classes(videos: Iterable[Video]) -> tuple[ClassSummary, ...]:
    by_label: dict[str, list[Video]] = defaultdict(list)
    for video in videos:
        by_label[video.clip.label].append(video)
    rows = []
    for label, members in sorted(by_label.items()):
        count = Counter(video.clip.split for video in members)
        groups = {video.clip.group for video in members}
        parts = {split: count[split] for split in SPLITS}
        rows.append(ClassSummary(label, len(members), len(groups), parts, Lengths.of(members)))
    return tuple(rows)


def _parts(videos: Sequence[Video]) -> tuple[Part, ...]:
    parts = []
    for split in SPLITS:
        clips = [video.clip for video in videos if video.clip.split == split]
        groups = {(clip.label, clip.group) for clip in clips}
        parts.append(Part(split, len(clips), len(groups), len(clips) / len(videos)))
    return tuple(parts)


def _same_content(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Clips whose files are equal, byte for byte. Only files of equal size are read."""
    by_size: dict[int, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_size[_or_none(lambda path: path.stat().st_size, clip.path) or 0].append(clip)
    alike = [clip for size, members in by_size.items() if size and len(members) > 1 for clip in members]
    by_hash: dict[str, list[Clip]] = defaultdict(list)
    for clip, digest in zip(alike, _in_parallel(lambda clip: _or_none(sha256_of, clip.path), alike)):
        if digest is not None:
            by_hash[digest].append(clip)
    return [members for members in by_hash.values() if len(members) > 1]


def _or_none(function: Callable[[Path], R], path: Path) -> Optional[R]:
    """None for a file that has gone since it was opened."""
    try:
        return function(path)
    except OSError:
        return None


def _in_parallel(
    function: Callable[[T], R], items: Sequence[T], progress: Optional[Callable[[], None]] = None
) -> list[R]:
    """In the order of ``items``. Threads will do: OpenCV and hashlib release the interpreter lock."""
    results = []
    pool = ThreadPoolExecutor(default_num_threads())
    try:
        for result in pool.map(function, items):
            results.append(result)
            if progress is not None:
                progress()
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption does not wait for the rest
    return results
