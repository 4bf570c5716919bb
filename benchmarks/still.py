"""What `skip_still` saves when nothing moves, and what it changes when something does.

    python benchmarks/still.py DATA            # the training clips of a dataset
    python benchmarks/still.py DATA --bundle exercises10-light

First, the CPU time of a 25 fps stream with and without it, in turn: for a still picture with camera noise (new in each frame,
standard deviation 3 grey levels), and for a scene with motion. Then clips are streamed both ways: how many embeddings were
reused, how many answers differ, and how often each is right. The bundle has learned these clips, so the accuracy only shows how
the two differ.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measure import environment, run, save
from rolling import FPS, moving_scene

import edgevid
from edgevid import Recognizer, StreamOptions
from edgevid.bundles import DEFAULT_BUNDLE
from edgevid.datasets.reading import open_dataset
from edgevid.sources import VideoFile
from edgevid.support.shares import Share

SIZE, SECONDS = (640, 480), 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--each", type=int, default=1, metavar="N", help="use every Nth clip (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with edgevid.load(args.bundle, num_threads=1) as recognizer:
        cost = {name: processor_time(recognizer, frames) for name, frames in scenes().items()}
        for name, ratios in cost.items():
            again = f"{ratios['skipped_part']:.0%} of embeddings reused"
            print(f"{name}: {ratios['ratio']:.2f} of the CPU time ({again})")
        clips = [clip for clip in open_dataset(args.data).clips if clip.split == "train"][:: args.each]
        changed = over_clips(recognizer, clips)
    print(
        f"{len(clips)} clips: {changed['skipped_part']:.2%} of embeddings reused, {changed['different']} of "
        f"{changed['predictions']} answers differ; right {changed['right']['all']} and {changed['right']['skipping']}"
    )
    fields = {"benchmark": "still", "environment": environment(None), "bundle": args.bundle}
    save({**fields, "processor_time": cost, "clips": {"count": len(clips), **changed}}, args.json)
    return 0


def scenes() -> dict[str, list[np.ndarray]]:
    """50 frames each."""
    rng = np.random.default_rng(0)
    moving = moving_scene(*SIZE)
    noise = [rng.normal(0, 3, moving[0].shape).astype(np.int16) for _ in range(10)]
    still = [np.clip(moving[0] + noise[k % 10], 0, 255).astype(np.uint8) for k in range(50)]
    return {"still": still, "moving": moving}


def processor_time(recognizer: Recognizer, frames: list[np.ndarray]) -> dict[str, float]:
    """CPU time of a stream that skips, relative to one that does not, and the part that it skips."""
    streams = [recognizer.open_stream(StreamOptions(skip_still=skip)) for skip in (False, True)]
    used = [0.0, 0.0]
    for number in range(round((SECONDS + 5) * FPS)):
        for k, stream in enumerate(streams):
            began = time.process_time()
            stream.push(frames[number % len(frames)], number / FPS)
            if number >= 5 * FPS:  # at first, the region is held and the window fills
                used[k] += time.process_time() - began
    made = embeddings_a_second(recognizer, streams[1]) * (SECONDS + 5)
    return {"ratio": used[1] / used[0], "skipped_part": streams[1].skipped / made}


def embeddings_a_second(recognizer: Recognizer, stream: edgevid.Stream) -> float:
    """Of all embedders, if none is reused."""
    return sum(embedder.samples_per_second or stream.samples_per_second for embedder in recognizer.embedders)


def over_clips(recognizer: Recognizer, clips: list[Any]) -> dict[str, Any]:
    different = predictions = skipped = made = 0
    right = {"all": 0, "skipping": 0}
    for clip in clips:
        streams = {
            name: recognizer.open_stream(StreamOptions(skip_still=name == "skipping", min_filled=0.4)) for name in right
        }
        with VideoFile(clip.path) as video:
            for timestamp, frame in video.frames(next(iter(streams.values())).wants):
                given = {name: stream.push(frame, timestamp) for name, stream in streams.items()}
                if all(given.values()):
                    labels = {name: prediction.answer() for name, prediction in given.items()}
                    different += labels["all"] != labels["skipping"]
                    predictions += 1
                    for name in right:
                        right[name] += labels[name] == clip.label
        skipping = streams["skipping"]
        skipped += skipping.skipped
        made += skipping.samples / skipping.samples_per_second * embeddings_a_second(recognizer, skipping)
    return {
        "skipped_part": skipped / made, "predictions": predictions, "different": different,
        "right": {name: str(Share(count, predictions)) for name, count in right.items()},
    }  # fmt: skip


if __name__ == "__main__":
    run(main)
