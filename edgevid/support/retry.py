"""When to retry: soon, then less and less often (exponential back-off)."""

from __future__ import annotations


class Retry:
    """The pauses between attempts: each is twice as long as the one before it, up to a limit.

    >>> retry = Retry(0.5, 2.0)
    >>> [retry.next_delay() for _ in range(4)]
    [0.5, 1.0, 2.0, 2.0]

    Args:
        first_seconds: the first pause.
        max_seconds: the longest.
    """

    def __init__(self, first_seconds: float = 0.5, max_seconds: float = 30.0) -> None:
        self._first, self._max = first_seconds, max_seconds
        self._next = first_seconds

    def next_delay(self) -> float:
        """Seconds to wait before the next attempt."""
        delay = self._next
        self._next = min(2 * delay, self._max)
        return delay

    def reset(self) -> None:
        """An attempt succeeded: start with the shortest pause again."""
        self._next = self._first
