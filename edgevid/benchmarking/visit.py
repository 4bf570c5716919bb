"""One visit to a bundle, in a process of its own: its start, its speed, and the time of its stages.

The parent starts ``python -c CODE`` and reads one JSON object from its last line of output. :data:`CODE` takes the first times
before anything else is imported. ``time.monotonic()`` is the same clock in all processes of a machine.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..recognizer import Recognizer
    from ..sources import Source

CODE = (
    "import time; began = time.monotonic(); import edgevid; imported = time.monotonic(); edgevid.load; "
    "ready = time.monotonic(); from edgevid.benchmarking.visit import main; main(began, imported, ready)"
)
# Number of warm-up predictions after the first one, and minimum number to measure, however slow the machine is.
_WARM_UP, _LEAST = 2, 2
# A source has this many times the window's length for its first prediction.
_FILLED_WITHIN = 3.0
# A network alone is run this many times, fewer if that takes longer than this many seconds.
_NETWORK_WARM_UP, _LEAST_NETWORK_RUNS, _NETWORK_RUNS, _NETWORK_SECONDS = 2, 3, 15, 0.2


def main(began: float, imported: float, ready: float) -> None:
    """Make the visit that the JSON object in ``sys.argv[1]`` describes, and print the measurements.

    Its keys: ``bundle``, ``runtime``, ``threads``; ``clip``, a video file; ``source``, in its place, or null; ``run_seconds`` and
    ``trace_seconds``, at least; ``networks``, whether to run them alone, too; ``spawned``, when the process was started.
    """
    entered = time.monotonic()
    settings = json.loads(sys.argv[1])
    from ..errors import EdgevidError

    try:
        answer = _visited(settings, began, imported, ready, entered)
    except EdgevidError as error:
        answer = {"problem": str(error)}
    print(json.dumps(answer))  # noqa: T201 - the parent reads it


def _visited(settings: dict[str, Any], began: float, imported: float, ready: float, entered: float) -> dict[str, Any]:
    import edgevid

    recognizer = edgevid.load(settings["bundle"], num_threads=settings["threads"], runtime=settings["runtime"])
    loaded = time.monotonic()
    spent = entered - ready  # on importing this module
    startup = {
        "python_ms": began - settings["spawned"],
        "import_ms": imported - began,
        "import_all_ms": ready - began,
        "load_ms": loaded - entered,
    }
    with recognizer:
        answer = _measured(recognizer, settings, settings["spawned"] + spent, startup)
        answer["startup"] = {name: seconds * 1000 for name, seconds in startup.items()}
    return answer


def _measured(
    recognizer: Recognizer, settings: dict[str, Any], spawned: float, startup: dict[str, float]
) -> dict[str, Any]:
    import cv2

    from ..sources import open_source
    from .figures import peak_bytes
    from .scene import RepeatedClip

    cv2.setNumThreads(settings["threads"])
    given = settings["source"]
    with RepeatedClip(Path(settings["clip"])) if given is None else open_source(given) as source:
        pipeline = _Pipeline(recognizer, source)
        if given is not None:
            return _of_source(recognizer, pipeline, source, settings["run_seconds"])
        pipeline.next_sample()
        startup["first_embedding_ms"] = time.monotonic() - spawned
        while not pipeline.predictions:
            pipeline.next_sample()
        startup["first_prediction_ms"] = time.monotonic() - spawned
        answer: dict[str, Any] = {"first_prediction_at": pipeline.timestamp}
        pipeline.run(0.0, _WARM_UP)
        answer["run"] = pipeline.run(settings["run_seconds"], _LEAST)
        answer["peak_bytes"] = peak_bytes()
        if settings["trace_seconds"]:
            answer["trace"] = _traced(recognizer, pipeline, settings["trace_seconds"])
    if settings["networks"]:
        answer["networks"] = _networks(recognizer, settings["threads"], settings["runtime"])
    return answer


class _Pipeline:
    """A source, its stream and its events: the loop of a runner, in the calling thread."""

    def __init__(self, recognizer: Recognizer, source: Source) -> None:
        from ..events import EventDetector
        from ..following import follow
        from .scene import RepeatedClip

        self._clip = source if isinstance(source, RepeatedClip) else None
        self._events = EventDetector(recognizer.events.options)
        self._followed = follow(recognizer.open_stream(), source)
        self.predictions = 0
        self.timestamp = 0.0
        self.latency = 0.0  # of the newest prediction, in seconds

    def next_sample(self) -> bool:
        """Continue to the next sample; False at the source's end."""
        for followed in self._followed:
            if followed is None:  # a scene ended
                self._events.finish()
                continue
            self.timestamp = followed.timestamp
            if followed.prediction is not None:
                self._events.update(followed.prediction)
                self.predictions += 1
                taken = time.monotonic() - followed.taken_at
                self.latency = taken if self._clip is None else time.perf_counter() - self._clip.grabbing_since
            return True
        return False

    def run(self, seconds: float, least: int = 1) -> dict[str, Any]:
        """Run for so many seconds, and at least so many predictions.

        Returns:
            ``began``, on ``time.monotonic()``; ``ended_ms``: when each prediction was ready, after that; ``latency_ms`` of each.
        """
        began = time.monotonic()
        ended: list[float] = []
        latency: list[float] = []
        while time.monotonic() - began < seconds or len(ended) < least:
            before = self.predictions
            if not self.next_sample():
                break
            if self.predictions > before:
                ended.append((time.monotonic() - began) * 1000)
                latency.append(self.latency * 1000)
        return {"began": began, "ended_ms": ended, "latency_ms": latency}


def _traced(recognizer: Recognizer, pipeline: _Pipeline, seconds: float, least: int = _LEAST) -> dict[str, Any]:
    from .tracing import Tracer, points_of

    tracer = Tracer()
    with tracer.around(points_of(recognizer.embedders)):
        ran = pipeline.run(seconds, least)
    part_of = {stage: sorted(stages) for stage, stages in tracer.part_of.items()}
    return {"spans": tracer.spans, "part_of": part_of, **ran}


def _of_source(recognizer: Recognizer, pipeline: _Pipeline, source: Source, seconds: float) -> dict[str, Any]:
    from dataclasses import asdict

    # cut after cut, the window may never fill
    latest = time.monotonic() + _FILLED_WITHIN * recognizer.window_seconds
    while not pipeline.predictions and time.monotonic() < latest and pipeline.next_sample():
        pass
    trace = _traced(recognizer, pipeline, seconds, least=0)
    return {"trace": trace, "stats": asdict(source.stats()), "live": source.live, "name": source.name}


def _networks(recognizer: Recognizer, threads: int, runtime: str) -> dict[str, Any]:
    """The bundle's networks alone, as in LiteRT's benchmark_model: milliseconds of opening, warm-up and runs."""
    import numpy as np

    from ..tflite.interpreter import TfliteModel

    found = {}
    for path in network_files(recognizer):
        start = time.perf_counter()
        model = TfliteModel(path, num_threads=threads, runtime=runtime)
        opened = (time.perf_counter() - start) * 1000
        zeros = [np.zeros(spec.shape, spec.dtype) for spec in model.inputs]
        times = list(_times(model, zeros))
        found[path.stem] = {
            "init_ms": opened,
            "warm_up_ms": times[:_NETWORK_WARM_UP],
            "runs_ms": times[_NETWORK_WARM_UP:],
            "delegated_parts": model.delegates(),
        }
        model.close()
    return found


def network_files(recognizer: Recognizer) -> list[Path]:
    """The bundle's ``.tflite`` files."""
    bundle = recognizer.bundle
    if bundle is None:
        return []
    own = [path for path in bundle.classifier.files if path.suffix == ".tflite"]
    return [*(network.path for network in bundle.networks), *own]


def _times(model: Any, arrays: list[Any]) -> Iterator[float]:
    """Milliseconds of each run, the warm-up first."""
    began = time.perf_counter()
    for number in range(_NETWORK_WARM_UP + _NETWORK_RUNS):
        start = time.perf_counter()
        if start - began > _NETWORK_SECONDS and number >= _NETWORK_WARM_UP + _LEAST_NETWORK_RUNS:
            return
        model.run(*arrays)
        yield (time.perf_counter() - start) * 1000
