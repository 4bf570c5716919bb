"""``edgevid stream``."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from edgevid.errors import SourceError
from edgevid.sources import VideoFile


def test_json_lines_are_what_the_library_answers(call, clip, recognizer):
    outcome = call("stream", clip, "--json", "--window-seconds", 1.0, "--threads", 1, "--top", 2)
    expected = list(recognizer.stream(clip, window_seconds=1.0))
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 0
    assert len(records) == len(expected) == 3
    for record, prediction in zip(records, expected):
        assert record["timestamp"] == pytest.approx(prediction.timestamp)
        assert record["label"] == prediction.label
        assert record["score"] == pytest.approx(prediction.score, abs=1e-4)
        assert len(record["top"]) == 2
        assert record["latency_ms"] > 0


def test_text_has_a_line_for_each_prediction(call, clip):
    outcome = call("stream", clip, "--window-seconds", 1.0, "--hop", 5, "--min-filled", 0)
    first, *others = outcome.out.splitlines()
    assert outcome.code == 0
    assert first.split()[:2] == ["0.00", "s"]
    assert "4% filled" in first
    assert "filled" not in others[-1]


def test_the_summary_is_on_stderr(call, clip):
    outcome = call("stream", clip, "--window-seconds", 1.0)
    number = len(outcome.out.splitlines())
    assert f" {number} predictions, " in outcome.err
    for piece in ("1.7 s of video", "frames used", "predictions/s", "mean latency", "most frequent"):
        assert piece in outcome.err


def test_a_video_shorter_than_the_window_is_explained(call, clip):
    outcome = call("stream", clip, "--window-seconds", 60)
    assert outcome.code == 0
    assert outcome.out == ""
    assert "no prediction: the window spans 60 s" in outcome.err


def test_limits(call, long_clip):
    outcome = call("stream", long_clip, "--window-seconds", 1, "--max-predictions", 4)
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 4
    outcome = call("stream", long_clip, "--window-seconds", 1, "--max-seconds", 2, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out.splitlines()[-1])["timestamp"] < 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX systems send them")
def test_a_signal_ends_it_cleanly(spawn, long_clip, number):
    process = spawn("stream", long_clip, "--json", "--window-seconds", 1)
    first = process.stdout.readline()
    asked = time.monotonic()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=30)
    assert time.monotonic() - asked < 5
    assert process.returncode == 0
    for line in [first, *rest.splitlines()]:
        assert json.loads(line)["label"]
    assert "Traceback" not in errors
    assert "predictions/s" in errors


def test_lines_come_at_once_and_a_reader_that_leaves_is_no_error(spawn, long_clip):
    process = spawn("stream", long_clip, "--json", "--window-seconds", 1)
    assert json.loads(process.stdout.readline())["label"]
    assert process.poll() is None  # the video is not over: the line was not held back
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == ""


def test_a_source_that_does_not_open_is_a_failure(call, tmp_path):
    for source in (tmp_path / "absent.mp4", "/dev/video98"):
        outcome = call("stream", source)
        assert outcome.code == 1
        assert outcome.out == ""
        assert str(source) in outcome.err


def test_a_camera_that_stops_gives_summary_and_failure(call, monkeypatch, clip):
    class Stopping(VideoFile):
        live = True

        def frames(self, wanted=None):
            start = time.monotonic() - 10
            for timestamp, image in super().frames():
                yield start + timestamp, image
                if timestamp > 1:
                    raise SourceError("The camera stopped.")

    monkeypatch.setattr("edgevid.cli.stream.open_source", Stopping)
    outcome = call("stream", clip, "--min-filled", 0, "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out.splitlines()[-1])["latency_ms"] > 8000  # since the frame was taken
    assert "predictions/s" in outcome.err
    assert outcome.err.endswith("edgevid stream: The camera stopped.\n")


@pytest.mark.parametrize(
    "wrong", [[], ["0", "--hop", "0"], ["0", "--window-seconds", "-1"], ["0", "--min-filled", "2"], ["0", "--top", "x"]]
)
def test_wrong_use_exits_with_2(call, wrong):
    outcome = call("stream", *wrong)
    assert outcome.code == 2
    assert outcome.out == ""
