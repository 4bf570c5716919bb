"""End-to-end cost of one embedding, compared with the interpreter's bare invoke() in the same run.

    python benchmarks/embedding.py [--width 320 --height 240] [--threads 1] [--json FILE]

End to end means: check the frame, resize it, fill the input tensor, invoke, read the feature map, average it. The question is
what edgevid adds to the network, so the result is a ratio.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from measure import environment, latency_fields, run, save, time_in_turn

from edgevid.bundles import find_extractor
from edgevid.embedders.opening import open_cnn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=320, help="frame width (default: %(default)s)")
    parser.add_argument("--height", type=int, default=240, help="frame height (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="interpreter threads (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=300, help="timed runs of each (default: %(default)s)")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    args = parser.parse_args()

    embedder = open_cnn(find_extractor(), num_threads=args.threads, runtime=args.runtime)
    frame = np.random.default_rng(0).integers(0, 256, (args.height, args.width, 3), dtype=np.uint8)
    times = time_in_turn(
        {"embed": lambda: embedder.embed_picture(frame), "invoke": embedder.model._interpreter.invoke}, runs=args.runs
    )
    latency = {name: latency_fields(values) for name, values in times.items()}
    ratio = latency["embed"]["median_ms"] / latency["invoke"]["median_ms"]
    for name, fields in latency.items():
        print(f"{name:8} median {fields['median_ms']:7.3f} ms   min {fields['min_ms']:7.3f} ms")
    print(f"ratio of the medians, embed / invoke: {ratio:.3f}")
    frame_size = [args.width, args.height]
    result = {"frame": frame_size, "threads": args.threads, "latency": latency, "ratio": ratio}
    save({"benchmark": "embedding", "environment": environment(args.runtime), **result}, args.json)
    return 0


if __name__ == "__main__":
    run(main)
