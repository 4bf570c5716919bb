"""edgevid.runner.watching: the one loop of a running stream."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from support.stand_ins import SECONDS, Scripted, StandInRecognizer, picture, video

from edgevid import FrameError, SourceError, TimedFrame, TimestampError
from edgevid.events import Began, Ended, EventDetector, EventOptions
from edgevid.events.smoothing import MeanSmoothing
from edgevid.runner.messages import Observation
from edgevid.runner.watching import observe

JUMPING = EventOptions(enter=0.6, exit=0.4, min_seconds=0.0)


def watch(source: Scripted, **options: Any) -> list[Observation]:
    return list(observe(StandInRecognizer().open_stream(), source, events=EventDetector(JUMPING), **options))


def watch_to_the_error(source: Scripted, seen: list[Observation]) -> None:
    for observation in observe(StandInRecognizer().open_stream(), source, events=EventDetector(JUMPING)):
        seen.append(observation)


def told(observations: list[Observation]) -> list[tuple[str, str, float]]:
    """(what, label, when) of all events."""
    return [(type(e).__name__, e.label, round(e.timestamp, 6)) for o in observations for e in o.events]


class TestFrames:
    def test_one_observation_for_each_sampled_frame_and_none_for_the_others(self):
        frames = [TimedFrame(k * SECONDS / 3, picture(0.5)) for k in range(9)]
        seen = watch(Scripted(frames))
        assert [o.timestamp for o in seen] == [frames[k].timestamp for k in (0, 3, 6)]
        assert [o.prediction is None for o in seen] == [True, False, False]  # the window holds two
        assert seen[0].image is frames[0].image
        assert (seen[2].stats.used, seen[2].stats.unwanted) == (3, 4)
        assert {o.source for o in seen} == {"scripted"}

    def test_the_caller_may_name_the_source(self):
        assert {o.source for o in watch(Scripted(video([0, 0])), name="door")} == {"door"}

    def test_latency_of_a_camera_counts_from_the_capture_and_of_a_file_from_the_read(self):
        long_ago = video([0, 0], start=time.monotonic() - 100)
        assert min(o.latency_seconds for o in watch(Scripted(long_ago, live=True))[:2]) > 99
        assert max(o.latency_seconds for o in watch(Scripted(long_ago))) < 50

    def test_predictions_are_smoothed_before_anything_else_sees_them(self):
        seen = watch(Scripted(video([0, 0, 0, 1, 1])), smoothing=MeanSmoothing(2))
        jumps = [None if o.prediction is None else o.prediction.probabilities[1] for o in seen[:5]]
        assert jumps == [None, 0.0, 0.0, 0.25, 0.75]
        assert told(seen)[:3] == [("Began", "idle", 0.1), ("Ended", "idle", 0.4), ("Began", "jump", 0.4)]

    def test_stop_is_asked_before_and_after_each_frame(self):
        asked: list[float] = []
        watch(Scripted(video([0, 0, 0])), stop=lambda timestamp: bool(asked.append(round(timestamp, 6))))
        assert asked == [0.0, 0.0, 0.1, 0.1, 0.2, 0.2]

    def test_stop_ends_it_as_the_end_of_the_source_does(self):
        seen = watch(Scripted(video([0, 0, 0, 1, 1, 1])), stop=lambda timestamp: timestamp > 0.15)
        assert told(seen) == [("Began", "idle", 0.1), ("Ended", "idle", 0.1)]


class TestScenes:
    def test_a_source_that_was_lost_and_is_back_begins_a_new_scene(self):
        source = Scripted([])
        source.script = [*video([0, 0, 0]), source.lose, *video([1, 1], start=9.0)]
        seen = watch(source, smoothing=MeanSmoothing(5))
        # the window fills again, and what went on has ended: nothing of the old scene is in the new one
        assert [o.prediction is None for o in seen] == [True, False, False, True, False, True]
        assert seen[4].prediction.probabilities[1] == 1.0
        assert [type(e) for e in seen[3].events] == [Ended]
        assert told(seen) == [
            ("Began", "idle", 0.1), ("Ended", "idle", 0.2), ("Began", "jump", 9.1), ("Ended", "jump", 9.1),
        ]  # fmt: skip

    def test_where_a_source_says_when_it_was_lost_what_goes_on_ends_then(self):
        class Losing(Scripted):
            def frames_and_losses(self, wanted: Any = None) -> Any:
                for number, frame in enumerate(self.frames(wanted)):
                    if number == 3:
                        yield None
                        self.restarts += 1
                    yield frame

        seen = watch(Losing(video([0, 0, 0, 1, 1])), smoothing=MeanSmoothing(5))
        assert [o.prediction is None for o in seen] == [True, False, False, True, True, False, True]
        assert [o.timestamp for o in seen[2:4]] == [0.2, 0.2]
        assert seen[5].prediction.probabilities[1] == 1.0
        assert told(seen)[:2] == [("Began", "idle", 0.1), ("Ended", "idle", 0.2)]
        assert [type(e) for e in seen[3].events] == [Ended]

    def test_a_source_that_is_lost_and_never_comes_back_loses_no_event(self):
        source = Scripted([])
        source.script = [*video([0, 0]), source.lose]
        assert told(watch(source)) == [("Began", "idle", 0.1), ("Ended", "idle", 0.1)]

    def test_a_scene_that_the_stream_begins_by_itself_is_one_for_smoothing_and_events_too(self):
        stream = StandInRecognizer().open_stream()
        source = Scripted([*video([0, 0, 0]), stream.reset, *video([1, 1, 1], start=1.0)])
        seen = list(observe(stream, source, smoothing=MeanSmoothing(5), events=EventDetector(JUMPING)))
        assert seen[4].prediction.probabilities[1] == 1.0
        assert told(seen)[1:3] == [("Ended", "idle", 0.2), ("Began", "jump", 1.1)]

    def test_a_source_of_several_streams_is_no_new_scene_for_restarts_of_before(self):
        source = Scripted(video([0, 0, 0]))
        source.restarts = 3
        assert [o.prediction is None for o in watch(source)] == [True, False, False, True]


class TestEnd:
    def test_what_goes_on_ends_with_the_source_and_is_told_with_the_last_frame(self):
        seen = watch(Scripted(video([0, 0, 0])))
        *_, frame, last = seen
        assert [type(e) for e in last.events] == [Ended]
        assert last.prediction is None
        assert (last.timestamp, last.image) == (frame.timestamp, frame.image)

    def test_nothing_is_added_where_nothing_goes_on(self):
        assert len(watch(Scripted(video([0.5, 0.5, 0.5])))) == 3
        assert watch(Scripted([])) == []

    def test_a_source_that_breaks_off_loses_no_event(self):
        def fail() -> None:
            raise SourceError("The cable is out.")

        seen: list[Observation] = []
        with pytest.raises(SourceError, match="The cable is out"):
            watch_to_the_error(Scripted([*video([0, 0]), fail]), seen)
        assert told(seen) == [("Began", "idle", 0.1), ("Ended", "idle", 0.1)]

    def test_leaving_the_loop_early_tells_nothing_more(self):
        observations = observe(
            StandInRecognizer().open_stream(), Scripted(video([0, 0, 0])), events=EventDetector(JUMPING)
        )
        assert [type(e) for _ in range(2) for e in next(observations).events] == [Began]
        observations.close()
        assert list(observations) == []


class TestBadSources:
    def test_a_frame_that_is_none_is_refused_and_what_went_on_has_ended(self):
        bad = TimedFrame(0.5, np.zeros((8, 8), np.uint8))
        seen: list[Observation] = []
        with pytest.raises(FrameError, match="greyscale"):
            watch_to_the_error(Scripted([*video([0, 0]), bad]), seen)
        assert told(seen)[-1] == ("Ended", "idle", 0.1)
        assert seen[-1].image is seen[-2].image  # not the one that was refused

    def test_time_in_numbers_of_numpy_becomes_pythons_which_json_knows(self):
        seen = watch(Scripted([TimedFrame(np.int64(k), picture(0)) for k in range(3)]))
        assert [type(o.timestamp) for o in seen] == [float] * 4

    def test_a_source_of_plain_pairs_loses_no_event(self):
        class Pairs(Scripted):
            def frames(self, wanted: Any = None) -> Any:
                return map(tuple, super().frames(wanted))

        assert told(watch(Pairs(video([0, 0])))) == [("Began", "idle", 0.1), ("Ended", "idle", 0.1)]

    def test_a_clock_that_jumps_ahead_by_an_hour_is_no_trouble(self):
        seen = watch(Scripted([*video([0, 0, 0]), *video([1, 1, 1], start=3600.0)]))
        assert [o.prediction is None for o in seen] == [True, *[False] * 5, True]
        assert told(seen)[1:3] == [("Ended", "idle", 3600.0), ("Began", "jump", 3600.0)]

    @pytest.mark.parametrize("back", [0.05, 3600.0])
    def test_frames_out_of_order_and_a_clock_that_jumps_back_are_named(self, back: float):
        frames = [*video([0, 0], start=5000.0), TimedFrame(5000.1 - back, picture(0))]
        with pytest.raises(TimestampError, match=r"is before the last one, 5000\.1.*push frames in time order"):
            watch(Scripted(frames))
