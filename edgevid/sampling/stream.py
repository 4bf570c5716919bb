"""Samples from frames that arrive one by one."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..frames import Frame
from .clock import SampleClock, check_timestamp
from .spec import Sample, SampleSpec, Track

# If no frame lies between an offset's time and the sample, the previous one is used, if it is not older than this many times
# the offset. A slow camera has no better one; after a stall, the difference of two scenes would mean nothing.
_MAX_STRETCH = 5.0


class Due(NamedTuple):
    """A sample, and the number of ticks of its track's clock that it is used for."""

    sample: Sample
    ticks: int


class StreamSampler:
    """Decides by timestamps which frames of a stream are used, and makes samples of them.

    Each track has a clock; the first frame at or after a tick is the sample's newest. For an offset, it is the first
    frame at or after the tick's time plus the offset. A frame that is kept for a later sample is copied, so that the caller may
    reuse its memory.

    :meth:`due` changes nothing; :meth:`advance` takes the frame. So a failure between them leaves the stream as it was.
    """

    def __init__(self, spec: SampleSpec) -> None:
        self.spec = spec
        self._clock = SampleClock(spec.interval_seconds, spec.num_samples)
        self._tracks = [_TrackSampler(track, spec) for track in spec.tracks]
        self._last: Optional[float] = None

    def wants(self, timestamp: float) -> bool:
        """Whether a frame taken at ``timestamp`` would be used, for a sample now or later. Changes nothing.

        Raises:
            TimestampError: not a finite number, or before the frame last taken.
        """
        timestamp = self.check(timestamp)
        return any(track.wants(timestamp) for track in self._tracks)

    def ticks_due(self, timestamp: float) -> int:
        """Number of the bundle's samples that a frame taken at ``timestamp`` would complete. Changes nothing."""
        return self._clock.due(self.check(timestamp))

    def due(self, frame: Frame, timestamp: float) -> list[Optional[Due]]:
        """For each track, the sample that a frame completes, or None. Changes nothing.

        Raises:
            TimestampError: as for :meth:`wants`.
        """
        timestamp = self.check(timestamp)
        return [track.due(frame, timestamp) for track in self._tracks]

    def advance(self, frame: Frame, timestamp: float, *, own: bool = False) -> None:
        """Take the frame: move the clocks to ``timestamp``, and keep the frame if a later sample needs it.

        Args:
            own: nobody else uses its memory, so it need not be copied.
        """
        copies = [frame] if own else []  # one for all tracks
        for track in self._tracks:
            track.advance(frame, timestamp, copies)
        self._clock.advance(timestamp)
        self._last = timestamp

    def reset(self) -> None:
        """Forget all frames and the clock: the next frame starts it anew."""
        self._last = None
        self._clock.reset()
        for track in self._tracks:
            track.reset()

    def check(self, timestamp: float) -> float:
        """``timestamp`` as a float, if it may come next; see :meth:`wants`."""
        return check_timestamp(timestamp, self._last)


class _Kept(NamedTuple):
    frame: Frame
    timestamp: float


class _TrackSampler:
    def __init__(self, track: Track, spec: SampleSpec) -> None:
        rate = track.samples_per_second
        interval = spec.interval_seconds if rate is None else 1.0 / rate
        most = spec.num_samples if rate is None else max(1, round(spec.window_seconds * rate))
        self.clock = SampleClock(interval, most)
        self._offsets = track.frame_offsets
        self._keeps = any(self._offsets)
        self.reset()

    def reset(self) -> None:
        self.clock.reset()
        # of each offset: tick -> the frame for it, and the first tick that has none yet
        self._frames: list[dict[int, _Kept]] = [{} for _ in self._offsets]
        self._next = [0] * len(self._offsets)
        self._previous: Optional[_Kept] = None

    def wants(self, timestamp: float) -> bool:
        if self.clock.due(timestamp):
            return True
        return self._keeps and any(
            offset < 0 and self._moment(tick, offset) <= timestamp for tick, offset in zip(self._next, self._offsets)
        )

    def due(self, frame: Frame, timestamp: float) -> Optional[Due]:
        ticks = self.clock.due(timestamp)
        if not ticks:
            return None
        newest = _Kept(frame, timestamp)
        kept = [self._frame_for(k, timestamp) or newest for k in range(len(self._offsets))]
        return Due(Sample(timestamp, tuple(k.frame for k in kept), tuple(k.timestamp for k in kept)), ticks)

    def advance(self, frame: Frame, timestamp: float, copies: list[Frame]) -> None:
        """Take the frame. ``copies``: its copy, if one was made already; else the one that is made here is added."""
        used = self.wants(timestamp)
        self.clock.advance(timestamp)
        if not (self._keeps and used):
            return
        if not copies:
            copies.append(frame.copy())
        kept = _Kept(copies[0], timestamp)
        done = self.clock.passed(timestamp)
        for k, offset in enumerate(self._offsets):
            if offset == 0:
                continue
            frames, tick = self._frames[k], max(self._next[k], done)
            while self._moment(tick, offset) <= timestamp:
                frames[tick] = kept
                tick += 1
            self._next[k] = tick
            for old in [number for number in frames if number < done]:
                del frames[old]
        self._previous = kept

    def _frame_for(self, k: int, timestamp: float) -> Optional[_Kept]:
        """The frame of an offset for the newest tick at ``timestamp``; None: the newest frame of all."""
        offset = self._offsets[k]
        if offset == 0:
            return None
        kept = self._frames[k].get(self.clock.passed(timestamp) - 1)
        before = self._previous
        if kept is None and before is not None and timestamp - before.timestamp <= _MAX_STRETCH * -offset:
            kept = before
        return kept

    def _moment(self, tick: int, offset: float) -> float:
        """When the frame of an offset for a tick is due."""
        start = 0.0 if self.clock.start is None else self.clock.start
        return start + tick * self.clock.interval_seconds + offset - self.clock.tolerance
