"""Iteration over a runner's predictions, for a loop of the caller."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from ..pace import warn
from ..prediction import Prediction

if TYPE_CHECKING:
    from .running import Running

# Maximum number of a file's predictions that wait for a loop: a quarter of an hour of video at 5 a second, a few MB.
_MOST_WAITING = 4096
# On some systems Ctrl-C cannot interrupt a wait without a timeout.
_WAIT_SECONDS = 0.5


class Next(NamedTuple):
    """A prediction, and the number with which to ask for the next."""

    number: int
    prediction: Prediction


class PredictionLog:
    """The newest predictions. One thread puts them, any thread may read them; the writer never waits for readers.

    Attributes:
        newest_only: for a camera, whose old predictions are of no use; set it before the first is put.
        ended: no more will come. stopped: the reason is that the runner was told to stop.
    """

    def __init__(self) -> None:
        self.newest_only = False
        self.ended = self.stopped = False
        self._kept: deque[Prediction] = deque(maxlen=_MOST_WAITING)
        self._count = 0
        self._changed = threading.Condition()
        self._told: list[Callable[[], object]] = []

    def put(self, prediction: Prediction) -> None:
        with self._changed:
            if self.ended:
                return
            if self.newest_only:
                self._kept.clear()
            self._kept.append(prediction)
            self._count += 1
        self._tell()

    def end(self, *, stopped: bool = False) -> None:
        """No more predictions will come. ``stopped``: drop those that wait, too."""
        with self._changed:
            self.stopped = self.stopped or (stopped and not self.ended)
            self.ended = True
            if stopped:
                self._kept.clear()
        self._tell()

    def after(self, number: int) -> Optional[Next]:
        """The prediction after the first ``number`` ones, or the oldest that is kept; None: there is none (yet)."""
        with self._changed:
            if number >= self._count or not self._kept:
                return None
            place = max(number - (self._count - len(self._kept)), 0)
            return Next(self._count - len(self._kept) + place + 1, self._kept[place])

    def wait(self, number: int) -> Optional[Next]:
        """As :meth:`after`, but waits for it; None: no more will come."""
        while True:
            ended = self.ended  # read first, so that everything put until then is seen
            found = self.after(number)
            if found is not None or ended:
                return found
            with self._changed:
                if self._count == number and not self.ended:
                    self._changed.wait(_WAIT_SECONDS)

    @contextmanager
    def telling(self, function: Callable[[], object]) -> Iterator[None]:
        """Within the block, ``function`` is called, from any thread, when something changes. It must not block."""
        with self._changed:
            self._told.append(function)
        try:
            yield
        finally:
            with self._changed:
                self._told.remove(function)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
            for function in self._told:
                function()


class _Place:
    """The position of one iteration; warns once if predictions were lost to it."""

    def __init__(self, log: PredictionLog) -> None:
        self.number = 0
        self._log, self._warned = log, False

    def moved(self, found: Next) -> Prediction:
        if found.number > self.number + 1 and not self._log.newest_only and not self._warned:
            self._warned = True
            warn(
                f"A loop over a runner's predictions is slower than the file is read: more than {_MOST_WAITING} waited, and the "
                "oldest are skipped. recognizer.stream(source) waits for each."
            )
        self.number = found.number
        return found.prediction


def each(log: PredictionLog, runner: Running) -> Iterator[Prediction]:
    """The predictions until the runner ends; raises what stopped it."""
    runner.check_other_thread()
    place = _Place(log)
    while True:
        found = log.wait(place.number)
        if found is None:
            break
        yield place.moved(found)
    _finish(log, runner)


async def each_async(log: PredictionLog, runner: Running) -> AsyncIterator[Prediction]:
    """As :func:`each`, without blocking the event loop."""
    import asyncio

    loop, place, changed = asyncio.get_running_loop(), _Place(log), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(changed.set)

    with log.telling(tell):
        while True:
            changed.clear()
            ended = log.ended
            found = log.after(place.number)
            if found is not None:
                yield place.moved(found)
            elif ended:
                break
            else:
                await changed.wait()
    await asyncio.to_thread(_finish, log, runner)


def _finish(log: PredictionLog, runner: Running) -> None:
    """Wait for the end, but not long for a runner that was told to stop; raises what stopped it."""
    if log.stopped:
        runner.stop()
    else:
        runner.wait()
