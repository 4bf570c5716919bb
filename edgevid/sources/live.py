"""The common part of all cameras: always the newest frame, and reopening a lost camera.

Drivers buffer frames, so a consumer slower than the camera would get older and older ones. Therefore a thread grabs every
frame and decodes only the one that the consumer waits for. The thread also opens the camera, reopens it when it is lost,
and frees it: no other thread touches the driver. A driver may block for ever; then the thread is abandoned, frees the
camera when it wakes up, and another one takes its place.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Callable, Optional, Protocol

from ..errors import SourceError
from ..frames import Frame
from ..support.at_exit import AtExit
from ..support.checks import check_number
from ..support.retry import Retry
from ..support.threads import start_threads
from .base import Source, SourceStats, TimedFrame, Wanted
from .turns import Turns

# A camera may skip a frame now and then; this many in a row mean that it is gone.
_MAX_FAILED_GRABS = 5
_FAILED_GRAB_SECONDS = 0.01
# Opening takes longer than a frame: a network stream is probed, a sensor is started.
_OPEN_SECONDS = 15.0
_CLOSE_SECONDS = 2.0
# Maximum number of threads stuck in the driver. With so many, no other is started until one of them returns.
_MAX_STUCK = 3
# On some systems Ctrl-C cannot interrupt a wait without a timeout.
_WAIT_SECONDS = 0.5


class Capture(Protocol):
    """An open camera. One thread calls all its methods."""

    def grab(self) -> Optional[float]:
        """Wait for the next frame; its time on ``time.monotonic()``, or None if there was none."""

    def retrieve(self) -> Optional[Frame]:
        """The frame that was grabbed last, uint8 ``[H, W, 3]`` RGB; None: it cannot be decoded."""

    def release(self) -> None:
        """Free the camera."""


class LiveSource(Source):
    """A camera, read by its own thread. Timestamps are on ``time.monotonic()`` and never run backwards.

    A frame that cannot be decoded counts as dropped. A camera that is never closed is closed at the program's end. For the
    rest see :class:`~edgevid.Camera`.

    Args:
        open_capture: opens the camera; called in the thread. Raises SourceError if it does not open.
        turns: a queue for opening, for drivers that open one camera at a time. Waiting in it does not count towards the
            camera's timeout.
    """

    live = True

    def __init__(
        self,
        name: str,
        open_capture: Callable[[], Capture],
        *,
        timeout_seconds: float,
        reconnect: bool,
        reconnect_seconds: Optional[float],
        turns: Optional[Turns] = None,
    ) -> None:
        self.name = name
        self.timeout_seconds = check_number("timeout_seconds", timeout_seconds, 0, above_low=True, unit="seconds")
        if reconnect_seconds is not None:
            check_number("reconnect_seconds", reconnect_seconds, 0, above_low=True, unit="seconds")
        self.reconnect = reconnect
        self.reconnect_seconds = reconnect_seconds
        self._open_capture, self._turns = open_capture, turns
        self._condition = threading.Condition()
        self._wanted: Optional[Wanted] = None  # set while the consumer waits for a frame
        self._slot: Optional[tuple[TimedFrame, int]] = None  # with how often the camera was reopened before it
        self._error: Optional[SourceError] = None
        self._wanted_error: Optional[Exception] = None  # raised by the consumer's ``wanted``
        self._closing = threading.Event()
        self._close_by = math.inf  # the time by which a close must return
        self._opened = False
        self._reopened = 0
        self._lost_at: Optional[float] = None
        self._retry = Retry()
        self._retry_at: Optional[float] = None
        self._grabbed = 0
        self._newest = -math.inf
        self._in_use: Optional[float] = None  # the timestamp of the frame handed out last
        self._stuck: list[_Reader] = []
        self._reader = self._start_reader()
        _at_exit.add(self)
        try:
            self._wait_until_open()
        except BaseException:
            self._reader.stopped = True
            raise

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        for frame in self.frames_and_losses(wanted):
            if frame is not None:
                yield frame

    def frames_and_losses(self, wanted: Optional[Wanted] = None) -> Iterator[Optional[TimedFrame]]:
        if self._closing.is_set():
            return
        self._tell("opened", f"The {self.name} is open.")
        if self._lost_at is not None:
            self._tell("lost", f"The {self.name} was lost. It is being opened again.")
        noticed: Optional[float] = None  # the loss that the consumer knows of
        while True:
            try:
                frame = self._next(wanted or (lambda timestamp: True), noticed)
            except SourceError as error:
                self._tell("failed", str(error))
                raise
            if frame is None:
                if self._closing.is_set():
                    return
                noticed = self._lost_at
            yield frame

    def stats(self) -> SourceStats:
        age = None if self._in_use is None else time.monotonic() - self._in_use
        return replace(super().stats(), restarts=self._reopened, age_seconds=age)

    @property
    def retry_at(self) -> Optional[float]:
        return self._retry_at

    def close(self) -> None:
        """Stop the thread and free the camera; waits at most 2 s for a driver that blocks.

        A second call, even during the first, waits no longer than that.
        """
        self._stop_soon()
        if self._reader is not threading.current_thread():
            self._reader.join(max(self._close_by - time.monotonic(), 0.0))
        self._tell("ended", f"The {self.name} is closed.")

    def _stop_soon(self) -> None:
        with self._condition:
            if self._closing.is_set():
                return
            self._closing.set()
            self._close_by = time.monotonic() + _CLOSE_SECONDS
            self._reader.stopped = True
            self._condition.notify_all()

    # The consumer's side.

    def _wait_until_open(self) -> None:
        with self._condition:
            while not self._opened and self._error is None and time.monotonic() < self._reader.deadline:
                self._wait_for_reader()
            opened, error = self._opened, self._error
        if opened:
            return
        if error is None:
            raise SourceError(f"The {self.name} does not open: no answer within {_OPEN_SECONDS:g} s.")
        self._reader.join(_CLOSE_SECONDS)  # it is about to end
        raise error

    def _next(self, wanted: Wanted, noticed: Optional[float]) -> Optional[TimedFrame]:
        """Wait for the next wanted frame; None once closed, or lost (another time than ``noticed``)."""
        with self._condition:
            try:
                while self._slot is None:
                    self._wanted = wanted  # again, in case another consumer of this camera was served first
                    if self._closing.is_set():
                        return None
                    if self._error is not None:
                        raise self._error
                    if self._wanted_error is not None:
                        error, self._wanted_error = self._wanted_error, None
                        raise error
                    if self._lost_at is not None and self._lost_at != noticed:
                        return None
                    self._watch_reader()
                    self._wait_for_reader()
                (frame, self.restarts), self._slot = self._slot, None
                self._in_use = frame.timestamp
                self._used += 1
                return frame
            finally:
                if self._slot is not None:  # an interrupted wait leaves no frame to go stale
                    self._slot = None
                    self._dropped += 1
                self._wanted = None

    def _wait_for_reader(self) -> None:
        """Wait for news from the thread, at most until it counts as stuck."""
        self._condition.wait(min(max(self._reader.deadline - time.monotonic(), 0.0), _WAIT_SECONDS))

    def _watch_reader(self) -> None:
        """Replace a thread that is stuck in the driver; give up on a camera that is away for too long."""
        now = time.monotonic()
        patience = math.inf if self.reconnect_seconds is None else self.reconnect_seconds
        if self._lost_at is not None and now - self._lost_at >= patience:
            self._error = SourceError(
                f"The {self.name} was lost, and did not come back within {patience:g} s; check its cable or network."
            )
            self._reader.stopped = True
            self._condition.notify_all()
            raise self._error
        if now >= self._reader.deadline:
            self._reader.stopped = True
            self._stuck.append(self._reader)
            self._reader = self._start_reader(
                f"The {self.name} gave no frame for {self.timeout_seconds:g} s; check its cable or network."
            )

    def _start_reader(self, trouble: Optional[str] = None) -> _Reader:
        reader = _Reader(self.name, partial(self._work, trouble=trouble))
        start_threads([reader], lambda: None, SourceError)
        return reader

    # The thread's side.

    def _work(self, reader: _Reader, trouble: Optional[str]) -> None:
        """Open and read, until the reader is stopped or the camera is given up. ``trouble``: why it was lost already."""
        while trouble is None or self._wait_to_reopen(reader, trouble):
            try:
                trouble = self._open_and_read(reader)
            except SourceError as error:
                trouble = str(error)
            except Exception as error:  # a driver's unknown error must reach the consumer, not die with this thread
                trouble = f"The {self.name} failed: {error}"
            if trouble is None:
                return

    def _open_and_read(self, reader: _Reader) -> Optional[str]:
        """Why the camera was lost; None: the reader is stopped."""
        turn = contextlib.nullcontext() if self._turns is None else self._turns.take(self.name, lambda: reader.stopped)
        with turn:
            if reader.stopped:
                return None
            reader.expect_within(_OPEN_SECONDS)
            capture = self._open_capture()
        try:
            with self._condition:
                self._opened = True
                self._condition.notify_all()
            return self._read(reader, capture)
        finally:
            with contextlib.suppress(Exception):
                capture.release()

    def _read(self, reader: _Reader, capture: Capture) -> Optional[str]:
        failed, last = 0, time.monotonic()
        reader.expect_within(self.timeout_seconds)
        while not reader.stopped:
            timestamp = capture.grab()
            if timestamp is not None:
                failed, last = 0, time.monotonic()
                self._grabbed += 1
                self._take(reader, capture, timestamp)
                continue
            failed += 1
            # the second condition: a driver that fails only after so long would take as long again
            if failed >= _MAX_FAILED_GRABS or time.monotonic() - last >= 0.5 * self.timeout_seconds:
                return (
                    f"The {self.name} stopped giving frames after {self._grabbed}; "
                    "check that it is connected and that no other program uses it."
                )
            time.sleep(_FAILED_GRAB_SECONDS)
        return None

    def _take(self, reader: _Reader, capture: Capture, timestamp: float) -> None:
        """Decode the frame just grabbed if the consumer waits for it, and count it."""
        if not self._end_loss(reader):
            return
        self._newest = timestamp = max(timestamp, self._newest)
        wanted, unwanted, error = self._wanted, False, None
        image: Optional[Frame] = None
        if wanted is not None:
            try:
                unwanted = not wanted(timestamp)
            except Exception as raised:
                error = raised
            if not unwanted and error is None:
                image = capture.retrieve()
        with self._condition:
            if reader.stopped:
                return
            if wanted is None or unwanted or image is not None:  # a frame that cannot be decoded is no sign of life
                reader.expect_within(self.timeout_seconds)
            if unwanted:
                self._unwanted += 1
            elif image is not None and self._wanted is not None:
                self._slot, self._wanted = (TimedFrame(timestamp, image), self._reopened), None
                self._condition.notify_all()
            else:
                self._dropped += 1
                if error is not None:
                    self._wanted_error = error
                    self._condition.notify_all()

    def _end_loss(self, reader: _Reader) -> bool:
        """A frame arrived. False: too late, the reader is stopped."""
        with self._condition:
            if reader.stopped:
                return False
            lost_at, self._lost_at = self._lost_at, None
            if lost_at is None:
                return True
            self._retry.reset()
            self._reopened += 1
        self._tell("reopened", f"The {self.name} is back after {time.monotonic() - lost_at:.1f} s.")
        return True

    def _wait_to_reopen(self, reader: _Reader, trouble: str) -> bool:
        """Record the loss and wait until it is time to retry. False: the reader is stopped, or nobody wants the camera back."""
        with self._condition:
            if reader.stopped:
                return False
            if not (self._opened and self.reconnect):
                self._error = SourceError(trouble)
                self._condition.notify_all()
                return False
            is_new = self._lost_at is None
            if is_new:
                self._lost_at = time.monotonic()
                self._condition.notify_all()
            reader.deadline = math.inf
            self._retry_at = retry_at = time.monotonic() + self._retry.next_delay()
        if is_new:
            self._tell("lost", f"{trouble} It is being opened again.")
        with self._condition:
            while not reader.stopped:
                self._stuck = [thread for thread in self._stuck if thread.is_alive()]
                seconds = retry_at - time.monotonic()
                if seconds <= 0 and len(self._stuck) < _MAX_STUCK:
                    break
                self._condition.wait(seconds if seconds > 0 else _WAIT_SECONDS)
            self._retry_at = None
            return not reader.stopped


class _Reader(threading.Thread):
    """The thread that reads, and what the consumer knows of it."""

    def __init__(self, name: str, work: Callable[[_Reader], None]) -> None:
        super().__init__(target=lambda: work(self), name=f"edgevid {name}", daemon=True)
        self.stopped = False
        self.deadline = math.inf  # it counts as stuck without a sign of life by then

    def expect_within(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds


def _close_all(sources: list[LiveSource]) -> None:
    for source in sources:
        source._stop_soon()
    for source in sources:
        source.close()


_at_exit = AtExit(_close_all)
