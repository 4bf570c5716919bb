"""Timers around the pipeline's own functions, while it runs."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Callable, NamedTuple, Union
from weakref import WeakKeyDictionary

from ..classifiers import RollingWindow
from ..embedders import Embedder, cnn, motion_region
from ..embedders.motion import Motion, OpticalFlow
from ..embedders.repetitions import EmbedderCounter
from ..events import EventDetector
from ..sampling import StreamSampler
from ..sources import VideoFile, camera, picamera
from ..tflite.interpreter import TfliteModel

# The stages that follow one another; an embedder's time excludes the region, which embedders share.
CAPTURE, DECODE, SAMPLING, REGION = "capture", "decode", "sampling", "region"
CLASSIFIER, REPETITIONS, EVENTS = "classifier", "repetitions", "events"
# Their parts
FLOW, RESIZE, NETWORK = "flow", "resize", "network"


class Point(NamedTuple):
    """A function to be timed.

    Attributes:
        owner: the class or module that has it. name: its name there.
        stage: the stage's name, or a function that makes it from the function's arguments.
        apart: whether its time is subtracted from that of the stage that called it.
    """

    owner: Any
    name: str
    stage: Union[str, Callable[..., str]]
    apart: bool = False


class Tracer:
    """Times stages; calls in different threads are kept apart.

    Attributes:
        spans: for each stage, the milliseconds of each call, without those of stages that are kept apart.
        part_of: for each stage, the stages that called it.
    """

    def __init__(self) -> None:
        self.spans: defaultdict[str, list[float]] = defaultdict(list)
        self.part_of: defaultdict[str, set[str]] = defaultdict(set)
        self._threads = threading.local()

    @contextmanager
    def around(self, points: Sequence[Point]) -> Iterator[None]:
        """Time the functions within the block. References taken before it stay untimed."""
        replaced = []
        try:
            for point in points:
                own = vars(point.owner).get(point.name)
                setattr(point.owner, point.name, self._timed(point, getattr(point.owner, point.name)))
                replaced.append((point, own))
            yield
        finally:
            for point, own in reversed(replaced):
                if own is None:  # it was inherited
                    delattr(point.owner, point.name)
                else:
                    setattr(point.owner, point.name, own)

    def _timed(self, point: Point, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            stack = vars(self._threads).setdefault("stack", [])
            stage = point.stage if isinstance(point.stage, str) else point.stage(*args, **kwargs)
            stack.append([stage, 0.0])  # its name, and the time of separate stages inside it
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                elapsed = time.perf_counter() - start
                apart = stack.pop()[1]
                self.spans[stage].append((elapsed - apart) * 1000)
                if stack:
                    stack[-1][1] += elapsed if point.apart else apart
                    if not point.apart:
                        self.part_of[stage].add(stack[-1][0])

        return timed


def points_of(embedders: Sequence[Embedder]) -> list[Point]:
    """The functions to time in a stream with these embedders, from a file or a camera."""
    kinds: set[type[Embedder]] = {type(embedder) for embedder in embedders}
    captures = (VideoFile, camera._OpenCVCapture, picamera._PicameraCapture)
    resizers = [(cnn, "resize")] if not any(kind is motion_region.MotionRegion for kind in kinds) else []
    resizers += [(motion_region, "resized")]
    return [
        *(Point(capture, "grab", CAPTURE) for capture in captures),
        *(Point(capture, "retrieve", DECODE) for capture in captures),
        Point(StreamSampler, "due", SAMPLING),
        Point(StreamSampler, "advance", SAMPLING),
        Point(Motion, "follow", REGION, apart=True),
        *(Point(kind, "embed", _Names(embedders)) for kind in kinds),
        *(Point(module, name, RESIZE) for module, name in resizers),
        Point(OpticalFlow, "__call__", FLOW),
        Point(TfliteModel, "run", lambda model, *arrays: f"{NETWORK} {model.path.stem}"),
        Point(RollingWindow, "push", CLASSIFIER),
        Point(EmbedderCounter, "take", REPETITIONS),
        Point(EventDetector, "update", EVENTS),
    ]  # fmt: skip


def embedder_names(embedders: Sequence[Embedder]) -> list[str]:
    """Names that distinguish a bundle's embedders: "motion-region (difference)", "flow-histogram (region)"."""
    names: list[str] = []
    for embedder in embedders:
        kind, where = str(embedder.identity["kind"]), embedder.identity.get("where")
        what = "difference" if embedder.identity.get("difference") else where
        name = kind if what is None else f"{kind} ({what})"
        names.append(name if name not in names else f"{name} {names.count(name) + 1}")
    return names


class _Names:
    """The stage of an embedder, or of a copy that a stream made."""

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        self._known = [(dict(one.identity), name) for one, name in zip(embedders, embedder_names(embedders))]
        self._names: WeakKeyDictionary[Embedder, str] = WeakKeyDictionary()

    def __call__(self, embedder: Embedder, *_: Any) -> str:
        name = self._names.get(embedder)
        if name is None:
            identity = dict(embedder.identity)
            name = next((name for known, name in self._known if known == identity), str(identity["kind"]))
            self._names[embedder] = name
        return name
