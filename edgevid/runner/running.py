"""The common part of a runner and a group of runners: waiting and stopping."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Optional, TypeVar

from ..errors import EdgevidError
from ..sources.base import SourceStats

if TYPE_CHECKING:
    from .runner import Runner

# How long a stop waits for a blocked read or caller's function.
STOP_SECONDS = 2.0
_LOOK_SECONDS = 0.02

Self = TypeVar("Self", bound="Running")


@dataclass(frozen=True)
class RunnerStats:
    """A runner's counts so far.

    Attributes:
        predictions: number of predictions.
        events: number of events of all kinds.
        passed_over: predictions of a camera that were skipped because the caller's function was busy until a newer one came.
        source: counts of the source's frames.
    """

    predictions: int = 0
    events: int = 0
    passed_over: int = 0
    source: SourceStats = field(default_factory=SourceStats)


class Running:
    """One runner or several, until they end or are stopped. A context manager, whose end stops them."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def _members(self) -> Sequence[Runner]:
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether it still reads, or still has messages to deliver."""
        return not self._over.is_set()

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until it has ended or was stopped, and the caller's functions got everything.

        Args:
            timeout: seconds; default: no limit.

        Returns:
            False if the time ran out first.

        Raises:
            The error that stopped it: that of a caller's function, else that of the (first) source that failed.
        """
        self.check_other_thread()
        if not wait_interruptibly(self._over, timeout):
            return False
        self._raise_error(again=True)
        return True

    def stop(self) -> None:
        """End it: read nothing more, and end the actions that go on. A second call does nothing.

        Waits until everything is closed, but at most 2 s for a blocked read or caller's function: its thread
        is left behind, and ends when that returns. From within a callback it returns at once. Predictions that wait for a
        slow function are dropped, events are delivered. A source that the caller opened stays open.

        Raises:
            The error that had stopped it before, if :meth:`wait` or this has not raised it yet.
        """
        self.stop_soon()
        if not self._is_own_thread() and self.join(STOP_SECONDS):
            self._raise_error(again=False)

    def stop_soon(self) -> None:
        """As :meth:`stop`, but waits for nothing and raises nothing."""
        for runner in self._members():
            runner.stop_soon()

    def join(self, seconds: float) -> bool:
        """Wait at most ``seconds`` for the end of all; returns whether it came. Raises nothing."""
        deadline = time.monotonic() + seconds
        return all([wait_interruptibly(runner._over, deadline - time.monotonic()) for runner in self._members()])

    def check_other_thread(self) -> None:
        """Raises: EdgevidError: the caller is a callback or an output, which would wait for itself."""
        if self._is_own_thread():
            raise EdgevidError(
                "A callback called wait() on its own runner, or looped over it, which would wait for itself; use stop()."
            )

    def _is_own_thread(self) -> bool:
        """Whether the caller is a callback or an output."""
        return any(threading.current_thread() in runner._threads for runner in self._members())

    def _raise_error(self, *, again: bool) -> None:
        """Raise the error of a caller's function, else that of the first source that failed; further ones are logged.

        Args:
            again: raise also an error that was raised before.
        """
        self.join(STOP_SECONDS)  # runners that a caller's function has stopped
        for runner in sorted(self._members(), key=lambda runner: not runner.consumer_failed):
            is_first = runner._ask()
            if runner.error is not None:
                if again or is_first:
                    raise runner.error
                return

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if error is None:
            self.stop()
        else:  # which comes first
            self.stop_soon()
            self.join(STOP_SECONDS)

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.__exit__, kind, error, trace)


def wait_interruptibly(event: threading.Event, timeout: Optional[float] = None) -> bool:
    """``event.wait(timeout)`` by polling.

    ``wait`` itself holds a lock for moments: Ctrl-C at that time raises RuntimeError, or leaves the lock held. On Windows Ctrl-C
    takes effect only between two waits.
    """
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while not event.is_set():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _LOOK_SECONDS))
    return True
