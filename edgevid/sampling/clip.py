"""Samples of a finished clip: uniformly distributed over it.

A clip's frames are known only after reading it: the container's frame count is a guess, and the frames may not be evenly
spaced. So a clip is read once by a plan based on the guess, and once more if the plan turns out to be wrong.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import FrameError, SourceError
from ..frames import Frame, check_frame
from ..sources import Source, VideoFile
from .clock import uniform_indices
from .spec import Sample, SampleSpec, Track

# A path, or the clip's frames: uint8 [N, H, W, 3] or a sequence of N frames
Clip = Union[str, Path, NDArray[np.uint8], Sequence[Frame]]

# A header that declares more (a day of video) is not trusted.
_MOST_FRAMES = 2_500_000
# A moment less than this fraction of a frame's duration before a frame counts as on it.
_TOLERANCE = 1e-3
# Frames whose spacing differs by less than this fraction of a frame's duration count as evenly spaced.
_CONSTANT = 0.6


class ClipSample(NamedTuple):
    """A sample of a clip.

    Attributes:
        track: index of its track in the spec.
        frame_indices: indices of its frames in the clip. In a clip of few frames several samples of a track have the same.
        sample: the frames.
    """

    track: int
    frame_indices: tuple[int, ...]
    sample: Sample

    @property
    def frame_index(self) -> int:
        """Index of the newest frame."""
        return max(self.frame_indices)


class ClipTimes(NamedTuple):
    """The bundle's samples of a clip: the index of each one's newest frame, and its time in seconds (None for frames)."""

    frame_indices: list[int]
    timestamps: list[float]


class Misjudged(Exception):  # noqa: N818 - no error: it asks for another pass
    """The plan for the samples was wrong; ``timestamps`` of all frames give the right one."""

    def __init__(self, timestamps: Sequence[float]) -> None:
        super().__init__()
        self.timestamps = timestamps


def sample_clip(
    clip: Clip, spec: SampleSpec, timestamps: Sequence[float] = ()
) -> Generator[ClipSample, None, ClipTimes]:
    """The samples of a clip in time order, ``num_samples`` for each track or as many as its own rate gives.

    Only one sample's frames are in memory, and those that later samples need, however long the clip. Frames that are not
    sampled are not converted.

    Args:
        clip: path of a video file; or its frames, which are taken to last ``spec.window_seconds`` in all.
        timestamps: of all frames of the file, in seconds, if known from an earlier pass.

    Returns:
        The bundle's own samples, whether a track has them or not.

    Raises:
        Misjudged: at the end: the file differs from its header. Discard the result; read again with its
            ``timestamps``.
        SourceError: the file cannot be read. FrameError: the frames are invalid, or there are none.
    """
    if isinstance(clip, (str, Path)):
        with VideoFile(clip) as video:
            return (yield from _of_file(video, spec, timestamps))
    count = count_frames(clip)
    plan = _Plan(_even(count, spec.window_seconds / count), spec)
    kept = _Kept(plan)
    for index in plan.frames:
        yield from kept.take(index, check_frame(clip[index]), plan.timestamps[index])
    return ClipTimes(plan.main, [])


def clip_seconds(timestamps: Sequence[float]) -> float:
    """Duration of a clip with these timestamps: the last frame lasts as long as the average one."""
    count = len(timestamps)
    span = timestamps[-1] - timestamps[0]
    return span * count / (count - 1) if count > 1 else 0.0


def count_frames(clip: Any) -> int:
    """Number of frames of a clip given as frames.

    Raises:
        FrameError: it is not a clip, or is empty.
    """
    if isinstance(clip, np.ndarray):
        if clip.ndim != 4:
            raise FrameError(
                f"An array of dtype {clip.dtype} and shape {list(clip.shape)} was given as a clip; expected uint8 RGB frames "
                "[N, height, width, 3]. For one frame at a time use open_stream()."
            )
    elif not isinstance(clip, Sequence):
        raise FrameError(
            f"A clip of type {type(clip).__name__} was given; expected a path, an array [N, height, width, 3] or a list of "
            "frames. For frames that arrive one by one use stream() or open_stream()."
        )
    if len(clip) == 0:
        raise FrameError("A clip of 0 frames was given; expected at least 1.")
    return len(clip)


def _of_file(video: VideoFile, spec: SampleSpec, known: Sequence[float]) -> Generator[ClipSample, None, ClipTimes]:
    guess = video.declared_frames if video.declared_frames <= _MOST_FRAMES else 0
    declared = [float(t) for t in known] or _even(guess, 1.0 / video.fps)
    plan = _Plan(declared, spec)
    kept, seen, wanted = _Kept(plan), [], set(plan.frames)

    def is_wanted(timestamp: float) -> bool:
        seen.append(timestamp)
        return len(seen) - 1 in wanted

    for timestamp, frame in video.frames(is_wanted):
        yield from kept.take(len(seen) - 1, frame, timestamp)
    _check_read(video, seen, known)
    if not known and not plan.same(_Plan(seen, spec)):
        raise Misjudged(seen)
    return ClipTimes(plan.main, [seen[index] for index in plan.main])


def _check_read(video: Source, seen: Sequence[float], known: Sequence[float]) -> None:
    if not seen:
        raise SourceError(f"{video.name} has no frame that can be decoded; convert it again with ffmpeg.")
    if known and list(known) != list(seen):
        raise SourceError(f"{video.name} changed while it was read; try again once nothing writes to it.")


class _Plan:
    """The frames of each sample: for each track int64 ``[samples, offsets]``, and the main track's frames."""

    def __init__(self, timestamps: Sequence[float], spec: SampleSpec) -> None:
        self.timestamps = timestamps
        self.indices = [_indices(timestamps, track, spec.num_samples) for track in spec.tracks]
        self.main = [int(i) for i in _indices(timestamps, Track(), spec.num_samples)[:, 0]]
        self.frames = sorted({int(i) for indices in self.indices for i in indices.ravel()})

    def same(self, other: _Plan) -> bool:
        return all(np.array_equal(a, b) for a, b in zip(self.indices, other.indices))


class _Kept:
    """Frames that samples still need while a clip is read."""

    def __init__(self, plan: _Plan) -> None:
        self._frames: dict[int, tuple[Frame, float]] = {}
        rows = (
            (int(row.max()), track, number, tuple(int(i) for i in row))  # the number keeps a track's samples in order
            for track, indices in enumerate(plan.indices)
            for number, row in enumerate(indices)
        )
        self._waiting = sorted(rows, reverse=True)
        self._last_use: dict[int, int] = {}
        for newest, _, _, row in self._waiting:
            for index in row:
                self._last_use[index] = max(self._last_use.get(index, 0), newest)

    def take(self, index: int, frame: Frame, timestamp: float) -> Generator[ClipSample, None, None]:
        """The samples that a frame completes."""
        self._frames[index] = (frame, timestamp)
        while self._waiting and self._waiting[-1][0] == index:
            _, track, _, row = self._waiting.pop()
            frames, times = zip(*(self._frames[i] for i in row))
            yield ClipSample(track, row, Sample(timestamp, frames, times))
        for old in [i for i in self._frames if self._last_use[i] <= index]:
            del self._frames[old]


def _even(count: int, seconds_apart: float) -> list[float]:
    return [k * seconds_apart for k in range(count)]


def _indices(timestamps: Sequence[float], track: Track, num_samples: int) -> NDArray[np.int64]:
    """Frames of each sample of a track, ``[samples, offsets]``: those shown at the samples' moments."""
    count = len(timestamps)
    if count == 0:
        return np.zeros((0, len(track.frame_offsets)), np.int64)
    times: NDArray[Any] = np.asarray(timestamps, np.float64) - timestamps[0]
    seconds = clip_seconds(timestamps)
    apart = seconds / count if count > 1 else 1.0
    constant = bool(np.all(np.abs(times - apart * np.arange(count)) < _CONSTANT * apart))
    if constant:
        times = apart * np.arange(count)
    if track.samples_per_second is None:
        moments: NDArray[Any] = seconds * (2 * np.arange(num_samples) + 1) / (2 * num_samples)
        uniform = uniform_indices(count, num_samples)
    else:
        samples = max(1, int(seconds * track.samples_per_second + 1e-6))
        moments = (np.arange(samples) + 0.5) / track.samples_per_second
        uniform = None
    columns = []
    for offset in track.frame_offsets:
        if offset == 0 and constant and uniform is not None:
            columns.append(uniform)  # the same, and exact
        else:
            shown = np.searchsorted(times, moments + offset + _TOLERANCE * apart, side="right") - 1
            columns.append(np.clip(shown, 0, count - 1))
    return np.stack(columns, axis=1).astype(np.int64)
