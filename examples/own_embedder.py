"""Your own embedder, a classifier fitted on a few clips, and a stream, without a network or a training run.

    python examples/own_embedder.py

The script draws its clips: a light that swings from side to side, and a light that blinks. The embedder computes the mean
brightness in a 4 x 4 grid, 12.5 times a second. A linear head on statistics over time tells the two apart.
"""

from __future__ import annotations

import numpy as np

import edgevid
from edgevid.classifiers import Statistics, fit_statistics
from edgevid.embedders import Array, Embedder, embed_clip, spec_for
from edgevid.frames import Frame
from edgevid.sampling import Sample

LABELS = ("blinks", "swings")
FPS, SECONDS, SAMPLES = 25, 2.0, 10


class BrightnessGrid(Embedder):
    """Mean brightness in 4 x 4 cells of the frame: 16 numbers from 0 to 1."""

    dim = 16
    samples_per_second = 12.5  # its own rate: it is cheap, so it can run more often than a network
    identity = {"kind": "brightness-grid", "cells": 4}  # noqa: RUF012 - how cards and caches identify it

    def embed(self, sample: Sample) -> Array:
        height, width = (side // 4 * 4 for side in sample.frames[-1].shape[:2])
        cells = sample.frames[-1][:height, :width].reshape(4, height // 4, 4, width // 4, 3)
        return (cells.mean(axis=(1, 3, 4)) / 255).ravel().astype(np.float32)


def draw(label: str, phase: float, count: int = int(FPS * SECONDS)) -> list[Frame]:
    """A clip: a white square on black."""
    frames = [np.zeros((48, 64, 3), np.uint8) for _ in range(count)]
    for k, frame in enumerate(frames):
        wave = np.sin(2 * np.pi * (k / FPS + phase))  # once a second
        left = 24 if label == "blinks" else round(24 + 20 * wave)
        frame[16:32, left : left + 16] = 255 if label == "swings" or wave > 0 else 0
    return frames


embedder = BrightnessGrid()
spec = spec_for([embedder], SAMPLES, SECONDS)
clips = [(k % 2, draw(LABELS[k % 2], phase=k / 20)) for k in range(20)]
windows = [embed_clip([embedder], clip, spec) for _, clip in clips]
classifier = fit_statistics(windows, [label for label, _ in clips], [Statistics(("mean", "std", "change"))])

with edgevid.Recognizer([embedder], classifier, LABELS, window_seconds=SECONDS) as recognizer:
    video = draw("swings", 0.33, 100) + draw("blinks", 0.21, 100)
    timed = ((k / FPS, frame) for k, frame in enumerate(video))
    for prediction in recognizer.stream(timed):
        print(prediction)
