"""Runs a stream in its own thread, and delivers its results in others."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

from ..embedders import Window
from ..errors import EdgevidError, SourceError
from ..events import EventDetector, fresh_smoothing
from ..following import Followed, StreamSource, follow, open_stream_source
from ..frames import RGB
from ..prediction import Prediction
from ..sources.base import Source, SourceStats, SourceStatus
from ..stream import given_options
from ..support.at_exit import AtExit
from ..support.checks import check_type
from ..support.retry import Retry
from ..support.text import brief
from ..support.threads import start_threads
from .feed import Feed
from .iteration import PredictionLog, each, each_async
from .messages import Message, Sampled, SourceEvent
from .options import RunOptions, callbacks, check_options
from .running import STOP_SECONDS, RunnerStats, Running
from .source_names import source_name
from .state import SourceState, StateTracker

if TYPE_CHECKING:
    from ..recognizer import Recognizer

# An error may still be asked for this long; then it is logged.
_ASK_SECONDS = 1.0
# A camera normally ends at a frame; without frames it is ended this long after its time.
_LATE_SECONDS = 1.0

_logger = logging.getLogger("edgevid")


class Runner(Running):
    """A stream that runs by itself. Made by :meth:`edgevid.Recognizer.start`; a context manager.

    One thread reads, embeds and classifies. The messages of the stream and of the source are put into one order; in that order
    one more thread calls the outputs, and another calls the caller's functions. The program's end stops the runner.

    Iterate over it for its predictions until it ends: ``for prediction in runner``, or ``async for`` in an asyncio program, where
    ``async with`` starts and ends it. For a file the loop gets each prediction, from the first on (if it falls more than 4096
    behind, the oldest are skipped, with a warning); for a camera always the newest. Recognition never waits for the loop.

    :meth:`wait`, :meth:`stop`, such a loop and the end of a ``with`` block raise the error that stopped the runner. If nobody
    asks for it and ``on_status`` was not called with it, it is logged by ``logging.getLogger("edgevid")``.

    Attributes:
        name: name of the source in messages.
        latest: the newest prediction, None before the first.
        error: the error that stopped it; None while it runs, and if it ended normally.
        consumer_failed: whether the error was raised by one of the caller's functions.

    Args:
        source: as for :meth:`edgevid.Recognizer.stream`. It is opened in the runner's thread, and closed if the runner
            opened it.
        options: see :class:`~edgevid.runner.RunOptions`.
        name: name of the source in messages; default: made from ``source``.
        ended: called with the runner when it is over.

    Raises:
        OptionError: an option is unknown, or outside its range.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        source: StreamSource,
        options: RunOptions,
        name: Optional[str] = None,
        ended: Callable[[Runner], object] = lambda runner: None,
    ) -> None:
        super().__init__()
        check_options(options)
        self.name = name = source_name(source) if name is None else check_type("name", name, str)
        self.latest: Optional[Prediction] = None
        self.error: Optional[BaseException] = None
        self.consumer_failed = False
        self._given, self._ended = source, ended
        smoothing, events = options.get("smoothing"), options.get("events")
        self._smoothing = fresh_smoothing(recognizer.events.smoothing if smoothing is None else smoothing)
        self._events = EventDetector(recognizer.events.options if events is None else events)
        stream = given_options(options.get("stream"))
        # single predictions and those combined into events follow the same threshold
        self._stream = recognizer.open_stream(dataclasses.replace(stream, enter=self._events.options.enter))
        self._max_seconds, self._max_predictions = options.get("max_seconds"), options.get("max_predictions")
        self._colour = options.get("colour", RGB)
        self._functions, self._outputs = callbacks(options), list(options.get("outputs", ()))
        self._source: Optional[Source] = None
        self._waits, self._began = options.get("wait", False), time.monotonic()
        self._retry_at: Optional[float] = None
        self._scene = 1
        self._final: Optional[SourceStatus] = None  # how the source ended
        self._broke_off: Optional[BaseException] = None  # why the loop ended, if not normally
        self._stopping, self._loop_over = threading.Event(), threading.Event()
        self._asked = threading.Event()  # somebody was told how it ended
        self._closing = threading.Lock()
        self._tracker = StateTracker(
            name, self._stream.window_seconds, self._stream.samples_per_second, self._next_try_at
        )
        self._log = PredictionLog()
        self._order = threading.Lock()  # held by the thread whose message is next
        self._to_functions: Feed[None] = Feed(self._call_functions, f"edgevid {name} callbacks", self._function_raised)
        self._to_outputs: Feed[SourceState] = Feed(self._tell_outputs, f"edgevid {name} outputs", self._function_raised)
        self._feeds: list[Feed[Any]] = [self._to_functions] if self._functions else []
        if self._outputs:
            self._feeds.append(self._to_outputs)
        loop = threading.Thread(target=self._run, name=f"edgevid {name}", daemon=True)
        self._threads = [*(feed.thread for feed in self._feeds), loop]  # the loop last, because it joins the others
        _at_exit.add(self)
        start_threads(self._threads, self._end_feeds)

    def _end_feeds(self) -> None:
        """End the threads that were started, if the loop's was not."""
        for feed in self._feeds:
            if feed.thread.ident is not None:
                feed.finish()
        self._threads.clear()
        self._end(None)

    def __repr__(self) -> str:
        state, seen = self.state, "no prediction" if self.latest is None else self.latest.answer()
        return brief(self, repr(state.name), state.state, f"{state.predictions} predictions", seen)

    @property
    def window(self) -> Window:
        """The embeddings in the stream's window now; see :attr:`edgevid.Stream.window`. Callable from any thread."""
        return self._stream.window

    @property
    def state(self) -> SourceState:
        """The current state of the source; frozen. Callable from any thread."""
        return self._tracker.state

    @property
    def latest_sampled(self) -> Optional[Sampled]:
        """The newest sampled frame and its prediction, None before the first."""
        return self.state.sampled

    def stats(self) -> RunnerStats:
        """Counts so far. Callable from any thread."""
        state, source = self.state, self._source
        source_stats = SourceStats() if source is None else source.stats()
        return RunnerStats(state.predictions, state.events, self._to_functions.passed_over, source_stats)

    def __iter__(self) -> Iterator[Prediction]:
        return each(self._log, self)

    def __aiter__(self) -> AsyncIterator[Prediction]:
        return each_async(self._log, self)

    def stop_soon(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._log.end(stopped=True)
        for feed in self._feeds:
            feed.drop_frames()
        if self._source is not None and not self._loop_over.is_set():
            # Closing frees a blocked read, and may take a while. (At the program's end no thread starts any more.)
            try:
                threading.Thread(target=self._close_source, name=f"edgevid {self.name} closing", daemon=True).start()
            except RuntimeError:
                self._close_source()

    def _ask(self) -> bool:
        """Note that the caller is told how it ended, so that no error must be logged. Returns whether it is the first to ask."""
        is_first = not self._asked.is_set()
        self._asked.set()
        if self._loop_over.is_set():  # else it blocks in a read
            self._join_threads(time.monotonic() + STOP_SECONDS)
        return is_first

    def _members(self) -> Sequence[Runner]:
        return [self]

    def _join_threads(self, deadline: float) -> None:
        for thread in self._threads:
            if thread.ident is not None:  # Ctrl-C may come before it is started
                thread.join(max(deadline - time.monotonic(), 0.0))

    def _run(self) -> None:
        try:
            source = self._open()
            if source is not None:
                self._loop(source)
        except BaseException as error:
            self._note_failure(error)
        self._tell(self._final or self._new_status("ended", f"{self.name} has ended."))
        self._loop_over.set()
        self._log.end()
        for feed in self._feeds:
            feed.finish()
        self._end(self._broke_off)

    def _open(self) -> Optional[Source]:
        """The open source; None: the runner was stopped while it waited for it."""
        retry = Retry()
        while True:
            try:
                return open_stream_source(self._given, self._colour)
            except SourceError as error:
                if not self._waits or self._stopping.is_set():
                    raise
                seconds = retry.next_delay()
                self._retry_at = time.monotonic() + seconds
                if not self.state.message:
                    words = f"{str(error).rstrip('.')}. It is tried again until it opens."
                    self._tell(self._new_status("waiting", words))
                if self._stopping.wait(seconds):
                    return None
                self._retry_at = None

    def _next_try_at(self) -> Optional[float]:
        """``time.monotonic()`` of the next attempt to open the source, if it is lost or waited for."""
        return self._retry_at if self._source is None else self._source.retry_at

    def _loop(self, source: Source) -> None:
        told_before = source.on_status

        def tell(status: SourceStatus) -> None:
            self._source_told(dataclasses.replace(status, source=self.name))
            if told_before is not None:
                told_before(status)

        source.on_status = tell
        self._source = source
        try:
            if self._stopping.is_set():
                return
            waited = f" after {time.monotonic() - self._began:.1f} s" if self.state.message else ""
            self._tell(self._new_status("opened", f"{self.name} is open{waited}."))
            self._log.newest_only = source.live
            for feed in self._feeds:
                feed.newest_only = source.live
            if source.live and self._max_seconds is not None:
                limit = threading.Thread(target=self._end_in_time, args=(self._max_seconds,), daemon=True)
                limit.start()
            for followed in follow(self._stream, source, self._is_over, self._smoothing):
                if followed is None:
                    self._end_scene(source)
                    self._scene += 1
                    continue
                self._take(followed, source)
                if self._is_over(followed.timestamp):
                    break
        except BaseException as error:
            self._note_failure(error)
        finally:
            self._end_scene(source)
            self._close_source()
            source.on_status = told_before

    def _close_source(self) -> None:
        """Close it, unless the caller opened it."""
        # the second caller waits until the first is done: a camera's thread must not outlive the runner
        with self._closing:
            if self._source is not None and self._source is not self._given:
                self._source.close()

    def _is_over(self, timestamp: float) -> bool:
        """Whether the stream ends at the frame of ``timestamp``: it was stopped, or a limit is reached."""
        first = self.state.first_timestamp
        seconds = 0.0 if first is None else timestamp - first
        return (
            self._stopping.is_set()
            or (self._max_seconds is not None and seconds >= self._max_seconds)
            or (self._max_predictions is not None and self.state.predictions >= self._max_predictions)
        )

    def _end_in_time(self, seconds: float) -> None:
        """Stop a camera whose time is over, in case it gives no more frames."""
        opened, left = time.monotonic(), seconds
        while left > 0 and not self._loop_over.wait(left):
            first = self.state.first_timestamp
            begun = opened if first is None else max(first, opened)
            left = begun + seconds + _LATE_SECONDS - time.monotonic()
        self.stop_soon()

    def _take(self, followed: Followed, source: Source) -> None:
        prediction = followed.prediction
        events = [] if prediction is None else self._events.update(prediction)
        latency = max(time.monotonic() - followed.taken_at, 0.0)
        sampled = Sampled(
            self.name, followed.timestamp, followed.frame, prediction, latency, source.stats(), source.live, self._scene,
            self._events.active,
        )  # fmt: skip
        if prediction is not None:
            self.latest = prediction
            self._log.put(prediction)
        self._tell(sampled, *(SourceEvent(self.name, event, source.live) for event in events))
        for feed in self._feeds:
            feed.wait_for_room()

    def _end_scene(self, source: Source) -> None:
        self._tell(*(SourceEvent(self.name, event, source.live) for event in self._events.finish()))

    def _source_told(self, status: SourceStatus) -> None:
        """Pass on the source's status, from any thread. Its end is passed on after the last events."""
        if status.state in ("ended", "failed"):
            self._final = self._final or status
        elif status.state != "opened":  # already passed on, also for a source that had been opened before
            self._tell(status)

    def _new_status(self, state: str, message: str) -> SourceStatus:
        return SourceStatus(self.name, state, message, time.monotonic())

    def _tell(self, *messages: Message) -> None:
        """Give messages the next place in the order, and queue them. Callable from any thread; never waits for receivers."""
        with self._order:
            for message in messages:
                state = self._tracker.take(message)
                if self._outputs:
                    self._to_outputs.put(message, state)
                if self._calls(message):
                    self._to_functions.put(message, None)

    def _calls(self, message: Message) -> list[tuple[Callable[..., object], Any]]:
        """The functions to call for a message, and their arguments."""
        if isinstance(message, SourceEvent):
            told: dict[str, Any] = {"on_event": message.event}
        elif isinstance(message, SourceStatus):
            told = {"on_status": message}
        elif message.prediction is None:
            return []
        else:
            told = {"on_prediction": message.prediction, "on_sampled": message}
        return [(self._functions[option], what) for option, what in told.items() if option in self._functions]

    def _call_functions(self, message: Message, nothing: None) -> None:
        for function, what in self._calls(message):
            function(what)

    def _tell_outputs(self, message: Message, state: SourceState) -> None:
        for output in self._outputs.copy():
            try:
                output.take(message, state)
            except BaseException:  # whatever it is, recognition goes on without this output
                self._outputs.remove(output)
                _logger.exception("%s: the output %r failed, and gets no more messages.", self.name, output)

    def _note_failure(self, error: BaseException) -> None:
        """The source, or the processing of its frames, failed. After a stop, this is how a freed read ends."""
        if not self._stopping.is_set():
            self._broke_off = self._broke_off or error
            self._final = self._final or self._new_status("failed", str(error) or type(error).__name__)

    def _function_raised(self, error: BaseException) -> None:
        """A function of the caller failed; called in the thread that ran it."""
        self.stop_soon()
        self._loop_over.wait(STOP_SECONDS)  # not longer, because a read may block
        self._end(error, by_function=True)

    def _end(self, error: Optional[BaseException], *, by_function: bool = False) -> None:
        if self._over.is_set():  # a function had raised while a read blocked, which ends only now
            return
        self._log.end()
        self.error, self.consumer_failed = error, by_function
        self._over.set()
        self._ended(self)
        # on_status was called for a failed source; nobody knows yet of a function that raised; a closed pipe is no news
        is_told = isinstance(error, (type(None), BrokenPipeError)) or (
            "on_status" in self._functions and not by_function
        )
        if not is_told and not self._asked.wait(_ASK_SECONDS):
            # an error of edgevid's says all that there is to know
            _logger.error(
                "%s stopped: %s", self.name, error, exc_info=None if isinstance(error, EdgevidError) else error
            )


def _stop_all(runners: list[Runner]) -> None:
    # Also those that were told to stop, or failed, and whose threads are about to end.
    for runner in runners:
        runner.stop_soon()
    deadline = time.monotonic() + STOP_SECONDS
    for runner in runners:
        runner._join_threads(deadline)


_at_exit = AtExit(_stop_all)
