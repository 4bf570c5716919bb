"""edgevid.following: the one loop over a source."""

from __future__ import annotations

import time
from typing import Any, Optional

import numpy as np
import pytest
from support.stand_ins import SECONDS, Scripted, StandInRecognizer, picture, video

from edgevid import FrameError, SourceError, TimedFrame, TimestampError
from edgevid.events import MeanSmoothing
from edgevid.following import Followed, follow


def following(source: Scripted, **options: Any) -> list[Optional[Followed]]:
    return list(follow(StandInRecognizer().open_stream(), source, **options))


def predicted(followed: list[Optional[Followed]]) -> list[Optional[float]]:
    """The probability of a jump; -1 where there is no prediction, None where a scene ends."""
    return [
        None if one is None else -1.0 if one.prediction is None else float(one.prediction.probabilities[1])
        for one in followed
    ]


class TestFrames:
    def test_each_frame_that_is_wanted_and_none_of_the_others(self):
        frames = [TimedFrame(k * SECONDS / 3, picture(0.5)) for k in range(9)]
        source = Scripted(frames)
        seen = following(source)
        assert [one.timestamp for one in seen] == [frames[k].timestamp for k in (0, 3, 6)]
        assert predicted(seen) == [-1, 0.5, 0.5]  # the window holds two
        assert seen[0].frame is frames[0].image
        assert (source.stats().used, source.stats().unwanted) == (3, 6)

    def test_a_cameras_frame_was_taken_at_its_time_and_a_files_when_it_was_read(self):
        long_ago = video([0, 0], start=time.monotonic() - 100)
        assert [one.taken_at for one in following(Scripted(long_ago, live=True))] == [t for t, _ in long_ago]
        assert min(one.taken_at for one in following(Scripted(long_ago))) > time.monotonic() - 50

    def test_stop_is_asked_before_each_frame_and_ends_it(self):
        asked: list[float] = []
        seen = following(Scripted(video([0, 0, 0, 1])), stop=lambda t: bool(asked.append(round(t, 6))) or t > 0.15)
        assert asked == [0.0, 0.1, 0.2]
        assert predicted(seen) == [-1, 0]

    def test_time_in_numbers_of_numpy_becomes_pythons_which_json_knows(self):
        seen = following(Scripted([TimedFrame(np.int64(k), picture(0)) for k in range(3)]))
        assert [type(one.timestamp) for one in seen] == [float] * 3

    def test_a_source_of_plain_pairs(self):
        class Pairs(Scripted):
            def frames(self, wanted: Any = None) -> Any:
                return map(tuple, super().frames(wanted))

        assert predicted(following(Pairs(video([0, 0])))) == [-1, 0]


class TestScenes:
    def test_a_source_that_was_lost_and_is_back_begins_a_new_scene(self):
        source = Scripted([])
        source.script = [*video([0, 0, 0]), source.lose, *video([1, 1], start=9.0)]
        # the window fills again: nothing of the old scene is in the new one
        assert predicted(following(source)) == [-1, 0, 0, None, -1, 1]

    def test_where_a_source_says_when_it_was_lost_the_scene_ends_then_and_once(self):
        class Losing(Scripted):
            def frames_and_losses(self, wanted: Any = None) -> Any:
                for number, frame in enumerate(self.frames(wanted)):
                    if number == 3:
                        yield None
                        self.restarts += 1
                    yield frame

        assert predicted(following(Losing(video([0, 0, 0, 1, 1])))) == [-1, 0, 0, None, -1, 1]

    def test_a_scene_that_the_stream_begins_by_itself(self):
        stream = StandInRecognizer().open_stream()
        source = Scripted([*video([0, 0, 0]), stream.reset, *video([1, 1], start=1.0)])
        assert predicted(list(follow(stream, source))) == [-1, 0, 0, None, -1, 1]

    def test_a_source_of_several_streams_is_no_new_scene_for_restarts_of_before(self):
        source = Scripted(video([0, 0, 0]))
        source.restarts = 3
        assert predicted(following(source)) == [-1, 0, 0]

    def test_a_clock_that_jumps_ahead_by_an_hour_is_none(self):
        seen = following(Scripted([*video([0, 0, 0]), *video([1, 1, 1], start=3600.0)]))
        assert [one is None or one.prediction is None for one in seen] == [True, *[False] * 5]


class TestBadSources:
    def test_one_that_breaks_off(self):
        def fail() -> None:
            raise SourceError("The cable is out.")

        seen = follow(StandInRecognizer().open_stream(), Scripted([*video([0, 0]), fail]))
        assert predicted([next(seen), next(seen)]) == [-1, 0]
        with pytest.raises(SourceError, match="The cable is out"):
            next(seen)

    def test_a_frame_that_is_none_is_refused(self):
        bad = TimedFrame(0.5, np.zeros((8, 8), np.uint8))
        with pytest.raises(FrameError, match="greyscale"):
            following(Scripted([*video([0, 0]), bad]))

    @pytest.mark.parametrize("back", [0.05, 3600.0])
    def test_frames_out_of_order_and_a_clock_that_jumps_back_are_named(self, back: float):
        frames = [*video([0, 0], start=5000.0), TimedFrame(5000.1 - back, picture(0))]
        with pytest.raises(TimestampError, match=r"is before the last one, 5000\.1.*push frames in time order"):
            following(Scripted(frames))


def test_smoothing_begins_anew_with_each_scene():
    source = Scripted([])
    source.script = [*video([0, 0, 1]), source.lose, *video([1, 1], start=9.0)]
    seen = following(source, smoothing=MeanSmoothing(2))
    assert predicted(seen) == [-1, 0, 0.25, None, -1, 1]
