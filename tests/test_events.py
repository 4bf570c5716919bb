"""edgevid.events: probabilities over time -> began, ended."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Iterable
from typing import Optional

import numpy as np
import pytest

from edgevid import OptionError, Prediction, TimestampError
from edgevid.events import ActiveAction, Began, Ended, Event, EventDetector, EventOptions

LABELS = ("a", "b", "c")
# Thresholds that float32 represents exactly, so that a score can equal them.
AT_ONCE = EventOptions(enter=0.75, exit=0.5, min_seconds=0.0)


def prediction(timestamp: Optional[float], *scores: float, threshold: float = 0.0, none: float = 0.0) -> Prediction:
    """Scores of the first classes; the others share what is left to 1."""
    rest = (1.0 - sum(scores)) / (len(LABELS) - len(scores)) if len(scores) < len(LABELS) else 0.0
    padded = (*scores, *[rest] * (len(LABELS) - len(scores)))
    return Prediction(LABELS, np.array(padded, np.float32), threshold, timestamp, none=none)


def series(scores: Iterable[float], step: float = 1.0, start: float = 0.0) -> list[Prediction]:
    """Scores of class a, ``step`` seconds apart; the others stay too low to matter."""
    return [prediction(start + k * step, score) for k, score in enumerate(scores)]


def events_of(predictions: Iterable[Prediction], options: EventOptions, finish: bool = False) -> list[Event]:
    detector = EventDetector(options)
    events = [event for item in predictions for event in detector.update(item)]
    return events + detector.finish() if finish else events


class TestHysteresis:
    def test_an_action_begins_at_enter_and_ends_below_exit(self):
        scores = [0.5, 0.75, 0.875, 0.625, 0.5, 0.4375, 0.5]
        assert events_of(series(scores), AT_ONCE) == [Began("a", 1.0, 0.75), Ended("a", 5.0, 4.0, 0.875)]

    def test_a_score_between_the_two_changes_nothing(self):
        scores = [0.625] * 5 + [0.75] + [0.625, 0.5] * 10
        assert events_of(series(scores), AT_ONCE) == [Began("a", 5.0, 0.75)]

    def test_without_the_gap_the_same_score_flickers(self):
        scores = [0.75, 0.625] * 4
        kinds = [type(event) for event in events_of(series(scores), EventOptions(0.75, 0.75, 0.0))]
        assert kinds == [Began, Ended] * 4

    def test_it_may_begin_again_after_its_end(self):
        assert events_of(series([0.75, 0.25, 0.875, 0.25]), AT_ONCE) == [
            Began("a", 0.0, 0.75), Ended("a", 1.0, 1.0, 0.75), Began("a", 2.0, 0.875), Ended("a", 3.0, 1.0, 0.875),
        ]  # fmt: skip

    def test_peak_is_the_highest_score_since_it_began(self):
        scores = [0.875, 0.25, 0.75, 0.8125, 0.75, 0.25]
        ended = [event for event in events_of(series(scores), AT_ONCE) if isinstance(event, Ended)]
        assert [event.peak_score for event in ended] == [0.875, 0.8125]

    def test_exit_of_0_keeps_an_action_until_another_one_takes_its_place(self):
        options = EventOptions(enter=0.75, exit=0.0, min_seconds=0.0)
        assert events_of(series([0.75, 0.0, 0.0]), options) == [Began("a", 0.0, 0.75)]

    def test_default_exit_is_a_gap_below_enter_and_never_below_0(self):
        assert EventOptions(enter=0.6).exit_score == pytest.approx(0.45)
        assert EventOptions(enter=0.1).exit_score == 0.0
        assert EventOptions(enter=0.6, exit=0.2).exit_score == 0.2


class TestMinSeconds:
    OPTIONS = EventOptions(enter=0.75, exit=0.5, min_seconds=2.0)

    def test_it_counts_as_begun_once_it_has_held_for_so_long(self):
        scores = [0.25, 0.875, 0.75, 0.8125, 0.75, 0.25]
        assert events_of(series(scores), self.OPTIONS) == [Began("a", 3.0, 0.8125), Ended("a", 5.0, 2.0, 0.8125)]

    def test_a_score_below_enter_starts_the_count_anew(self):
        scores = [0.875, 0.875, 0.625, 0.875, 0.875, 0.625, 0.875, 0.875, 0.875]
        assert events_of(series(scores), self.OPTIONS) == [Began("a", 8.0, 0.875)]

    def test_what_never_held_leaves_no_event(self):
        assert events_of(series([0.25, 0.875, 0.875, 0.25] * 5), self.OPTIONS, finish=True) == []

    def test_it_counts_seconds_and_not_predictions(self):
        assert [e.timestamp for e in events_of(series([0.875] * 50, step=0.1), self.OPTIONS)] == pytest.approx([2.0])
        assert [e.timestamp for e in events_of(series([0.875] * 5, step=5.0), self.OPTIONS)] == [5.0]

    @pytest.mark.parametrize("start", [0.0, 0.2, 123456.7])
    def test_rounded_timestamps_do_not_delay_it(self, start: float):
        predictions = series([0.875] * 12, step=0.1, start=start)
        (began,) = events_of(predictions, EventOptions(enter=0.75, min_seconds=0.5))
        assert began.timestamp == predictions[5].timestamp

    def test_default_needs_more_than_one_prediction(self):
        assert events_of(series([0.25, 0.99, 0.25], step=0.2), EventOptions()) == []
        assert [e.timestamp for e in events_of(series([0.99] * 5, step=0.2), EventOptions())] == pytest.approx([0.6])


class TestCooldown:
    OPTIONS = EventOptions(enter=0.75, exit=0.5, min_seconds=0.0, cooldown_seconds=3.0)

    def test_the_same_action_does_not_begin_again_for_so_long(self):
        scores = [0.75, 0.25, 0.875, 0.25, 0.8125, 0.75]
        began = [event for event in events_of(series(scores), self.OPTIONS) if isinstance(event, Began)]
        assert began == [Began("a", 0.0, 0.75), Began("a", 4.0, 0.8125)]

    def test_another_action_may_begin(self):
        predictions = [prediction(0.0, 0.75), prediction(1.0, 0.125, 0.75)]
        assert events_of(predictions, self.OPTIONS)[-1] == Began("b", 1.0, 0.75)

    def test_what_holds_through_it_begins_at_its_end(self):
        options = EventOptions(enter=0.75, exit=0.5, min_seconds=2.0, cooldown_seconds=4.0)
        scores = [0.875] * 3 + [0.25] + [0.875] * 6
        assert [e.timestamp for e in events_of(series(scores), options)] == [2.0, 3.0, 7.0]

    def test_it_goes_on_after_finish_and_not_after_reset(self):
        detector = EventDetector(self.OPTIONS)
        detector.update(prediction(0.0, 0.75))
        detector.finish(1.0)
        assert detector.update(prediction(2.0, 0.75)) == []
        detector.reset()
        assert detector.update(prediction(2.5, 0.75)) == [Began("a", 2.5, 0.75)]


class TestOneActionAtATime:
    def test_one_ends_and_then_the_other_begins_with_the_same_prediction(self):
        predictions = [prediction(0.0, 0.875, 0.0625), prediction(1.0, 0.75, 0.25), prediction(2.0, 0.125, 0.8125)]
        assert events_of(predictions, AT_ONCE) == [
            Began("a", 0.0, 0.875), Ended("a", 2.0, 2.0, 0.875), Began("b", 2.0, 0.8125),
        ]  # fmt: skip

    def test_with_min_seconds_there_is_a_time_without_action_between(self):
        options = EventOptions(enter=0.75, exit=0.5, min_seconds=2.0)
        predictions = [prediction(t, 0.875, 0.0625) for t in (0.0, 1.0, 2.0)]
        predictions += [prediction(t, 0.125, 0.8125) for t in (3.0, 4.0, 5.0)]
        assert events_of(predictions, options) == [
            Began("a", 2.0, 0.875), Ended("a", 3.0, 1.0, 0.875), Began("b", 5.0, 0.8125),
        ]  # fmt: skip

    # enter 0.375, exit 0.25: two classes can be above both
    LOW = EventOptions(enter=0.375, exit=0.25, min_seconds=0.0)

    def test_a_close_rival_does_not_take_over(self):
        predictions = [prediction(0.0, 0.5, 0.375), prediction(1.0, 0.4375, 0.5), prediction(2.0, 0.5, 0.4375)]
        assert events_of(predictions, self.LOW) == [Began("a", 0.0, 0.5)]

    def test_a_rival_that_leads_by_the_gap_takes_over(self):
        predictions = [prediction(0.0, 0.5, 0.375), prediction(1.0, 0.375, 0.5)]
        assert events_of(predictions, self.LOW) == [
            Began("a", 0.0, 0.5), Ended("a", 1.0, 1.0, 0.5), Began("b", 1.0, 0.5),
        ]  # fmt: skip

    def test_a_rival_takes_over_only_after_it_has_held(self):
        options = EventOptions(enter=0.375, exit=0.25, min_seconds=2.0)
        predictions = [prediction(t, 0.5, 0.25) for t in (0.0, 1.0, 2.0)]
        predictions += [prediction(t, 0.3125, 0.625) for t in (3.0, 4.0, 5.0)]
        assert [(type(e), e.label, e.timestamp) for e in events_of(predictions, options)] == [
            (Began, "a", 2.0), (Ended, "a", 5.0), (Began, "b", 5.0),
        ]  # fmt: skip

    def test_only_the_most_probable_class_begins(self):
        assert events_of([prediction(0.0, 0.375, 0.625)], self.LOW) == [Began("b", 0.0, 0.625)]

    def test_the_second_best_does_not_begin_while_the_best_cools_down(self):
        options = EventOptions(enter=0.375, exit=0.25, min_seconds=0.0, cooldown_seconds=10.0)
        predictions = [prediction(0.0, 0.5), prediction(1.0, 0.0), prediction(2.0, 0.5, 0.375)]
        assert [type(event) for event in events_of(predictions[:1] + predictions[2:], options)] == [Began]
        assert [e.label for e in events_of(predictions, options) if isinstance(e, Began) and e.timestamp > 1] == []

    def test_what_is_not_accepted_does_not_begin(self):
        predictions = [prediction(0.0, 0.8125, threshold=0.875), prediction(1.0, 0.875, threshold=0.875)]
        assert events_of(predictions, AT_ONCE) == [Began("a", 1.0, 0.875)]

    def test_what_is_less_likely_than_none_of_them_does_not_begin(self):
        options = EventOptions(enter=0.375, exit=0.25, min_seconds=1.0)
        predictions = [prediction(t, 0.4375, 0.0, 0.0625, none=0.5) for t in (0.0, 1.0, 2.0)]
        assert events_of(predictions, options) == []
        predictions += [prediction(t, 0.5, 0.0, 0.0, none=0.5) for t in (3.0, 4.0)]
        assert events_of(predictions, options) == [Began("a", 4.0, 0.5)]

    def test_what_has_begun_goes_on_where_none_of_them_is_likelier_until_it_falls_below_exit(self):
        options = EventOptions(enter=0.375, exit=0.25, min_seconds=0.0)
        predictions = [prediction(0.0, 0.75, 0.0, 0.0, none=0.25), prediction(1.0, 0.25, 0.0, 0.0, none=0.75)]
        assert events_of(predictions, options) == [Began("a", 0.0, 0.75)]
        predictions.append(prediction(2.0, 0.125, 0.0, 0.0, none=0.875))
        assert events_of(predictions, options)[1:] == [Ended("a", 2.0, 2.0, 0.75)]

    def test_what_has_begun_goes_on_below_the_threshold_of_acceptance(self):
        predictions = [prediction(t, score, threshold=0.875) for t, score in enumerate([0.9375, 0.5, 0.9375])]
        assert len(events_of(predictions, AT_ONCE)) == 1


class TestActive:
    def test_it_tells_label_since_when_and_peak_so_far(self):
        detector = EventDetector(AT_ONCE)
        seen = []
        for item in series([0.5, 0.75, 0.875, 0.75, 0.25]):
            detector.update(item)
            seen.append(detector.active)
        assert seen == [
            None, ActiveAction("a", 1.0, 0.75), ActiveAction("a", 1.0, 0.875), ActiveAction("a", 1.0, 0.875), None,
        ]  # fmt: skip


class TestFinish:
    def test_what_goes_on_ends_with_the_last_prediction(self):
        events = events_of(series([0.75, 0.8125, 0.625]), AT_ONCE, finish=True)
        assert events == [Began("a", 0.0, 0.75), Ended("a", 2.0, 2.0, 0.8125)]

    def test_or_at_the_time_given(self):
        detector = EventDetector(AT_ONCE)
        detector.update(prediction(1.0, 0.75))
        assert detector.finish(4.5) == [Ended("a", 4.5, 3.5, 0.75)]
        assert detector.active is None

    def test_it_has_nothing_to_say_twice_or_of_nothing(self):
        detector = EventDetector(AT_ONCE)
        assert detector.finish() == detector.finish(3.0) == []
        detector.update(prediction(3.0, 0.75))
        assert len(detector.finish()) == 1
        assert detector.finish() == []

    def test_time_before_the_last_prediction_is_refused_and_the_action_goes_on(self):
        detector = EventDetector(AT_ONCE)
        detector.update(prediction(5.0, 0.75))
        for bad in (4.0, math.nan, math.inf, "5"):
            with pytest.raises(TimestampError):
                detector.finish(bad)
        assert detector.active == ActiveAction("a", 5.0, 0.75)

    def test_a_new_scene_of_the_stream_holds_from_its_own_start(self):
        detector = EventDetector(EventOptions(enter=0.75, exit=0.5, min_seconds=2.0))
        for item in series([0.875, 0.875]):
            assert detector.update(item) == []
        assert detector.finish(1.5) == []
        events = [event for item in series([0.875] * 3, start=2.0) for event in detector.update(item)]
        assert events == [Began("a", 4.0, 0.875)]

    def test_time_goes_on_from_there(self):
        detector = EventDetector(AT_ONCE)
        detector.finish(10.0)
        with pytest.raises(TimestampError, match="before the last one"):
            detector.update(prediction(9.0, 0.75))

    def test_reset_begins_another_stream(self):
        detector = EventDetector(AT_ONCE)
        detector.update(prediction(100.0, 0.75))
        detector.reset()
        assert detector.active is None
        assert detector.finish() == []
        other = Prediction(("x", "y"), np.array([0.0, 1.0], np.float32), timestamp=0.0)
        assert detector.update(other) == [Began("y", 0.0, 1.0)]


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"enter": 0.0}, "enter=0.0 was given; expected a number above 0, at most 1"),
            ({"enter": 1.5}, "above 0, at most 1"),
            ({"enter": math.nan}, "above 0, at most 1"),
            ({"enter": "high"}, "above 0, at most 1"),
            ({"enter": True}, "above 0, at most 1"),
            ({"exit": -0.1}, "exit=-0.1 was given; expected a number from 0 to 0.6"),
            ({"enter": 0.5, "exit": 0.6}, "exit=0.6 was given; expected a number from 0 to 0.5"),
            ({"exit": math.nan}, "from 0 to 0.6"),
            ({"min_seconds": -1}, "min_seconds=-1 was given; expected a number of seconds from 0"),
            ({"min_seconds": math.inf}, "min_seconds=inf"),
            ({"min_seconds": None}, "min_seconds=None"),
            ({"cooldown_seconds": -0.5}, "cooldown_seconds=-0.5 was given"),
            ({"cooldown_seconds": math.nan}, "cooldown_seconds=nan"),
        ],
    )
    def test_options_outside_their_range(self, options: dict[str, object], message: str):
        with pytest.raises(OptionError, match=message):
            EventOptions(**options)

    def test_a_prediction_without_timestamp_says_what_to_do(self):
        with pytest.raises(TimestampError, match=r"without a timestamp.*dataclasses\.replace"):
            EventDetector().update(prediction(None, 0.75))

    @pytest.mark.parametrize("bad", ["backwards", "nan", "labels", "scores", "shape"])
    def test_a_prediction_that_is_refused_changes_nothing(self, bad: str):
        detector, expected = EventDetector(AT_ONCE), []
        good = series([0.25, 0.75, 0.75, 0.25, 0.875])
        refused: Prediction = {
            "backwards": prediction(-1.0, 0.9),
            "nan": prediction(math.nan, 0.9),
            "labels": Prediction(("b", "a", "c"), np.array([0.9, 0.1, 0.0], np.float32), timestamp=50.0),
            "scores": Prediction(LABELS, np.full(3, np.nan, np.float32), timestamp=50.0),
            "shape": Prediction(LABELS, np.ones(2, np.float32), timestamp=50.0),
        }[bad]
        for item in good:
            expected += detector.update(item)
            with pytest.raises((TimestampError, OptionError)):
                detector.update(refused)
        assert expected == events_of(good, AT_ONCE)
        assert len(expected) == 3

    def test_two_predictions_of_the_same_moment_are_fine(self):
        assert len(events_of([prediction(1.0, 0.75), prediction(1.0, 0.25)], AT_ONCE)) == 2


def random_series(rng: np.random.Generator, count: int, num_classes: int) -> list[Prediction]:
    """Scores that wander, at uneven times: some classes lead for a while, some for a moment."""
    logits = np.zeros((count, num_classes))
    for k in range(1, count):
        logits[k] = 0.9 * logits[k - 1] + rng.normal(0, 1.0, num_classes)
    weights = np.exp(logits)
    probabilities = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    times = 1000 + np.cumsum(rng.choice([0.0, 0.1, 0.2, 0.2, 0.2, 3.0], count))
    labels = tuple(f"class {k}" for k in range(num_classes))
    return [Prediction(labels, row, timestamp=float(t)) for row, t in zip(probabilities, times)]


@pytest.fixture(params=range(4), scope="module")
def predictions(request: pytest.FixtureRequest) -> list[Prediction]:
    return random_series(np.random.default_rng(request.param), 1000, num_classes=2 + 2 * request.param)


class TestAnySeries:
    OPTIONS = tuple(
        EventOptions(enter, exit_score, min_seconds, cooldown)
        for enter, exit_score in ((0.6, None), (0.3, None), (0.4, 0.4), (0.5, 0.1))
        for min_seconds in (0.0, 0.5)
        for cooldown in (0.0, 1.5)
    )

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_events_alternate_and_keep_to_the_thresholds(self, predictions: list[Prediction], options: EventOptions):
        events = events_of(predictions, options, finish=True)
        assert len(events) >= 2
        assert len(events) % 2 == 0
        scores = {item.timestamp: [] for item in predictions}
        for item in predictions:
            scores[item.timestamp].append(dict(zip(item.labels, map(float, item.probabilities))))
        ended_at: dict[str, float] = {}
        for began, ended in zip(events[::2], events[1::2]):
            assert isinstance(began, Began)
            assert isinstance(ended, Ended)
            assert began.label == ended.label
            assert ended.duration_seconds == ended.timestamp - began.timestamp >= 0
            assert options.enter <= began.score <= ended.peak_score <= 1
            assert began.score in [row[began.label] for row in scores[began.timestamp]]
            held = [
                row[began.label]
                for time, rows in scores.items()
                for row in rows
                if began.timestamp - options.min_seconds + 1e-6 < time < began.timestamp
            ]
            assert all(score >= options.enter for score in held)
            within = [
                row[began.label]
                for time, rows in scores.items()
                for row in rows
                if began.timestamp < time < ended.timestamp
            ]
            assert all(options.exit_score <= score <= ended.peak_score for score in within)
            assert began.timestamp - ended_at.get(began.label, -math.inf) >= options.cooldown_seconds - 1e-6
            ended_at[ended.label] = ended.timestamp
        times = [event.timestamp for event in events]
        assert times == sorted(times)

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_nothing_that_is_due_is_missed(self, predictions: list[Prediction], options: EventOptions):
        """While no action is under way, the best class is below enter, has not lasted long enough, or cools down."""
        detector = EventDetector(options)
        ended_at: dict[str, float] = {}
        above_since: dict[str, float] = {}
        for item in predictions:
            for event in detector.update(item):
                if isinstance(event, Ended):
                    ended_at[event.label] = event.timestamp
            for label, score in zip(item.labels, item.probabilities):
                if score >= options.enter:
                    above_since.setdefault(label, item.timestamp)
                else:
                    above_since.pop(label, None)
            if detector.active is None:
                held = item.timestamp - above_since.get(item.label, math.inf)
                cool = item.timestamp - ended_at.get(item.label, -math.inf)
                assert held < options.min_seconds or cool < options.cooldown_seconds

    def test_what_comes_later_changes_no_event(self, predictions: list[Prediction]):
        whole = events_of(predictions, EventOptions())
        for cut in range(0, len(predictions), 97):
            first = events_of(predictions[:cut], EventOptions())
            assert first == whole[: len(first)]
            open_at_cut = len(first) % 2 == 1
            finished = events_of(predictions[:cut], EventOptions(), finish=True)
            assert len(finished) == len(first) + open_at_cut

    def test_two_detectors_do_not_disturb_one_another(self, predictions: list[Prediction]):
        options = (EventOptions(), EventOptions(0.3, 0.2, 0.0))
        detectors, events = [EventDetector(each) for each in options], ([], [])
        for item in predictions:
            for detector, told in zip(detectors, events):
                told += detector.update(item)
        assert list(events) == [events_of(predictions, each) for each in options]

    def test_a_detector_that_is_reset_is_as_new(self, predictions: list[Prediction]):
        detector = EventDetector()
        for item in predictions:
            detector.update(item)
        detector.reset()
        again = [event for item in predictions for event in detector.update(item)]
        assert again == events_of(predictions, EventOptions())

    def test_an_end_and_a_beginning_go_together_in_this_order(self, predictions: list[Prediction]):
        detector, both = EventDetector(EventOptions(0.3, 0.2, 0.0)), 0
        for item in predictions:
            events = detector.update(item)
            if len(events) > 1:
                ended, began = events
                assert (type(ended), type(began)) == (Ended, Began)
                assert ended.label != began.label
                assert ended.timestamp == began.timestamp == item.timestamp
                both += 1
        assert both > 0


def test_events_for_json():
    began, ended = events_of(series([0.75, 0.25]), AT_ONCE)
    assert json.loads(json.dumps(began.as_dict())) == {"event": "began", "label": "a", "timestamp": 0.0, "score": 0.75}
    assert json.loads(json.dumps(ended.as_dict())) == {
        "event": "ended", "label": "a", "timestamp": 1.0, "duration_seconds": 1.0, "peak_score": 0.75,
        "count": None,
    }  # fmt: skip


def test_memory_does_not_grow():
    predictions = random_series(np.random.default_rng(0), 1000, num_classes=10)
    span = predictions[-1].timestamp - predictions[0].timestamp + 1
    detector, num_events, sizes = EventDetector(EventOptions(0.4, 0.3, 0.0)), 0, []
    tracemalloc.start()
    try:
        for repeat in range(10):
            for item in predictions:
                later = Prediction(item.labels, item.probabilities, timestamp=item.timestamp + repeat * span)
                num_events += len(detector.update(later))
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert num_events > 1000
    assert sizes[-1] - sizes[1] < 5000
