"""Several sources at once on one recogniser."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Callable, Optional

from ..errors import EdgevidError
from .runner import STOP_SECONDS, Runner, RunnerStats
from .waiting import wait_interruptibly

# Starts the runner of one source: told its name, and whom to tell when it is over.
Start = Callable[[str, Callable[[Runner], None]], Runner]


class RunnerGroup:
    """Runners that share a recogniser, one for each source. Made by :meth:`edgevid.Recognizer.start_many`.

    A source that fails does not stop the others; a function of the caller's that raises stops them all. The group ends
    when all have. A context manager.

    Attributes:
        runners: source's name -> its :class:`~edgevid.Runner`.
    """

    def __init__(self, starts: Mapping[str, Start]) -> None:
        self.runners: dict[str, Runner] = {}
        self._left = len(starts)
        self._stopping = False
        self._asked = False  # somebody was told how it ended
        self._lock = threading.Lock()
        self._over = threading.Event()
        try:
            for name, start in starts.items():
                self.runners[name] = start(name, self._ended)
                if self._stopping:  # a function of the caller's has already raised
                    self.runners[name].stop_soon()
        except BaseException:  # an option that is wrong, Ctrl-C: what has been started must not go on
            self._stop_soon()
            self._join()  # the caller frees what they use
            raise

    @property
    def running(self) -> bool:
        """Whether any runner runs."""
        return not self._over.is_set()

    @property
    def failed(self) -> dict[str, BaseException]:
        """Name -> what stopped it, of the sources that failed."""
        return {name: runner.error for name, runner in list(self.runners.items()) if runner.error is not None}

    def stats(self) -> dict[str, RunnerStats]:
        """Name -> what its runner did so far."""
        return {name: runner.stats() for name, runner in list(self.runners.items())}

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until all have ended.

        Args:
            timeout: seconds; default: no limit.

        Returns:
            False when the time was over first.

        Raises:
            What a function of the caller's raised; else the error of the first source that failed.
        """
        if self._is_own_thread():
            raise EdgevidError(
                "A callback called wait() of the group that called it, which waits for the callback; use stop()."
            )
        if not wait_interruptibly(self._over, timeout):
            return False
        self._raise_error()
        return True

    def stop(self) -> None:
        """End all. As :meth:`edgevid.Runner.stop`: waits 2 s at most, and raises an error that nobody was told yet."""
        self._stop_soon()
        if self._is_own_thread() or not self._join():
            return
        if not self._asked:
            self._raise_error()

    def _ended(self, runner: Runner) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._over.set()
        if runner.consumer_failed:
            self._stop_soon()
            self._join()  # no longer than that, for a read may block
            self._over.set()

    def _raise_error(self) -> None:
        """The first that a function of the caller's raised, else the first of a source. The others are logged."""
        self._asked = True
        self._join()  # those that a function of the caller's has stopped
        for runner in sorted(self.runners.values(), key=lambda runner: not runner.consumer_failed):
            runner.wait()

    def _stop_soon(self) -> None:
        self._stopping = True
        for runner in list(self.runners.values()):
            runner.stop_soon()

    def _join(self) -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        return all([runner.join(max(deadline - time.monotonic(), 0.0)) for runner in list(self.runners.values())])

    def _is_own_thread(self) -> bool:
        return any(runner.is_own_thread() for runner in list(self.runners.values()))

    def __enter__(self) -> RunnerGroup:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if error is None:
            self.stop()
        else:  # which goes first
            self._stop_soon()
            self._join()
