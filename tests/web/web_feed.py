"""A simulated stream for the page: frames and events like those of a running recogniser.

``PYTHONPATH=tests python tests/web/web_feed.py [VIDEO]`` serves them until Ctrl-C, to look at the page.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import numpy as np
from support.telling import Seen, Told
from support.videos import moving_frames

from edgevid.events import ActiveAction, Began, Ended, Event
from edgevid.frames import Frame
from edgevid.prediction import Prediction
from edgevid.runner.messages import Sampled
from edgevid.sources.base import SourceStats, SourceStatus

LABELS = (
    "JumpingJack", "PushUps", "BodyWeightSquats", "Lunges", "PullUps", "JumpRope", "HandstandWalking", "WallPushups",
    "TrampolineJumping", "HandStandPushups",
)  # fmt: skip


def scores(best: int, score: float, labels: Sequence[str] = LABELS) -> np.ndarray:
    """Probabilities with ``score`` for class ``best``; the others share the rest, unevenly."""
    rest = np.array([1.0 / (2 + (i - best) % len(labels)) ** 2 for i in range(len(labels))])
    rest[best] = 0
    if rest.sum() > 0:
        rest *= (1 - score) / rest.sum()
    rest[best] = score
    return rest.astype(np.float32)


def prediction(
    best: int = 0,
    score: float = 0.9,
    *,
    timestamp: float = 0.0,
    threshold: float = 0.5,
    labels: Sequence[str] = LABELS,
    window_filled: float = 1.0,
    enter: float = 0.5,
    **more: Any,
) -> Prediction:
    probabilities = scores(best, score, labels)
    return Prediction(
        tuple(labels), probabilities, threshold, timestamp, timestamp - 5, window_filled, enter=enter, **more
    )


def observation(
    source: str = "camera 0",
    timestamp: Optional[float] = None,
    image: Optional[Frame] = None,
    predicted: Optional[Prediction] = None,
    events: Sequence[Event] = (),
    *,
    latency: float = 0.031,
    captured: int = 30,
    dropped: int = 0,
    restarts: int = 0,
    live: bool = True,
    scene: int = 1,
    action: Optional[ActiveAction] = None,
) -> Seen:
    """A frame, its prediction, the events that it decided, and the action under way; by default the one that begins with it."""
    timestamp = time.monotonic() if timestamp is None else timestamp
    begun = [ActiveAction(event.label, event.timestamp, event.score) for event in events if isinstance(event, Began)]
    image = np.full((48, 64, 3), 90, np.uint8) if image is None else image
    stats = SourceStats(captured, captured - dropped, 0, dropped, restarts, latency if live else None)
    action = begun[-1] if begun else action
    return Seen(Sampled(source, timestamp, image, predicted, latency, stats, live, scene, action), tuple(events))


def status(state: str, message: str = "", source: str = "camera 0") -> SourceStatus:
    return SourceStatus(source, state, message, time.monotonic())


def course(images: Sequence[Frame], source: str = "camera 0", *, start: float = 0.0, seed: int = 4) -> Iterator[Seen]:
    """Ten observations a second, endlessly: actions of a few seconds with uncertain times between them."""
    rng = np.random.default_rng(seed)
    tick, dropped = 0, 0
    while True:
        best, action = int(rng.integers(len(LABELS))), None
        levels = [*np.linspace(0.3, 0.94, 14), *[0.94] * int(rng.integers(25, 90)), *np.linspace(0.94, 0.2, 10)]
        for level in levels:
            now, tick = start + tick / 10, tick + 1
            score = float(np.clip(level + rng.normal(0, 0.02), 0.15, 0.99))
            events: list[Event] = []
            if action is None and level == 0.94:
                action = ActiveAction(LABELS[best], now, score)
                events.append(Began(LABELS[best], now, score))
            elif action is not None and score < 0.55:
                events.append(Ended(LABELS[best], now, now - action.since, 0.97))
                action = None
            dropped += int(rng.random() < 0.02)
            predicted = prediction(best, score, timestamp=now, threshold=0.6) if tick > 20 else None
            yield observation(
                source, now, images[tick % len(images)], predicted, events if predicted else (),
                captured=3 * tick, dropped=dropped, latency=float(rng.normal(0.031, 0.003)), action=action,
            )  # fmt: skip


def main() -> None:
    from edgevid import open_source
    from edgevid.outputs.web import WebServer

    images: Sequence[Frame] = list(moving_frames(100, 640, 480))
    if len(sys.argv) > 1:
        images = [frame.image for frame in open_source(sys.argv[1])][::3]
    with Told(WebServer(LABELS, port=0), window_seconds=5) as server:
        print(server.url, flush=True)  # noqa: T201
        for seen in course(images, start=time.monotonic()):
            server.observe(seen)
            time.sleep(0.1)


if __name__ == "__main__":
    main()
