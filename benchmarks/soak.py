"""Whether a long-running stream leaks memory, or leaves threads or files open when it is closed.

    python benchmarks/soak.py                       # 200,000 frames, each embedded and classified: a quarter of an hour or more
    python benchmarks/soak.py --frames 20000 --every 4

A synthetic source gives frames as fast as they are taken. They pass through all that a camera's do: source, sampling, extractor,
classifier, smoothing, events, runner. Memory is the process's resident set, /proc/self/statm, so this runs on Linux only. Exit
code 1: it grew by 1 MB or more after the first frames, or something was left open.
"""

from __future__ import annotations

import argparse
import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import environment, run, save

import edgevid
from edgevid.bundles import DEFAULT_BUNDLE
from edgevid.events import Event, EventOptions
from edgevid.frames import Frame

WARM_UP = 10_000
MAX_GROWTH_MB = 1.0
SCENES = 8
FRAMES_PER_SCENE = 150  # a new scene changes the most probable class, so there are events
POINTS = 20  # at which memory is recorded
# No gap and no minimum duration, so that there are many events although noise is no action.
EVENTS = EventOptions(enter=0.4, exit=0.4, min_seconds=0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200_000, help="number of frames (default: %(default)s)")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="sample every Nth frame (default: %(default)s)"
    )
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE, metavar="NAME", help="what to run (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="interpreter threads (default: %(default)s)")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    if args.frames < 4 or args.every < 1:
        parser.error("--frames must be 4 or more, and --every 1 or more")

    _run(args, frames=200)  # loads what is loaded at first use and then kept
    before = _held()
    result = _run(args, args.frames)
    result.update(held_before=before, held_after=_held())
    grown = result["memory"]["growth_mb"]
    left = {name: result["held_after"][name] - before[name] for name in before}
    print(
        f"{args.frames} frames in {result['seconds']:.0f} s, {result['predictions']} predictions, {result['events']} events"
    )
    print(
        f"memory after {result['memory']['warm_up_frames']} frames: {result['memory']['warm_mb']:.2f} MB, growth {grown:.2f} MB"
    )
    print("left after close: " + ", ".join(f"{count} {name}" for name, count in left.items()))
    options = {"frames": args.frames, "every": args.every, "threads": args.threads, "bundle": args.bundle}
    save({"benchmark": "soak", "environment": environment(args.runtime), **options, **result, "left": left}, args.json)
    return int(grown >= MAX_GROWTH_MB or any(count > 0 for count in left.values()))


def _run(args: argparse.Namespace, frames: int) -> dict[str, Any]:
    """Run one stream from opening to closing; return its counts and its memory."""
    memory = _Memory(frames)
    counts: Counter[str] = Counter(predictions=0, events=0)

    def count_event(event: Event) -> None:
        counts["events"] += 1

    def count_prediction(prediction: edgevid.Prediction) -> None:
        counts["predictions"] += 1

    started = time.perf_counter()
    with edgevid.load(args.bundle, num_threads=args.threads, runtime=args.runtime) as recognizer:
        interval = recognizer.window_seconds / recognizer.num_samples / args.every
        with recognizer.start(
            _frames(frames, interval, memory),
            on_prediction=count_prediction,
            on_event=count_event,
            smoothing="mean:3",
            events=EVENTS,
        ) as runner:
            runner.wait()
    return {"seconds": time.perf_counter() - started, **counts, "memory": memory.as_dict()}


def _frames(count: int, interval_seconds: float, memory: _Memory) -> Iterator[tuple[float, Frame]]:
    """Timestamps and frames of noise, coarse or fine, in scenes that each have their own colour."""
    random = np.random.default_rng(0)
    scenes = []
    for number in range(SCENES):
        block = 2 ** (number % 4)
        colour = random.integers(0, 200, 3)
        noise = random.integers(0, 56, (4, 48 // block, 64 // block, 3))
        scenes.append((colour + noise.repeat(block, 1).repeat(block, 2)).astype(np.uint8))
    for number in range(count):
        memory.note(number)
        yield number * interval_seconds, scenes[number // FRAMES_PER_SCENE % SCENES][number % 4].copy()
    memory.note(count)


class _Memory:
    """The resident set in MB after the first frames, at some points in between, and at the end."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._warm_up = min(WARM_UP, frames // 2)
        self._points = {frames * k // POINTS for k in range(POINTS + 1)} | {self._warm_up}
        self._course: dict[int, float] = {}

    def note(self, frame: int) -> None:
        if frame in self._points:
            self._course[frame] = _resident_mb()

    def as_dict(self) -> dict[str, Any]:
        warm, end = self._course[self._warm_up], self._course[self._frames]
        return {
            "warm_up_frames": self._warm_up, "warm_mb": warm, "end_mb": end, "growth_mb": end - warm,
            "course_mb": [[frame, mb] for frame, mb in sorted(self._course.items())],
        }  # fmt: skip


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _held() -> dict[str, int]:
    """What this process holds: open files, Python threads, all threads."""
    gc.collect()
    return {
        "open files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "Python threads": threading.active_count(),
        "threads": sum(1 for _ in Path("/proc/self/task").iterdir()),
    }


if __name__ == "__main__":
    run(main)
