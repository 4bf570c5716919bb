"""A thread that delivers messages, so that a slow receiver does not stop the sender."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Callable, Generic, TypeVar

from .messages import Message, Sampled

# Maximum number of a file's frames that wait for a slow function; then reading waits too.
_MAX_WAITING = 8
# Maximum number of events and statuses that wait. More would fill the memory if the function never returns.
_MAX_EVENTS = 64

_logger = logging.getLogger("edgevid")

With = TypeVar("With")  # what is delivered with a message


class Feed(Generic[With]):
    """Calls a function with one message after the other, in the order in which they were put.

    Events and statuses wait as long as it takes; beyond 64 the oldest are dropped, which is logged. Only a few frames of a file
    wait: see :meth:`wait_for_room`. With ``newest_only``, for a camera, a newer frame replaces the one that
    waits.

    Args:
        take: the function; called in the feed's thread.
        name: name of the thread.
        failed: called in the same thread with an exception of ``take``, which is not called again.

    Attributes:
        newest_only: see above; set it before the first frame.
        passed_over: number of frames replaced by newer ones.
        thread: not started yet.
    """

    def __init__(
        self, take: Callable[[Message, With], object], name: str, failed: Callable[[BaseException], None]
    ) -> None:
        self.newest_only = False
        self.passed_over = 0
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._take, self._failed = take, failed
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Message, With]] = deque()
        self._frames = 0  # number of frames among them
        self._takes_frames = True
        self._ending = False  # no more messages will come
        self._lost = False

    def put(self, message: Message, more: With) -> None:
        """Queue a message and what belongs to it. Callable from any thread; never waits."""
        is_frame, is_first_loss = isinstance(message, Sampled), False
        with self._changed:
            if self._ending or (is_frame and not self._takes_frames):
                return
            if is_frame and self._frames and self.newest_only:
                self._remove_frames()
                self.passed_over += 1
            if not is_frame and len(self._waiting) - self._frames >= _MAX_EVENTS:
                oldest = next(item for item in self._waiting if not isinstance(item[0], Sampled))
                self._waiting.remove(oldest)
                is_first_loss, self._lost = not self._lost, True
            self._waiting.append((message, more))
            self._frames += is_frame
            self._changed.notify_all()
        if is_first_loss:
            _logger.error(
                "%s: the called function has not returned while %d events and statuses arrived; the oldest are dropped.",
                self.thread.name, _MAX_EVENTS,
            )  # fmt: skip

    def wait_for_room(self) -> None:
        """Wait while too many frames are queued. For the thread that puts frames; no other adds any."""
        if self._frames > _MAX_WAITING:
            with self._changed:
                self._changed.wait_for(lambda: self._frames <= _MAX_WAITING)

    def drop_frames(self) -> None:
        """Deliver no more frames, only events and statuses."""
        with self._changed:
            self._takes_frames = False
            self._remove_frames()
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until everything is delivered, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.thread.join()

    def _remove_frames(self) -> None:
        self._waiting = deque(item for item in self._waiting if not isinstance(item[0], Sampled))
        self._frames = 0

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._ending)
                    if not self._waiting:
                        return
                    message, more = self._waiting.popleft()
                    if isinstance(message, Sampled):
                        self._frames -= 1
                        self._changed.notify_all()
                self._take(message, more)
        except BaseException as error:  # whatever it is, the caller gets it
            with self._changed:
                self._ending = True
            self.drop_frames()
            self._failed(error)
