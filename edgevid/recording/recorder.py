"""Records clips with a camera."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from ..errors import SourceError
from ..sampling import SampleSpec
from ..sources import Source, TimedFrame, open_source
from ..support.checks import check_number
from .folder import ClipFolder, FolderClip, check_label
from .take import MAX_FPS, Take, Taking

# The default length of a stream's window: a clip of that length fills it.
DEFAULT_SECONDS = SampleSpec().window_seconds
DEFAULT_COUNTDOWN_SECONDS = 3.0


class Recording(NamedTuple):
    """The state of a recorder.

    Attributes:
        state: ``"countdown"``, ``"recording"``, or ``"ready"`` before and after.
        label: label of the clip.
        seconds_left: until the recording begins, or ends; whole seconds, rounded up.
    """

    state: str = "ready"
    label: str = ""
    seconds_left: int = 0


class ClipLostError(SourceError):
    """The camera was lost during a recording. It is reopened automatically: record the clip again."""


class Recorder:
    """Records clips from a source into a folder, one at a time: :meth:`record_clip`, then :meth:`keep` or :meth:`discard`.

    A kept clip is on the disk. A pending one is only in memory, and lost when the program ends. No thread is started:
    frames are taken while :meth:`record_clip` and :meth:`watch` run, and a camera gives its newest one. :meth:`cancel`,
    :attr:`state` and :attr:`pending` may be used from any thread; the rest from one.

    Args:
        source: as for :func:`edgevid.open_source`. A :class:`~edgevid.Source` stays open after :meth:`close`.
        folder: folder for the clips; or its path.
        seconds: length of a clip. Default: the length of a stream's window, so that a clip fills it. For gestures 2 to 4 s.
        countdown_seconds: before each clip of a camera; a file needs none.
        group: group of all its clips; default: the session's, see :meth:`ClipFolder.session_group`.
        person, place, device: for ``clips.csv``.
        on_progress: called with each change of :attr:`state`, at least each second while it counts down or records.
        on_frame: called with each frame that was taken, for a preview; must return soon, and not write to it.

    Attributes:
        source, folder, seconds, group: as given.
        state: the current state.
        pending: the clip that was recorded last and is neither kept nor discarded.
        kept: the clips that were kept and not deleted since, the newest last.

    Raises:
        SourceError: the source does not open. OptionError: a value outside its range. DatasetError: see :class:`ClipFolder`.
    """

    def __init__(
        self,
        source: Union[int, str, Path, Source, Iterable[Any]],
        folder: Union[str, Path, ClipFolder],
        *,
        seconds: float = DEFAULT_SECONDS,
        countdown_seconds: float = DEFAULT_COUNTDOWN_SECONDS,
        group: Optional[str] = None,
        person: str = "",
        place: str = "",
        device: str = "",
        on_progress: Optional[Callable[[Recording], None]] = None,
        on_frame: Optional[Callable[[TimedFrame], None]] = None,
    ) -> None:
        self.seconds = check_number("seconds", seconds, 0, 600, above_low=True, unit="seconds")
        self._countdown = check_number("countdown_seconds", countdown_seconds, 0, 600, unit="seconds")
        self.folder = folder if isinstance(folder, ClipFolder) else ClipFolder(folder)
        self._about = {"person": person, "place": place, "device": device}
        self.group = self.folder.session_group(**self._about) if group is None else group
        self._on_progress, self._on_frame = on_progress, on_frame
        self._cancelled = threading.Event()
        self.state = Recording()
        self.pending: Optional[Take] = None
        self.kept: list[FolderClip] = []
        self._owned = not isinstance(source, Source)
        self.source = open_source(source)
        self._frames: Optional[Iterator[Optional[TimedFrame]]] = None
        self._last_timestamp = -math.inf

    def record_clip(self, label: str) -> Optional[Take]:
        """Count down, then record a clip; it is :attr:`pending` until it is kept. An earlier pending clip is discarded.

        Returns:
            The clip; None: :meth:`cancel` was called.

        Raises:
            ClipLostError: the camera was lost before the clip was complete, so there is none. Call it again: it waits until the
                camera is back.
            SourceError: the camera was lost for good, or a file has ended.
            OptionError: the label cannot be the name of a folder.
        """
        check_label(label)
        self.pending = None
        self._cancelled.clear()
        try:
            if self.source.live and not self._count_down(label):
                return None
            self.pending = self._record(label)
            return self.pending
        finally:
            self._progress(Recording())

    def keep(self) -> FolderClip:
        """Write the pending clip into the folder. If that fails, it stays pending.

        Raises:
            DatasetError: it cannot be written. SourceError: no clip is pending.
        """
        if self.pending is None:
            raise SourceError("There is no clip to keep; record one first.")
        clip = self.folder.add(self.pending, group=self.group, **self._about)
        self.pending = None
        self.kept.append(clip)
        return clip

    def discard(self) -> None:
        """Forget the pending clip, if there is one."""
        self.pending = None

    def delete(self) -> Optional[FolderClip]:
        """Delete the clip that this recorder kept last, and return it; None: there is none."""
        if not self.kept:
            return None
        clip = self.kept[-1]
        self.folder.delete(clip)
        return self.kept.pop()

    def watch(self, until: Callable[[], bool]) -> bool:
        """Pass frames to ``on_frame`` until ``until``, which is called after each frame, returns True.

        Returns:
            False: the camera was lost first, or the file ended.
        """
        while not until():
            if self._next() is None:
                return False
        return True

    def cancel(self) -> None:
        """End :meth:`record_clip` at its next frame. Callable from any thread."""
        self._cancelled.set()

    def close(self) -> None:
        """Free the source, unless it was given as a :class:`~edgevid.Source`. Kept clips stay."""
        if self._owned:
            self.source.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count_down(self, label: str) -> bool:
        """False: cancelled."""
        if self._must_next(label) is None:  # waiting for a lost camera must not use up the countdown
            return False
        until = time.monotonic() + self._countdown
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return True
            self._progress(Recording("countdown", label, math.ceil(left)))
            if self._must_next(label) is None:
                return False

    def _record(self, label: str) -> Optional[Take]:
        taking = Taking(label)
        restarts = self.source.restarts
        self._progress(Recording("recording", label, math.ceil(self.seconds)))
        while True:
            frame = self._must_next(label)
            if frame is None:
                return None
            if self.source.restarts != restarts:
                raise self._lost(label)
            first = taking.timestamps[0] if taking.timestamps else frame.timestamp
            left = first + self.seconds - frame.timestamp
            if left <= 0:
                return taking.take()
            self._progress(Recording("recording", label, math.ceil(left)))
            taking.add(*frame)

    def _must_next(self, label: str) -> Optional[TimedFrame]:
        """The next frame; None: cancelled."""
        frame = self._next()
        if self._cancelled.is_set():
            return None
        if frame is None:
            raise self._lost(label)
        return frame

    def _lost(self, label: str) -> SourceError:
        lost, kind = ("was lost", ClipLostError) if self.source.live else ("ended", SourceError)
        return kind(
            f"The {self.source.name} {lost} while a clip of {label!r} was recorded: that clip is not kept, the "
            f"{len(self.kept)} before it are."
        )

    def _next(self) -> Optional[TimedFrame]:
        """The source's next frame; None: it was lost, or has ended."""
        if self._frames is None:
            self._frames = iter(self.source.frames_and_losses(self._wanted))
        try:
            frame = next(self._frames, None)
        except BaseException:
            self._frames = None
            raise
        if frame is not None:
            self._last_timestamp = frame.timestamp
            if self._on_frame is not None:
                self._on_frame(frame)
        return frame

    def _wanted(self, timestamp: float) -> bool:
        return timestamp - self._last_timestamp >= 0.75 / MAX_FPS

    def _progress(self, state: Recording) -> None:
        if state != self.state:
            self.state = state
            if self._on_progress is not None:
                self._on_progress(state)
