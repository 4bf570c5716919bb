"""A summary of labelled clips, and problems in them for training. It needs only the core install."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, median
from typing import Any, Callable, NamedTuple, Optional, TypeVar, Union

from ..bundles import sha256_of
from ..errors import EdgevidError
from ..sources import VideoFile
from ..sources.folder import videos_below
from ..support.system import system_errors
from ..tflite.interpreter import default_num_threads
from .clips import SPLITS, Clip, Dataset, DatasetError
from .division import default_validation_share, validation_folds
from .warnings import DatasetWarning, find_warnings

T = TypeVar("T")
R = TypeVar("R")


class Video(NamedTuple):
    """A clip that can be read. Width and height are in pixels; the frame rate is the file's nominal one."""

    clip: Clip
    frames: int
    fps: float
    width: int
    height: int

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


class Analysis(NamedTuple):
    """The result of :func:`analyse`.

    Attributes:
        videos: the readable clips, in the order of the data set, with the split that training will use.
        unreadable: the other ones, and why.
        warnings: the worst first.
    """

    dataset: Dataset
    videos: list[Video]
    unreadable: list[tuple[Clip, str]]
    warnings: list[DatasetWarning]

    def as_dict(self) -> dict[str, Any]:
        """The figures, for JSON. The path of the data on this machine is left out."""
        sizes = Counter((video.width, video.height) for video in self.videos)
        rates = Counter(round(video.fps, 2) for video in self.videos)
        parts = {split: [v for v in self.videos if v.clip.split == split] for split in SPLITS}
        return {
            "folder": self.dataset.root.resolve().name,
            "kind": self.dataset.kind,
            **_summary(self.videos),
            "unreadable": len(self.unreadable),
            "frame_rates": [{"fps": rate, "clips": clips} for rate, clips in rates.most_common()],
            "resolutions": [{"width": w, "height": h, "clips": clips} for (w, h), clips in sizes.most_common()],
            "parts": {
                split: {**_counts(part), "share": round(len(part) / len(self.videos), 4)}
                for split, part in parts.items()
            },
            "classes": [
                {"label": label, **_summary([video for video in self.videos if video.clip.label == label])}
                for label in sorted({video.clip.label for video in self.videos})
            ],
            "notes": list(self.dataset.notes),
            "warnings": [warning._asdict() for warning in self.warnings],
        }


@system_errors(DatasetError)
def analyse(
    dataset: Dataset, *, exact: bool = False, seed: int = 0, progress: Optional[Callable[[], None]] = None
) -> Analysis:
    """Open every clip and summarise them.

    Args:
        exact: decode and count all frames. Otherwise the container's count is used, if it has one.
        seed: seed for drawing validation clips, as in training.
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
    clips = [(video.clip, video.frames, video.seconds) for video in videos]
    duplicates = _same_content([video.clip for video in videos])
    warnings = find_warnings(dataset.root, clips, unreadable, duplicates, indivisible, _empty_folders(dataset.root))
    return Analysis(dataset, videos, unreadable, warnings)


def _counts(videos: Sequence[Video]) -> dict[str, int]:
    """Numbers of clips, and of groups per class."""
    return {"clips": len(videos), "groups": len({(video.clip.label, video.clip.group) for video in videos})}


def _summary(videos: Sequence[Video]) -> dict[str, Any]:
    """Counts and durations of one video or more."""
    seconds = [video.seconds for video in videos]
    kinds = {"min": min, "mean": fmean, "median": median, "max": max}
    lengths = {f"{name}_seconds": round(of(seconds), 3) for name, of in kinds.items()}  # type: ignore[operator]
    return {**_counts(videos), **lengths, "total_minutes": round(sum(seconds) / 60, 2)}


def _inspect(clip: Clip, exact: bool) -> Union[Video, str]:
    """The clip's figures, or why it cannot be read."""
    try:
        with VideoFile(clip.path) as video:
            video.grab()  # frames in an intact container may still be undecodable
            frames = video.declared_frames
            if exact or not frames:
                frames = 1
                while video.grab() is not None:
                    frames += 1
            return Video(clip, frames, video.fps, video.width, video.height)
    except EdgevidError as error:
        return str(error)


def _divided(videos: list[Video], seed: int) -> tuple[list[Video], Optional[str]]:
    """The videos with the splits that training will use; or unchanged, and why they cannot be split."""
    clips = [video.clip for video in videos]
    try:
        (fold,) = validation_folds(clips, default_validation_share(clips), seed)
    except DatasetError as error:
        return videos, str(error)
    for i in fold.validation:
        videos[i] = videos[i]._replace(clip=clips[i].used_for("validation"))
    return videos, None


def _empty_folders(root: Path) -> list[str]:
    """Names of folders in the data set's folder that contain no video, nor do their subfolders."""
    folders = (path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    return sorted(path.name for path in folders if not videos_below(path))


def _same_content(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Clips whose files are equal, byte for byte. Only files of equal size are read."""
    alike = [clip for members in _by(clips, lambda clip: clip.path.stat().st_size) for clip in members]
    return _by(alike, lambda clip: sha256_of(clip.path))


def _by(clips: Sequence[Clip], key: Callable[[Clip], object]) -> list[list[Clip]]:
    """Clips with the same key, if there are two or more. Files that have gone since they were opened are left out."""

    def key_or_none(clip: Clip) -> object:
        try:
            return key(clip)
        except OSError:
            return None

    found: dict[object, list[Clip]] = defaultdict(list)
    for clip, value in zip(clips, _in_parallel(key_or_none, clips)):
        if value is not None:
            found[value].append(clip)
    return [members for members in found.values() if len(members) > 1]


def _in_parallel(
    function: Callable[[T], R], items: Sequence[T], progress: Optional[Callable[[], None]] = None
) -> list[R]:
    """Results in the order of ``items``. Threads are enough: OpenCV and hashlib release the interpreter lock."""
    results = []
    pool = ThreadPoolExecutor(default_num_threads())
    try:
        for result in pool.map(function, items):
            results.append(result)
            if progress is not None:
                progress()
    finally:
        pool.shutdown(cancel_futures=True)  # on an interrupt, do not wait for the rest
    return results
