"""The shipped bundle on real clips, if they are beside the checkout."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgevid
from edgevid import StreamOptions, VideoFile


def clips(shared: Path, split: str) -> list[dict[str, str]]:
    with (shared / "data" / "ucf101_core10" / "clips.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def path_of(shared: Path, row: dict[str, str]) -> Path:
    return shared / "data" / "ucf101_core10" / row["path"]


def test_real_frame_counts_are_honest_and_every_frame_decodes(shared: Path):
    for row in clips(shared, "test")[::30]:
        with VideoFile(path_of(shared, row)) as video:
            times = [timestamp for timestamp in iter(video.grab, None)]
            assert len(times) == video.declared_frames == int(row["frames"])
            assert (np.diff(times) > 0).all()
            assert times[-1] == pytest.approx((len(times) - 1) / float(row["fps"]), abs=0.1)


def test_real_clip_streamed_equals_classify_on_the_same_frames(recognizer: edgevid.Recognizer, shared: Path):
    row = min(clips(shared, "test"), key=lambda row: int(row["frames"]))
    stream = recognizer.open_stream(StreamOptions(window_seconds=1.0))
    used, predictions = [], []
    with VideoFile(path_of(shared, row)) as video:
        for timestamp, image in video:
            if stream.wants(timestamp):
                used.append(image)
            prediction = stream.push(image, timestamp)
            if prediction is not None:
                predictions.append(prediction)
    assert len(predictions) == len(used) - 24 >= 1
    expected = recognizer.classify(used[-25:])
    np.testing.assert_allclose(predictions[-1].probabilities, expected.probabilities, atol=1e-4)


def test_original_avi_and_its_h264_copy_agree(recognizer: edgevid.Recognizer, shared: Path):
    compared = 0
    for original in sorted((shared / "data" / "ucf101_avi").glob("*.avi"))[:2]:
        (copy,) = (shared / "data" / "ucf101_core10").glob(f"*/{original.stem}.mp4")
        first, second = recognizer.classify(original), recognizer.classify(copy)
        assert first.timestamp == pytest.approx(second.timestamp, abs=0.1)
        assert np.abs(first.probabilities - second.probabilities).max() < 0.3
        compared += 1
    assert compared >= 1


@pytest.mark.slow
def test_accuracy_on_the_test_clips_is_the_cards(recognizer: edgevid.Recognizer, shared: Path):
    if recognizer.embedders[0].model.runtime.name == "tflite-runtime":
        pytest.skip("takes minutes with tflite-runtime, which runs 8-bit networks slowly; LiteRT checks it")
    rows = clips(shared, "test")
    told: dict[str, Any] = recognizer.bundle.card["accuracy"]["test"]["accuracy"]
    assert told["n"] == len(rows) == 127
    hits = sum(recognizer.classify(path_of(shared, row)).label == row["label"] for row in rows)
    # decoders and CPUs round the last bit differently: a borderline clip may change its label
    assert abs(hits - told["hits"]) <= 1
    assert told["value"] == pytest.approx(told["hits"] / told["n"], abs=1e-4)
