"""Keeps the last seconds of a source, to make a clip of them afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Callable, Optional

from ..sources import Source, SourceStats, SourceStatus, TimedFrame
from ..sources.base import Wanted
from .take import Take, Taking


class RecentFrames(Source):
    """A source that passes on the frames of another one, and keeps those of the last seconds, as JPEGs.

    It keeps the frames that it passed on: a stream takes those that its embedders look at, so a clip of them teaches the same.
    :meth:`take` may be called from any thread.

    Args:
        source: stays open when this is closed, and reports to this one's ``on_status``.
        seconds: how much to keep.
    """

    def __init__(self, source: Source, seconds: float) -> None:
        self.name, self.live = source.name, source.live
        self._source, self._seconds = source, seconds
        self._lock = threading.Lock()
        self._restarts = source.restarts
        self._taking = Taking("")

    @property
    def restarts(self) -> int:  # type: ignore[override]
        return self._source.restarts

    @property
    def on_status(self) -> Optional[Callable[[SourceStatus], None]]:
        return self._source.on_status

    @on_status.setter
    def on_status(self, told: Optional[Callable[[SourceStatus], None]]) -> None:
        self._source.on_status = told

    def frames_and_losses(self, wanted: Optional[Wanted] = None) -> Iterator[Optional[TimedFrame]]:
        for frame in self._source.frames_and_losses(wanted):
            self._keep(frame)
            yield frame

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        return (frame for frame in self.frames_and_losses(wanted) if frame is not None)

    def stats(self) -> SourceStats:
        return self._source.stats()

    def take(self, label: str, since: float) -> Take:
        """The frames since ``since`` (seconds on the source's clock), as far as they are kept.

        Raises:
            SourceError: there are fewer than two.
        """
        with self._lock:
            self._taking.forget(since)
            self._taking.label = label
            return self._taking.take()

    def _keep(self, frame: Optional[TimedFrame]) -> None:
        with self._lock:
            if frame is None or self._source.restarts != self._restarts:  # another scene
                self._restarts = self._source.restarts
                self._taking = Taking("")
            if frame is not None and self._taking.wants(frame.timestamp):
                self._taking.forget(frame.timestamp - self._seconds)
                self._taking.add(*frame)
