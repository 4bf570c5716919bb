"""Public functions and classes, called with unexpected values."""

from __future__ import annotations

import contextlib
import math
import os
import random
import shutil
import stat
from pathlib import Path
from typing import Any, Callable

import numpy as np

import edgevid
from edgevid.bundles import find_extractor
from edgevid.classifiers import MixtureClassifier, Statistics, StatisticsClassifier, fit_statistics, open_network
from edgevid.datasets.reading import open_dataset
from edgevid.embedders import CnnEmbedder, FrameDifference, Window
from edgevid.embedders.flow_histogram import FlowHistogram
from edgevid.embedders.motion_region import MotionRegion
from edgevid.embedders.opening import entries_for
from edgevid.extraction import EmbeddingConfig, embed_clips
from edgevid.recording import ClipFolder
from edgevid.sampling import SampleSpec, Track
from edgevid.tflite.interpreter import TfliteModel

from .corpus import TESTS
from .mutations import NUMBERS, any_value

_FRAME = np.zeros((24, 32, 3), np.uint8)
_FRAMES = np.zeros((6, 24, 32, 3), np.uint8)

# a call: a function and its valid arguments; each is made from a recogniser, the corpus and the case's own folder
_Call = tuple[Callable[..., Any], dict[str, Any]]
_Case = Callable[[edgevid.Recognizer, Path, Path], _Call]


def _stream(recognizer: edgevid.Recognizer, **options: Any) -> Any:
    stream = recognizer.open_stream(edgevid.StreamOptions(**options))
    return [stream.push(_FRAME, number * 0.1) for number in range(6)]


def _pushed(recognizer: edgevid.Recognizer, frame: Any, timestamp: Any, first: Any) -> Any:
    stream = recognizer.open_stream()
    stream.push(_FRAME, first)
    return stream.push(frame, timestamp), stream.push(_FRAME), stream.push(_FRAME, math.inf)


def _detected(timestamp: Any, probabilities: Any, none: Any, smoothing: Any, **options: Any) -> Any:
    detector, smooth = edgevid.EventDetector(edgevid.EventOptions(**options)), events_smoothing(smoothing)
    prediction = edgevid.Prediction(("a", "b"), np.array([0.25, 0.75], np.float32), timestamp=0.0)
    other = edgevid.Prediction(("a", "b"), probabilities, timestamp=timestamp, none=none)
    return [detector.update(one if smooth is None else smooth.update(one)) for one in (prediction, other)]


def events_smoothing(text: Any) -> Any:
    from edgevid.events import open_smoothing

    return open_smoothing(text)


def _iterated(make: Callable[..., Any]) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        with make(**arguments) as source:
            return [frame for _, frame in zip(range(8), source)]

    return call


def _bundled(folder: Path) -> Path:
    return folder / "bundles" / "statistics"


CALLS: dict[str, _Case] = {
    "load": lambda r, c, s: (
        lambda **a: edgevid.load(**a).close(), {"bundle": _bundled(c), "num_threads": 1, "runtime": None,
        "threshold": 0.5, "embedders": ()}),
    "open_bundle": lambda r, c, s: (edgevid.open_bundle, {"name_or_path": _bundled(c)}),
    "classify": lambda r, c, s: (r.classify, {"clip": _FRAMES}),
    "stream": lambda r, c, s: (lambda **a: _stream(r, **a), {
        "window_seconds": 0.4, "hop": 1, "min_filled": 0.5, "threshold": 0.5, "reset_on_cut": False, "rolling": True}),
    "push": lambda r, c, s: (lambda **a: _pushed(r, **a), {"frame": _FRAME, "timestamp": 0.5, "first": 0.0}),
    "recognizer.stream": lambda r, c, s: (lambda **a: list(r.stream(**a)), {
        "source": c / "media" / "clip.mp4", "options": None, "smoothing": None}),
    "find_events": lambda r, c, s: (lambda **a: edgevid.find_events(r, **a), {
        "video": c / "media" / "clip.avi", "options": None, "smoothing": "mean:3", "stream": None, "fps": 25.0}),
    "start": lambda r, c, s: (lambda **a: _ran(r.start(**a)), {
        "source": c / "media" / "clip.avi", "name": "a", "smoothing": "mean:3", "events": None, "stream": None,
        "max_seconds": 1.0,
        "max_predictions": 3, "outputs": ()}),
    "start_many": lambda r, c, s: (lambda **a: _ran(r.start_many(**a)), {
        "sources": {"a": c / "media" / "clip.avi"}, "smoothing": "mean:3", "max_seconds": 1.0}),
    "events": lambda r, c, s: (_detected, {
        "timestamp": 0.5, "probabilities": np.array([0.25, 0.75], np.float32), "none": 0.0, "smoothing": "mean:3",
        "enter": 0.6, "exit": 0.4, "min_seconds": 0.5,
        "cooldown_seconds": 0.0}),
    "smoothing": lambda r, c, s: (events_smoothing, {"text": "mean:3"}),
    "MeanSmoothing": lambda r, c, s: (edgevid.MeanSmoothing, {"count": 3}),
    "ExponentialSmoothing": lambda r, c, s: (edgevid.ExponentialSmoothing, {"seconds": 1.0}),
    "top": lambda r, c, s: (r.classify(_FRAMES).top, {"k": 3}),
    "threshold": lambda r, c, s: (lambda **a: setattr(edgevid.load(_bundled(c)), "threshold", a["threshold"]),
    {"threshold": 0.5}),
    "VideoFile": lambda r, c, s: (_iterated(edgevid.VideoFile), {"path": c / "media" / "clip.mp4"}),
    "ImageFolder": lambda r, c, s: (_iterated(edgevid.ImageFolder), {"pictures": [c / "media" / "picture.png"], "fps": 25.0}),
    "open_source": lambda r, c, s: (_iterated(edgevid.open_source), {"source": c / "media" / "clip.mp4"}),
    "Camera": lambda r, c, s: (_iterated(edgevid.Camera), {
        "device": str(s / "no_camera"), "width": 64, "height": 48, "fps": 5.0, "timeout_seconds": 0.2, "reconnect": False,
        "reconnect_seconds": 0.1}),
    "PiCamera": lambda r, c, s: (_iterated(edgevid.PiCamera), {"index": 0}),
    "TfliteModel": lambda r, c, s: (_run_model, {
        "path": TESTS / "data" / "extractor.tflite", "sha256": None, "num_threads": 1, "runtime": None,
        "array": np.zeros((1, 32, 32, 3), np.uint8)}),
    "open_network": lambda r, c, s: (lambda **a: open_network(**a).close(), {
        "path": TESTS / "data" / "gru.tflite", "num_samples": 25, "min_samples": 10, "temperature": 1.0,
        "num_threads": 1, "runtime": None}),
    "CnnEmbedder": lambda r, c, s: (lambda bands, frame, **a: CnnEmbedder(**a).embed_picture(frame, bands), {
        "path": TESTS / "data" / "extractor.tflite", "input_range": (-1.0, 1.0), "scene_cut_threshold": 0.5, "num_threads": 1,
        "bands": 1, "frame": _FRAME}),
    "MotionRegion": lambda r, c, s: (lambda **a: MotionRegion(r.embedders[0], **a).fresh(), {
        "seconds": 0.1, "difference": True, "lag_seconds": 0.2, "gain": 2.0, "bands": 3}),
    "FrameDifference": lambda r, c, s: (lambda **a: FrameDifference(r.embedders[0], **a), {"seconds": 0.1, "gain": 2.0}),
    "FlowHistogram": lambda r, c, s: (lambda **a: FlowHistogram(**a).fresh(), {
        "where": "whole", "seconds": 0.1, "samples_per_second": 10.0, "pixels": 64, "finest_scale": 1}),
    "Statistics": lambda r, c, s: (lambda **a: Statistics(**a).of(np.zeros((5, 3), np.float32)), {
        "names": ("mean", "bands"), "rows_per_second": 10.0}),
    "StatisticsClassifier.load": lambda r, c, s: (StatisticsClassifier.load, {
        "path": _bundled(c) / "classifier.npz", "temperature": 1.0}),
    "fit_statistics": lambda r, c, s: (_fitted, {"classes": [0, 1] * 3, "num_classes": 2, "groups": list("aabbcc"),
    "penalties": (0.1, 1.0)}),
    "Mixture": lambda r, c, s: (MixtureClassifier, {"parts": [r.classifier], "weights": [1.0], "temperature": 1.0}),
    "SampleSpec": lambda r, c, s: (SampleSpec, {"num_samples": 25, "window_seconds": 5.0, "tracks": (Track(),)}),
    "Track": lambda r, c, s: (Track, {"frame_offsets": (-0.1, 0.0), "samples_per_second": 10.0}),
    "entries_for": lambda r, c, s: (entries_for, {"kinds": ("flow-histogram",), "extractor": None}),
    "find_extractor": lambda r, c, s: (find_extractor, {"name": None}),
    "open_dataset": lambda r, c, s: (open_dataset, {"data": c / "clips", "list_number": 1, "lists_folder": None,
    "ignore_splits": False}),
    "ClipFolder": lambda r, c, s: (lambda root, **a: ClipFolder(root).session_group(**a), {"root": s / "clips",
    "person": "", "place": ""}),
    "embed_clips": lambda r, c, s: (lambda cache, **a: embed_clips(
        EmbeddingConfig.of(entries_for(("flow-histogram",)), **a), open_dataset(c / "clips").clips[:1], cache), {
        "cache": s / "cache", "num_samples": 5, "interval_seconds": None, "runtime": None}),
    "teach": lambda r, c, s: (_taught, {
        "clips": c / "clips", "output": s / "taught", "window_seconds": 0.2, "samples_per_second": 10.0, "min_filled": 0.5,
        "embedders": ("flow-histogram",), "name": None, "jobs": 1}),
    "save": lambda r, c, s: (r.save, {"folder": s / "saved", "overwrite": False}),
    "add_example": lambda r, c, s: (r.add_example, {"label": "jump", "clip": _FRAMES, "group": None}),
    "RunOptions": lambda r, c, s: (lambda **a: _ran(edgevid.Runner(r, _FRAMES, a, None)), {"max_seconds": 1.0,
    "max_predictions": 2}),
}  # fmt: skip


def _ran(runner: Any) -> Any:
    with runner:
        return runner.stats()


def _run_model(array: Any, **arguments: Any) -> Any:
    model = TfliteModel(**arguments)
    try:
        return model.run(array)
    finally:
        model.close()


def _fitted(**arguments: Any) -> Any:
    windows = [Window.of(np.random.default_rng(number).random((5, 3), np.float32)) for number in range(6)]
    return fit_statistics(windows, statistics=[Statistics()], **arguments)


def _taught(clips: Any, output: Any, **options: Any) -> Any:
    labelled = [(clip.path, clip.label) for clip in open_dataset(clips).clips]
    return edgevid.teach(
        [path for path, _ in labelled],
        [label for _, label in labelled],
        output,
        options=edgevid.TeachOptions(**options),
    )


_ARRAYS: list[Any] = [
    np.zeros((0, 24, 32, 3), np.uint8), np.zeros((3, 24, 32, 3), np.float32), np.zeros((24, 32), np.uint8), np.zeros((24,
    32, 4), np.uint8),
    np.zeros((0, 0, 3), np.uint8), np.array(1), np.array(["a"]), np.array([None]), np.full((5, 3), np.nan, np.float32),
    np.zeros((1, 32, 32, 3), np.float64), np.zeros((1, 1, 1, 3), np.uint8), np.zeros((2, 4000, 1, 3), np.uint8), [_FRAME,
    _FRAME[:, :, 0]],
    np.zeros((24, 32, 3), "|V3"), np.zeros((24, 32, 3), np.uint8)[::-1, ::-1], [[]], np.arange(5) / 0.5,
    np.float32(1e30), np.int64(-1),
    np.float64("nan"), np.bool_(True),
]  # fmt: skip


def _hostile_paths(corpus: Path, scratch: Path) -> list[Any]:
    """Paths in the case's own folder, where calls may replace them: pipes, devices, loops, impossible names."""
    nodes = {
        "fifo": (stat.S_IFIFO, 0),
        "zero.mp4": (stat.S_IFCHR, os.makedev(1, 5)),
        "full": (stat.S_IFCHR, os.makedev(1, 7)),
    }
    if not (scratch / "fifo").exists():
        for name, (kind, device) in nodes.items():
            with contextlib.suppress(OSError):  # only root can make devices
                os.mknod(scratch / name, kind | 0o666, device)
        (scratch / "folder.mp4").mkdir()
        (scratch / "loop").symlink_to(scratch / "loop")
        shutil.copy(corpus / "media" / "clip.mp4", scratch)
    names = [*nodes, "folder.mp4", "loop", "clip.mp4", "x" * 300, "a\0b", "\udcff.mp4", "not/there"]
    paths = [scratch / name for name in names]
    return [*paths, *map(str, paths), os.fsencode(scratch / "fifo"), Path("~x"), Path()]


def call(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """Make one of the calls, with one or two unexpected arguments."""
    name = rng.choice(list(CALLS))
    recognizer = _recognizer(corpus)
    try:
        function, arguments = CALLS[name](recognizer, corpus, scratch)
        paths = _hostile_paths(corpus, scratch)
        changed = rng.sample(list(arguments), min(len(arguments), rng.choice((1, 1, 1, 2))))
        for argument in changed:
            pool = rng.choice(["any", "number", "array", "path"])
            values = {"number": NUMBERS, "array": _ARRAYS, "path": paths}
            arguments[argument] = rng.choice(values[pool]) if pool in values else any_value(rng)
        given = {argument: _short(arguments[argument]) for argument in changed}
        try:
            return f"{name} {given} {_short(function(**arguments))}"
        except edgevid.EdgevidError:
            raise
        except Exception as error:
            error.args = (f"{name} {given}: {' '.join(str(error).split())}",)
            raise
    finally:
        if name in ("save", "add_example"):
            recognizer._learner = None


def _short(value: Any) -> str:
    try:
        return repr(value)[:60].encode("ascii", "backslashreplace").decode()
    except Exception as error:
        return f"<{type(error).__name__}>"


def _recognizer(corpus: Path) -> edgevid.Recognizer:
    if corpus not in _opened:
        _opened[corpus] = edgevid.load(_bundled(corpus), num_threads=1)
    return _opened[corpus]


_opened: dict[Path, edgevid.Recognizer] = {}
