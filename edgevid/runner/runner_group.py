"""Several sources at once on one recogniser."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Union, cast

from ..errors import OptionError
from ..following import StreamSource
from ..support.text import brief
from .options import RunOptions, callbacks
from .runner import Runner
from .running import STOP_SECONDS, RunnerStats, Running
from .source_names import named_sources

if TYPE_CHECKING:
    from ..recognizer import Recognizer


class RunnerGroup(Running):
    """Runners that share a recogniser, one for each source. Made by :meth:`edgevid.Recognizer.start_many`.

    Each has its own window, smoothing and events; they take turns on the networks. The source's name is the first argument of
    the functions, which are called in one thread per source, so several at once. A source that fails does not stop the others;
    a caller's function that raises stops them all. The group ends when all have. A context manager.

    Attributes:
        runners: source's name -> its :class:`~edgevid.Runner`.

    Args:
        sources: name -> source; or a list of sources, which are named after what they are.
        options: see :class:`~edgevid.runner.RunOptions`.

    Raises:
        OptionError: an option is unknown or outside its range, or there is no source.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        sources: Union[Mapping[str, StreamSource], Iterable[StreamSource]],
        options: RunOptions,
    ) -> None:
        super().__init__()
        named, smoothing = named_sources(sources), options.get("smoothing")
        if not named:
            raise OptionError("start_many() was given no source; expected one or more.")
        if not (smoothing is None or isinstance(smoothing, str)):
            raise OptionError(
                f"smoothing={smoothing!r} was given; several sources need it as a string, such as 'mean:5'."
            )
        self.runners: dict[str, Runner] = {}
        self._left = len(named)
        self._stopping = False
        self._lock = threading.Lock()
        try:
            for name, source in named.items():
                self.runners[name] = Runner(recognizer, source, _with_name(options, name), name, self._ended)
                if self._stopping:  # one of the caller's functions has already raised
                    self.runners[name].stop_soon()
        except BaseException:  # a wrong option or Ctrl-C: stop what has been started
            self.stop_soon()
            self.join(STOP_SECONDS)  # the caller frees what they use
            raise

    def __repr__(self) -> str:
        running = sum(runner.running for runner in self._members())
        return brief(self, f"{len(self.runners)} sources", f"{running} running")

    @property
    def failed(self) -> dict[str, BaseException]:
        """Name -> error, for the sources that failed."""
        return {runner.name: runner.error for runner in self._members() if runner.error is not None}

    def stats(self) -> dict[str, RunnerStats]:
        """Name -> its runner's counts so far."""
        return {runner.name: runner.stats() for runner in self._members()}

    def stop_soon(self) -> None:
        self._stopping = True
        super().stop_soon()

    def _members(self) -> Sequence[Runner]:
        return list(self.runners.values())  # a copy, because some begin while others run

    def _ended(self, runner: Runner) -> None:
        with self._lock:
            self._left -= 1
        if runner.consumer_failed:
            self.stop_soon()
            self.join(STOP_SECONDS)  # not longer, because a read may block
        if runner.consumer_failed or self._left == 0:
            self._over.set()


def _with_name(options: RunOptions, name: str) -> RunOptions:
    """The same options, with functions that get the source's name as their first argument."""
    functions = {option: partial(function, name) for option, function in callbacks(options).items()}
    return cast("RunOptions", {**options, **functions})
