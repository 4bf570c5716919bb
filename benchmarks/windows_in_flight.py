"""Cost of a step of a large GRU by the number of windows in flight and the storage of its weights.

    python benchmarks/windows_in_flight.py            # 1280 units, as in the thesis; needs the extra 'train'

XNNPACK multiplies several rows at a time, so 25 windows may cost the same as 28. With a hop of 2, 13 are in flight. All variants
take turns with the bare invoke() of the default extractor, so that each finds the caches as in a stream.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from measure import environment, latency_fields, run, save, time_in_turn
from rolling import random_classifiers

from edgevid.bundles import find_extractor
from edgevid.classifiers import RecurrentClassifier, open_network
from edgevid.embedders.opening import open_cnn

ROWS = (7, 13, 14, 21, 25, 28)
DTYPES = ("float32", "float16", "int8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=1280, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=100, help="timed runs of each (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    cnn = open_cnn(find_extractor(), num_threads=1)
    cnn.embed_picture(np.zeros((224, 224, 3), np.uint8))
    calls = {"invoke": cnn.model._interpreter.invoke}
    with tempfile.TemporaryDirectory() as folder:
        for dtype in DTYPES:
            path, _ = random_classifiers("gru", args.units, dtype, Path(folder))
            for rows in ROWS:  # one interpreter each: resizing is slow
                calls[f"{dtype} {rows}"] = step_of(path, rows)
    times = {name: latency_fields(values) for name, values in time_in_turn(calls, args.runs, warmup=3).items()}
    base = times["float32 25"]["median_ms"]
    print(f"one step of a GRU of {args.units} units, {base:.2f} ms in float32 with 25 windows = 1 (medians)")
    print("| windows | " + " | ".join(DTYPES) + " |\n|---|" + "---|" * len(DTYPES))
    for rows in ROWS:
        ratios = (times[f"{dtype} {rows}"]["median_ms"] / base for dtype in DTYPES)
        print(f"| {rows} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    save(
        {"benchmark": "windows in flight", "environment": environment(), "units": args.units, "latency": times},
        args.json,
    )
    return 0


def step_of(path: Path, rows: int) -> partial:
    classifier = open_network(path, num_threads=1)
    assert isinstance(classifier, RecurrentClassifier)
    embedding = np.random.default_rng(0).random(classifier.dim, np.float32)
    return partial(classifier.step, embedding, classifier.zero_states(rows))


if __name__ == "__main__":
    run(main)
