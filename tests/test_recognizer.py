"""edgevid.recognizer and edgevid.prediction: a clip and its prediction."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from support.motions import motion
from support.stand_ins import MeanOfTwo, StandInRecognizer, picture, video
from support.videos import moving_frames

import edgevid
from edgevid import (
    EventDetector,
    EventOptions,
    FrameError,
    ModelError,
    OptionError,
    Prediction,
    SourceError,
    StreamOptions,
    VideoFile,
)
from edgevid.embedders import Window
from edgevid.sampling import Sample, uniform_indices

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return moving_frames(30)


class TestClassify:
    @pytest.mark.parametrize(("name", "count"), [("clip.mp4", 60), ("clip.avi", 7)])
    def test_a_file_gives_what_all_its_decoded_frames_give(
        self, recognizer: edgevid.Recognizer, make_video, name: str, count: int
    ):
        path = make_video(name, moving_frames(count))
        with VideoFile(path) as video:
            decoded = np.stack([frame.image for frame in video])
        from_file, from_array = recognizer.classify(path), recognizer.classify(decoded)
        np.testing.assert_allclose(from_file.probabilities, from_array.probabilities, atol=TOLERANCE)

    def test_a_file_tells_when_its_first_and_last_sampled_frames_were(self, recognizer: edgevid.Recognizer, make_video):
        prediction = recognizer.classify(make_video("clip.mp4", moving_frames(8), fps=25))
        first, last = uniform_indices(8)[[0, -1]] / 25
        assert (prediction.start_timestamp, prediction.timestamp) == pytest.approx((first, last), abs=1e-3)
        assert prediction.window_filled == 1.0

    def test_a_list_gives_what_the_array_gives(self, recognizer: edgevid.Recognizer, frames: np.ndarray):
        expected = recognizer.classify(frames[:5])
        for clip in (list(frames[:5]), tuple(frames[:5]), deque(frames[:5])):
            np.testing.assert_array_equal(recognizer.classify(clip).probabilities, expected.probabilities)
        assert expected.timestamp is None
        assert expected.start_timestamp is None

    def test_frames_of_a_list_may_differ_in_size(self, recognizer: edgevid.Recognizer):
        mixed = [moving_frames(1, 160, 120)[0], moving_frames(1, 64, 48)[0]]
        assert recognizer.classify(mixed).probabilities.sum() == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_short_clip_repeats_its_frames(self, recognizer: edgevid.Recognizer, frames: np.ndarray, count: int):
        short = frames[:count]
        repeated = short[uniform_indices(count)]
        np.testing.assert_array_equal(
            recognizer.classify(short).probabilities, recognizer.classify(repeated).probabilities
        )

    def test_only_the_sampled_frames_are_embedded_each_once(self, recognizer, frames: np.ndarray, monkeypatch):
        seen: list[int] = []

        def embed(sample: Sample) -> np.ndarray:
            seen.append(int(sample.frames[-1][0, 0, 0]))
            return np.zeros(1280, np.float32)

        monkeypatch.setattr(recognizer.embedders[0], "embed", embed)
        clip = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 8, 8, 3))
        recognizer.classify(clip)
        assert seen == uniform_indices(100).tolist()
        seen.clear()
        recognizer.classify(clip[:4])
        assert seen == [0, 1, 2, 3]

    def test_the_same_clip_gives_exactly_the_same_probabilities(self, recognizer, frames: np.ndarray):
        first = recognizer.classify(frames[:3]).probabilities
        recognizer.classify(frames[5:8])
        np.testing.assert_array_equal(recognizer.classify(frames[:3]).probabilities, first)

    @pytest.mark.parametrize(
        ("clip", "message"),
        [
            ((frame for frame in moving_frames(2)), r"type generator.*use stream\(\) or open_stream\(\)"),
            ({0: moving_frames(1)[0]}, "type dict"),
            (None, "type NoneType.*expected a path"),
            (7, "type int"),
            ([], "clip of 0 frames"),
            (np.zeros((0, 48, 64, 3), np.uint8), "clip of 0 frames"),
            (np.zeros((48, 64, 3), np.uint8), r"shape \[48, 64, 3\].*one frame at a time use open_stream"),
            (np.zeros((2, 48, 64, 3), np.float32), "dtype float32 and shape"),
            (np.zeros((2, 48, 64, 4), np.uint8), "RGBA"),
            (np.zeros((2, 3, 48, 64), np.uint8), "channels last"),
            (np.zeros((2, 48, 64), np.uint8), "expected uint8 RGB frames"),
            (["a.jpg", "b.jpg"], "2 paths were given as one clip"),
            ([None], "frame of type NoneType"),
            (b"clip.mp4", "frame of type int"),
        ],
        ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
    )
    def test_what_is_no_clip_is_refused(self, recognizer: edgevid.Recognizer, clip: object, message: str):
        with pytest.raises((FrameError, SourceError), match=message):
            recognizer.classify(clip)


class TestDefaultBundle:
    """It classifies clips window by window, as a stream would, and recognises what is none of its actions."""

    def test_a_clip(self, default_recognizer: edgevid.Recognizer, make_video):
        path = make_video("clip.mp4", moving_frames(8), fps=10)
        answer = default_recognizer.classify(path)
        assert answer.probabilities.shape == (10,)
        assert 0 < answer.none < 1
        assert answer.probabilities.sum() + answer.none == pytest.approx(1, abs=1e-5)
        assert answer.label in default_recognizer.labels
        assert answer.accepted is (answer.score >= max(answer.none, default_recognizer.threshold))
        # 5 samples a second: the last is the frame taken at 0.6 s
        assert (answer.start_timestamp, answer.timestamp) == pytest.approx((0.0, 0.6), abs=1e-3)
        assert answer.window_filled == 1.0
        np.testing.assert_array_equal(default_recognizer.classify(str(path)).probabilities, answer.probabilities)

    def test_frames_count_as_25_a_second(self, default_recognizer: edgevid.Recognizer, frames: np.ndarray):
        expected = default_recognizer.classify(frames[:8])
        for clip in (list(frames[:8]), deque(frames[:8])):
            answer = default_recognizer.classify(clip)
            np.testing.assert_array_equal(answer.probabilities, expected.probabilities)
        assert (expected.start_timestamp, expected.timestamp) == pytest.approx((0.0, 0.2))

    def test_a_long_clip_is_the_mean_of_its_windows(self, motion_recognizer: edgevid.Recognizer, monkeypatch):
        answers: list[np.ndarray] = []
        predict = motion_recognizer.classifier.predict
        monkeypatch.setattr(
            motion_recognizer.classifier, "predict", lambda window: answers.append(predict(window)) or answers[-1]
        )
        answer = motion_recognizer.classify(([*motion("wave"), *motion("jump")] * 4)[:190])  # 38 samples
        assert len(answers) == 3
        np.testing.assert_allclose([*answer.probabilities, answer.none], np.mean(answers, axis=0), atol=1e-6)
        assert np.ptp(answers, axis=0).max() > 1e-4, "the windows are not told apart: the test shows nothing"

    def test_the_threshold_is_the_bundles(self, default_recognizer: edgevid.Recognizer):
        assert default_recognizer.threshold == default_recognizer.bundle.calibration.unknown_threshold > 0

    def test_what_is_no_clip_is_refused(self, default_recognizer: edgevid.Recognizer):
        for clip in ([], [None], np.zeros((2, 48, 64), np.uint8), {0: moving_frames(1)[0]}):
            with pytest.raises(FrameError):
                default_recognizer.classify(clip)


class TestSharing:
    def test_8_threads_get_what_one_thread_gets(self, default_recognizer: edgevid.Recognizer):
        recognizer = (
            default_recognizer  # whose embedders remember what a clip showed, and whose classifier has two parts
        )
        clips = [moving_frames(11, 64, 48, seed=seed) for seed in range(8)]
        expected = [recognizer.classify(clip).probabilities for clip in clips]
        assert len({probabilities.tobytes() for probabilities in expected}) == 8
        results: dict[int, list[np.ndarray]] = {}
        barrier = threading.Barrier(8)

        def work(k: int) -> None:
            barrier.wait()
            results[k] = [recognizer.classify(clips[(k + shift) % 8]).probabilities for shift in (0, 5)]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        for k in range(8):
            for result, shift in zip(results[k], (0, 5)):
                np.testing.assert_array_equal(result, expected[(k + shift) % 8])

    def test_closed_recogniser_says_so(self, frames: np.ndarray):
        with edgevid.load(num_threads=1) as recognizer:
            stream = recognizer.open_stream()
        for call in (lambda: recognizer.classify(frames), lambda: stream.push(frames[0], 0.0)):
            with pytest.raises(edgevid.ModelError, match="is closed; open it again"):
                call()
        recognizer.close()

    def test_an_opened_bundle_loads_as_its_name_does(self, motion_recognizer: edgevid.Recognizer):
        with edgevid.load(edgevid.open_bundle("exercises10-motion"), num_threads=1) as other:
            assert other.labels == motion_recognizer.labels
            assert other.window_seconds == motion_recognizer.window_seconds
            assert other.bundle == motion_recognizer.bundle


class TestThreshold:
    @pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan, "high"])
    def test_threshold_outside_0_to_1_is_refused(self, threshold: object):
        with pytest.raises(OptionError, match="expected a number from 0 to 1"):
            edgevid.load(threshold=threshold)

    def test_the_default_is_the_bundles(self, recognizer: edgevid.Recognizer):
        assert recognizer.threshold == recognizer.bundle.calibration.unknown_threshold > 0
        assert recognizer.classifier.temperature == recognizer.bundle.calibration.temperature != 1
        with edgevid.load(num_threads=1, threshold=0) as accepting_all:
            assert accepting_all.threshold == 0

    def test_threshold_of_loading_holds_for_clips_and_streams(self, recognizer, frames: np.ndarray, monkeypatch):
        monkeypatch.setattr(recognizer, "threshold", 1.0)
        prediction = recognizer.classify(frames[:1])
        assert (prediction.threshold, prediction.accepted) == (1.0, prediction.score >= 1.0)
        pushed = recognizer.open_stream(StreamOptions(min_filled=0)).push(frames[0], 0.0)
        assert pushed.threshold == 1.0
        assert recognizer.open_stream(StreamOptions(min_filled=0, threshold=0.0)).push(frames[0], 0.0).accepted


def prediction(*probabilities: float, **fields: object) -> Prediction:
    labels = tuple("abcdefgh"[: len(probabilities)])
    return Prediction(labels, np.array(probabilities, dtype=np.float32), **fields)


class TestPrediction:
    def test_label_and_score_are_those_of_the_most_probable_class(self):
        answer = prediction(0.125, 0.5, 0.375)
        assert (answer.label, answer.score) == ("b", 0.5)
        assert isinstance(answer.score, float)

    def test_top_is_ordered_and_ties_keep_the_order_of_the_labels(self):
        answer = prediction(0.25, 0.125, 0.25, 0.375)
        assert answer.top(3) == [("d", 0.375), ("a", 0.25), ("c", 0.25)]
        assert answer.top(3)[0].label == "d"
        assert answer.top(3)[0].score == 0.375

    def test_top_gives_5_unless_told_and_never_more_than_there_are(self):
        assert len(prediction(*[1 / 8] * 8).top()) == 5
        assert len(prediction(0.5, 0.5).top(100)) == 2

    @pytest.mark.parametrize("k", [0, -1])
    def test_top_of_none_is_refused(self, k: int):
        with pytest.raises(OptionError, match="expected an int of 1 or more"):
            prediction(0.5, 0.5).top(k)

    @pytest.mark.parametrize(("threshold", "accepted"), [(0.0, True), (0.5, True), (0.51, False)])
    def test_accepted_from_the_threshold_on(self, threshold: float, accepted: bool):
        assert prediction(0.5, 0.5, threshold=threshold).accepted is accepted

    def test_nothing_of_it_can_be_changed(self):
        answer = prediction(0.25, 0.75)
        with pytest.raises(dataclasses.FrozenInstanceError):
            answer.threshold = 0.5
        with pytest.raises(ValueError, match="read-only"):
            answer.probabilities[0] = 1

    def test_dictionary_is_plain_json(self):
        answer = prediction(0.25, 0.75, threshold=0.8, timestamp=2.5, start_timestamp=0.5, window_filled=0.4)
        assert json.loads(json.dumps(answer.as_dict(top=1))) == {
            "timestamp": 2.5,
            "start_timestamp": 0.5,
            "label": "b",
            "score": 0.75,
            "accepted": False,
            "none": 0.0,
            "top": [["b", 0.75]],
            "window_filled": 0.4,
            "region": None,
        }
        region = edgevid.Region(np.float64(1 / 3), 0.0, 1.0, 0.5)
        assert json.loads(json.dumps(prediction(1.0, region=region).as_dict()))["region"] == [0.3333, 0.0, 1.0, 0.5]
        assert prediction(1.0).as_dict()["timestamp"] is None

    def test_as_text_it_says_when_what_and_how_sure(self):
        assert str(prediction(0.25, 0.75)) == "b 0.75"
        assert str(prediction(0.25, 0.75, timestamp=2.5, threshold=0.8)) == "    2.50 s  nothing recognised (b 0.75)"

    def test_what_is_not_accepted_reads_nothing_recognised_and_then_the_best_guess(self):
        accepted, low = prediction(0.25, 0.75), prediction(0.25, 0.75, threshold=0.8)
        assert (accepted.verdict, accepted.answer(), accepted.answer("b 75 %")) == ("b", "b", "b 75 %")
        assert (low.verdict, low.answer()) == ("nothing recognised", "nothing recognised (b)")
        assert low.answer("b 75 %") == "nothing recognised (b 75 %)"

    @pytest.mark.parametrize(("none", "known", "accepted"), [(0.0, 0.5, False), (0.25, 0.75, True), (0.5, 0.5, False)])
    def test_it_is_accepted_where_none_of_these_is_unlikely(self, none: float, known: float, accepted: bool):
        """Even with two similar actions of which neither is likely. Without a "none", the score decides."""
        answer = prediction(max(0.5 - none, 0.0), min(0.5, 1 - none), none=none, threshold=0.6)
        assert (answer.known, answer.accepted) == (known, accepted)
        assert answer.as_dict()["none"] == none

    @pytest.mark.parametrize(
        ("none", "enter", "needed"), [(0.0, 0.6, 0.6), (0.0, 0.1, 0.2), (0.25, 0.6, 0.6), (0.5, 0.1, 0.5)]
    )
    @pytest.mark.parametrize("score", [0.15, 0.3, 0.5, 0.7])
    def test_it_is_accepted_where_an_event_can_begin(self, none: float, enter: float, needed: float, score: float):
        answer = dataclasses.replace(prediction(0.0, score, none=none, threshold=0.2, timestamp=0.0), enter=enter)
        assert (answer.needed, answer.accepted) == (needed, score >= needed)
        events = EventDetector(EventOptions(enter=enter, min_seconds=0)).update(answer)
        assert bool(events) is answer.accepted

    @pytest.mark.parametrize("enter", [0.01, 1.0])
    def test_clips_and_streams_go_by_the_rule_of_events(self, frames: np.ndarray, enter: float):
        with edgevid.load("exercises10-thesis", threshold=0, enter=enter, num_threads=1) as recognizer:
            pushed = recognizer.open_stream(StreamOptions(min_filled=0)).push(frames[0], 0.0)
            for answer in (recognizer.classify(frames[:1]), pushed):
                assert (answer.enter, answer.accepted) == (enter, enter < 1)
            own = EventOptions(enter=0.9)
            with recognizer.start([(0.0, frames[0])], events=own, stream=StreamOptions(min_filled=0)) as runner:
                runner.wait()
                assert runner.latest.enter == 0.9

    def test_probabilities_of_a_real_clip_sum_to_1(self, recognizer: edgevid.Recognizer, frames: np.ndarray):
        answer = recognizer.classify(frames[:1])
        assert answer.probabilities.shape == (10,)
        assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert answer.label in recognizer.labels
        assert [label for label, _ in answer.top(10)] == sorted(
            recognizer.labels, key=lambda label: -answer.probabilities[recognizer.labels.index(label)]
        )


def test_path_may_be_a_string_or_a_path(recognizer: edgevid.Recognizer, make_video):
    path: Path = make_video("clip.mp4", moving_frames(2))
    np.testing.assert_array_equal(recognizer.classify(path).probabilities, recognizer.classify(str(path)).probabilities)


class TestNoProbabilities:
    """A classifier whose outputs are not probabilities is refused with the first prediction."""

    @pytest.mark.parametrize("outputs", [(2.5, -1.0), (0.9, 0.9), (1.4, -0.4), (float("nan"), 0.5), (0.0, 0.0)])
    def test_a_classifier_without_softmax_is_told(self, stand_in: StandInRecognizer, outputs: tuple[float, float]):
        class Logits(MeanOfTwo):
            def predict(self, window: Window) -> np.ndarray:
                return np.array(outputs, np.float32)

        own = edgevid.Recognizer([stand_in.brightness], Logits(), stand_in.labels, window_seconds=0.2)
        for call in (lambda: own.classify([picture(1)] * 3), lambda: list(own.stream(video([1, 1, 1])))):
            with pytest.raises(ModelError, match=r"not probabilities of sum 1: end it in a softmax"):
                call()

    def test_roundings_are_no_error(self, stand_in: StandInRecognizer):
        class Rounded(MeanOfTwo):
            def predict(self, window: Window) -> np.ndarray:
                return np.array([0.334, 0.662], np.float32)

        own = edgevid.Recognizer([stand_in.brightness], Rounded(), stand_in.labels, window_seconds=0.2)
        assert own.classify([picture(1)] * 3).label == "jump"
