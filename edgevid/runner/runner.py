"""Runs a stream in a thread of its own, and hands what it sees to the caller's functions in another."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Callable, Optional

from ..errors import EdgevidError
from ..events import EventDetector, Smoothing
from ..prediction import Prediction
from ..sources.base import Source, SourceStats, SourceStatus
from ..stream import Stream
from ..support.at_exit import AtExit
from .delivery import Callbacks, Delivery
from .limits import Limits
from .messages import Observation, Watcher
from .waiting import wait_interruptibly
from .watching import observe

# How long a stop waits for a read or a function of the caller's that blocks.
STOP_SECONDS = 2.0
# So long after an error somebody may still ask for it; then it is logged.
_ASK_SECONDS = 1.0

_logger = logging.getLogger("edgevid")


@dataclass(frozen=True)
class RunnerStats:
    """What a runner did so far.

    Attributes:
        predictions: predictions that were made.
        events: events, those that began and those that ended.
        passed_over: predictions of a camera that the caller's function was not told, because it was busy until a newer came.
        source: what became of the source's frames.
    """

    predictions: int = 0
    events: int = 0
    passed_over: int = 0
    source: SourceStats = field(default_factory=SourceStats)


class Runner:
    """A stream that runs by itself. Made by :meth:`edgevid.Recognizer.start`; a context manager.

    One thread reads, embeds, classifies and tells the watchers; another calls the caller's functions. The program's end
    stops it.

    Attributes:
        name: what observations and statuses call the source.
        latest: the newest prediction, None before the first.
        latest_observation: the newest sampled frame and what was made of it.
        error: what stopped it; None while it runs, and where it ended well.
        consumer_failed: whether the error is one that the caller's own function raised.

    Args:
        stream, smoothing, events: fresh ones, used by no one else.
        opener: opens the source; called in the runner's thread, for it can take long.
        closes: whether the source is the runner's to close.
        ended: told the runner when it is over.
    """

    def __init__(
        self,
        stream: Stream,
        opener: Callable[[], Source],
        *,
        name: str,
        closes: bool,
        callbacks: Callbacks,
        watchers: Sequence[Watcher] = (),
        smoothing: Optional[Smoothing] = None,
        events: Optional[EventDetector] = None,
        limits: Optional[Limits] = None,
        ended: Optional[Callable[[Runner], None]] = None,
    ) -> None:
        self.name = name
        self.latest: Optional[Prediction] = None
        self.latest_observation: Optional[Observation] = None
        self.error: Optional[BaseException] = None
        self.consumer_failed = False
        self._stream, self._smoothing, self._events = stream, smoothing, events
        self._opener, self._closes, self._ended = opener, closes, ended
        self._watchers, self._limits = tuple(watchers), limits or Limits()
        self._tells_statuses = callbacks.on_status is not None
        self._source: Optional[Source] = None
        self._first_timestamp: Optional[float] = None
        self._num_predictions = self._num_events = 0
        self._final: Optional[SourceStatus] = None  # how the source ended
        self._lock, self._closing = threading.Lock(), threading.Lock()
        self._stopping = threading.Event()
        self._loop_over = threading.Event()
        self._over = threading.Event()
        self._asked = threading.Event()  # somebody was told the error
        self._told_opened = False
        self._delivery = Delivery(callbacks, f"edgevid {name} callbacks", self._consumer_raised)
        loop = threading.Thread(target=self._run, name=f"edgevid {name}", daemon=True)
        # in this order, for the loop joins the other
        self._threads = [loop] if self._delivery.thread is None else [self._delivery.thread, loop]
        _at_exit.add(self)
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Whether it still reads, or has something to tell."""
        return not self._over.is_set()

    def stats(self) -> RunnerStats:
        """What it did so far. May be asked from any thread."""
        return RunnerStats(
            predictions=self._num_predictions,
            events=self._num_events,
            passed_over=self._delivery.passed_over,
            source=SourceStats() if self._source is None else self._source.stats(),
        )

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until the source has ended, or the runner was stopped, and the functions were told everything.

        Args:
            timeout: seconds; default: no limit.

        Returns:
            False when the time was over first.

        Raises:
            The error that stopped it: a SourceError, or whatever a function of the caller's raised.
        """
        if self.is_own_thread():
            raise EdgevidError(
                "A callback called wait() of the runner that called it, which waits for the callback; use stop()."
            )
        if not wait_interruptibly(self._over, timeout):
            return False
        self._asked.set()
        self._join_threads(STOP_SECONDS)
        if self.error is not None:
            raise self.error
        return True

    def stop(self) -> None:
        """End it: nothing more is read, events that are going on end. A second call does nothing.

        Waits until everything is closed, but at most 2 s for a read or a function of the caller's that blocks: its thread
        is left behind, and ends when that returns. From within a callback it returns at once. Predictions that wait for a
        slow function are dropped, events are told. A source that the caller opened stays open.

        Raises:
            The error that had stopped it before, where nobody was told yet.
        """
        self.stop_soon()
        if self.is_own_thread() or not self.join(STOP_SECONDS):
            return
        told = self._asked.is_set()
        self._asked.set()
        self._join_threads(STOP_SECONDS)
        if self.error is not None and not told:
            raise self.error

    def stop_soon(self) -> None:
        """As :meth:`stop`, but waits for nothing and raises nothing."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
        self._delivery.drop_predictions()
        if self._closes and self._source is not None and not self._loop_over.is_set():
            # Closing frees a read that blocks, and may take its time. (At the program's end no thread starts any more.)
            try:
                threading.Thread(target=self._close_source, name=f"edgevid {self.name} closing", daemon=True).start()
            except RuntimeError:
                self._close_source()

    def join(self, timeout: float) -> bool:
        """Wait for the end, at most ``timeout`` seconds; whether it came. Raises nothing."""
        return wait_interruptibly(self._over, timeout)

    def is_own_thread(self) -> bool:
        """Whether the caller is one of the runner's own threads: a callback or a watcher."""
        return threading.current_thread() in self._threads

    def _run(self) -> None:
        try:
            self._loop(self._opener())
        except BaseException as error:
            self._broke_off(error)
        self._tell(self._final or self._new_status("ended", f"{self.name} has ended."))
        self._loop_over.set()
        self._delivery.finish()
        self._end()

    def _loop(self, source: Source) -> None:
        told_before = source.on_status

        def tell(status: SourceStatus) -> None:
            self._status(status)
            if told_before is not None:
                told_before(status)

        source.on_status = tell
        self._source = source
        try:
            if self._stopping.is_set():
                return
            self._delivery.newest_only = source.live
            for observation in observe(
                self._stream, source, name=self.name, smoothing=self._smoothing, events=self._events, stop=self._stop_at
            ):
                self._take(observation)
        except BaseException as error:
            self._broke_off(error)
        finally:
            if self._closes:
                self._close_source()
            source.on_status = told_before

    def _close_source(self) -> None:
        with (
            self._closing
        ):  # the second waits until the first is through: a camera's thread must not outlive the runner
            if self._source is not None:
                self._source.close()

    def _stop_at(self, timestamp: float) -> bool:
        if self._first_timestamp is None:
            self._first_timestamp = timestamp
        seconds = timestamp - self._first_timestamp
        return self._stopping.is_set() or self._limits.reached(seconds, self._num_predictions)

    def _take(self, observation: Observation) -> None:
        self._tell_opened()
        prediction = observation.prediction
        self._num_events += len(observation.events)
        self.latest_observation = observation
        if prediction is not None:
            self._num_predictions += 1
            self.latest = prediction
        self._tell_watchers(lambda watcher: watcher.observe(observation))
        self._delivery.observe(observation)

    def _status(self, status: SourceStatus) -> None:
        """What the source tells, from any thread. That it has ended is told after the last events."""
        status = dataclasses.replace(status, source=self.name)
        if status.state == "opened":
            self._tell_opened(status)
        elif status.state not in ("ended", "failed"):
            self._tell_opened()
            self._tell(status)
        elif self._final is None:
            self._final = status

    def _tell_opened(self, status: Optional[SourceStatus] = None) -> None:
        """First and once, also of a source that had been opened before and does not tell it again."""
        with self._lock:
            told, self._told_opened = self._told_opened, True
        if not told:
            self._tell(status or self._new_status("opened", f"{self.name} is open."))

    def _new_status(self, state: str, message: str) -> SourceStatus:
        return SourceStatus(self.name, state, message, time.monotonic())

    def _tell(self, status: SourceStatus) -> None:
        self._tell_watchers(lambda watcher: watcher.status(status))
        self._delivery.status(status)

    def _tell_watchers(self, tell: Callable[[Watcher], None]) -> None:
        for watcher in self._watchers:
            try:
                tell(watcher)
            except BaseException as error:
                self._failed(error, by_consumer=True)
                self.stop_soon()

    def _broke_off(self, error: BaseException) -> None:
        """The source, or what was made of its frames, failed. After a stop that is how a read that was freed ends."""
        if not self._stopping.is_set():
            self._failed(error)
            self._final = self._final or self._new_status("failed", str(error) or type(error).__name__)

    def _consumer_raised(self, error: BaseException) -> None:
        """A function of the caller's failed; in the delivery's thread."""
        self._failed(error, by_consumer=True)
        self.stop_soon()
        self._loop_over.wait(STOP_SECONDS)  # not longer, for a read may block
        self._end()

    def _failed(self, error: BaseException, *, by_consumer: bool = False) -> None:
        with self._lock:
            if self.error is None:
                self.error, self.consumer_failed = error, by_consumer

    def _end(self) -> None:
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
        if self._ended is not None:
            self._ended(self)
        if self._has_untold_error() and not self._asked.wait(_ASK_SECONDS):
            self._log_error()

    def _has_untold_error(self) -> bool:
        # A failed source was told to on_status; what a function of the caller's raised was told to no one yet.
        told = self._tells_statuses and not self.consumer_failed
        return self.error is not None and not told and not self._asked.is_set()

    def _log_error(self) -> None:
        self._asked.set()
        _logger.error("%s stopped: %s", self.name, self.error, exc_info=self.error)

    def _join_threads(self, timeout: float) -> None:
        """Wait for threads that are about to end; not for one that blocks in a read."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if self._loop_over.is_set():
                thread.join(max(deadline - time.monotonic(), 0.0))

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if error is None:
            self.stop()
        else:  # which goes first
            self.stop_soon()
            self.join(STOP_SECONDS)


def _stop_all(runners: list[Runner]) -> None:
    # Also those that were told to stop, or failed, and whose threads are on their way out.
    for runner in runners:
        runner.stop_soon()
    deadline = time.monotonic() + STOP_SECONDS
    for runner in runners:
        runner._loop_over.wait(max(deadline - time.monotonic(), 0.0))
        runner.join(max(deadline - time.monotonic(), 0.0))
    for runner in runners:
        if runner._has_untold_error():
            runner._log_error()  # nobody can ask any more


_at_exit = AtExit(_stop_all)
