"""The plan of a benchmark: bundles, runtimes and numbers of threads; in turn, several times."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

from ..bundles import DEFAULT_BUNDLE, open_bundle, shipped_bundles, user_bundles
from ..errors import OptionError
from ..support.checks import check_int, check_number
from ..support.child_process import ChildError, ask
from ..support.hardware import usable_cpus
from ..tflite.interpreter import ENVIRONMENT_VARIABLE, runtimes, select_runtime
from .calibration import Calibration
from .comparison import FORMAT
from .figures import rounded
from .machine import describe_machine, describe_versions
from .runs import assembled_run, assembled_source, assembled_sustained
from .scene import FPS, SECONDS, write_clip
from .visit import CODE
from .watch import Watch

# Defaults, as far as the machine has so many CPUs.
_THREADS = (1, 2, 4)
# In each visit the pipeline runs for this long, then with timers around its functions.
_RUN_SECONDS, _TRACE_SECONDS = 0.5, 0.3
_VISIT_TIMEOUT_SECONDS = 300.0
_LEAST_SIDE, _MOST_SIDE = 32, 8192


@dataclass(frozen=True)
class BenchmarkOptions:
    """Options of the benchmark.

    Attributes:
        bundles: names or folders; empty: all installed ones.
        runtimes: names; empty: the one in ``EDGEVID_RUNTIME``, else all that can be used.
        threads: of the interpreter and of OpenCV; empty: 1, 2 and 4, up to the number of CPUs.
        rounds: visits to each combination, which take turns.
        seconds: length of the run that shows whether the rate lasts.
        frame_size: width and height of the clip, 32 to 8192 pixels, even.
        source: a camera, file or URL to measure with as well; None: none.

    Raises:
        OptionError: a value outside its range.
    """

    bundles: Sequence[str] = ()
    runtimes: Sequence[str] = ()
    threads: Sequence[int] = ()
    rounds: int = 3
    seconds: float = 2.0
    frame_size: tuple[int, int] = (320, 240)
    source: Optional[str] = None

    def __post_init__(self) -> None:
        for number in self.threads:
            check_int("threads", number, 1)
        check_int("rounds", self.rounds, 1)
        check_number("seconds", self.seconds, 0, above_low=True, unit="seconds")
        for side in self.frame_size:
            check_int("frame_size", side, _LEAST_SIDE, _MOST_SIDE)
            if side % 2:
                raise OptionError(f"frame_size={self.frame_size!r} was given; MPEG-4 needs even numbers of pixels.")


class Combination(NamedTuple):
    """A bundle, a runtime and a number of threads."""

    bundle: str
    runtime: str
    threads: int


class Benchmark:
    """Visits all combinations in turn, several times, then runs them for longer.

    Args:
        options: the options.

    Attributes:
        combinations: in the order of the visits.
        visits: maximum number of visits.

    Raises:
        BundleError: a requested bundle does not exist. OptionError: a runtime does not exist.
        RuntimeNotAvailableError: a requested one cannot be used, or there is none.
    """

    def __init__(self, options: BenchmarkOptions) -> None:
        self.options = options
        for name in options.bundles:
            open_bundle(name)
        bundles = options.bundles or tuple(dict.fromkeys([*shipped_bundles(), *user_bundles()]))
        threads = options.threads or [number for number in _THREADS if number <= usable_cpus()]
        self._pairs = [(bundle, runtime) for runtime in _runtimes(options.runtimes) for bundle in bundles]
        self.combinations = [Combination(*pair, number) for pair in self._pairs for number in threads]
        self.visits = options.rounds * len(self.combinations) + len(self._pairs) + (options.source is not None)
        self._calibration = Calibration()
        self._answers: dict[Combination, list[dict[str, Any]]] = {one: [] for one in self.combinations}
        self._problems: dict[Combination, str] = {}

    def run(self, on_visit: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Measure.

        Args:
            on_visit: called after each visit.

        Returns:
            A report, ready for JSON. Values that are None have their reason in ``reasons`` beside them.
        """
        options, began = self.options, time.time()
        machine = describe_machine()  # before the work warms it up
        with tempfile.TemporaryDirectory(prefix="edgevid-") as folder:
            clip = Path(folder) / "clip.mp4"
            write_clip(clip, *options.frame_size)
            self._calibration.take()
            for one in options.rounds * self.combinations:
                self._visit(one, clip)
                on_visit()
            runs = {
                one: assembled_run(one.bundle, one.runtime, one.threads, self._answers[one], self._problems.get(one))
                for one in self.combinations
            }
            for pair in self._pairs:
                self._sustain(pair, runs, clip)
                on_visit()
            headline = _headline(list(runs.values()))
            source = self._source(headline, clip)
        report = {
            "benchmark": "edgevid",
            "format": FORMAT,
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
            "took_seconds": time.time() - began,
            "headline": headline,
            "machine": machine,
            "versions": describe_versions(),
            "settings": {
                "frame_size": list(options.frame_size),
                "fps": FPS,
                "clip_seconds": SECONDS,
                "codec": "MPEG-4",
                "rounds": options.rounds,
                "run_seconds": _RUN_SECONDS,
                "trace_seconds": _TRACE_SECONDS,
                "sustained_seconds": options.seconds,
            },
            "noise": self._calibration.summary(),
            "runs": list(runs.values()),
            **source,
        }
        answer: dict[str, Any] = rounded(report)
        return answer

    def _visit(self, one: Combination, clip: Path) -> None:
        if one not in self._problems:
            try:
                self._answers[one].append(_ask(one, clip))
            except ChildError as error:
                self._problems[one] = str(error)
        self._calibration.take()

    def _sustain(self, pair: tuple[str, str], runs: dict[Combination, dict[str, Any]], clip: Path) -> None:
        """Run a bundle for longer, with the fastest number of threads."""
        good = {one: run for one, run in runs.items() if one[:2] == pair and run["problem"] is None}
        if not good:
            return
        one = max(good, key=lambda one: float(good[one]["predictions_per_second"]["median"]))
        seconds = self.options.seconds
        try:
            with Watch(min(max(seconds / 60, 0.5), 10.0)) as watch:
                answer = _ask(one, clip, run_seconds=seconds, trace_seconds=0.0, networks=False)
        except ChildError as error:
            good[one]["reasons"]["sustained"] = str(error)
            return
        good[one]["sustained"] = assembled_sustained(answer["run"], watch)
        del good[one]["reasons"]["sustained"]
        self._calibration.take()

    def _source(self, headline: Optional[dict[str, Any]], clip: Path) -> dict[str, Any]:
        """The stages with the requested source, run as the headline's combination."""
        source = self.options.source
        if source is None or headline is None:
            why = "none was requested (--source)" if source is None else "no bundle could be run"
            return {"source": None, "reasons": {"source": why}}
        one = Combination(headline["bundle"], headline["runtime"], headline["threads"])
        try:
            answer = _ask(one, clip, source=source, run_seconds=self.options.seconds, trace_seconds=0.0, networks=False)
        except ChildError as error:
            return {"source": None, "reasons": {"source": str(error)}}
        return {"source": assembled_source(one.bundle, one.runtime, one.threads, answer), "reasons": {}}


def _ask(one: Combination, clip: Path, **settings: Any) -> dict[str, Any]:
    wanted = {
        **one._asdict(),
        "clip": str(clip),
        "source": None,
        "run_seconds": _RUN_SECONDS,
        "trace_seconds": _TRACE_SECONDS,
        "networks": True,
        **settings,
    }
    timeout = _VISIT_TIMEOUT_SECONDS + 2 * wanted["run_seconds"]
    answer = ask(["-c", CODE, json.dumps({**wanted, "spawned": time.monotonic()})], timeout)
    if answer.get("problem"):
        raise ChildError(answer["problem"])
    return answer


def _runtimes(asked_for: Sequence[str]) -> list[str]:
    if asked_for:
        return list(dict.fromkeys(select_runtime(name).name for name in asked_for))
    best = select_runtime().name  # raises if there is none
    return [best] if os.environ.get(ENVIRONMENT_VARIABLE) else [info.name for info in runtimes() if info.usable]


def _headline(runs: Sequence[dict[str, Any]]) -> Optional[dict[str, Any]]:
    """The fastest run of the default bundle, or of the first one that runs."""
    good = [run for run in runs if run["problem"] is None]
    if not good:
        return None
    names = [run["bundle"] for run in good]
    name = DEFAULT_BUNDLE if DEFAULT_BUNDLE in names else names[0]
    best = max(
        (run for run in good if run["bundle"] == name), key=lambda run: float(run["predictions_per_second"]["median"])
    )
    told = {key: best[key] for key in ("bundle", "runtime", "threads", "needed_per_second", "headroom")}
    return {**told, "predictions_per_second": best["predictions_per_second"]["median"]}
