"""edgevid.embedders.still: pictures that look like the previous one are not embedded again."""

from __future__ import annotations

import numpy as np
import pytest
from support.stand_ins import Brightness
from test_motion import scene

import edgevid
from edgevid import StreamOptions
from edgevid.bundles import find_extractor
from edgevid.embedders import spec_for
from edgevid.embedders.flow_histogram import FlowHistogram
from edgevid.embedders.motion_region import MotionRegion
from edgevid.embedders.opening import open_cnn
from edgevid.embedders.stream import StreamEmbedder
from edgevid.frames import Frame

FPS = 20


@pytest.fixture(scope="module")
def embedders() -> list:
    cnn = open_cnn(find_extractor(), num_threads=1)
    return [MotionRegion(cnn), MotionRegion(cnn, difference=True, lag_seconds=0.2), FlowHistogram("region"), cnn]


def film() -> list[Frame]:
    """Three seconds of motion, five without, four of motion again; with camera noise."""
    noise = np.random.default_rng(0).normal(0, 2, (8, 240, 320, 3)).round().astype(np.int16)
    places = [160 + (40 * np.sin(k / 3) if not 3 <= k / FPS < 8 else 0) for k in range(12 * FPS)]
    return [np.clip(scene(x, 120) + noise[k % 8], 0, 255).astype(np.uint8) for k, x in enumerate(places)]


def rows_of(stream: StreamEmbedder, frames: list[Frame]) -> list[tuple[np.ndarray, ...]]:
    """The rows of each sample."""
    rows = []
    for k, frame in enumerate(frames):
        made = stream.make(frame, k / FPS)
        rows += [embedding.rows for embedding in made.embeddings]
        stream.take(made, k / FPS)
    return rows


def test_what_moves_is_embedded_and_what_is_still_is_not(embedders: list):
    spec, frames = spec_for(embedders, 10, 2.0), film()
    plain, skipping = StreamEmbedder(embedders, spec), StreamEmbedder(embedders, spec, skip_still=True)
    pairs = list(zip(rows_of(plain, frames), rows_of(skipping, frames)))
    same = [all(np.array_equal(a, b) for a, b in zip(one, other)) for one, other in pairs]
    assert len(same) == 60
    assert all(same[:15])
    assert all(same[41:])  # the frame before the first that moves was still
    # in five seconds, few are recomputed: the first, and when the whole picture becomes the region
    assert sum(same[16:40]) <= 4
    assert plain.skipped == 0
    assert skipping.skipped >= 20 * len(embedders)
    cosines = [
        a.ravel() @ b.ravel() / (np.linalg.norm(a) * np.linalg.norm(b))
        for one, other in pairs for k, (a, b) in enumerate(zip(one, other)) if k != 2
    ]  # fmt: skip
    assert min(cosines) > 0.99


def test_a_picture_that_stays_is_embedded_again_after_five_seconds():
    embedder = Brightness(lambda: None)
    stream = StreamEmbedder([embedder], spec_for([embedder], 10, 2.0), skip_still=True)
    rows_of(stream, [scene(160, 120)] * (20 * FPS))
    assert embedder.embedded == 4
    assert stream.skipped == 96
    stream.reset()
    rows_of(stream, [scene(160, 120)])
    assert embedder.embedded == 5  # a new scene has nothing to reuse


def test_a_recogniser_s_stream_does_so_when_asked():
    with edgevid.load("exercises10-motion") as recognizer:
        streams = [recognizer.open_stream(StreamOptions(skip_still=skip)) for skip in (True, False)]
        for k in range(4 * FPS + 1):
            answers = [stream.push(scene(160, 120), k / FPS) for stream in streams]
        assert [stream.skipped > 30 for stream in streams] == [True, False]
        assert [answer.none for answer in answers] == [1.0, 1.0]
