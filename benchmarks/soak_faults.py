"""Whether memory stays flat and nothing is left open during hours of faults all around the streams.

    python benchmarks/soak_faults.py                  # two hours
    python benchmarks/soak_faults.py --minutes 5 --seed 7

Streams read a looping file in real time, network cameras and the caller's own frames, with a web page and, if mosquitto and
paho-mqtt are installed, a broker. One group of streams lasts for the whole run; others, with their own bundles, start and stop.
Faults are drawn from the seed. Cameras die, fall silent, send garbage or other sizes, and come back. The broker is killed, halted
and started again. Browsers connect, do not read, and vanish. The caller's frames raise. Damaged bundles and clips are opened.

At the end of each cycle, all groups but the lasting one are closed, and memory is read: what is allocated (glibc's malloc_info),
and the resident set (/proc/self/statm). The resident set also holds freed memory, in an arena for each of up to eight threads per
core. With PYTHONMALLOC=malloc in the environment, the allocated memory includes Python's small objects. The stand-ins for cameras
and browsers run in the same process, so their memory counts too. Linux with glibc only. Exit code 1: the allocated memory grew by
5 MB or more after the first tenth, something was left open, or there was an error that is not one of edgevid's.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import gc
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from measure import environment, run, save
from soak import _held, _resident_mb
from soak_world import MQTT, Errors, World

MAX_GROWTH_MB = 5.0
CYCLES = 40
LEFT_SECONDS = 60.0  # for threads that block in OpenCV to return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the faults (default: random)")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write the result there, after each cycle too"
    )
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if args.seed is None else args.seed
    print(f"seed {seed}, {args.minutes:g} minutes, " + ("with" if MQTT else "without") + " a broker", flush=True)
    faulthandler.enable()
    errors = Errors()
    result: dict[str, Any] = {
        "benchmark": "soak_faults", "environment": environment(), "seed": seed, "minutes": args.minutes, "broker": MQTT,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        # This loads what is loaded at first use and then kept.
        _soak(Path(folder), 10.0, 1, random.Random(0), Errors(), lambda soaked: None)
        before = _settled()

        def note(soaked: dict[str, Any]) -> None:
            save({**result, "finished": False, **soaked, "errors": errors.as_dict()}, args.json)

        soaked = _soak(Path(folder), args.minutes * 60, CYCLES, random.Random(seed), errors, note)
    after = _settled()
    left = {name: after[name] - before[name] for name in before}
    threads = sorted(thread.name for thread in threading.enumerate())
    memory = {name: _flatness(soaked["course"], column) for column, name in ((1, "allocated"), (2, "resident"))}
    result.update(
        finished=True, memory=memory, left=left, threads_at_the_end=threads, **soaked, errors=errors.as_dict()
    )
    save(result, args.json)
    print(f"{sum(soaked['faults'].values())} faults, {soaked['predictions']} predictions")
    for name, figures in memory.items():
        print(
            f"{name}, after the first tenth: {figures['first_mb']:.1f} MB, at the end {figures['last_mb']:.1f} MB, "
            f"{figures['slope_mb_per_hour']:+.2f} MB an hour, {figures['range_mb']:.1f} MB between least and most"
        )
    print("left after close: " + ", ".join(f"{count} {name}" for name, count in left.items()))
    print(f"errors that are none of edgevid's: {errors.strange or 'none'}")
    return int(
        memory["allocated"]["growth_mb"] >= MAX_GROWTH_MB
        or any(count > 0 for count in left.values())
        or bool(errors.strange)
    )


def _soak(
    folder: Path,
    length: float,
    cycles: int,
    rng: random.Random,
    errors: Errors,
    note: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run for ``length`` seconds. Returns the counts of faults and predictions, and the course: seconds, MB, what is held."""
    course: list[list[float]] = []
    started = time.monotonic()
    with World(folder, rng, errors) as world:
        soaked: dict[str, Any] = {}
        for cycle in range(1, cycles + 1):
            world.go_on_until(started + length * cycle / cycles)
            world.close_groups()
            gc.collect()
            held = _held()
            seconds, megabytes = time.monotonic() - started, (_allocated_mb(), _resident_mb())
            course.append([round(seconds, 1), *(round(one, 3) for one in megabytes), *held.values()])
            soaked = {"faults": dict(world.counts), "predictions": world.predictions, "course": course}
            note(soaked)
            print(f"{seconds:8.0f} s {megabytes[0]:8.2f} {megabytes[1]:8.2f} MB  {held}", flush=True)
    return soaked


def _settled() -> dict[str, int]:
    """What is held once threads that block in OpenCV have returned, or their time is up."""
    deadline = time.monotonic() + LEFT_SECONDS
    while time.monotonic() < deadline and any(one.name.startswith("edgevid") for one in threading.enumerate()):
        time.sleep(0.5)
    return _held()


def _allocated_mb() -> float:
    """What malloc has handed out and not got back, in all arenas."""
    libc = ctypes.CDLL(None)
    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    root = ElementTree.fromstring(text.value or b"")
    libc.free(text)
    sizes = {(one.tag, one.get("type")): int(one.get("size", 0)) for one in root if one.tag != "heap"}
    free = sizes["total", "fast"] + sizes["total", "rest"]
    return (sizes["system", "current"] - free + sizes["total", "mmap"]) / 1e6


def _flatness(course: list[list[float]], column: int) -> dict[str, float]:
    """Memory after the first tenth: slope of a fitted line, and means of the first and last tenth of the rest."""
    seconds, megabytes = np.array(course)[:, [0, column]].T
    later = seconds > seconds[-1] / 10
    seconds, megabytes = seconds[later], megabytes[later]
    part = max(len(megabytes) // 10, 1)
    first, last = megabytes[:part].mean(), megabytes[-part:].mean()
    slope = np.polyfit(seconds, megabytes, 1)[0] * 3600 if len(seconds) > 1 else 0.0
    figures = {
        "first_mb": first, "last_mb": last, "growth_mb": last - first, "slope_mb_per_hour": slope,
        "range_mb": np.ptp(megabytes),
    }  # fmt: skip
    return {name: round(float(value), 3) for name, value in figures.items()}


if __name__ == "__main__":
    run(main)
