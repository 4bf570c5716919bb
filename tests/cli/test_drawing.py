"""What annotated frames and timelines show."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import pytest
from PIL import ImageFont
from support.stand_ins import StandInRecognizer
from support.videos import moving_frames

from edgevid import VideoFile
from edgevid.events import ActiveAction, EventDefaults, EventOptions
from edgevid.frames import Region
from edgevid.outputs.drawing.annotate import Annotated, Film, annotate, describe
from edgevid.outputs.drawing.overlay import Overlay
from edgevid.outputs.drawing.style import NO_ACTION, Canvas, Palette, fitted, mixed, text_width, ticks, wrapped
from edgevid.outputs.drawing.summary import Judged, moments, segments, summarise, verdicts
from edgevid.outputs.drawing.timeline_picture import Thumbnails, TimelineText, draw_timeline
from edgevid.prediction import Prediction
from edgevid.support.fonts import font

LABELS = ("walk", "run")


def predicted(time: float, walk: float, filled: float = 1.0, recognised: bool = True, count: int = 0) -> Judged:
    """A prediction with the likelier action under way, unless the window still fills or nothing is recognised."""
    scores = np.array([walk, 1 - walk], dtype=np.float32)
    prediction = Prediction(LABELS, scores, timestamp=time, window_filled=filled)
    goes_on = recognised and filled >= 1
    return Judged(prediction, ActiveAction(prediction.label, time, prediction.score, count) if goes_on else None)


HISTORY = [predicted(0, 0.9, filled=0.1), predicted(1, 0.9), predicted(2, 0.8), predicted(3, 0.2), predicted(4, 0.4)]


def test_a_prediction_stands_until_the_next_one():
    found = moments(HISTORY, 6.0)
    assert [(m.start, m.end) for m in found] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)]
    assert [m.verdict for m in found] == ["watching", "walk", "walk", "run", "run"]
    assert moments([], 6.0) == []


def test_segments_join_what_is_the_same():
    found = segments(moments(HISTORY, 6.0))
    assert [(s.start, s.end, s.label) for s in found] == [(0, 1, "watching"), (1, 3, "walk"), (3, 6, "run")]
    assert found[1].mean_score == pytest.approx(0.85)


def test_an_action_that_goes_on_is_the_verdict_though_another_is_likelier():
    weak = Judged(predicted(1, 0.4).prediction, ActiveAction("walk", 0.0, 0.9))
    assert (weak.verdict, weak.answer.score) == ("walk", pytest.approx(0.4))
    (segment,) = segments(moments([weak], 2.0))
    assert (segment.label, segment.mean_score) == ("walk", pytest.approx(0.4))


def test_the_summary_leaves_out_the_filling_window():
    run, walk = summarise(moments(HISTORY, 6.0))
    assert (run.label, run.seconds, run.peak_time) == ("run", 3.0, 3.0)
    assert (walk.label, walk.seconds) == ("walk", 2.0)
    assert walk.mean == pytest.approx((0.9 + 0.8 + 0.2 + 0.4) / 4)
    (only, _) = summarise(moments(HISTORY[:1], 1.0))
    assert only.label == "walk"


def nothing_at(*seconds: int) -> list[Judged]:
    """HISTORY with no action under way at these seconds, only a best guess."""
    return [
        predicted(at, 0.6, recognised=False) if at in seconds else one
        for one, at in zip(HISTORY, (one.prediction.timestamp for one in HISTORY))
    ]


def test_segments_without_an_action_are_nothing_recognised():
    found = segments(moments(nothing_at(2, 3), 6.0))
    assert [(s.start, s.end, s.label) for s in found] == [
        (0, 1, "watching"), (1, 2, "walk"), (2, 4, "nothing recognised"), (4, 6, "run"),
    ]  # fmt: skip


def test_a_verdict_says_for_how_long_nothing_was_recognised():
    nothing, run = verdicts(moments(nothing_at(1, 2, 3), 6.0))
    assert (nothing.label, nothing.seconds, nothing.judged_seconds, nothing.share, nothing.guess) == (
        "nothing recognised",
        3,
        5,
        0.6,
        "walk",
    )
    assert nothing.mean_score == pytest.approx(0.6)
    assert (run.label, run.seconds, run.guess) == ("run", 2, "run")
    assert [(v.label, v.seconds) for v in verdicts(moments(HISTORY, 6.0))][-1] == ("nothing recognised", 0)
    assert verdicts([]) == verdicts(moments(HISTORY[:1], 1.0)) == []


def annotated(history: list[Judged]) -> Annotated:
    files = Path("a.webm"), Path("a.png")
    return Annotated(*files, moments(history, 6.0), 6.0, "mine", LABELS, EventOptions(enter=0.7, min_seconds=1.5))


def test_the_description_says_what_is_known_and_for_how_long_nothing_was_recognised():
    assert describe(annotated(nothing_at(1, 2, 3))) == [
        "mine knows 2 actions: walk, run.",
        "Most of the time: nothing recognised, 3.0 s of the 5.0 s judged (60%); best guess walk, mean score 0.60",
        "Also:             run, 2.0 s of the 5.0 s judged (40%), mean score 0.60",
        "Best guesses:     walk 0.60 at 1.0 s, run 0.60 at 4.0 s",
        "Not judged:       the first 1.0 s, in which the window filled",
    ]
    lines = describe(annotated(HISTORY[1:]))
    assert lines[1].startswith("Most of the time: run, 3.0 s of the 5.0 s judged (60%)")
    assert not any("nothing recognised" in line for line in lines)
    assert describe(annotated([]))[1].startswith("Nothing was judged: the video is shorter than a window")


def test_the_description_says_that_none_of_them_was_there():
    lines = describe(annotated(nothing_at(1, 2, 3, 4)))
    assert lines[1] == "It recognised none of them in this video: that takes a score of 70 % for 1.5 s."


def make_overlay(width: int, height: int, seconds: float = 6.0) -> tuple[Overlay, Palette]:
    palette = Palette()
    return Overlay(width, height, seconds=seconds, window_seconds=1.0, palette=palette, knows="mine knows"), palette


@pytest.mark.parametrize(("filled", "verdict"), [(0.5, "watching"), (1.0, "nothing recognised")])
def test_where_no_action_is_it_is_grey_and_in_words(monkeypatch, filled: float, verdict: str):
    frame = moving_frames(1, 320, 240)[0]
    overlay, _ = make_overlay(320, 240)
    said = []
    monkeypatch.setattr(Canvas, "text", lambda self, x, y, text, *more: said.append(text))
    drawn = overlay.draw(frame, 1.0, predicted(1, 0.9, filled, recognised=False))
    assert said[:2] == [verdict, "mine knows"]
    assert ("90%" in said) == (verdict == "nothing recognised"), "while the window fills it guesses nothing"
    assert tuple(drawn[2, 300]) == Palette().colour(verdict) == NO_ACTION
    said.clear()
    overlay.draw(frame, 1.0, None)
    assert said[:2] == ["watching", "mine knows"]


@pytest.mark.parametrize(("width", "height"), [(320, 240), (120, 320), (1600, 900)])
def test_the_region_is_framed_where_it_is(width: int, height: int):
    frame = np.full((height, width, 3), 90, np.uint8)
    overlay, _ = make_overlay(width, height)
    whole = overlay.draw(frame, 1.0, predicted(1, 0.9))
    plain = predicted(1, 0.9)
    looks = plain._replace(prediction=dataclasses.replace(plain.prediction, region=Region(0.25, 0.5, 0.75, 1.0)))
    framed = overlay.draw(frame, 1.0, looks)
    rows, columns = np.nonzero((whole != framed).any(axis=2))
    scale = min(960 / width, 640 / height)
    scale = scale if scale <= 1 else min(scale, max(1.0, 640 / width))
    left = (overlay.width - width * scale) / 2
    assert columns.min() == pytest.approx(left + 0.25 * width * scale, abs=5)
    assert columns.max() == pytest.approx(left + 0.75 * width * scale, abs=5)
    assert rows.min() == pytest.approx(0.5 * height * scale, abs=5)
    assert rows.max() == pytest.approx(height * scale, abs=12)  # inside the border
    middle = framed[round(0.75 * height * scale), round(left + 0.5 * width * scale)]
    assert tuple(middle) == (90, 90, 90)
    assert frame.min() == frame.max() == 90  # the given frame is not drawn on


def test_a_frame_shows_sure_and_unsure_differently():
    frame = moving_frames(1, 320, 240)[0]
    overlay, palette = make_overlay(320, 240)
    before = overlay.draw(frame, 0.0, None, window_filled=0.0)
    unsure = overlay.draw(frame, 0.0, HISTORY[0], window_filled=0.1)
    sure = overlay.draw(frame, 1.0, HISTORY[1])
    assert before.shape == unsure.shape == sure.shape == (overlay.height, overlay.width, 3)
    assert tuple(sure[2, 300]) == palette.colour("walk")
    assert tuple(unsure[2, 300]) != palette.colour("walk")
    assert not np.array_equal(before, unsure)


def test_a_frame_says_how_often_the_action_was_repeated():
    frame = moving_frames(1, 320, 240)[0]

    def drawn(count: int) -> np.ndarray:
        return make_overlay(320, 240)[0].draw(frame, 1.0, predicted(1, 0.9, count=count))

    assert not np.array_equal(drawn(3), drawn(0))


@pytest.mark.parametrize(("smoothing", "begins"), [("none", [0.5, 1.4]), ("mean:3", [0.7, 1.4])])
def test_actions_begin_as_the_bundle_says_and_end_at_a_cut(
    make_video: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, smoothing: str, begins: list[float]
):
    scores = [0.55] + [0.7] * 9 + [0.95] * 5
    path = make_video("cut.avi", [np.full((48, 64, 3), round(200 * score), np.uint8) for score in scores], 10.0, "MJPG")
    recognizer, drawn = StandInRecognizer(), []
    recognizer.events = EventDefaults(EventOptions(enter=0.68, exit=0.4, min_seconds=0.3), smoothing)
    recognizer.brightness.scene_cut_threshold = 0.05
    open_stream = recognizer.open_stream
    monkeypatch.setattr(
        recognizer, "open_stream", lambda options: open_stream(dataclasses.replace(options, reset_on_cut=True))
    )
    draw = Overlay.draw

    def note(overlay: Overlay, frame: Any, time: float, newest: Optional[Judged], **more: Any) -> np.ndarray:
        drawn.append(newest and newest.action)
        return draw(overlay, frame, time, newest, **more)

    monkeypatch.setattr(Overlay, "draw", note)
    with VideoFile(path) as video:
        annotate(recognizer, Film.of(video), path.parent, "a")
    assert list(dict.fromkeys((a.label, round(a.since, 3)) for a in drawn if a)) == [("jump", at) for at in begins]
    assert drawn[9] is not None
    assert drawn[10] is None


def test_the_strip_grows_with_a_video_that_is_longer_than_it_said():
    frame = moving_frames(1, 64, 48)[0]
    overlay, palette = make_overlay(64, 48, seconds=0.0)
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
    text = TimelineText("clip.mp4", "mine", 1.0, 25, EventOptions())
    picture = np.asarray(draw_timeline(moments(HISTORY, 6.0), 6.0, thumbnails, text, palette))
    assert not (picture[:, 900] == mixed(NO_ACTION, (255, 255, 255), 0.5)).all(axis=1)[:500].any()
    band = picture[:, 900]  # at about 3.4 s, where "run" wins
    assert (band == palette.colour("run")).all(axis=1).any()
    assert (picture[:, 600] == palette.colour("walk")).all(axis=1).any()


def test_the_timeline_has_grey_in_its_band_for_nothing_recognised():
    text = TimelineText("clip.mp4", "mine", 1.0, 25, EventOptions())
    picture = np.asarray(draw_timeline(moments(nothing_at(3), 6.0), 6.0, Thumbnails(6.0), text, Palette()))
    grey = (picture[:, 820] == mixed(NO_ACTION, (255, 255, 255), 0.5)).all(axis=1)
    assert grey[:500].sum() > 30


def test_a_timeline_without_predictions_can_be_drawn():
    text = TimelineText("clip.mp4", "mine", 1.0, 25, EventOptions())
    assert draw_timeline([], 0.0, Thumbnails(0.0), text, Palette()).size[0] == 1600


def test_thumbnails_stay_few_however_long_the_video():
    thumbnails = Thumbnails(1.0)  # it lasts a hundred times as long
    frame = moving_frames(1, 64, 48)[0]
    for i in range(1000):
        thumbnails.offer(frame, i / 10)
    assert 16 <= len(thumbnails.taken) <= 65


def test_a_long_text_is_wrapped_and_then_cut():
    text = "mine knows 9 actions: " + ", ".join(["walking"] * 9)
    assert wrapped(text, 12, 10_000, lines=3) == [text]
    lines = wrapped(text, 12, 150, lines=2)
    assert len(lines) == 2
    assert all(text_width(line, 12) <= 150 for line in lines)
    assert (lines[0][:4], lines[1][-3:]) == ("mine", "...")
    assert " ".join(wrapped(text, 12, 150, lines=20)) == text


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


@pytest.mark.parametrize("dejavu", [True, False])
def test_text_is_drawn_with_a_pillow_that_has_one_small_font(monkeypatch: pytest.MonkeyPatch, dejavu: bool):
    its_own, asked = ImageFont.load_default(size=20), []

    def truetype(name: str, size: int) -> Any:
        asked.append((name, size))
        if not dejavu:
            raise OSError("cannot open resource")
        return its_own

    monkeypatch.setattr(ImageFont, "load_default", lambda: its_own)
    monkeypatch.setattr(ImageFont, "truetype", truetype)
    font.cache_clear()
    try:
        canvas = Canvas(100, 40, (255, 255, 255))
        canvas.text(5, 20, "run", 20, (0, 0, 0))
    finally:
        font.cache_clear()
    assert asked == [("DejaVuSans.ttf", 20)]
    assert np.asarray(canvas.image).min() == 0


@pytest.mark.parametrize("seconds", [0.04, 1.0, 7.66, 60.0, 4000.0, 200_000.0])
def test_ticks_are_round_and_not_crowded(seconds):
    times = [time for time, _ in ticks(seconds, 1000)]
    assert times[0] == 0
    assert times[-1] <= seconds * 1.0001
    assert 2 <= len(times) <= 15
