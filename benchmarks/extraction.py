"""Cost of extraction beyond decoding and embedding, and the share of each stage, on one core.

    python benchmarks/extraction.py CLIPS... [--max-clips 24] [--rounds 5] [--json FILE]

Three variants take turns on the same clips, all on one CPU:

- bare: OpenCV, Pillow and the interpreter called directly for the same frames: the rate that decoding and embedding allow;
- extraction: as in `edgevid extract --jobs 1`, with a warm worker process and an empty cache;
- stages: the same in this process, with a timer around each stage.

The result is the rate of extraction divided by the bare rate: once by wall clock, and once by the CPU time of both processes.
Other programs disturb CPU time less, but it leaves out waiting.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from measure import environment, run, save
from PIL import Image

from edgevid.bundles import EmbedderEntry, find_extractor
from edgevid.cli.classify import find_videos
from edgevid.embedders import CnnEmbedder
from edgevid.errors import EdgevidError
from edgevid.extraction import EmbeddingConfig, cache, extract, local_executor
from edgevid.extraction.config import embedders_of_this_thread
from edgevid.sampling import uniform_indices
from edgevid.sources.video_file import VideoFile
from edgevid.tflite.interpreter import TfliteModel

# stage -> the function that is timed; the time of a nested stage counts for the nested stage only
STAGES = {
    "open": (VideoFile, "__init__"),
    "decode": (VideoFile, "grab"),
    "retrieve, RGB": (VideoFile, "retrieve"),
    "resize": ("edgevid.embedders.cnn", "resize"),
    "invoke": (TfliteModel, "run"),
    "average": (CnnEmbedder, "embed"),
    "hash": (cache, "sha256_of"),
    "write": (cache, "_write"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIPS", help="video files, or folders of them")
    parser.add_argument("--max-clips", type=int, default=24, help="limit, spread evenly (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each variant (default: %(default)s)")
    parser.add_argument("--extractor", default=None, metavar="NAME", help="default: the whole MobileNetV2")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    args = parser.parse_args()

    videos = [video for path in args.clips for video in find_videos(path)]
    videos = [videos[i] for i in sorted(set(uniform_indices(len(videos), args.max_clips)))]
    one_core = stay_on_one_core()
    config = EmbeddingConfig.of([EmbedderEntry(CnnEmbedder.kind, find_extractor(args.extractor))], runtime=args.runtime)
    (cnn,), times, stages = embedders_of_this_thread(config), defaultdict(list), defaultdict(list)
    with ExitStack() as stack:
        executor = stack.enter_context(local_executor(1, partial(embedders_of_this_thread, config)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number in range(-1, args.rounds):  # the first round is a warm-up
            bare = seconds(lambda: [bare_embeddings(cnn, video) for video in videos])
            before = executor.submit(time.process_time).result()
            wall, cpu = seconds(partial(embed_all, config, videos, folder / f"worker {number}", executor))
            cpu += executor.submit(time.process_time).result() - before
            with staged() as spent:
                staged_seconds, _ = seconds(partial(embed_all, config, videos, folder / f"stages {number}"))
            if number >= 0:
                times["bare"].append(bare)
                times["extraction"].append((wall, cpu))
                for name in STAGES:
                    stages[name].append(spent[name] / staged_seconds)
                stages["rest"].append(1 - sum(spent.values()) / staged_seconds)

    ratios = {
        clock: [bare[i] / extracted[i] for bare, extracted in zip(times["bare"], times["extraction"])]
        for i, clock in enumerate(("clock", "cpu"))
    }
    shares = {name: statistics.median(parts) for name, parts in stages.items()}
    rates = {name: [len(videos) / wall for wall, _ in values] for name, values in times.items()}
    for name, values in rates.items():
        print(f"{name:14} {statistics.median(values):6.2f} clips/s")
    for clock, values in ratios.items():
        spread = f"median of {args.rounds} rounds, {min(values):.3f} to {max(values):.3f}"
        print(f"extraction / bare, {clock:5}: {statistics.median(values):.3f} ({spread})")
    for name, share in shares.items():
        print(f"  {name:14} {share:6.1%}")
    result = {
        "clips": len(videos),
        "one_core": one_core,
        "clips_per_second": rates,
        "ratio": {clock: statistics.median(values) for clock, values in ratios.items()},
        "ratios": ratios,
        "stage_shares": shares,
    }
    save({"benchmark": "extraction", "environment": environment(args.runtime), **result}, args.json)
    return 0


def stay_on_one_core() -> bool:
    """Pin this process and its workers to one CPU, if the system supports it; return whether it does."""
    try:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    except AttributeError:  # macOS, Windows
        return False
    return True


def bare_embeddings(cnn: CnnEmbedder, video: Path) -> np.ndarray:
    """The embeddings, made by direct calls only: no check, no second pass, no file."""
    import cv2

    interpreter, model = cnn.model._interpreter, cnn.model
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    wanted = uniform_indices(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    made: dict[int, np.ndarray] = {}
    index, chosen, size = 0, set(wanted.tolist()), (cnn.width, cnn.height)
    while capture.grab():
        if index in chosen:
            frame = cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
            picture = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))
            if cnn._takes_float:
                picture = picture * cnn._scale + cnn._offset
            interpreter.set_tensor(model.inputs[0].index, picture[np.newaxis])
            interpreter.invoke()
            feature_map = interpreter.get_tensor(model.outputs[0].index)
            made[index] = feature_map.reshape(-1, cnn.dim).mean(axis=0, dtype=np.float32) / cnn._divisor
        index += 1
    capture.release()
    return np.stack([made[i] for i in wanted if i in made])


def embed_all(config: EmbeddingConfig, videos: list[Path], folder: Path, executor: Any = None) -> None:
    for _, extracted in extract(config, videos, folder, executor):
        if extracted.problem:
            raise EdgevidError(extracted.problem)


def seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """Wall-clock seconds, and seconds of this process's CPU time."""
    start, cpu_start = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - cpu_start


class staged(ExitStack):  # noqa: N801 - reads as a statement
    """Adds up the seconds that each stage takes within the block."""

    def __enter__(self) -> dict[str, float]:
        super().__enter__()
        self.spent, self.inside = dict.fromkeys(STAGES, 0.0), [0.0]
        for name, (owner, attribute) in STAGES.items():
            place = sys.modules[owner] if isinstance(owner, str) else owner
            timed = self.timed(name, getattr(place, attribute))
            self.enter_context(mock.patch.object(place, attribute, timed))
        return self.spent

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            self.inside.append(0.0)
            try:
                return function(*args, **options)
            finally:
                took, inner = time.perf_counter() - start, self.inside.pop()
                self.spent[name] += took - inner
                self.inside[-1] += took

        return call


if __name__ == "__main__":
    run(main)
