"""Sources whose frames wait for the consumer: files, pictures, the caller's own frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, Optional

from ..errors import SourceError
from ..frames import Frame
from .base import Source, TimedFrame, Wanted


class SequenceSource(Source):
    """A source that drops nothing: each frame is used, or the consumer's sampling has no use for it."""

    _closed = False

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        self._tell("opened", f"{self.name} is open.")
        try:
            for timestamp, decode in self._items():
                if self._closed:
                    break
                if wanted is not None and not wanted(timestamp):
                    self._unwanted += 1
                    continue
                image = decode()
                self._used += 1
                yield TimedFrame(timestamp, image)
        except Exception as error:
            if self._closed and isinstance(error, SourceError):  # from another thread, in the middle of a read
                return
            self._tell("failed", f"{self.name} broke off: {error}")
            raise
        self._tell("ended", f"{self.name} has ended.")

    def close(self) -> None:
        self._closed = True
        self._tell("ended", f"{self.name} is closed.")

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        """The frames in order: a timestamp in seconds, and what decodes the picture. The latter is called at once or never."""
        raise NotImplementedError
