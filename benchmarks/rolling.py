"""Cost of a sample of a stream: in bare runs of the network, and rolling compared with the whole window each time.

    python benchmarks/rolling.py exercises10 exercises10-light exercises10-motion
    python benchmarks/rolling.py                    # the default bundle
    python benchmarks/rolling.py exercises10-light --frame-size 320x240,640x480,1920x1080
    python benchmarks/rolling.py --units 1280       # a network of the thesis's size, random weights (needs the extra 'train')
    python benchmarks/rolling.py --classifier FILE  # takes embeddings of the default extractor

The whole stream is all that a 25 fps camera with motion in view needs between two samples: sampling, embedders (including those
with their own rate), classifier, counting. It takes turns with the bare invoke() of the default extractor, so each finds the
caches as the other left them. Then it is timed over many samples. For the classifier alone, the rolling form takes turns with
classifying the whole window each time; the memory of each is measured in its own process. With --units there is a third form:
Keras's own graph of the same network, converted unchanged and run over the whole window each time.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
from measure import environment, latency_fields, peak_bytes, run, save, time_in_turn

import edgevid
from edgevid.bundles import DEFAULT_BUNDLE, find_extractor, open_bundle
from edgevid.classifiers import Classifier, RollingWindow, open_network
from edgevid.classifiers.opening import open_classifier
from edgevid.embedders import Embedding, Window
from edgevid.embedders.opening import open_cnn
from edgevid.stream import Stream, StreamOptions
from edgevid.tflite.interpreter import TfliteModel

ROLLING, WINDOW, KERAS = "rolling", "window", "keras"
FPS = 25.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="*", metavar="BUNDLE", help=f"names or folders (default: {DEFAULT_BUNDLE})")
    parser.add_argument("--classifier", type=Path, metavar="FILE", help="a classifier network instead of a bundle")
    parser.add_argument("--units", type=int, metavar="N", help="make one with N units and random weights")
    parser.add_argument(
        "--architecture", choices=("gru", "lstm"), default="gru", help="for --units (default: %(default)s)"
    )
    parser.add_argument("--dtype", choices=("float32", "float16", "int8"), default="float32", help="for --units")
    parser.add_argument("--threads", type=int, default=1, help="interpreter threads (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=200, help="timed runs of each (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=10_000, help="samples of the long run (default: %(default)s)")
    parser.add_argument("--frame-size", type=_sizes, default=[(320, 240)], metavar="WxH,...", help="default: 320x240")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        form, rows = args.memory_of
        print(_peak_growth(form, rows, args))
        return 0
    cv2.setNumThreads(args.threads)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        keras_path = None
        if args.units:
            args.classifier, keras_path = random_classifiers(args.architecture, args.units, args.dtype, Path(folder))
        names = [str(args.classifier)] if args.classifier else args.bundles or [DEFAULT_BUNDLE]
        for name in names:
            with _recognizer(name, args) as recognizer, _recognizer(name, args) as reference:
                about = _described(recognizer.classifier)
                print(f"{name}: {about}, {args.threads} thread(s)")
                results[name] = {
                    "classifier": about,
                    "whole_stream": {f"{w}x{h}": _whole_stream(recognizer, args, (w, h)) for w, h in args.frame_size},
                    **_compare(recognizer, reference, name, keras_path, args),
                }
    fields = {"benchmark": "rolling", "environment": environment(args.runtime), "threads": args.threads}
    save({**fields, "fps": FPS, "bundles": results}, args.json)
    return 0


def _recognizer(name: str, args: argparse.Namespace) -> edgevid.Recognizer:
    options = {"num_threads": args.threads, "runtime": args.runtime}
    if not args.classifier:
        return edgevid.load(name, **options)
    classifier = open_network(Path(name), **options)
    labels = [str(i) for i in range(classifier.num_classes)]
    return edgevid.Recognizer([open_cnn(find_extractor(), **options)], classifier, labels, window_seconds=5.0)


def _whole_stream(
    recognizer: edgevid.Recognizer, args: argparse.Namespace, frame_size: tuple[int, int]
) -> dict[str, Any]:
    cnn = open_cnn(find_extractor(), num_threads=args.threads, runtime=args.runtime)
    frames = moving_scene(*frame_size)
    cnn.embed_picture(frames[0])
    streams = {form: recognizer.open_stream(StreamOptions(rolling=form == ROLLING)) for form in (ROLLING, WINDOW)}
    calls: dict[str, Callable[[], Any]] = {form: sampler(stream, frames) for form, stream in streams.items()}
    times = time_in_turn(
        {"invoke": cnn.model._interpreter.invoke, **calls}, args.runs, warmup=recognizer.num_samples + 5
    )
    cnn.close()
    latency = {name: latency_fields(values) for name, values in times.items()}
    invokes = {form: latency[form]["median_ms"] / latency["invoke"]["median_ms"] for form in streams}
    streams[ROLLING].reset()
    filling = _followed(calls[ROLLING], recognizer.num_samples - 1)
    followed = _followed(calls[ROLLING], args.frames)
    followed["filling_to_full"] = filling["median_ms"] / followed["median_ms"]
    print(
        f"  sample of the whole stream, {frame_size[0]}x{frame_size[1]}: "
        f"{latency[ROLLING]['median_ms']:.3f} ms = {invokes[ROLLING]:.2f} times the bare invoke() of "
        f"{latency['invoke']['median_ms']:.3f} ms (medians, in turn); with the whole window each time {invokes[WINDOW]:.2f}"
    )
    print(
        f"  over {args.frames} samples: median {followed['median_ms']:.3f} ms, p99 {followed['p99_ms']:.3f} ms = "
        f"{followed['p99_to_median']:.2f} times the median; filling window / full window: "
        f"{followed['filling_to_full']:.2f}"
    )
    return {"latency": latency, "invokes": invokes, "flatness": followed}


def _compare(
    recognizer: edgevid.Recognizer,
    reference: edgevid.Recognizer,
    name: str,
    keras_path: Optional[Path],
    args: argparse.Namespace,
) -> dict[str, Any]:
    interval = recognizer.window_seconds / recognizer.num_samples
    # rows of a sample, for example 2x506: two of 506 numbers
    rows = ",".join(f"{max(round(interval * (e.samples_per_second or 0)), 1)}x{e.dim}" for e in recognizer.embedders)
    embeddings = embeddings_of(rows, 64)
    # each form opens its own network: resizing is slow with tflite-runtime
    rolling = recognizer.classifier.rolling()
    window = RollingWindow(reference.classifier, 1, 1.0)
    calls: dict[str, Callable[[], Any]] = {
        form: partial(_push_next, state, itertools.cycle(embeddings))
        for form, state in ((ROLLING, rolling), (WINDOW, window))
    }
    for _ in range(recognizer.num_samples):
        answers = [call() for call in calls.values()]
    difference = float(np.abs(answers[0] - answers[1]).max())
    if keras_path is not None:
        keras = TfliteModel(keras_path, num_threads=args.threads, runtime=args.runtime)
        calls[KERAS] = lambda: keras.run(Window(window.steps).aligned[np.newaxis])
    latency = {form: latency_fields(values) for form, values in time_in_turn(calls, runs=args.runs).items()}
    # Each alone, too: then nothing evicts its weights from the CPU caches.
    alone = {form: latency_fields(time_in_turn({form: call}, runs=args.runs)[form]) for form, call in calls.items()}
    memory = {form: _memory(form, rows, name, args) for form in (ROLLING, WINDOW)}
    for form, fields in latency.items():
        memory_added = f"   peak memory +{memory[form]:.1f} MB" if memory.get(form) else ""
        print(
            f"  classifier, {form:8} median {fields['median_ms']:7.3f} ms in turn, {alone[form]['median_ms']:7.3f} ms alone"
            f"{memory_added}"
        )
    print(f"  largest difference in probability, window and rolling: {difference:.1e}")
    return {
        "latency": latency, "latency_alone": alone, "max_abs_difference": difference, "peak_memory_mb": memory,
    }  # fmt: skip


def moving_scene(width: int, height: int, count: int = 50) -> list[np.ndarray]:
    """Frames in which a textured square moves to and fro in front of a textured wall."""
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


def _sizes(text: str) -> list[tuple[int, int]]:
    return [_size(part) for part in text.split(",")]


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def sampler(stream: Stream, frames: Sequence[np.ndarray]) -> Callable[[], None]:
    """A function that pushes frames, repeating them endlessly, until one completes a sample."""
    numbers = itertools.count()

    def next_sample() -> None:
        samples = stream.samples
        while stream.samples == samples:
            number = next(numbers)
            if stream.wants(number / FPS):
                stream.push(frames[number % len(frames)], number / FPS)

    return next_sample


def _push_next(state: Any, embeddings: Any) -> Any:
    return state.push(next(embeddings))


def _followed(call: Callable[[], Any], count: int) -> dict[str, float]:
    """Statistics of the time per sample."""
    milliseconds = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        milliseconds.append((time.perf_counter() - started) * 1000)
    median, p99 = float(np.median(milliseconds)), float(np.percentile(milliseconds, 99))
    return {
        "frames": count, "median_ms": median, "p99_ms": p99, "p99_to_median": p99 / median, "max_ms": max(milliseconds),
    }  # fmt: skip


def random_classifiers(architecture: str, units: int, dtype: str, folder: Path) -> tuple[Path, Path]:
    """A classifier of the thesis's form for the default extractor, with random weights, and Keras's own float32 graph of it."""
    from edgevid.training.export import to_tflite
    from edgevid.training.networks import NetworkOptions, load_keras, make_network

    load_keras()
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # no dropout: its random seed is a variable, which TFLite cannot hold
    network = make_network(1280, 10, NetworkOptions(architecture=architecture, units=units, dropout=0.0))
    paths = folder / "classifier.tflite", folder / "keras.tflite"
    paths[0].write_bytes(to_tflite(network, dtype=dtype))
    function = tf.function(
        lambda window: network(window, training=False), input_signature=[tf.TensorSpec([1, 25, 1280], tf.float32)]
    )
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    paths[1].write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert())
    return paths


def embeddings_of(rows: str, count: int) -> list[Embedding]:
    """Random embeddings of ``count`` samples; ``rows``: those of one sample, such as "1x1728,2x506"."""
    random = np.random.default_rng(0)
    shapes = [tuple(map(int, part.split("x"))) for part in rows.split(",")]
    return [Embedding(tuple(random.random(shape, np.float32) for shape in shapes)) for _ in range(count)]


def _described(classifier: Classifier) -> str:
    parts = getattr(classifier, "parts", (classifier,))
    return " + ".join(
        f"{type(part).__name__}{f' of {part.units} units' if hasattr(part, 'units') else ''}" for part in parts
    )


def _memory(form: str, rows: str, name: str, args: argparse.Namespace) -> Optional[float]:
    """What a form adds to the peak memory of a new process, in 10^6 bytes; None if the system does not report it."""
    command = [sys.executable, __file__, "--memory-of", form, rows, "--threads", str(args.threads)]
    command += ["--classifier", name] if args.classifier else ["--", name]
    command[2:2] = ["--runtime", args.runtime] if args.runtime else []
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return None if said.strip() == "None" else float(said)


def _peak_growth(form: str, rows: str, args: argparse.Namespace) -> Optional[float]:
    before = peak_bytes()
    options = {"num_threads": args.threads, "runtime": args.runtime}
    if args.classifier:
        classifier: Classifier = open_network(args.classifier, **options)
    else:
        classifier = open_classifier(open_bundle(args.bundles[0]), **options)
    embeddings = embeddings_of(rows, classifier.num_samples)
    rolling = classifier.rolling()
    for _ in range(4):
        for embedding in embeddings if form == ROLLING else ():
            rolling.push(embedding)
        if form == WINDOW:
            classifier.predict(Window(embeddings))
    after = peak_bytes()
    return None if before is None or after is None else (after - before) / 1e6


if __name__ == "__main__":
    run(main)
