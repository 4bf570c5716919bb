"""The output of ``edgevid stream``: a line for each prediction and event, as text or JSON."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Sequence
from typing import Any, Callable, Optional

from ..errors import EdgevidError
from ..events import Began, Counted, Ended, Event
from ..runner.messages import Sampled
from ..support.printable import printable
from .output import answer_width, print_lines

_COMMON = ("event", "label", "timestamp")


class TextOutput:
    """Lines for people. Called from several threads, as is :class:`JsonOutput`.

    Args:
        write: called with each line.
        names: the sources' names; lines contain them if there are several.
        labels: the recogniser's.
        top: number of classes on a line.
        predictions: whether to print them; they always set a source's first timestamp, from which lines count.
        width: columns that a prediction's line may take; the last classes go first. None: as many as it needs.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        names: Sequence[str],
        labels: Sequence[str],
        top: int,
        predictions: bool = True,
        width: Optional[int] = None,
    ) -> None:
        self._write, self._top, self._predictions, self._width = write, top, predictions, width
        self._name_width = max(len(printable(name)) for name in names) if len(names) > 1 else 0
        self._label_width = answer_width(labels)
        self._first: dict[str, float] = {}

    def prediction(self, name: str, sampled: Sampled) -> None:
        prediction = sampled.prediction
        if prediction is None:
            return
        first = sampled.timestamp if prediction.start_timestamp is None else prediction.start_timestamp
        self._first.setdefault(name, first)
        if not self._predictions:
            return
        answer = prediction.in_stream(sampled.action)
        label = f"{printable(answer.words()):<{self._label_width}}"
        following = [one for one in prediction.top(self._top) if one.label != answer.label][: self._top - 1]
        others = [f"  {printable(one.label)} {one.score:.2f}" for one in following]
        filling = f"  (window {prediction.window_filled:.0%} filled)" if prediction.window_filled < 1 else ""
        line = f"{self._start(name, sampled.timestamp)}{label}  {answer.score:.2f}"
        while others and self._width is not None and len(line + "".join(others) + filling) > self._width:
            others.pop()
        self._write(line + "".join(others) + filling)

    def event(self, name: str, event: Event) -> None:
        if isinstance(event, Began):
            what = f"began {event.label}, score {event.score:.2f}"
        elif isinstance(event, Ended):
            counted = f", {event.count} times" if event.count else ""
            what = (
                f"ended {event.label} after {event.duration_seconds:.1f} s{counted}, peak score {event.peak_score:.2f}"
            )
        elif isinstance(event, Counted):
            what = f"counted {event.count} {event.label}"
        else:
            more = (f", {key} {value}" for key, value in _rounded(event).items() if key not in _COMMON)
            what = f"{event.kind} {event.label}{''.join(more)}"
        self._write(self._start(name, event.timestamp) + what)

    def _start(self, name: str, timestamp: float) -> str:
        source = f"{printable(name):<{self._name_width}}  " if self._name_width else ""
        return f"{timestamp - self._first.get(name, 0.0):8.2f} s  {source}"


class JsonOutput:
    """One JSON object a line."""

    def __init__(self, write: Callable[[str], None], top: int) -> None:
        self._write = write
        self._top = top

    def prediction(self, name: str, sampled: Sampled) -> None:
        if sampled.prediction is not None:
            latency_ms = round(sampled.latency_seconds * 1000, 3)
            action = None if sampled.action is None else sampled.action.label
            self._print(name, {**sampled.prediction.as_dict(self._top), "action": action, "latency_ms": latency_ms})

    def event(self, name: str, event: Event) -> None:
        self._print(name, _rounded(event))

    def _print(self, name: str, record: dict[str, Any]) -> None:
        self._write(json.dumps({"source": name, **record}))


def _rounded(event: Event) -> dict[str, Any]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in event.as_dict().items()}


class Lines:
    """Writes lines to stdout, each at once and whole, from any thread.

    Not through ``sys.stdout``: a thread waiting for a full pipe would hold its buffer's lock, and the program could not end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        sys.stdout.flush()

    def write(self, line: str) -> None:
        """Raises: BrokenPipeError: the reader went away. EdgevidError: it cannot be written for another reason."""
        try:
            with self._lock:
                if os.name == "posix":
                    text = f"{printable(line)}\n"
                    _write_all(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "backslashreplace"))
                else:
                    print_lines(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise EdgevidError(f"The output cannot be written: {error.strerror or error}.") from error


def _write_all(file: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(file, data) :]
        except BlockingIOError:  # somebody made the pipe non-blocking
            select.select([], [file], [])
