"""What a sample of a stream costs with each bundle, beside one bare run of the network.

All that a camera of 25 frames a second needs between two samples counts: sampling, embedders (those with a rate of their own
too), the classifier's rolling form. Bundles and the bare invoke() take turns, so that each finds the caches as the others left
them.

    python benchmarks/stream.py exercises10 exercises10-light
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from measure import environment, latency_fields, save, time_in_turn

import edgevid
from edgevid.bundles import find_extractor
from edgevid.embedders.opening import open_cnn
from edgevid.errors import EdgevidError
from edgevid.stream import Stream

FPS = 25.0


def moving_scene(width: int, height: int, count: int = 50) -> list[np.ndarray]:
    """Frames in which a textured square goes to and fro before a textured wall."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    wall = np.kron(coarse, np.ones((8, 8, 1), np.uint8))[:height, :width]
    square = rng.integers(0, 255, (height // 3, height // 3, 3), dtype=np.uint8)
    frames = []
    for k in range(count):
        frame, x = wall.copy(), round((width - height // 3) * (0.5 + 0.4 * np.sin(k / 5)))
        frame[height // 3 : 2 * (height // 3), x : x + height // 3] = square
        frames.append(frame)
    return frames


def sample_pusher(stream: Stream, frames: Sequence[np.ndarray]) -> Callable[[], None]:
    """A call that pushes the next frames, over and over, until one completes a sample."""
    numbers = itertools.count()

    def push() -> None:
        samples = stream.samples
        while stream.samples == samples:
            number = next(numbers)
            if stream.wants(number / FPS):
                stream.push(frames[number % len(frames)], number / FPS)

    return push


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="names or folders of bundles")
    parser.add_argument("--width", type=int, default=320, help="of the frames (default: %(default)s)")
    parser.add_argument("--height", type=int, default=240, help="of the frames (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="interpreter threads (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=500, help="timed samples of each (default: %(default)s)")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best present)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    args = parser.parse_args()

    import cv2

    cv2.setNumThreads(args.threads)
    frames = moving_scene(args.width, args.height)
    bundles = [edgevid.load(name, num_threads=args.threads, runtime=args.runtime) for name in args.bundles]
    cnn = open_cnn(find_extractor(), num_threads=args.threads, runtime=args.runtime)
    cnn.embed_picture(frames[0])
    pushers = {bundle.name: sample_pusher(bundle.open_stream(), frames) for bundle in bundles}
    calls = {"invoke": cnn.model._interpreter.invoke, **pushers}
    warmup = 2 * max(bundle.num_samples for bundle in bundles)
    times = time_in_turn(calls, args.samples, warmup)
    invoke = latency_fields(times["invoke"])
    print(f"{'bare invoke()':22} median {invoke['median_ms']:7.3f} ms")
    result = {}
    for name in pushers:
        fields = latency_fields(times[name])
        ratio = fields["median_ms"] / invoke["median_ms"]
        steadiness = fields["p95_ms"] / fields["median_ms"]
        print(
            f"{name:22} median {fields['median_ms']:7.3f} ms, {ratio:5.2f} invokes; 95th percentile {steadiness:.2f} medians"
        )
        result[name] = {"latency": fields, "invokes": round(ratio, 3)}
    frame_size = [args.width, args.height]
    save(
        {
            "benchmark": "stream", "environment": environment(args.runtime), "frame": frame_size, "fps": FPS,
            "threads": args.threads, "invoke": invoke, "bundles": result,
        },
        args.json,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgevidError as error:
        sys.exit(str(error))
