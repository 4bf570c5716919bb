"""What annotated frames and timelines show."""

from __future__ import annotations

from typing import Optional

import numpy as np
import pytest
from support.videos import moving_frames

from edgevid.events import ActiveAction
from edgevid.outputs.drawing.overlay import Overlay
from edgevid.outputs.drawing.style import Palette, fitted, text_width, ticks
from edgevid.outputs.drawing.summary import moments, segments, summarise
from edgevid.outputs.drawing.timeline_picture import Thumbnails, TimelineText, draw_timeline
from edgevid.prediction import Prediction

LABELS = ("walk", "run")


def predicted(time: float, walk: float, filled: float = 1.0, threshold: float = 0.5) -> Prediction:
    scores = np.array([walk, 1 - walk], dtype=np.float32)
    return Prediction(LABELS, scores, threshold=threshold, timestamp=time, window_filled=filled)


HISTORY = [predicted(0, 0.9, filled=0.1), predicted(1, 0.9), predicted(2, 0.8), predicted(3, 0.2), predicted(4, 0.4)]


def test_a_prediction_stands_until_the_next_one():
    found = moments(HISTORY, 6.0)
    assert [(m.start, m.end) for m in found] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)]
    assert [m.sure for m in found] == [False, True, True, True, True]
    assert moments([], 6.0) == []


def test_segments_join_what_is_the_same():
    found = segments(moments(HISTORY, 6.0))
    assert [(s.start, s.end, s.label, s.sure) for s in found] == [
        (0, 1, "walk", False), (1, 3, "walk", True), (3, 6, "run", True),
    ]  # fmt: skip
    assert found[1].mean_score == pytest.approx(0.85)


def test_the_summary_leaves_out_the_filling_window():
    run, walk = summarise(moments(HISTORY, 6.0))
    assert (run.label, run.seconds, run.peak_time) == ("run", 3.0, 3.0)
    assert (walk.label, walk.seconds, walk.sure_seconds) == ("walk", 2.0, 2.0)
    assert walk.mean_when_first == pytest.approx(0.85)
    assert walk.mean == pytest.approx((0.9 + 0.8 + 0.2 + 0.4) / 4)
    (only, _) = summarise(moments(HISTORY[:1], 1.0))
    assert only.label == "walk"


def test_a_frame_shows_sure_and_unsure_differently():
    frame = moving_frames(1, 320, 240)[0]
    overlay = Overlay(320, 240, seconds=6.0, window_seconds=1.0, palette=(palette := Palette()))
    before = overlay.draw(frame, 0.0, None, window_filled=0.0)
    unsure = overlay.draw(frame, 0.0, HISTORY[0], window_filled=0.1)
    sure = overlay.draw(frame, 1.0, HISTORY[1])
    assert before.shape == unsure.shape == sure.shape == (overlay.height, overlay.width, 3)
    assert tuple(sure[2, 300]) == palette.colour("walk")
    assert tuple(unsure[2, 300]) != palette.colour("walk")
    assert not np.array_equal(before, unsure)


def test_a_frame_says_how_often_the_action_was_repeated():
    frame = moving_frames(1, 320, 240)[0]

    def drawn(action: Optional[ActiveAction]) -> np.ndarray:
        return Overlay(320, 240, seconds=6.0, window_seconds=1.0, palette=Palette()).draw(
            frame, 1.0, HISTORY[1], action=action
        )

    without = drawn(None)
    assert not np.array_equal(drawn(ActiveAction("walk", 0.5, 0.9, 3)), without)
    assert np.array_equal(drawn(ActiveAction("walk", 0.5, 0.9, 0)), without)
    assert np.array_equal(drawn(ActiveAction("run", 0.5, 0.9, 3)), without)  # the prediction is another one


def test_the_strip_grows_with_a_video_that_is_longer_than_it_said():
    frame = moving_frames(1, 64, 48)[0]
    overlay = Overlay(64, 48, seconds=0.0, window_seconds=1.0, palette=(palette := Palette()))
    overlay.draw(frame, 0.0, HISTORY[1])
    for time in range(1, 20):
        picture = overlay.draw(frame, float(time), HISTORY[1])
    strip = picture[-40, :]
    assert (strip == palette.colour("walk")).all(axis=1).sum() > 300


def test_the_timeline_has_the_winners_colours_in_its_band():
    thumbnails = Thumbnails(6.0)
    for i, frame in enumerate(moving_frames(60, 64, 48)):
        thumbnails.offer(frame, i / 10)
    palette = Palette()
    text = TimelineText("clip.mp4", "mine", 1.0, 25, 0.5)
    picture = np.asarray(draw_timeline(moments(HISTORY, 6.0), 6.0, thumbnails, text, palette))
    band = picture[:, 900]  # at about 3.4 s, where "run" wins
    assert (band == palette.colour("run")).all(axis=1).any()
    assert (picture[:, 600] == palette.colour("walk")).all(axis=1).any()


def test_a_timeline_without_predictions_can_be_drawn():
    text = TimelineText("clip.mp4", "mine", 1.0, 25, 0.0)
    assert draw_timeline([], 0.0, Thumbnails(0.0), text, Palette()).size[0] == 1600


def test_thumbnails_stay_few_however_long_the_video():
    thumbnails = Thumbnails(1.0)  # it lasts a hundred times as long
    frame = moving_frames(1, 64, 48)[0]
    for i in range(1000):
        thumbnails.offer(frame, i / 10)
    assert 16 <= len(thumbnails.taken) <= 65


def test_labels_have_colours_of_their_own():
    palette = Palette()
    colours = [palette.colour(f"label {i}") for i in range(20)]
    assert len(set(colours)) == 20
    assert palette.colour("label 3") == colours[3]


def test_text_fits_its_place():
    text, size = fitted("a label that is much too long for its place", 30, 120)
    assert text_width(text, size) <= 120
    assert text.endswith("...")
    assert fitted("short", 30, 500) == ("short", 30)


@pytest.mark.parametrize("seconds", [0.04, 1.0, 7.66, 60.0, 4000.0, 200_000.0])
def test_ticks_are_round_and_not_crowded(seconds):
    times = [time for time, _ in ticks(seconds, 1000)]
    assert times[0] == 0
    assert times[-1] <= seconds * 1.0001
    assert 2 <= len(times) <= 15
