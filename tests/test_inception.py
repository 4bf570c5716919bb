"""Inception-v3 from its builder to an embedding, with random weights: the real ones are not always available."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgevid
from edgevid import StreamOptions
from edgevid.bundles import find_extractor
from edgevid.cli import main
from edgevid.embedders.opening import open_cnn

SCRIPT = Path(__file__).parent.parent / "models" / "scripts" / "build_inception_v3.py"


def build(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    command = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with Inception-v3 in it."""
    pytest.importorskip("keras", reason="needs the extra: pip install 'edgevid[train]'")
    pytest.importorskip("tensorflow", reason="needs the extra: pip install 'edgevid[train]'")
    folder = tmp_path_factory.mktemp("models")
    done = build("--weights", "random", "--output", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_the_float_extractor_embeds_as_the_keras_network_does(models: Path, monkeypatch) -> None:
    import keras

    monkeypatch.setenv("EDGEVID_MODELS", str(models))
    frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    embedder = open_cnn(find_extractor("inception_v3_float32"))
    embedding = embedder.embed_picture(frame)
    assert (embedding.shape, embedding.dtype) == ((2048,), np.float32)

    keras.utils.set_random_seed(0)
    network = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(299, 299, 3), pooling="avg")
    picture = np.asarray(Image.fromarray(frame).resize((299, 299), Image.Resampling.BILINEAR), np.float32)
    expected = np.asarray(network(picture[np.newaxis] / 127.5 - 1, training=False))[0]
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(embedding, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())
    embedder.close()


def test_its_whole_path_from_clips_to_a_stream(models: Path, tmp_path: Path, make_video, monkeypatch) -> None:
    """Extract, train, export, open the bundle without a models folder, classify and stream."""
    random = np.random.default_rng(0)
    for label, level in (("dark", 40), ("light", 200)):
        for index in range(3):
            pictures = random.integers(level - 20, level + 20, (25, 48, 64, 3)).astype(np.uint8)
            make_video(f"clips/{label}/{index}.avi", pictures)
    monkeypatch.setenv("EDGEVID_MODELS", str(models))
    bundle = tmp_path / "bundle"
    options = [
        "--extractor",
        "inception_v3_float32",
        "--units",
        "8",
        "--hidden-units",
        "8",
        "--epochs",
        "1",
        "--test",
        "0",
    ]
    trained = ["train", str(tmp_path / "clips"), "-o", str(bundle), "--cache", str(tmp_path / "cache"), *options]
    assert main([*trained, "--validation", "0.34", "-j", "1"]) == 0

    monkeypatch.setenv("EDGEVID_MODELS", str(tmp_path / "none"))
    clip = tmp_path / "clips" / "light" / "0.avi"
    with edgevid.load(bundle) as recognizer:
        assert (recognizer.embedders[0].dim, recognizer.classifier.units) == (2048, 8)
        classified = recognizer.classify(clip)
        streamed = list(recognizer.stream(clip, StreamOptions(window_seconds=1.0)))
    assert len(streamed) == 1
    np.testing.assert_allclose(streamed[0].probabilities, classified.probabilities, atol=1e-5)


def test_weights_that_are_not_there_are_an_error_in_one_line(tmp_path) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra: pip install 'edgevid[train]'")
    done = build("--weights", str(tmp_path / "absent.h5"), "--output", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("build_inception_v3: No weights file")
    assert list(tmp_path.iterdir()) == []
