"""The rolling form equals the clip classifier on the same window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgevid
from edgevid.classifiers.classifier import Classifier
from edgevid.classifiers.rolling import RollingClassifier
from edgevid.errors import FrameError
from edgevid.recognizer import Recognizer
from edgevid.sampling import StreamSampler
from edgevid.stream import Stream
from edgevid.tflite.interpreter import runtimes

DATA = Path(__file__).parent / "data"
HOPS = (1, 2, 5, 25)
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=[info.name for info in runtimes() if info.usable])
def runtime(request):
    return request.param


@pytest.fixture(scope="module", params=["gru", "lstm"])
def classifier(request, runtime):
    opened = Classifier(DATA / f"{request.param}.tflite", num_threads=1, runtime=runtime)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reference(classifier):
    """The same file, opened again: on tflite-runtime one interpreter cannot change sizes without being made anew."""
    opened = Classifier(classifier.model.path, num_threads=1, runtime=classifier.model.runtime.name)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def real_embeddings(shared, recognizer):
    """Embeddings of a stream over real clips: 524 of them make 500 windows."""
    found: list[np.ndarray] = []
    for path in sorted((shared / "data" / "ucf101_core10").glob("*/*_c01.mp4")):
        sampler = StreamSampler(recognizer.window_seconds)
        with edgevid.VideoFile(path) as video:
            for timestamp, image in video.frames(lambda at, sampler=sampler: sampler.ticks_due(at) > 0):
                sampler.advance(timestamp)
                found.append(recognizer.extractor.embed(image))
                if len(found) == 524:
                    return np.stack(found)
    raise AssertionError(f"only {len(found)} samples")


def random_embeddings(count):
    """Out of 300, at random: 2,000 windows at a hop of 25 are made of 49,999 embeddings."""
    random = np.random.default_rng(0)
    return random.random((300, 1280), np.float32), random.integers(0, 300, count)


def largest_difference(classifier, reference, embeddings, order, hop, resets=()):
    """Over the windows that are complete; their number."""
    rolling = RollingClassifier(classifier, hop)
    size, start, difference, windows = classifier.num_frames, 0, 0.0, 0
    answers = []
    for at, index in enumerate(order):
        if at in resets:
            rolling.reset()
            start = at
        rolled = rolling.push(embeddings[index])
        seen = at + 1 - start
        if seen >= size and (seen - size) % hop == 0:
            answers.append((at, rolled))
    for at, rolled in answers:
        difference = max(
            difference, np.abs(rolled - reference.predict(embeddings[order[at + 1 - size : at + 1]])).max()
        )
        windows += 1
    return difference, windows, np.ptp([rolled for _, rolled in answers], axis=0).max()


@pytest.mark.parametrize("hop", HOPS)
def test_2000_random_windows(classifier, reference, hop):
    embeddings, order = random_embeddings(25 + 1999 * hop)
    difference, windows, spread = largest_difference(classifier, reference, embeddings, order, hop)
    assert windows == 2000
    assert spread > 0.1, "the windows are not told apart: the test shows nothing"
    assert difference < TOLERANCE


@pytest.mark.parametrize("hop", HOPS)
def test_500_real_windows(classifier, reference, hop, real_embeddings):
    order = np.arange(len(real_embeddings))
    if hop > 1:  # as many windows need more frames: the clips again
        order = np.tile(order, hop)[: 25 + 499 * hop]
    difference, windows, _ = largest_difference(classifier, reference, real_embeddings, order, hop)
    assert windows == 500
    assert difference < TOLERANCE


@pytest.mark.parametrize("hop", [1, 2, 5, 25, 7, 24, 26, 40])
def test_after_resets(classifier, reference, hop):
    embeddings, order = random_embeddings(600)
    resets = (3, 30, 100, 226, 227, 401)
    difference, windows, _ = largest_difference(classifier, reference, embeddings, order, hop, resets)
    assert windows >= 8
    assert difference < TOLERANCE


@pytest.mark.parametrize(("hop", "rows"), [(1, 25), (2, 13), (5, 5), (24, 2), (25, 1), (100, 1)])
def test_windows_in_flight(classifier, hop, rows, monkeypatch):
    given = []
    step = classifier.step
    monkeypatch.setattr(classifier, "step", lambda embedding, states: given.extend(states) or step(embedding, states))
    rolling = RollingClassifier(classifier, hop)
    for _ in range(3):
        rolling.push(np.zeros(1280, np.float32))
    assert {states.shape for states in given} == {(rows, 8)}


def test_streams_of_one_classifier_do_not_mix(classifier, reference):
    """Two streams with different hops, pushed in turn: the interpreter changes its sizes each time."""
    embeddings, order = random_embeddings(60)
    streams = [RollingClassifier(classifier, hop) for hop in (1, 5)]
    for at in range(60):
        first = streams[0].push(embeddings[order[at]])
        second = streams[1].push(embeddings[order[59 - at]])
    window = embeddings[order[35:60]]
    np.testing.assert_allclose(first, reference.predict(window), atol=TOLERANCE)
    # 60 = 25 + 7 * 5: a window of the second was completed as well
    np.testing.assert_allclose(second, reference.predict(embeddings[order[24::-1]]), atol=TOLERANCE)


def test_a_wrong_embedding_changes_nothing(classifier):
    embeddings, order = random_embeddings(25)
    disturbed, undisturbed = RollingClassifier(classifier, 1), RollingClassifier(classifier, 1)
    for index in order:
        with pytest.raises(FrameError, match=r"expected float32 \[1280\]"):
            disturbed.push(embeddings[index][:100])
        first, second = disturbed.push(embeddings[index]), undisturbed.push(embeddings[index])
    np.testing.assert_array_equal(first, second)


class _Pictures:
    """Stands for the extractor: a frame's first pixel is the number of its embedding."""

    dim = 1280

    def __init__(self, embeddings):
        self.embeddings = embeddings

    def embed(self, frame):
        return self.embeddings[int(frame[0, 0, 0])]


@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize("min_filled", [1.0, 0.0, 0.5])
def test_a_stream_predicts_the_same_and_at_the_same_time(classifier, reference, hop, min_filled):
    """Also where frames come too slowly, so that one stands for several samples, and early predictions are asked for."""
    random = np.random.default_rng(1)
    embeddings = random.random((250, 1280), np.float32)
    labels = tuple("abcde")
    times = np.cumsum(random.choice([0.05, 0.2, 0.5, 0.9], 250))
    rolling, ring = (
        Stream(
            _Pictures(embeddings), network, labels,
            window_seconds=5.0, hop=hop, min_filled=min_filled, threshold=0.0, rolling=on,
        )
        for network, on in ((classifier, True), (reference, False))
    )  # fmt: skip
    predictions = 0
    for index, timestamp in enumerate(times):
        frame = np.full((2, 2, 3), index, np.uint8)
        first, second = rolling.push(frame, timestamp), ring.push(frame, timestamp)
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            predictions += 1
            np.testing.assert_allclose(first.probabilities, second.probabilities, atol=TOLERANCE)
            assert (first.timestamp, first.start_timestamp) == (second.timestamp, second.start_timestamp)
            assert first.window_filled == second.window_filled
    assert predictions > 10


def test_reset_on_cut_begins_a_new_window(classifier):
    random = np.random.default_rng(2)
    scenes = random.random((2, 1, 1280), np.float32).repeat(100, axis=1).reshape(-1, 1280)
    scenes[100:] *= random.random(1280, np.float32) > 0.5
    stream = Stream(
        _Pictures(scenes), classifier, tuple("abcde"),
        window_seconds=5.0, hop=1, min_filled=1.0, threshold=0.0, reset_on_cut=True,
    )  # fmt: skip
    given = [stream.push(np.full((2, 2, 3), index, np.uint8), index * 0.2) is not None for index in range(200)]
    assert given == [False] * 24 + [True] * 76 + [False] * 24 + [True] * 76
    assert stream.scenes == 2
    stream.reset()
    assert stream.scenes == 3


@pytest.mark.parametrize("architecture", ["gru", "lstm"])
def test_int8_weights_run_on_every_runtime(architecture: str, runtime: str):
    """Activations are quantised as the network runs, so only about as the float32 network does; both forms alike."""
    floats, ints = (Classifier(DATA / f"{architecture}{kind}.tflite", runtime=runtime) for kind in ("", "_int8"))
    embeddings, order = random_embeddings(40)
    rolling = RollingClassifier(ints, hop=1)
    for at, index in enumerate(order):
        rolled = rolling.push(embeddings[index])
        if at >= 24:
            window = embeddings[order[at - 24 : at + 1]]
            np.testing.assert_allclose(rolled, ints.predict(window), atol=0.1)
            np.testing.assert_allclose(rolled, floats.predict(window), atol=0.25)
    assert ints.model.path.stat().st_size < floats.model.path.stat().st_size / 2
    floats.close()
    ints.close()


def test_the_shipped_bundle_rolls(recognizer: Recognizer):
    assert recognizer.classifier.recurrent
    assert recognizer.open_stream()._rolling is not None
