"""Cost of a prediction every 0.2 s with edgevid and with other ways to recognise actions, side by side.

    python benchmarks/peers.py
    python benchmarks/peers.py --clip CLIP --mediapipe-python VENV/bin/python --movinet movinet_a0_stream.tflite

A sample is all the work for one prediction from a 25 fps camera, with the five frames since the previous one. Each row is a
process that does only that. The processes take turns, a few samples each, with one that runs the bare invoke() of the default
extractor. Wall time, and the CPU time of all threads, are given as ratios to that process's medians.

Nothing is trained here, so accuracy is not compared: single frames, Keras's GRU and the LSTM on landmarks have random weights.
MediaPipe (`pip install mediapipe==0.10.21`) needs NumPy 1, so give the Python of a separate environment. If no person is in the
picture, Pose stops after searching for one, so give a clip. The result says in how many pictures it found a person.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Optional

import cv2
import numpy as np
from measure import environment, latency_fields, run, save
from peer_worker import ACTIONS, WINDOW, endless, movinet_step, newest_of_sample, serve, softmax, to_and_fro
from rolling import moving_scene, random_classifiers, sampler

import edgevid
from edgevid.benchmarking.figures import rounded
from edgevid.bundles import find_extractor, open_bundle
from edgevid.classifiers import open_network
from edgevid.classifiers.opening import open_classifier
from edgevid.embedders import Embedding, Window
from edgevid.embedders.opening import open_cnn
from edgevid.errors import EdgevidError, OptionError
from edgevid.sources import VideoFile
from edgevid.tflite.interpreter import TfliteModel, select_runtime

HERE = Path(__file__).resolve().parent
INVOKE = "invoke"
NO, ANY_LABEL = "no", "no: always one of its labels"


class Row(NamedTuple):
    """What a row runs, and what it offers."""

    what: str
    rolling: str
    events: str
    unknown: str
    training: str


_BUNDLE = ("yes", "begin, end, count", "yes: learned from other actions", "NumPy, on the device too")
_SCRIPT = (NO, ANY_LABEL, "TensorFlow or similar, elsewhere")
_RECURRENT = ("the whole window each time", *_SCRIPT)
ROWS = {
    "exercises10": Row("edgevid, two network runs and flow", *_BUNDLE),
    "exercises10-light": Row("edgevid, one network run and flow", *_BUNDLE),
    "exercises10-motion": Row("edgevid, flow only", *_BUNDLE),
    "exercises10-thesis": Row(
        "edgevid, one network run and a GRU of 128 units",
        "yes", "begin, end, count", "by the highest score only", "TensorFlow, elsewhere",
    ),
    "window-again": Row("the same network and GRU, all 25 frames embedded again", *_RECURRENT),
    "keras-gru": Row("Keras's graph of a GRU of 1280 units in TFLite, over the kept embeddings", *_RECURRENT),
    "gru-stepwise": Row(
        "the same GRU as edgevid runs it, one step per sample",
        "yes", "begin, end, count", "by the highest score only", "TensorFlow, elsewhere",
    ),
    "single-frame": Row("one network run and a dense layer", "no: each frame alone", *_SCRIPT),
    "pose": Row("MediaPipe Pose 5 times a second, small LSTM", *_RECURRENT),
    "pose-each-frame": Row("MediaPipe Pose 25 times a second, small LSTM", *_RECURRENT),
    "image-classifier": Row("MediaPipe's ImageClassifier on one frame", "no: each frame alone", *_SCRIPT),
    "movinet": Row("MoViNet's stream, states passed on", "yes", *_SCRIPT),
}  # fmt: skip
OF_MEDIAPIPE = ("pose", "pose-each-frame", "image-classifier")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), metavar="NAMES", help="default: all, %(default)s")
    parser.add_argument("--clip", type=Path, metavar="FILE", help="clip to take frames from (default: generated)")
    parser.add_argument(
        "--samples", type=int, default=100, metavar="N", help="timed samples per row (default: %(default)s)"
    )
    parser.add_argument("--turn", type=int, default=5, metavar="N", help="samples per turn (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="except for MediaPipe (default: %(default)s)")
    parser.add_argument("--mediapipe-python", metavar="PATH", help="Python of an environment with mediapipe==0.10.21")
    parser.add_argument("--image-classifier", metavar="PATH", help="a .tflite for MediaPipe's ImageClassifier")
    parser.add_argument("--movinet", metavar="PATH", help="a MoViNet stream .tflite")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.work:
        work(args.work[0], Path(args.work[1]), args)
        return 0
    names = args.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise OptionError(f"--rows has unknown {', '.join(unknown)}; known are: {', '.join(ROWS)}.")
    with tempfile.TemporaryDirectory() as folder:
        rows, shape = _measure(names, Path(folder), args)
    print(table(rows))
    fields = {"benchmark": "peers", "environment": environment(args.runtime), "threads": args.threads}
    about = {"load_average": os.getloadavg() if hasattr(os, "getloadavg") else None, "samples": args.samples}
    frames = {"of": f"a clip, {args.clip.name}" if args.clip else "generated", "count_height_width": shape[:3]}
    save(rounded({**fields, **about, "frames": frames, "rows": rows}), args.json)
    return 0


def _measure(names: Sequence[str], folder: Path, args: argparse.Namespace) -> tuple[dict[str, Any], tuple[int, ...]]:
    frames = np.stack(_clip(args.clip) if args.clip else moving_scene(320, 240))
    np.save(folder / "frames.npy", frames)
    skipped = {name: reason for name in names if (reason := _reason_to_skip(name, args))}
    if {"keras-gru", "gru-stepwise"} & {*names} - {*skipped}:
        try:
            random_classifiers("gru", 1280, "float32", folder)
        except (EdgevidError, ImportError) as error:
            skipped.update({name: f"TensorFlow makes the network: {error}" for name in ("keras-gru", "gru-stepwise")})
    workers: dict[str, Worker] = {}
    try:
        for name in [INVOKE, *(name for name in names if name not in skipped)]:
            workers[name] = Worker(name, folder, args)
            if workers[name].failure:
                skipped[name] = f"failed: {workers.pop(name).failure}"
        for done in range(0, args.samples, args.turn):
            for worker in workers.values():
                worker.run(min(args.turn, args.samples - done))
        ended = {name: worker.end() for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.process.kill()
    if INVOKE not in ended:
        raise OptionError(f"the default extractor cannot be run: {skipped[INVOKE]}")
    rows: dict[str, Any] = {}
    for name in [INVOKE, *names]:
        rows[name] = ROWS[name]._asdict() if name in ROWS else {"what": "bare invoke() of the default extractor"}
        if name in skipped:
            rows[name]["skipped"] = skipped[name]
            continue
        for kind, times in workers[name].times.items():
            rows[name][f"{kind}_in_invokes"] = median(times) / median(workers[INVOKE].times[kind])
            rows[name][f"{kind}_latency"] = latency_fields(times)
        rows[name].update(ended[name])
    return rows, frames.shape


def _clip(path: Path) -> list[np.ndarray]:
    with VideoFile(path) as video:
        return [frame for _, (_, frame) in zip(range(50), video)]


def _reason_to_skip(name: str, args: argparse.Namespace) -> Optional[str]:
    if name in OF_MEDIAPIPE and not shutil.which(args.mediapipe_python or ""):
        return "--mediapipe-python was not given, or cannot be run"
    if name == "image-classifier" and not args.image_classifier:
        return "--image-classifier was not given; MediaPipe's wheel has none"
    return "--movinet was not given" if name == "movinet" and not args.movinet else None


class Worker:
    """The process of a row: see peer_worker.py.

    Attributes:
        failure: the last line it wrote, if it failed to start.
    """

    def __init__(self, name: str, folder: Path, args: argparse.Namespace) -> None:
        frames = str(folder / "frames.npy")
        command = [sys.executable, __file__, "--work", name, str(folder), "--threads", str(args.threads)]
        for option in ("movinet", "runtime"):
            value = getattr(args, option)
            command += [f"--{option}", value] if value else []
        if name in OF_MEDIAPIPE:
            command = [args.mediapipe_python, str(HERE / "peer_worker.py"), name, frames, str(args.image_classifier)]
        # MediaPipe's Python must not see the packages beside an installed edgevid
        root = HERE.parent if name in OF_MEDIAPIPE else Path(edgevid.__file__).resolve().parent.parent
        settings = {"OMP_NUM_THREADS": str(args.threads), "OPENBLAS_NUM_THREADS": str(args.threads)}
        self.times: dict[str, list[float]] = {"wall": [], "cpu": []}
        self._said = (folder / f"{name}.log").open("w+", errors="replace")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            env={**os.environ, **settings, "PYTHONPATH": str(root)},
        )  # fmt: skip
        self.failure: Optional[str] = None if self._answer() else self._last_words()

    def run(self, samples: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{samples}\n")
        self.process.stdin.flush()
        answer = self._answer()
        if not answer:
            raise OptionError(f"A process ended too early: {self._last_words()}")
        for kind, times in self.times.items():
            times += answer[f"{kind}_ms"]

    def end(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.close()
        answer = self._answer()
        self._said.close()
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):  # other lines come from libraries
                said: dict[str, Any] = json.loads(line)
                return said
        return {}

    def _last_words(self) -> str:
        self.process.wait()
        self._said.seek(0)
        lines = [line for line in self._said.read().splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {self.process.returncode}"


def work(name: str, folder: Path, args: argparse.Namespace) -> None:
    """Run as the process of a row."""
    cv2.setNumThreads(args.threads)
    options = {"num_threads": args.threads, "runtime": args.runtime}
    needs = [select_runtime(args.runtime).distribution, "numpy", "opencv-python-headless", "pillow"]
    following = endless(folder / "frames.npy")
    if name.startswith("exercises10"):
        recognizer = edgevid.load(name, **options)
        stepping = sampler(recognizer.open_stream(), to_and_fro(folder / "frames.npy"))
        package = Path(edgevid.__file__).parent
        files = [path for place in (package, package.parent / "models") for path in place.rglob("*") if path.is_file()]
        serve(stepping, recognizer.num_samples + 5, needs, sum(path.stat().st_size for path in files))
        return
    if name == "movinet":
        model = TfliteModel(args.movinet, **options)
        step = movinet_step(model._interpreter, following)
        serve(step, 8, needs, model.path.stat().st_size, model=lambda: model.path.name)
        return
    extractor = find_extractor()
    cnn, own = open_cnn(extractor, **options), extractor.path.stat().st_size
    pictures: deque[np.ndarray] = deque((following() for _ in range(WINDOW)), WINDOW)
    embeddings = deque((cnn.embed_picture(picture) for picture in pictures), WINDOW)

    def window_again() -> None:
        pictures.append(newest_of_sample(following))
        classifier.predict(Window.of(np.stack([cnn.embed_picture(picture) for picture in pictures])))

    def keras_gru() -> None:
        embeddings.append(cnn.embed_picture(newest_of_sample(following)))
        keras.run(np.stack(embeddings)[np.newaxis])

    if name == "window-again":
        bundle = open_bundle("exercises10-thesis")
        classifier = open_classifier(bundle, **options)
        own += sum(path.stat().st_size for path in bundle.folder.glob("*.tflite"))
        serve(window_again, 2, needs, own)
    elif name == "keras-gru":
        keras, own = TfliteModel(folder / "keras.tflite", **options), own + (folder / "keras.tflite").stat().st_size
        serve(keras_gru, 8, needs, own)
    elif name == "gru-stepwise":
        path = folder / "classifier.tflite"
        push, own = open_network(path, **options).rolling().push, own + path.stat().st_size
        serve(lambda: push(Embedding((cnn.embed_picture(newest_of_sample(following))[np.newaxis],))), 30, needs, own)
    elif name == "single-frame":
        head = np.random.default_rng(0).standard_normal((cnn.dim, ACTIONS)).astype(np.float32)
        serve(lambda: softmax(cnn.embed_picture(newest_of_sample(following)) @ head), 8, needs, own)
    else:
        serve(cnn.model._interpreter.invoke, 20, needs, own)


def table(rows: dict[str, Any]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| | per sample, in bare invokes | its CPU time | peak memory | installed | " + " | ".join(Row._fields[1:])
    ]
    lines = [f"{lines[0]} |", "|" + "---|" * 9]
    for name, row in rows.items():
        first = f"| {name}: {row['what']} | "
        if "skipped" in row:
            lines.append(f"{first}skipped: {row['skipped']} |" + " |" * 7)
            continue
        figures = [f"{row['wall_in_invokes']:.2f}", f"{row['cpu_in_invokes']:.2f}"]
        figures += ["?" if row[key] is None else f"{row[key]:.0f} MB" for key in ("peak_memory_mb", "install_mb")]
        lines.append(first + " | ".join([*figures, *(row.get(word, "") for word in Row._fields[1:])]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
