"""A recogniser and sources that need no model and no camera: a picture's brightness says what it shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, Union

import numpy as np

from edgevid import Recognizer, Source, TimedFrame
from edgevid.classifiers import Classifier
from edgevid.embedders import Embedder, Window
from edgevid.events import EventOptions
from edgevid.frames import Frame
from edgevid.runner.messages import Message, Sampled, SourceEvent
from edgevid.runner.state import SourceState
from edgevid.sampling import Sample
from edgevid.sources import SourceStatus, Wanted

LABELS = ("idle", "jump")
AT_ONCE = EventOptions(enter=0.6, exit=0.4, min_seconds=0.0)
SECONDS = 0.1  # from one sample to the next


def picture(jump: float) -> Frame:
    """A uint8 [8, 8, 3] frame in which ``jump`` has this probability."""
    return np.full((8, 8, 3), round(200 * jump), np.uint8)


def video(jumps: Iterable[float], start: float = 0.0) -> list[TimedFrame]:
    """One frame for each sample."""
    return [TimedFrame(start + k * SECONDS, picture(jump)) for k, jump in enumerate(jumps)]


class Brightness(Embedder):
    """Embeds a picture by its brightness."""

    dim = 2

    def __init__(self, busy: Callable[[], None]) -> None:
        self.embedded = 0
        self._busy = busy

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "brightness"}

    def embed(self, sample: Sample) -> np.ndarray:
        self._busy()
        self.embedded += 1
        jump = sample.frames[-1][0, 0, 0] / 200
        return np.array([1 - jump, jump], np.float32)


class MeanOfTwo(Classifier):
    """Answers with the mean of the last two embeddings."""

    num_samples = num_classes = dim = 2

    def predict(self, window: Window) -> np.ndarray:
        return window.aligned.mean(axis=0)


class StandInRecognizer(Recognizer):
    """Answers with the mean of the last two pictures. ``busy``: called for each one that is embedded."""

    def __init__(self, busy: Callable[[], None] = lambda: None) -> None:
        self.brightness = Brightness(busy)
        super().__init__([self.brightness], MeanOfTwo(), LABELS, window_seconds=2 * SECONDS)

    @property
    def embedded(self) -> int:
        return self.brightness.embedded


class Scripted(Source):
    """Follows a script: frames, and functions that are called in their place (to block, fail, or note a restart).

    Even as a camera, its frames wait, so that a test decides what is seen.
    """

    def __init__(
        self, script: Iterable[Union[TimedFrame, Callable[[], Any]]], *, live: bool = False, name: str = "scripted"
    ) -> None:
        self.script, self.live, self.name = script, live, name
        self.closed = threading.Event()

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        self._tell("opened", f"{self.name} is open.")
        try:
            for step in self.script:
                if self.closed.is_set():
                    break
                if callable(step):
                    step()
                elif wanted is None or wanted(step.timestamp):
                    self._used += 1
                    yield step
                else:
                    self._unwanted += 1
        except Exception as error:
            self._tell("failed", f"{self.name} broke off: {error}")
            raise
        self._tell("ended", f"{self.name} has ended.")

    def lose(self) -> None:
        """In a script: the source was lost and is back."""
        self.restarts += 1
        self._tell("lost", f"{self.name} was lost.")
        self._tell("reopened", f"{self.name} is back.")

    def wait_for_close(self) -> None:
        """In a script: a read that blocks until the source is closed."""
        self.closed.wait(30)

    def close(self) -> None:
        self.closed.set()
        self._tell("ended", f"{self.name} is closed.")


class Endless(Source):
    """A camera that always has a frame, and counts them."""

    live = True

    def __init__(self, name: str = "endless", jump: float = 0.0) -> None:
        self.name, self.jump = name, jump
        self.given = 0
        self.closed = threading.Event()

    def frames(self, wanted: Optional[Wanted] = None) -> Iterator[TimedFrame]:
        self._tell("opened", f"{self.name} is open.")
        start = time.monotonic()
        while not self.closed.is_set():
            # a clock of its own, so that each frame is wanted
            self._used = self.given = self.given + 1
            yield TimedFrame(start + self.given * SECONDS, picture(self.jump))

    def close(self) -> None:
        self.closed.set()
        self._tell("ended", f"{self.name} is closed.")


class Keeping:
    """An output that keeps its messages."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.states: list[SourceState] = []  # after each
        self.closed = False

    def take(self, message: Message, state: SourceState) -> None:
        self.messages.append(message)
        self.states.append(state)

    def close(self) -> None:
        self.closed = True

    @property
    def sampled(self) -> list[Sampled]:
        return [message for message in self.messages if isinstance(message, Sampled)]

    @property
    def events(self) -> list[SourceEvent]:
        return [message for message in self.messages if isinstance(message, SourceEvent)]

    @property
    def statuses(self) -> list[SourceStatus]:
        return [message for message in self.messages if isinstance(message, SourceStatus)]
