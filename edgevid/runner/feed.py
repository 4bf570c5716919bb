"""A thread that hands messages on, so that whoever takes them does not stop what tells them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Callable, Generic, TypeVar

from .messages import Message, Sampled

# Of a file so many frames may wait for a slow function before the reading waits too.
_MAX_WAITING = 8
# So many events and statuses wait for a function that takes its time. More would fill the memory where it never returns.
_MAX_EVENTS = 64

_logger = logging.getLogger("edgevid")

With = TypeVar("With")  # what is handed on with a message


class Feed(Generic[With]):
    """Calls a function with one message after the other, in the order in which they were put.

    Events and statuses wait as long as it takes; of more than 64 the oldest are dropped, which is logged. Frames wait too, of a
    file only a few: see :meth:`wait_for_room`; and with ``newest_only``, for a camera, a newer frame takes the place of the one
    that waits.

    Args:
        take: what is called, in the thread of the feed.
        name: of the thread.
        failed: told what ``take`` raised, in the same thread; it is not called again.

    Attributes:
        newest_only: see above; to be set before the first frame comes.
        passed_over: frames whose place a newer one took.
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
        self._frames = 0  # how many of them are frames
        self._takes_frames = True
        self._ending = False  # nothing comes any more
        self._lost = False

    def put(self, message: Message, more: With) -> None:
        """Hand on a message, and what belongs to it; any thread. Never waits."""
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
                "%s: what is told has not returned while %d events and statuses came; the oldest are dropped.",
                self.thread.name, _MAX_EVENTS,
            )  # fmt: skip

    def wait_for_room(self) -> None:
        """Wait while too many frames wait. For the thread that puts frames: nobody else makes them more."""
        if self._frames > _MAX_WAITING:
            with self._changed:
                self._changed.wait_for(lambda: self._frames <= _MAX_WAITING)

    def drop_frames(self) -> None:
        """Hand on no frame any more; events and statuses still."""
        with self._changed:
            self._takes_frames = False
            self._remove_frames()
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until everything was handed on, and end."""
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
        except BaseException as error:  # whatever it is: it goes back to the caller
            with self._changed:
                self._ending = True
            self.drop_frames()
            self._failed(error)
