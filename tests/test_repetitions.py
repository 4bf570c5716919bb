"""Repetitions: counted in rows and in streams, and reported as events."""

from __future__ import annotations

import copy
from typing import Any, Optional

import cv2
import numpy as np
import pytest
from support.videos import write_video

import edgevid
from edgevid import Prediction, StreamOptions
from edgevid.classifiers import Classifier
from edgevid.embedders import Array, Embedder, Window
from edgevid.embedders.flow_histogram import FlowHistogram
from edgevid.embedders.repetitions import EmbedderCounter, RepetitionCounter
from edgevid.events import Began, Counted, Ended, Event, EventDetector, EventOptions
from edgevid.frames import Frame
from edgevid.offline import find_events
from edgevid.sampling import Sample

RATE = 12.5
RNG = np.random.default_rng(0)
DIRECTION = RNG.normal(size=40).astype(np.float32)
OTHER = RNG.normal(size=40).astype(np.float32)


def cycles_at(hertz: float, seconds: float) -> np.ndarray:
    """The cycles completed at each row."""
    return np.arange(round(seconds * RATE)) / RATE * hertz


def rows(values: np.ndarray, noise: float = 0.0, direction: np.ndarray = DIRECTION) -> Array:
    """Rows that vary by ``values`` along one direction."""
    clean = values[:, np.newaxis] * direction
    return (clean + noise * np.random.default_rng(1).normal(size=clean.shape)).astype(np.float32)


def velocities(cycles: np.ndarray, **more: float) -> Array:
    return rows(np.sin(2 * np.pi * cycles), **more)


def positions(cycles: np.ndarray, **more: float) -> Array:
    return rows(3 - np.cos(2 * np.pi * cycles), **more)


def counted(values: Array, *, of_motion: bool = True) -> float:
    counter = RepetitionCounter(RATE, of_motion=of_motion)
    for row in values:
        counter.update(row[np.newaxis])
    return counter.cycles


class TestRepetitionCounter:
    @pytest.mark.parametrize("hertz", [0.3, 0.5, 1.0, 2.0, 3.1])
    @pytest.mark.parametrize("seconds", [10.0, 31.0])
    def test_as_many_as_there_are(self, hertz: float, seconds: float):
        cycles = cycles_at(hertz, seconds)
        assert counted(velocities(cycles, noise=0.2)) == pytest.approx(hertz * seconds, abs=1.0)
        assert counted(positions(cycles, noise=0.2), of_motion=False) == pytest.approx(hertz * seconds, abs=1.0)

    def test_the_first_one_counts_before_there_is_a_second(self):
        one = cycles_at(0.5, 2.0)
        assert counted(velocities(one)) == 1.0
        assert counted(positions(one), of_motion=False) == 1.0

    def test_it_may_become_faster_and_slower(self):
        hertz = np.interp(np.arange(0, 24, 1 / RATE), [0, 8, 16, 24], [0.5, 1.5, 1.5, 0.6])
        cycles = np.cumsum(hertz) / RATE
        assert counted(velocities(cycles, noise=0.2)) == pytest.approx(cycles[-1], abs=1.5)

    def test_a_still_stretch_counts_nothing(self):
        moving, still = velocities(cycles_at(1.0, 8.0)), np.zeros((100, 40), np.float32)
        assert counted(still) == 0.0
        assert counted(np.concatenate([moving, still])) == counted(moving) == pytest.approx(8.0, abs=0.5)
        assert counted(np.concatenate([still, moving, still, moving])) == pytest.approx(16.0, abs=1.0)

    @pytest.mark.parametrize("of_motion", [True, False])
    def test_noise_has_no_period(self, of_motion: bool):
        noise = np.random.default_rng(3).normal(size=(500, 40)).astype(np.float32)
        assert counted(noise, of_motion=of_motion) < 3.0

    def test_a_walk_to_and_fro_at_random_has_no_period(self):
        random = np.random.default_rng(4)
        steps = np.concatenate([np.full(random.integers(2, 12), random.normal()) for _ in range(80)])
        assert counted(rows(steps, noise=0.3)) < 0.3 * len(steps) / RATE  # 1.8 strokes a second

    def test_two_bounces_with_the_arms_once_up_and_down_are_one(self):
        arms, bounce = cycles_at(1.0, 12.0), cycles_at(2.0, 12.0)
        jumping = velocities(bounce) + rows(0.8 * np.sin(2 * np.pi * arms), direction=OTHER)
        assert counted(jumping) == pytest.approx(12.0, abs=1.0)
        assert counted(velocities(bounce) + 0.2 * rows(np.sin(2 * np.pi * arms), direction=OTHER)) == pytest.approx(
            24.0, abs=1.0
        )

    def test_a_copy_goes_its_own_way(self):
        values = velocities(cycles_at(1.0, 12.0))
        counter = RepetitionCounter(RATE, of_motion=True)
        for row in values[:75]:
            counter.update(row[np.newaxis])
        other, before = copy.copy(counter), counter.cycles
        for row in values[75:]:
            other.update(row[np.newaxis])
        assert counter.cycles == before < other.cycles == counted(values)

    def test_reset_counts_from_0(self):
        counter, values = RepetitionCounter(RATE, of_motion=True), velocities(cycles_at(1.0, 4.0))
        for row in values:
            counter.update(row[np.newaxis])
        counter.reset()
        assert counter.cycles == 0.0
        for row in values:
            counter.update(row[np.newaxis])
        assert counter.cycles == counted(values)


class Told(Embedder):
    """An embedder that is never called."""

    def __init__(self, dim: int, rate: Optional[float] = None) -> None:
        self.dim, self.samples_per_second = dim, rate

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "told"}

    def embed(self, sample: Sample) -> Array:
        raise AssertionError("The rows come from the test.")


class TestEmbedderCounter:
    def test_it_counts_in_the_densest(self):
        slow, dense = np.zeros((1, 3), np.float32), positions(cycles_at(2.0, 6.0))
        counter = EmbedderCounter([Told(3), Told(40, RATE)], 2.5)
        for part in np.split(dense, 15):  # 5 rows a sample
            counter.take((slow, part))
        assert counter.cycles == pytest.approx(12.0, abs=1.0)
        counter.reset()
        assert counter.cycles == 0.0

    def test_samples_without_a_row_of_it_change_nothing(self):
        counter = EmbedderCounter([Told(40, 1.0), Told(3, 0.5)], 1.0)
        counter.take((np.zeros((0, 40), np.float32), np.zeros((1, 3), np.float32)))
        assert counter.cycles == 0.0


SIDE, BOX = 160, 48
TEXTURE = np.random.default_rng(0).integers(100, 255, (BOX, BOX, 3), dtype=np.uint8)


def square(height: float) -> Frame:
    """A textured square on grey; ``height`` 0 to 1: how far down it is."""
    frame = np.full((120, SIDE, 3), 70, np.uint8)
    frame[10 : 10 + BOX, 56 : 56 + BOX] = TEXTURE
    # between two rows of pixels too, as in a video
    shift = np.array([[1, 0, 0], [0, 1, height * 20]], np.float32)
    return np.asarray(cv2.warpAffine(frame, shift, (SIDE, 120), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def bobbing(hertz: float, seconds: float, fps: float = 25.0) -> list[Frame]:
    """The square goes down and up; then it stands still for two seconds."""
    moving = (1 - np.cos(2 * np.pi * hertz * np.arange(round(seconds * fps)) / fps)) / 2
    return [square(height) for height in [*moving, *[0.0] * round(2 * fps)]]


class Always(Classifier):
    """Always predicts the first of two classes."""

    num_samples, num_classes, dim = 10, 2, None

    def predict(self, window: Window) -> Array:
        return np.array([0.9, 0.1], np.float32)


def always(*embedders: Embedder) -> edgevid.Recognizer:
    return edgevid.Recognizer(embedders, Always(), ("a", "b"), window_seconds=2.0)


class TestMotionOfFlow:
    def test_it_changes_its_sign_with_the_direction(self):
        embedder, up, down = FlowHistogram("whole"), square(0.4), square(0.46)
        forth, back = (
            embedder.motion(embedder.embed(Sample(begin + 0.1, pair, (begin, begin + 0.1)))[np.newaxis])[0]
            for begin, pair in ((0.0, (up, down)), (1.0, (down, up)))
        )
        assert forth.shape == (64,)
        assert forth.dtype == np.float32
        assert np.abs(forth).max() > 0.1
        cosine = forth @ back / np.sqrt((forth @ forth) * (back @ back))
        assert cosine < -0.7


class TestStream:
    @pytest.mark.parametrize("hertz", [0.5, 1.0, 2.0])
    def test_a_square_that_goes_up_and_down(self, hertz: float):
        stream = always(FlowHistogram("whole")).open_stream()
        seen = [stream.push(frame, k / 25) for k, frame in enumerate(bobbing(hertz, 8.0))]
        told = [prediction for prediction in seen if prediction is not None]
        assert told[-1].cycles == stream.cycles == pytest.approx(8 * hertz, abs=0.5)
        assert all(isinstance(prediction.cycles, float) for prediction in told)
        stream.reset()
        assert stream.cycles == 0.0

    def test_events_live_and_offline(self, tmp_path):
        path = write_video(tmp_path / "bobbing.avi", bobbing(1.0, 8.0))
        recognizer, detector = always(FlowHistogram("whole")), EventDetector()
        live: list[Event] = []
        for prediction in recognizer.stream(path):
            live += detector.update(prediction)
        live += detector.finish()
        assert find_events(recognizer, path) == live
        began, *counts, ended = live
        assert (type(began), type(ended)) == (Began, Ended)
        assert [type(event) for event in counts] == [Counted] * len(counts)
        numbers = [event.count for event in counts]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == ended.count == 8

    def test_a_frame_that_is_refused_leaves_the_count(self):
        stream = always(FlowHistogram("whole")).open_stream()
        for k, frame in enumerate(bobbing(1.0, 4.0)[:100]):
            stream.push(frame, k / 25)
        before = stream.cycles
        with pytest.raises(edgevid.EdgevidError):
            stream.push(square(0.0), 1.0)
        assert stream.cycles == before > 3

    def test_a_clip_has_no_count(self):
        frames = bobbing(1.0, 1.0)
        assert always(FlowHistogram("whole")).classify(frames).cycles is None


def prediction(now: float, score: float, cycles: Optional[float], window: float = 2.0) -> Prediction:
    scores = np.array([score, 1 - score], np.float32)
    return Prediction(("a", "b"), scores, timestamp=now, start_timestamp=now - window, cycles=cycles)


AT_ONCE = EventOptions(enter=0.75, exit=0.5, min_seconds=0.0)


def events_of(*predictions: Prediction) -> list[Event]:
    detector = EventDetector(AT_ONCE)
    return [event for one in predictions for event in detector.update(one)] + detector.finish()


class TestEvents:
    def test_each_whole_number_is_told_once(self):
        told = events_of(*(prediction(k, 0.8, cycles) for k, cycles in enumerate([0, 0.5, 1, 1.5, 1, 3.75, 4.5])))
        assert [(type(event), getattr(event, "count", None)) for event in told] == [
            (Began, None), (Counted, 1), (Counted, 4), (Ended, 4),
        ]  # fmt: skip
        assert told[1].as_dict() == {"event": "counted", "label": "a", "timestamp": 2.0, "count": 1}

    def test_the_action_that_goes_on_has_its_count(self):
        detector = EventDetector(AT_ONCE)
        detector.update(prediction(0.0, 0.8, 0.0))
        assert detector.active.count == 0
        detector.update(prediction(1.0, 0.8, 2.0))
        assert detector.active.count == 2

    def test_what_was_repeated_before_the_window_does_not_count_and_what_was_within_it_does(self):
        quiet = [prediction(k, 0.4, float(k)) for k in range(10)]
        told = events_of(*quiet, prediction(10.0, 0.8, 10.0))
        own = [event for event in told if event.label == "a"]
        assert own == [
            Began("a", 10.0, pytest.approx(0.8)),
            Counted("a", 10.0, 2),
            Ended("a", 10.0, 0.0, own[-1].peak_score, 2),
        ]

    def test_what_another_action_counted_is_not_counted_twice(self):
        first = [prediction(k, 0.8, float(k)) for k in range(10)]
        second = [prediction(k, 0.2, float(k)) for k in range(10, 14)]
        ends = [event for event in events_of(*first, *second) if isinstance(event, Ended)]
        assert [(event.label, event.count) for event in ends] == [("a", 9), ("b", 3)]

    def test_a_new_scene_counts_from_0(self):
        detector = EventDetector(AT_ONCE)
        for k in range(5):
            detector.update(prediction(k, 0.8, float(k)))
        assert detector.finish()[0].count == 4
        events = [event for k in range(3) for event in detector.update(prediction(10.0 + k, 0.8, float(k), 0.0))]
        assert [event.count for event in events if isinstance(event, Counted)] == [1, 2]

    def test_predictions_that_do_not_say_have_no_count(self):
        ended = events_of(prediction(0.0, 0.8, None), prediction(1.0, 0.8, None))[-1]
        assert ended.count is None


def test_options_of_a_stream_change_the_rate(tmp_path):
    """Samples of another rate are counted at that rate."""
    stream = always(Brightness()).open_stream(StreamOptions(window_seconds=1.0))
    for k, cycles in enumerate(np.arange(0, 8, 1 / 10)):  # 10 samples a second
        stream.push(np.full((8, 8, 3), round(128 - 100 * np.cos(2 * np.pi * cycles)), np.uint8), k / 10)
    assert stream.cycles == pytest.approx(8.0, abs=0.5)


class Brightness(Embedder):
    dim = 1

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "brightness"}

    def embed(self, sample: Sample) -> Array:
        return np.array([sample.frames[-1][0, 0, 0]], np.float32)
