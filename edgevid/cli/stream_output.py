"""What ``edgevid stream`` prints: a line for each prediction and event, as text or JSON."""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Sequence
from typing import Any, Callable, Protocol

from ..errors import EdgevidError
from ..events import Began, Event
from ..runner.messages import Observation
from .classify import marked_label


class StreamOutput(Protocol):
    """Prints what happens in the sources. Called from several threads."""

    def prediction(self, name: str, observation: Observation) -> None:
        """The prediction of an observation of the source ``name``."""

    def event(self, name: str, event: Event) -> None:
        """An event in the source ``name``."""


class TextOutput:
    """Lines for people.

    Args:
        write: takes a line.
        names: the sources' names; lines name them where there are several.
        labels: the recogniser's.
        top: how many classes a line shows.
        first_timestamp: a source's name -> when its first frame was taken; lines count from then.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        names: Sequence[str],
        labels: Sequence[str],
        top: int,
        first_timestamp: Callable[[str], float],
    ) -> None:
        self._write = write
        self._several = len(names) > 1
        self._name_width = max(map(len, names))
        self._label_width = max(map(len, labels)) + 2
        self._top = top
        self._first_timestamp = first_timestamp

    def prediction(self, name: str, observation: Observation) -> None:
        prediction = observation.prediction
        if prediction is None:
            return
        others = "  ".join(f"{label} {score:.2f}" for label, score in prediction.top(self._top)[1:])
        filling = f"  (window {prediction.window_filled:.0%} filled)" if prediction.window_filled < 1 else ""
        start = self._start(name, observation.timestamp)
        self._write(
            f"{start}{marked_label(prediction):<{self._label_width}}  {prediction.score:.2f}  {others}{filling}".rstrip()
        )

    def event(self, name: str, event: Event) -> None:
        if isinstance(event, Began):
            what = f"began {event.label}, score {event.score:.2f}"
        else:
            what = f"ended {event.label} after {event.duration_seconds:.1f} s, peak score {event.peak_score:.2f}"
        self._write(self._start(name, event.timestamp) + what)

    def _start(self, name: str, timestamp: float) -> str:
        source = f"{name:<{self._name_width}}  " if self._several else ""
        return f"{timestamp - self._first_timestamp(name):8.2f} s  {source}"


class JsonOutput:
    """One JSON object a line."""

    def __init__(self, write: Callable[[str], None], top: int) -> None:
        self._write = write
        self._top = top

    def prediction(self, name: str, observation: Observation) -> None:
        if observation.prediction is not None:
            latency_ms = round(observation.latency_seconds * 1000, 3)
            self._print(name, {**observation.prediction.as_dict(self._top), "latency_ms": latency_ms})

    def event(self, name: str, event: Event) -> None:
        rounded = {
            key: round(value, 6) if isinstance(value, float) else value for key, value in event.as_dict().items()
        }
        self._print(name, rounded)

    def _print(self, name: str, record: dict[str, Any]) -> None:
        self._write(json.dumps({"source": name, **record}))


class Lines:
    """Writes lines to stdout, each at once and whole, from any thread.

    Past ``sys.stdout``: a thread that waits for a full pipe would hold the lock of its buffer, and the program could not end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        sys.stdout.flush()

    def write(self, line: str) -> None:
        """Raises: BrokenPipeError: the reader went away. EdgevidError: it cannot be written for another reason."""
        try:
            with self._lock:
                if os.name == "posix":
                    _write_all(sys.stdout.fileno(), f"{line}\n".encode(sys.stdout.encoding, "backslashreplace"))
                else:
                    print(line, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise EdgevidError(f"The output cannot be written: {error.strerror or error}.") from error


def _write_all(file: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(file, data) :]
        except BlockingIOError:  # somebody set the pipe so
            select.select([], [file], [])
