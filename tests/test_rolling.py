"""The rolling form equals the clip classifier on the same window."""

from __future__ import annotations

import contextlib
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import edgevid
from edgevid.classifiers import RecurrentClassifier, RollingWindow, open_network
from edgevid.classifiers.network import RollingStates
from edgevid.embedders import Embedder, Embedding, Window
from edgevid.errors import FrameError, ModelError
from edgevid.recognizer import Recognizer
from edgevid.sampling import Sample, StreamSampler
from edgevid.stream import StreamOptions
from edgevid.tflite.interpreter import runtimes

DATA = Path(__file__).parent / "data"
HOPS = (1, 2, 5, 25)
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=[info.name for info in runtimes() if info.usable])
def runtime(request):
    return request.param


@pytest.fixture(scope="module", params=["gru", "lstm"])
def classifier(request, runtime):
    opened = open_network(DATA / f"{request.param}.tflite", num_threads=1, runtime=runtime)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reference(classifier):
    """The same file, opened again: on tflite-runtime, an interpreter must be recreated to change sizes."""
    opened = open_network(classifier.model.path, num_threads=1, runtime=classifier.model.runtime.name)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def real_embeddings(shared, recognizer):
    """Embeddings of a stream over real clips: 524 of them make 500 windows."""
    found: list[np.ndarray] = []
    for path in sorted((shared / "data" / "ucf101_core10").glob("*/*_c01.mp4")):
        sampler = StreamSampler(recognizer.spec)
        with edgevid.VideoFile(path) as video:
            for timestamp, image in video.frames(sampler.wants):
                sampler.advance(image, timestamp)
                found.append(recognizer.embedders[0].embed_picture(image))
                if len(found) == 524:
                    return np.stack(found)
    raise AssertionError(f"only {len(found)} samples")


def random_embeddings(count):
    """Drawn from 300 at random: 2,000 windows at a hop of 25 need 49,999 embeddings."""
    random = np.random.default_rng(0)
    return random.random((300, 1280), np.float32), random.integers(0, 300, count)


class Rolling:
    """A stream's state, to which embeddings are pushed."""

    def __init__(self, classifier, hop):
        self.states = classifier.rolling(hop)
        assert isinstance(self.states, RollingStates)
        self.reset = self.states.reset

    def push(self, *embeddings):
        return self.states.push(*(Embedding((embedding[np.newaxis],)) for embedding in embeddings))


def predict(classifier, embeddings):
    return classifier.predict(Window.of(embeddings))


def largest_difference(classifier, reference, embeddings, order, hop, resets=()):
    """The largest difference over the complete windows, and their number."""
    rolling = Rolling(classifier, hop)
    size, start, difference, windows = classifier.num_samples, 0, 0.0, 0
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
            difference, np.abs(rolled - predict(reference, embeddings[order[at + 1 - size : at + 1]])).max()
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
    rolling = Rolling(classifier, hop)
    for _ in range(3):
        rolling.push(np.zeros(1280, np.float32))
    assert {states.shape for states in given} == {(rows, 8)}


def test_streams_of_one_classifier_do_not_mix(classifier, reference):
    """Two streams with different hops, pushed in turn: the interpreter changes its sizes each time."""
    embeddings, order = random_embeddings(60)
    streams = [Rolling(classifier, hop) for hop in (1, 5)]
    for at in range(60):
        first = streams[0].push(embeddings[order[at]])
        second = streams[1].push(embeddings[order[59 - at]])
    window = embeddings[order[35:60]]
    np.testing.assert_allclose(first, predict(reference, window), atol=TOLERANCE)
    # 60 = 25 + 7 * 5: a window of the second was completed as well
    np.testing.assert_allclose(second, predict(reference, embeddings[order[24::-1]]), atol=TOLERANCE)


def test_a_wrong_embedding_changes_nothing(classifier):
    embeddings, order = random_embeddings(25)
    disturbed, undisturbed = Rolling(classifier, 1), Rolling(classifier, 1)
    for index in order:
        with pytest.raises(FrameError, match=r"expected float32 \[1, 1280\]"):
            disturbed.push(embeddings[index][:100])
        first, second = disturbed.push(embeddings[index]), undisturbed.push(embeddings[index])
    np.testing.assert_array_equal(first, second)


class _Pictures(Embedder):
    """A frame's first pixel is the number of its embedding."""

    dim = 1280
    identity = {"kind": "pictures"}  # noqa: RUF012
    scene_cut_threshold = 0.29

    def __init__(self, embeddings):
        self.embeddings = embeddings

    def embed(self, sample: Sample):
        return self.embeddings[int(sample.frames[-1][0, 0, 0])]


def open_stream(embeddings, classifier, **options):
    recognizer = Recognizer([_Pictures(embeddings)], classifier, "abcde", window_seconds=5.0)
    return recognizer.open_stream(StreamOptions(**options))


@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize("min_filled", [1.0, 0.0, 0.5])
def test_a_stream_predicts_the_same_and_at_the_same_time(classifier, reference, hop, min_filled):
    """Also if frames come too slowly, so that one stands for several samples, and early predictions are requested."""
    random = np.random.default_rng(1)
    embeddings = random.random((250, 1280), np.float32)
    times = np.cumsum(random.choice([0.05, 0.2, 0.5, 0.9], 250))
    rolling, ring = (
        open_stream(embeddings, network, hop=hop, min_filled=min_filled, rolling=on)
        for network, on in ((classifier, True), (reference, False))
    )
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
    stream = open_stream(scenes, classifier, reset_on_cut=True)
    given = [stream.push(np.full((2, 2, 3), index, np.uint8), index * 0.2) is not None for index in range(200)]
    assert given == [False] * 24 + [True] * 76 + [False] * 24 + [True] * 76
    assert stream.scenes == 2
    stream.reset()
    assert stream.scenes == 3


@pytest.mark.parametrize("architecture", ["gru", "lstm"])
def test_int8_weights_run_on_every_runtime(architecture: str, runtime: str):
    """Activations are quantised at run time, so results only approximate those of float32; both forms agree."""
    floats, ints = (open_network(DATA / f"{architecture}{kind}.tflite", runtime=runtime) for kind in ("", "_int8"))
    embeddings, order = random_embeddings(40)
    rolling = Rolling(ints, 1)
    for at, index in enumerate(order):
        rolled = rolling.push(embeddings[index])
        if at >= 24:
            window = embeddings[order[at - 24 : at + 1]]
            np.testing.assert_allclose(rolled, predict(ints, window), atol=0.1)
            np.testing.assert_allclose(rolled, predict(floats, window), atol=0.25)
    assert ints.model.path.stat().st_size < floats.model.path.stat().st_size / 2
    floats.close()
    ints.close()


def test_the_shipped_bundle_rolls(recognizer: Recognizer):
    assert isinstance(recognizer.classifier, RecurrentClassifier)
    assert isinstance(recognizer.classifier.rolling(), RollingStates)
    assert not isinstance(RollingWindow(recognizer.classifier, 1, 1.0), RollingStates)


# --- a failure in the middle of a step changes nothing in later ones


class Broken:
    """Passes on the calls of a function, except those with the given numbers: they raise before or after it."""

    def __init__(self, function, numbers, error, after):
        self.function, self.numbers, self.error, self.after, self.calls = function, set(numbers), error, after, 0

    def __call__(self, *args, **options):
        self.calls += 1
        broken = self.calls in self.numbers
        if broken and not self.after:
            raise self.error
        result = self.function(*args, **options)
        if broken:
            raise self.error
        return result


def assert_as_windows(rolling, reference, hop, embeddings, pushes, disturb):
    """Push groups of embeddings, each again if it was disturbed; every answer equals that of the window."""
    order, answers, disturbed, missed = [], 0, 0, 0
    for number, group in enumerate(pushes):
        context, before, answer = disturb(number), rolling.states.steps, None
        while rolling.states.steps is before:  # all of a push has come in, or nothing
            try:
                with context:
                    answer = rolling.push(*(embeddings[index] for index in group))
            except (KeyboardInterrupt, ModelError):
                disturbed += 1
                context = contextlib.nullcontext()
        order += group
        due = [k for k in range(len(order) - len(group) + 1, len(order) + 1) if k >= 25 and (k - 25) % hop == 0]
        if answer is None and due:
            missed += 1  # interrupted on its way to the caller
        else:
            assert (answer is not None) == bool(due)
        if answer is not None:
            answers += 1
            np.testing.assert_allclose(
                answer, predict(reference, embeddings[order[due[-1] - 25 : due[-1]]]), atol=TOLERANCE
            )
    assert answers >= 8
    assert missed <= disturbed // 8
    return disturbed


ONE_BY_ONE = [[at] for at in range(70)]
SEVERAL = [[at, at + 1, at + 2] if at % 2 else [at, at + 1, at + 2, at + 3, at + 4] for at in range(0, 250, 5)]


@pytest.mark.parametrize("hop", [1, 2, 5])
@pytest.mark.parametrize("pushes", [ONE_BY_ONE, SEVERAL], ids=["one by one", "several at once"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("broken")], ids=["Ctrl-C", "ModelError"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("where", ["run", "step"])
def test_a_step_that_fails_changes_nothing(classifier, reference, monkeypatch, hop, pushes, error, after, where):
    embeddings, _ = random_embeddings(0)
    owner = classifier.model if where == "run" else classifier
    # irregular, or each disturbance could undo the previous one
    broken = Broken(getattr(owner, where), [4, 5, 7, 30, 31, 33, 48, 59], error, after)
    monkeypatch.setattr(owner, where, broken)
    disturbed = assert_as_windows(
        Rolling(classifier, hop), reference, hop, embeddings, pushes, lambda number: contextlib.nullcontext()
    )
    assert disturbed >= 5


@contextmanager
def interrupt_at_line(nth):
    """Ctrl-C just before the ``nth`` line of the rolling form's own code runs, even between two copies."""
    left = nth
    own = (RollingStates.push, RollingStates.advance, RollingStates.classify, RollingStates.after)
    codes = {method.__code__ for method in own}

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code not in codes:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("hop", [1, 2, 5])
@pytest.mark.parametrize("pushes", [ONE_BY_ONE, SEVERAL], ids=["one by one", "several at once"])
def test_an_interrupt_at_any_line_of_a_step_changes_nothing(classifier, reference, hop, pushes):
    embeddings, _ = random_embeddings(0)

    def disturb(number):
        # each push is interrupted one line later than the previous one, starting over after the last line
        return interrupt_at_line(1 + number % 24)

    disturbed = assert_as_windows(Rolling(classifier, hop), reference, hop, embeddings, pushes, disturb)
    assert disturbed >= len(pushes) // 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("broken")], ids=["Ctrl-C", "ModelError"])
def test_a_stream_that_was_broken_off_goes_on_as_one_that_was_not(classifier, monkeypatch, error):
    """Each frame is lost or pushed again, as a loop that catches Ctrl-C may do."""
    embeddings = np.random.default_rng(3).random((250, 1280), np.float32)
    stream, other = (open_stream(embeddings, classifier, rolling=on, hop=2) for on in (True, False))
    predictions = 0
    for index in range(120):
        frame, timestamp = np.full((2, 2, 3), index, np.uint8), index * 0.2
        if index % 11 == 5:
            with monkeypatch.context() as patch:
                patch.setattr(classifier.model, "run", Broken(classifier.model.run, [1], error, index % 2))
                with pytest.raises(type(error)):
                    stream.push(frame, timestamp)
            if index % 3 == 0:  # lost
                continue
        first, second = stream.push(frame, timestamp), other.push(frame, timestamp)
        assert (first is None) == (second is None)
        if first is not None:
            predictions += 1
            np.testing.assert_allclose(first.probabilities, second.probabilities, atol=TOLERANCE)
            assert (first.timestamp, first.start_timestamp) == (second.timestamp, second.start_timestamp)
    assert predictions > 40
