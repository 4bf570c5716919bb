"""Calls the caller's functions in a thread of its own, so that a slow one does not stop what feeds it."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Callable, Optional

from ..sources.base import SourceStatus
from .messages import Observation

# Of a file so many predictions may wait for a slow function before the reading waits too.
_MAX_WAITING = 8

_Call = Callable[[], object]


@dataclass(frozen=True)
class Callbacks:
    """The caller's functions; see :meth:`edgevid.Recognizer.start`. Told a prediction, an event, a status, an observation."""

    on_prediction: Optional[Callable[..., object]] = None
    on_event: Optional[Callable[..., object]] = None
    on_status: Optional[Callable[..., object]] = None
    on_observation: Optional[Callable[..., object]] = None

    def told_first(self, name: str) -> Callbacks:
        """The same functions, which are told ``name`` before anything else."""
        functions = (self.on_prediction, self.on_event, self.on_status, self.on_observation)
        return Callbacks(*(None if function is None else partial(function, name) for function in functions))

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in dataclasses.fields(self))


class Delivery:
    """Calls the callbacks one after the other, in the order in which things happened.

    Events and statuses wait as long as it takes. Predictions wait too, but only a few, then whoever brings one more waits (a
    file's frames can wait); or, with ``newest_only``, a newer one takes the place of the one that waits (a camera's cannot).

    Args:
        callbacks: whom to call; without any there is no thread.
        name: of the thread.
        failed: told of an exception that a callback raised, in the delivery's thread. Nothing is called after it.

    Attributes:
        newest_only: see above; may be set until the first prediction comes.
        passed_over: predictions whose place a newer one took.
        thread: None without callbacks.
    """

    def __init__(self, callbacks: Callbacks, name: str, failed: Callable[[BaseException], None]) -> None:
        self.newest_only = False
        self.passed_over = 0
        self.thread = threading.Thread(target=self._run, name=name, daemon=True) if callbacks else None
        self._callbacks = callbacks
        self._failed = failed
        self._changed = threading.Condition()
        self._count = 0  # numbers the calls, so that two queues keep one order
        self._kept: deque[tuple[int, _Call]] = deque()
        self._predictions: deque[tuple[int, _Call]] = deque()
        self._dropping = False  # predictions are not wanted any more
        self._ending = False  # nothing comes any more

    def observe(self, observation: Observation) -> None:
        """Hand on the prediction, then the events, that a frame gave."""
        prediction, callbacks = observation.prediction, self._callbacks
        calls: list[_Call] = []
        if prediction is not None and callbacks.on_prediction is not None:
            calls.append(partial(callbacks.on_prediction, prediction))
        if prediction is not None and callbacks.on_observation is not None:
            calls.append(partial(callbacks.on_observation, observation))
        if calls:
            self._add_prediction(lambda: [call() for call in calls])
        if callbacks.on_event is not None:
            for event in observation.events:
                self._keep(partial(callbacks.on_event, event))

    def status(self, status: SourceStatus) -> None:
        """Hand on a source's change of state; any thread."""
        if self._callbacks.on_status is not None:
            self._keep(partial(self._callbacks.on_status, status))

    def drop_predictions(self) -> None:
        """Hand on no prediction any more; events and statuses still."""
        with self._changed:
            self._dropping = True
            self._predictions.clear()
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until everything was handed on, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self.thread is not None:
            self.thread.join()

    def _keep(self, call: _Call) -> None:
        with self._changed:
            if not self._ending:
                self._append(self._kept, call)

    def _add_prediction(self, call: _Call) -> None:
        with self._changed:
            if self.newest_only and self._predictions:
                self.passed_over += 1
                self._predictions.clear()
            self._changed.wait_for(lambda: len(self._predictions) < _MAX_WAITING or self._dropping or self._ending)
            if not (self._dropping or self._ending):
                self._append(self._predictions, call)

    def _append(self, queue: deque[tuple[int, _Call]], call: _Call) -> None:
        self._count += 1
        queue.append((self._count, call))
        self._changed.notify_all()

    def _take(self) -> Optional[_Call]:
        with self._changed:
            self._changed.wait_for(lambda: self._kept or self._predictions or self._ending)
            queues = [queue for queue in (self._kept, self._predictions) if queue]
            if not queues:
                return None
            _, call = min(queues, key=lambda queue: queue[0][0]).popleft()
            self._changed.notify_all()
            return call

    def _run(self) -> None:
        while True:
            call = self._take()
            if call is None:
                return
            try:
                call()
            except BaseException as error:  # the caller's own, whatever it is: it goes back to the caller
                with self._changed:
                    self._ending = True
                    self._kept.clear()
                    self._predictions.clear()
                    self._changed.notify_all()
                self._failed(error)
                return
