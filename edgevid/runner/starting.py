"""What :meth:`edgevid.Recognizer.start` and :meth:`~edgevid.Recognizer.start_many` share: how runners are made."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Optional, Union

from ..errors import OptionError
from ..events import EventDetector, EventOptions, Smoothing, open_smoothing
from ..sources import Source
from ..stream import Stream
from .delivery import Callbacks
from .limits import Limits
from .messages import Watcher
from .runner import Runner
from .runner_group import RunnerGroup
from .stream_source import StreamSource, open_stream_source


@dataclass(frozen=True)
class Plan:
    """How sources are to be streamed: what is the same for each.

    Attributes:
        open_stream: makes a fresh stream.
        The others: see :meth:`edgevid.Recognizer.start`.
    """

    open_stream: Callable[[], Stream]
    callbacks: Callbacks
    watchers: Sequence[Watcher]
    smoothing: Optional[Union[str, Smoothing]]
    events: Optional[EventOptions]
    limits: Limits

    def start(self, source: StreamSource, name: str, *, ended: Optional[Callable[[Runner], None]] = None) -> Runner:
        """Start the runner of a source, which is called ``name``."""
        return Runner(
            self.open_stream(),
            partial(open_stream_source, source),
            name=name,
            closes=not isinstance(source, Source),
            callbacks=self.callbacks,
            watchers=self.watchers,
            smoothing=fresh_smoothing(self.smoothing),
            events=EventDetector(self.events),
            limits=self.limits,
            ended=ended,
        )

    def start_many(self, sources: Mapping[str, StreamSource]) -> RunnerGroup:
        """Start a runner for each source; the callbacks are told its name first."""
        if not sources:
            raise OptionError("start_many() was given no source; expected one or more.")
        if not (self.smoothing is None or isinstance(self.smoothing, str)):
            raise OptionError(
                f"smoothing={self.smoothing!r} was given; several sources need it in words, such as 'mean:5'."
            )

        def start(name: str, ended: Callable[[Runner], None]) -> Runner:
            return replace(self, callbacks=self.callbacks.told_first(name)).start(sources[name], name, ended=ended)

        return RunnerGroup(dict.fromkeys(sources, start))


def fresh_smoothing(smoothing: Optional[Union[str, Smoothing]]) -> Optional[Smoothing]:
    """What is meant, with nothing seen yet: of an object a copy, for several streams may be given the same one."""
    if smoothing is None or isinstance(smoothing, str):
        return open_smoothing(smoothing or "none")
    fresh = copy.deepcopy(smoothing)
    fresh.reset()
    return fresh
