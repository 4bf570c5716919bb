"""Training on other embedders: several side by side, and one of the caller's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train_command import moving_square
from training_data import Said, require_training_extra

import edgevid
from edgevid.cli import main
from edgevid.training.build import train_bundle
from edgevid.training.request import TrainingRequest

require_training_extra()

QUICK = {"units": 8, "learning_rate": 1e-2, "epochs": 3, "batch_size": 4}


class WhereItIsRed(edgevid.Embedder):
    """How much red there is in each of eight columns of the frame, and how that changed in 0.08 s."""

    dim = 16
    frame_offsets = (-0.08, 0.0)
    identity: Mapping[str, Any] = {"kind": "where-it-is-red", "columns": 8}

    closed = 0

    def close(self) -> None:
        self.closed += 1

    def embed(self, sample: edgevid.Sample) -> np.ndarray:
        before, now = (
            np.array([part.mean() / 255 for part in np.array_split(frame[..., 0], 8, axis=1)], np.float32)
            for frame in sample.frames
        )
        return np.concatenate([now, now - before])


@pytest.fixture
def data(make_video, tmp_path) -> Path:
    """Two classes of six clips of 0.48 s."""
    for label in ("left", "right"):
        for i in range(6):
            make_video(f"data/{label}/{i}.mp4", moving_square(label == "right", seed=i))
    return tmp_path / "data"


def test_an_embedder_of_the_callers_own(data, tmp_path):
    own, bundle = WhereItIsRed(), tmp_path / "bundle"
    request = TrainingRequest(
        data, bundle, embedders=(), own_embedders=(own,), hyper_parameters=QUICK, cache=tmp_path / "cache"
    )
    trained = train_bundle(request, Said())
    assert own.closed == 0, "it is the caller's to close"
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    assert card["embedders"] == [{"kind": "where-it-is-red", "columns": 8}]
    assert trained.written.accuracy["validation"].clips.accuracy.n == 2

    with pytest.raises(edgevid.BundleError, match=r"embedders=\[\.\.\.\]"):
        edgevid.load(bundle)
    with edgevid.load(bundle, embedders=[own]) as recognizer:
        assert recognizer.classify(data / "left" / "0.mp4").label in ("left", "right")
        frames = [*moving_square(True, seed=9)] * 3
        predictions = list(recognizer.stream((k / 25, frame) for k, frame in enumerate(frames)))
    assert predictions
    assert all(prediction.probabilities.sum() == pytest.approx(1, abs=1e-5) for prediction in predictions)
    assert own.closed == 0


def test_no_embedder_at_all(data, tmp_path):
    with pytest.raises(edgevid.OptionError, match="No embedder was given"):
        train_bundle(TrainingRequest(data, tmp_path / "bundle", embedders=()), Said())


def test_the_frame_and_its_difference_side_by_side(data, tmp_path, capfd):
    bundle = tmp_path / "bundle"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items()]
    command = ["train", str(data), "-o", str(bundle), "--cache", str(tmp_path / "cache"), *options]
    assert main([*command, "--embedders", "cnn,frame-difference"]) == 0
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    assert [entry["kind"] for entry in card["embedders"]] == ["cnn", "frame-difference"]
    assert "--embedders cnn,frame-difference" in card["training"]["command"]

    clip = data / "right" / "3.mp4"
    capfd.readouterr()
    assert main(["classify", str(clip), "--bundle", str(bundle)]) == 0
    assert "right" in capfd.readouterr().out
    assert main(["stream", str(clip), "--bundle", str(bundle), "--min-filled", "0.5"]) == 0
    assert "right" in capfd.readouterr().out
    output = tmp_path / "evaluation"
    evaluate = ["evaluate", str(bundle), str(data), "-o", str(output), "--streaming", "--split", "all"]
    assert main(evaluate) == 0
    figures = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert figures["accuracy"]["n"] == 12
    assert figures["bundle"]["extractor"] == f"{card['embedders'][0]['network']['name']} + frame-difference"
    assert figures["streaming"]["predictions"] > 0
