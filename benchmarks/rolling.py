"""What a prediction at each sampled frame costs: the rolling form against running the classifier over the window each time.

    python benchmarks/rolling.py                    # the default bundle
    python benchmarks/rolling.py --bundle exercises10-thesis
    python benchmarks/rolling.py --units 1280       # a network of the thesis's size, random weights (needs the extra 'train')
    python benchmarks/rolling.py --classifier FILE

Both forms of a recurrent network run the same file on the same runtime, in turn, in one process; their memory is measured in a
process each. With --units there is a third: Keras's own graph of the same network, converted as it is and run over the window
each time. The whole stream (all that a camera of 25 frames a second needs from one sample to the next: check, resize, embed,
classify) is compared, with each form, with the interpreter's bare invoke() of the whole extractor, and its time for each sample
is followed over many of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
from measure import environment, latency_fields, peak_bytes, save, time_in_turn
from stream import moving_scene, sample_pusher

import edgevid
from edgevid.bundles import DEFAULT_BUNDLE, find_extractor, open_bundle
from edgevid.classifiers import RecurrentClassifier, RollingWindow, open_network
from edgevid.embedders import CnnEmbedder, Embedding, Window
from edgevid.embedders.opening import open_cnn
from edgevid.errors import EdgevidError
from edgevid.stream import StreamOptions
from edgevid.tflite.interpreter import TfliteModel

ROLLING, WINDOW, KERAS = "rolling", "window", "keras"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--classifier", type=Path, metavar="FILE", help="a classifier (default: the bundle's)")
    parser.add_argument("--units", type=int, metavar="N", help="make one of random weights instead")
    parser.add_argument("--architecture", choices=("gru", "lstm"), default="gru", help="of it (default: %(default)s)")
    parser.add_argument("--dtype", choices=("float32", "float16", "int8"), default="float32", help="of its weights")
    parser.add_argument("--threads", type=int, default=1, help="interpreter threads (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=200, help="timed runs of each (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=10_000, help="samples to follow (default: %(default)s)")
    parser.add_argument(
        "--frame-size",
        type=_size,
        default=(320, 240),
        metavar="WxH",
        help="of the whole stream's frames (default: 320x240)",
    )
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best present)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    parser.add_argument("--memory-of", choices=(ROLLING, WINDOW), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        print(_peak_growth(args.memory_of, args.classifier, args.threads, args.runtime))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        networks = [file for file in open_bundle(args.bundle).classifier.files if file.suffix == ".tflite"]
        path, keras_path = args.classifier or next(iter(networks), None), None
        if args.units:
            path, keras_path = _random_classifiers(args.architecture, args.units, args.dtype, Path(folder))
        result = {"benchmark": "rolling", "environment": environment(args.runtime), "threads": args.threads}
        cnn = open_cnn(find_extractor(), num_threads=args.threads, runtime=args.runtime)
        classifier = None if path is None else open_recurrent(path, args.threads, args.runtime)
        if classifier is not None:
            result |= {"classifier": _described(classifier), **_compare(classifier, keras_path, args)}
        if args.classifier is None and not args.units:
            with edgevid.load(args.bundle, num_threads=args.threads, runtime=args.runtime) as recognizer:
                result |= {"bundle": recognizer.name, **_whole_stream(recognizer, cnn, args)}
        elif classifier is not None and cnn.dim == classifier.dim:
            labels = [str(i) for i in range(classifier.num_classes)]
            result |= _whole_stream(edgevid.Recognizer([cnn], classifier, labels, window_seconds=5.0), cnn, args)
    save(result, args.json)
    return 0


def _compare(classifier: RecurrentClassifier, keras_path: Optional[Path], args: argparse.Namespace) -> dict[str, Any]:
    embeddings = embeddings_of(classifier, 64)
    reference = open_recurrent(classifier.model.path, args.threads, args.runtime)
    rolling, window = classifier.rolling(), RollingWindow(reference, 1, 1.0)
    state = {ROLLING: 0, WINDOW: 0}

    def roll() -> Any:
        state[ROLLING] += 1
        return rolling.push(embeddings[state[ROLLING] % 64])

    def rerun() -> Any:
        state[WINDOW] += 1
        return window.push(embeddings[state[WINDOW] % 64])

    for _ in range(classifier.num_samples):
        rerun()
        roll()
    difference = float(np.abs(roll() - rerun()).max())
    calls = {ROLLING: roll, WINDOW: rerun}
    if keras_path is not None:
        keras = TfliteModel(keras_path, num_threads=args.threads, runtime=args.runtime)
        calls[KERAS] = lambda: keras.run(Window(window.steps).aligned[np.newaxis])
    times = time_in_turn(calls, runs=args.runs)
    latency = {name: latency_fields(values) for name, values in times.items()}
    # Each by itself, too: then nothing pushes its weights out of the processor's caches.
    alone = {name: latency_fields(time_in_turn({name: call}, runs=args.runs)[name]) for name, call in calls.items()}
    reference.close()
    memory = {form: _memory(form, classifier.model.path, args) for form in (ROLLING, WINDOW)}
    ratios, ratios_alone = (
        {name: fields["median_ms"] / timed[ROLLING]["median_ms"] for name, fields in timed.items()}
        for timed in (latency, alone)
    )
    print(f"{_described(classifier)}, {args.threads} thread(s)")
    for name, fields in latency.items():
        memory_added = f"   peak memory +{memory[name]:.1f} MB" if memory.get(name) else ""
        print(
            f"{name:8} median {fields['median_ms']:7.3f} ms in turn, {alone[name]['median_ms']:7.3f} ms alone:"
            f"{ratios[name]:6.2f} and {ratios_alone[name]:5.2f} times rolling{memory_added}"
        )
    print(f"largest difference of a probability, window and rolling: {difference:.1e}")
    return {
        "latency": latency, "latency_alone": alone, "ratio_to_rolling": ratios, "ratio_to_rolling_alone": ratios_alone,
        "max_abs_difference": difference, "peak_memory_mb": memory,
    }  # fmt: skip


def _whole_stream(recognizer: edgevid.Recognizer, cnn: CnnEmbedder, args: argparse.Namespace) -> dict[str, Any]:
    """The stream with each form, beside the bare network ``cnn``."""
    width, height = args.frame_size
    cv2.setNumThreads(args.threads)
    frames = moving_scene(width, height)
    cnn.embed_picture(frames[0])
    latency, ratios = {}, {}
    # The rolling stream last: it is the one that is followed below.
    for form in (WINDOW, ROLLING):
        stream = recognizer.open_stream(StreamOptions(rolling=form == ROLLING))
        push = sample_pusher(stream, frames)
        # A window's classifier runs from the first full window on.
        for _ in range(recognizer.num_samples):
            push()
        times = time_in_turn({"stream": push, "invoke": cnn.model._interpreter.invoke}, runs=args.runs)
        latency[form] = {name: latency_fields(values) for name, values in times.items()}
        ratios[form] = latency[form]["stream"]["median_ms"] / latency[form]["invoke"]["median_ms"]
    print(
        f"whole stream of {recognizer.name}, {width}x{height} frames, times the extractor's bare invoke() (medians): "
        f"rolling {ratios[ROLLING]:.3f}, window {ratios[WINDOW]:.3f}"
    )
    stream.reset()
    push = sample_pusher(stream, frames)
    filling = _followed(push, recognizer.num_samples - 1)
    followed = _followed(push, args.frames)
    followed["filling_to_full"] = filling["median_ms"] / followed["median_ms"]
    print(
        f"over {args.frames} samples: median {followed['median_ms']:.3f} ms, p99 {followed['p99_ms']:.3f} ms = "
        f"{followed['p99_to_median']:.2f} times the median; before the window is full / after: "
        f"{followed['filling_to_full']:.2f}"
    )
    return {
        "whole_stream": {
            "frame_size": [width, height],
            "latency": latency,
            "ratio_stream_to_invoke": ratios,
            "flatness": followed,
        }
    }


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def _followed(push: Callable[[], Any], count: int) -> dict[str, float]:
    """Time for each sample."""
    milliseconds = []
    for _ in range(count):
        started = time.perf_counter()
        push()
        milliseconds.append((time.perf_counter() - started) * 1000)
    median = float(np.median(milliseconds))
    return {
        "frames": count, "median_ms": median, "p99_ms": float(np.percentile(milliseconds, 99)),
        "p99_to_median": float(np.percentile(milliseconds, 99)) / median, "max_ms": max(milliseconds),
    }  # fmt: skip


def _random_classifiers(architecture: str, units: int, dtype: str, folder: Path) -> tuple[Path, Path]:
    """A classifier of the thesis's form for the shipped extractor, of random weights; and Keras's own graph of it, float32."""
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


def open_recurrent(path: Path, threads: int, runtime: Optional[str]) -> RecurrentClassifier:
    classifier = open_network(path, num_threads=threads, runtime=runtime)
    if not isinstance(classifier, RecurrentClassifier):
        sys.exit(f"{path} is no recurrent classifier; only these have a rolling form of their own.")
    return classifier


def embeddings_of(classifier: RecurrentClassifier, count: int) -> list[Embedding]:
    """What would come of so many samples."""
    rows = np.random.default_rng(0).random((count, 1, classifier.dim), np.float32)
    return [Embedding((row,)) for row in rows]


def _described(classifier: RecurrentClassifier) -> str:
    kind = {1: "GRU", 2: "LSTM"}[classifier.num_states]
    return f"{kind}, {classifier.units} units, {classifier.model.path.stat().st_size:,} bytes"


def _memory(form: str, path: Path, args: argparse.Namespace) -> Optional[float]:
    """What a form adds to the peak memory of a new process, in 10^6 bytes; None where the system does not say."""
    command = [sys.executable, __file__, "--memory-of", form, "--classifier", str(path), "--threads", str(args.threads)]
    command += ["--runtime", args.runtime] if args.runtime else []
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return None if said.strip() == "None" else float(said)


def _peak_growth(form: str, path: Path, threads: int, runtime: Optional[str]) -> Optional[float]:
    before = peak_bytes()
    classifier = open_recurrent(path, threads, runtime)
    embeddings = embeddings_of(classifier, classifier.num_samples)
    rolling = classifier.rolling()
    for _ in range(4):
        for embedding in embeddings if form == ROLLING else ():
            rolling.push(embedding)
        if form == WINDOW:
            classifier.predict(Window(embeddings))
    after = peak_bytes()
    return None if before is None or after is None else (after - before) / 1e6


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgevidError as error:
        sys.exit(str(error))
