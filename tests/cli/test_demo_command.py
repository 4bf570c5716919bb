"""``edgevid demo``, on a given video; test_drawing.py checks what it draws."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import cv2
import pytest
from PIL import Image
from support.mjpeg import MjpegCamera
from support.videos import moving_frames
from support.waiting import wait_until

from edgevid.errors import EdgevidError
from edgevid.outputs.drawing.video_writer import VideoWriter
from edgevid.stream import Stream

MOTION = ("--bundle", "exercises10-motion")  # the cheapest, where any bundle will do


def read(path: Path) -> tuple[int, tuple[int, ...], float]:
    """Number of frames, shape of one, frames a second."""
    capture = cv2.VideoCapture(str(path))
    frames, shape = 0, ()
    while True:
        good, image = capture.read()
        if not good:
            return frames, shape, capture.get(cv2.CAP_PROP_FPS)
        frames, shape = frames + 1, image.shape


def test_it_writes_a_video_and_a_timeline_and_says_where(call, clip, tmp_path):
    outcome = call("demo", clip, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.annotated.webm", "clip.timeline.png"]
    frames, (height, width, _), fps = read(tmp_path / "out" / "clip.annotated.webm")
    assert frames == 6
    assert fps == pytest.approx(3.0)
    assert width == 640  # a small video is enlarged, so that the text can be read
    assert height % 2 == 0
    with Image.open(tmp_path / "out" / "clip.timeline.png") as picture:
        picture.verify()
    for piece in (
        "exercises10 knows 10 actions: BodyWeightSquats, ",
        "Best guesses: ",
        "clip.annotated.webm",
        "clip.timeline.png",
    ):
        assert piece in outcome.out
    assert "Sports2D" not in outcome.out


def test_where_nothing_is_recognised_it_says_so_and_what_to_try(call, clip, tmp_path):
    outcome = call("demo", clip, "-o", tmp_path / "out", "--threshold", 1.0)
    for piece in (
        "exercises10 knows 10 actions: BodyWeightSquats, ",
        "It recognised none of them in this video: that takes a score of 30 % and a certainty of 100 % that it is one",
        "edgevid stream 0 --serve",
        "edgevid demo FILE",
        "edgevid teach",
    ):
        assert piece in outcome.out
    options = "--bundle", "exercises10-thesis", "--threshold", 0.0, "--enter", 0.01
    outcome = call("demo", clip, "-o", tmp_path / "out", *options)
    assert outcome.code == 0
    assert " of the 2.0 s judged (" in outcome.out
    assert "nothing recognised" not in outcome.out, "of what is as short as a window nothing must last"
    assert "edgevid teach" not in outcome.out


def test_it_judges_from_when_the_bundle_was_trained_to(call, make_video, tmp_path):
    """The default bundle from 10 of its 25 samples on; the thesis's treats a short video as a clip, and classifies all of it."""
    path = make_video("short.avi", moving_frames(24, 64, 48), 10.0)
    outcome = call("demo", path, "-o", tmp_path / "out", "--threshold", 1.0)
    assert "Not judged:       the first 1.8 s, in which the window filled" in outcome.out
    outcome = call("demo", path, "-o", tmp_path / "out", "--bundle", "exercises10-thesis", "--enter", 0.01)
    assert " of the 2.4 s judged (" in outcome.out
    assert "Not judged" not in outcome.out


def test_the_threshold_is_the_bundles_unless_another_is_given(call, brief, tmp_path, monkeypatch, motion_recognizer):
    seen = []

    def judge(recognizer, *args, **options):
        seen.append(recognizer.threshold)
        raise EdgevidError("That is all.")

    monkeypatch.setattr("edgevid.cli.demo.annotate", judge)
    for options in ((), ("--threshold", 0.75)):
        assert call("demo", brief, "-o", tmp_path / "out", *MOTION, *options).code == 1
    assert seen == [motion_recognizer.threshold, 0.75]


def test_on_its_own_clip_it_says_what_the_clip_does_not_show(call, clip, tmp_path, monkeypatch):
    monkeypatch.setattr("edgevid.cli.demo.demo_clip", lambda: clip)
    outcome = call("demo", "-o", tmp_path / "out", "--threshold", 0.0)
    for piece in (
        "Sports2D",
        "It shows none of the actions that the shipped models know.",
        "exercises10 knows 10 actions: ",
    ):
        assert piece in outcome.out


class TestCamera:
    def test_some_seconds_of_it_are_recorded_and_judged(self, call, tmp_path):
        with MjpegCamera(fps=15) as camera:
            outcome = call("demo", camera.url, "--seconds", 0.5, "-o", tmp_path / "out", *MOTION)
        assert outcome.code == 0, outcome.err
        assert outcome.err.startswith("recording 0.5 s from the ")
        (film,) = (tmp_path / "out").glob("*.annotated.webm")
        frames, _, fps = read(film)
        assert frames / fps == pytest.approx(0.5, abs=0.2)
        assert "exercises10-motion knows 10 actions: " in outcome.out
        assert f"edgevid stream {camera.url} --serve" in outcome.out

    @pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX systems send them")
    def test_an_interrupt_ends_the_recording_and_the_film_is_made(self, spawn, tmp_path):
        with MjpegCamera(fps=15) as camera:
            process = spawn("demo", camera.url, "-o", tmp_path / "out", *MOTION)
            assert process.stderr.readline().startswith("recording 20 s from ")
            time.sleep(0.7)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Annotated video: " in out
        assert len(list((tmp_path / "out").iterdir())) == 2

    @pytest.mark.parametrize("seconds", ["0", "301", "x"])
    def test_a_length_outside_its_range_is_refused(self, call, seconds):
        outcome = call("demo", 0, "--seconds", seconds)
        assert outcome.code == 2
        assert "seconds" in outcome.err


def test_where_vp8_cannot_be_written_it_is_mpeg4(call, brief, tmp_path, monkeypatch):
    opened = VideoWriter.__init__

    def refuse(writer, path, *args):
        if path.suffix == ".webm":
            raise EdgevidError("no VP8")
        opened(writer, path, *args)

    monkeypatch.setattr(VideoWriter, "__init__", refuse)
    outcome = call("demo", brief, "-o", tmp_path / "out", *MOTION)
    assert outcome.code == 0
    assert "brief.annotated.mp4" in outcome.out
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".mp4", ".png"]


def test_nothing_that_is_no_film_is_watched(call, tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    outcome = call("demo", tmp_path)
    assert outcome.code == 2
    assert "is a folder of pictures; edgevid demo takes a video file or a camera" in outcome.err


@pytest.mark.parametrize(
    ("width", "height", "number", "fps"),
    [(64, 48, 1, 25.0), (90, 160, 4, 12.5), (1300, 100, 3, 29.97), (36, 34, 3, 60.0)],
)
def test_odd_videos(call, make_video, tmp_path, width, height, number, fps):
    path = make_video("odd.mp4", moving_frames(number, width, height), fps)
    outcome = call("demo", path, "-o", tmp_path / "out", *MOTION)
    assert outcome.code == 0, outcome.err
    frames, shape, rate = read(tmp_path / "out" / "odd.annotated.webm")
    assert frames == number
    assert rate == pytest.approx(fps, abs=0.01)
    assert 640 <= shape[1] <= 960


def test_a_second_run_replaces_the_first(call, brief, tmp_path):
    for _ in range(2):
        assert call("demo", brief, "-o", tmp_path / "out", *MOTION).code == 0
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("failing", ["Stream.push", "VideoWriter.finish", "draw_timeline"])
def test_nothing_partial_is_left_when_it_fails(call, brief, tmp_path, monkeypatch, failing):
    calls = []

    def fail(*args, **options):
        calls.append(args)
        if failing == "Stream.push" and len(calls) < 2:
            return None
        raise EdgevidError("It failed midway.")

    if failing == "Stream.push":
        monkeypatch.setattr(Stream, "push", fail)
    elif failing == "VideoWriter.finish":
        monkeypatch.setattr(VideoWriter, "finish", fail)
    else:
        monkeypatch.setattr("edgevid.outputs.drawing.annotate.draw_timeline", fail)
    outcome = call("demo", brief, "-o", tmp_path / "out", *MOTION)
    assert outcome.code == 1
    assert "It failed midway." in outcome.err
    assert not (tmp_path / "out").exists()


def test_older_results_survive_a_failure(call, brief, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    assert call("demo", brief, "-o", folder, *MOTION).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgevid.outputs.drawing.annotate.draw_timeline", fail)
    outcome = call("demo", brief, "-o", folder, *MOTION)
    assert outcome.code == 1
    assert "No space left" in outcome.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX systems send them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_partial_is_left_when_it_is_ended(spawn, long_clip, tmp_path, number):
    folder = tmp_path / "out"
    process = spawn("demo", long_clip, "-o", folder, *MOTION)
    wait_until(lambda: folder.exists() and any(folder.iterdir()))
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in errors
    assert not folder.exists()


def test_bad_input(call, tmp_path, clip):
    no_video = tmp_path / "text.mp4"
    no_video.write_text("this is no video")
    for path in (no_video, tmp_path / "absent.mp4"):
        outcome = call("demo", path, "-o", tmp_path / "out")
        assert outcome.code == 1
        assert str(path) in outcome.err
        assert not (tmp_path / "out").exists()
    outcome = call("demo", clip, "-o", clip)
    assert outcome.code == 1
    assert "--output" in outcome.err


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_a_writer_that_wrote_too_little_says_so(tmp_path, suffix):
    with VideoWriter(tmp_path / f"short{suffix}", 64, 48, 10.0) as writer:
        for frame in moving_frames(3, 64, 48):
            writer.write(frame)
        writer.frames += 1  # as if OpenCV had lost one
        with pytest.raises(EdgevidError, match="Only 3 of the 4 frames"):
            writer.finish()
    with pytest.raises(EdgevidError, match="cannot write"):
        VideoWriter(tmp_path / "no such folder" / f"x{suffix}", 64, 48, 10.0)
