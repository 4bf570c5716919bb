"""Small valid inputs of each kind, to be damaged."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]
if str(TESTS) not in sys.path:  # as under pytest
    sys.path.insert(0, str(TESTS))

from support.videos import moving_frames, write_video  # noqa: E402

from edgevid import __version__  # noqa: E402
from edgevid.bundles import CARD_NAME, sha256_of  # noqa: E402
from edgevid.classifiers.statistics import LinearHead, Statistics, StatisticsClassifier  # noqa: E402
from edgevid.embedders import flow_histogram  # noqa: E402

LABELS = ["jump", "run", "walk"]
NETWORKS = ("gru", "gru_int8", "lstm", "lstm_int8", "extractor")
EXTRACTOR_DIM = 24


def make_corpus(folder: Path) -> Path:
    """Write the inputs into a new folder."""
    folder.mkdir(parents=True)
    _media(folder / "media")
    _clips(folder / "clips")
    for label in LABELS[:2]:  # few, because the worker processes of commands are slow
        write_video(_made(folder / "few" / label) / "clip.avi", moving_frames(6, 32, 32))
    for bundle, classifier in (
        ("statistics", "npz"),
        ("recurrent", "gru.tflite"),
        ("windows", "npz"),
        ("mixture", "npz"),
    ):
        _bundle(folder / "bundles" / bundle, bundle, classifier)
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _media(folder: Path) -> None:
    folder.mkdir()
    frames = moving_frames(12, 64, 48)
    for name in ("clip.mp4", "clip.avi", "clip.webm", "clip.mkv", "clip.mov"):
        write_video(folder / name, frames)
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(folder / "moving.gif", save_all=True, append_images=others, duration=40)
    for suffix in ("png", "jpg", "bmp", "tiff", "webp"):
        first.save(folder / f"picture.{suffix}")


def _clips(folder: Path) -> None:
    """A dataset: a folder for each class, and a CSV file with the same clips."""
    rows = ["path,label,group,split,person,place"]
    for label in LABELS:
        for number in range(3):
            path = folder / label / f"v_{label}_g0{number + 1}_c01.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, moving_frames(6, 32, 32, seed=number))
            rows.append(f"{label}/{path.name},{label},g{number},{'test' if number == 2 else 'train'},ann,home")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")


def _bundle(folder: Path, kind: str, classifier: str) -> None:
    folder.mkdir(parents=True)
    extractor = folder / "tiny.tflite"
    shutil.copy(TESTS / "data" / "extractor.tflite", extractor)
    card: dict[str, Any] = {
        "format": 1, "kind": "extractor", "name": "tiny", "file": extractor.name, "sha256": sha256_of(extractor),
        "input": {"shape": [1, 32, 32, 3], "dtype": "uint8", "range": [-1, 1]}, "scene_cut": {"threshold": 0.5},
    }  # fmt: skip
    extractor.with_suffix(".json").write_text(json.dumps(card))
    network = {"name": "tiny", "sha256": card["sha256"]}
    embedders: list[dict[str, Any]] = [{"kind": "cnn", "network": network}]
    flow = {
        "kind": "flow-histogram",
        "where": "whole",
        "seconds": 0.1,
        "samples_per_second": 10.0,
        "pixels": 64,
        "finest_scale": 1,
    }
    labels = LABELS
    if kind == "recurrent":
        shutil.copy(TESTS / "data" / classifier, folder / "classifier.tflite")
        embedders, labels = [{"kind": "fuzz"}], [*LABELS, "sit", "stand"]
        entry = _file_entry(folder / "classifier.tflite", kind="recurrent", min_samples=10)
    else:
        two = kind == "mixture"
        if two:
            embedders = [
                {"kind": "motion-region", "network": network, "seconds": 0.1, "difference": True, "bands": 2},
                flow,
            ]
        statistics = [Statistics(("mean", "change"), None), Statistics(("std", "bands"), 10.0)][: 1 + two]
        head = _head(2 * 2 * EXTRACTOR_DIM + 5 * flow_histogram.DIM if two else 2 * EXTRACTOR_DIM)
        StatisticsClassifier(head, statistics, 5).save(folder / "classifier.npz")
        entry = _file_entry(folder / "classifier.npz", kind="statistics")
        if two:
            entry = {"kind": "mixture", "parts": [{**entry, "weight": 0.5}, {**entry, "weight": 0.5}]}
    card = {
        "format": 2, "kind": "bundle", "name": kind, "labels": labels, "classifier": entry, "embedders": embedders,
        "sampling": {
            "samples": 25 if kind == "recurrent" else 5, "window_seconds": 0.4, "min_filled": 0.4, "reset_on_cut": True,
            "clips": "windows" if kind == "windows" else "uniform",
        },
        "events": {"enter": 0.4, "min_seconds": 0.1, "cooldown_seconds": 0.0, "smoothing": "mean:3"},
        "calibration": {"temperature": 1.1, "unknown_threshold": 0.3}, "licence": "none", "edgevid_version": __version__,
        "accuracy": {"top1": 0.5, "clips": 10}, "training": {"clips": 20},
    }  # fmt: skip
    (folder / CARD_NAME).write_text(json.dumps(card))


def _file_entry(path: Path, **fields: Any) -> dict[str, Any]:
    return {**fields, "file": path.name, "sha256": sha256_of(path), "bytes": path.stat().st_size}


def _head(size: int) -> LinearHead:
    random = np.random.default_rng(0)
    weights = random.normal(0, 1, (size, len(LABELS))).astype(np.float32)
    ones = np.ones(size, np.float32)
    return LinearHead(0 * ones, ones, weights, np.zeros(len(LABELS), np.float32))
