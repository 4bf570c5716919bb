"""``edgevid stream``."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from support.mjpeg import MjpegCamera
from support.mosquitto import MOSQUITTO, Listener, Mosquitto
from support.stand_ins import Endless, StandInRecognizer
from support.system import open_files
from support.videos import moving_frames
from support.waiting import reached

from edgevid import Prediction, Sampled, SourceStats, StreamOptions
from edgevid.cli import stream as stream_command
from edgevid.cli import stream_output
from edgevid.cli.stream_output import JsonOutput, Lines, TextOutput
from edgevid.errors import SourceError
from edgevid.events import Counted, Ended, Event
from edgevid.runner import runner_group
from edgevid.sources import VideoFile

THESIS = ("--bundle", "exercises10-thesis")
MOTION = ("--bundle", "exercises10-motion")  # the cheapest, where any bundle will do
# With this classifier, which has no "none", an action begins with the first prediction and lasts to the end.
ALWAYS = (*THESIS, "--threshold", 0, "--enter", 0.05, "--exit", 0, "--min-seconds", 0)
QUICK = (*MOTION, "--window-seconds", 0.5, "--min-filled", 0, "--threads", 1)


def test_json_lines_are_what_the_library_answers(call, clip, default_recognizer):
    outcome = call("stream", clip, "--json", "--window-seconds", 1.0, "--threads", 1, "--top", 2)
    expected = list(default_recognizer.stream(clip, StreamOptions(window_seconds=1.0)))
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 0
    # the third frame completes the 10 samples of a first prediction
    assert len(records) == len(expected) == 4
    assert records[0]["window_filled"] < records[-1]["window_filled"] == 1.0
    for record, prediction in zip(records, expected):
        assert record["none"] == pytest.approx(prediction.none, abs=1e-4)
        assert record["accepted"] is prediction.accepted
        assert record["region"] == (prediction.region and prediction.region.as_list())
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
    outcome = call("stream", long_clip, *MOTION, "--window-seconds", 1, "--max-predictions", 4)
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 4
    outcome = call("stream", long_clip, *MOTION, "--window-seconds", 1, "--max-seconds", 2, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out.splitlines()[-1])["timestamp"] < 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)])
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX systems send them")
def test_a_signal_ends_it_cleanly(spawn, long_clip, number):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup, and it would inherit that
    try:
        process = spawn("stream", long_clip, *MOTION, "--json", "--window-seconds", 1)
    finally:
        signal.signal(signal.SIGHUP, before)
    first = process.stdout.readline()
    asked = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=30) == 0
    assert time.monotonic() - asked < 5
    rest, errors = process.stdout.read(), process.stderr.read()  # communicate() misses what readline() has buffered
    for line in [first, *rest.splitlines()]:
        assert json.loads(line)["label"]
    assert "Traceback" not in errors
    assert "predictions/s" in errors


def test_lines_come_at_once_and_a_reader_that_leaves_is_no_error(spawn, long_clip):
    process = spawn("stream", long_clip, *MOTION, "--json", "--window-seconds", 1)
    assert json.loads(process.stdout.readline())["label"]
    assert process.poll() is None  # the video is not over: the line was not delayed
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == ""


def test_a_source_that_does_not_open_is_a_failure(call, tmp_path):
    for source in (tmp_path / "absent.mp4", "/dev/video98"):
        outcome = call("stream", source)
        assert outcome.code == 1
        assert outcome.out == ""
        assert str(source) in outcome.err


def test_no_password_of_an_address_is_printed(call):
    """Whatever the camera calls it."""
    for address in ("http://127.0.0.1:9/v?loginpas=s3cret", "http://127.0.0.1:9/user=a_password=s3cret_channel=1"):
        for sources in ([address], [address, f"door={address}"]):
            outcome = call("stream", *sources, *MOTION)
            assert outcome.code == 1
            assert "***" in outcome.err
            assert "s3cret" not in outcome.err


def test_a_camera_that_stops_gives_summary_and_failure(call, monkeypatch, clip):
    class Stopping(VideoFile):
        live = True

        def frames(self, wanted=None):
            start = time.monotonic() - 10
            for timestamp, image in super().frames():
                yield start + timestamp, image
                if timestamp > 1:
                    raise SourceError("The camera stopped.")

    monkeypatch.setattr("edgevid.sources.opening.open_source", Stopping)
    outcome = call("stream", clip, *MOTION, "--min-filled", 0, "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out.splitlines()[-1])["latency_ms"] > 8000  # since the frame was taken
    assert "predictions/s" in outcome.err
    assert outcome.err.endswith("edgevid stream: The camera stopped.\n")


@pytest.mark.parametrize(
    "wrong",
    [
        [], ["0", "--hop", "0"], ["0", "--window-seconds", "-1"], ["0", "--min-filled", "2"], ["0", "--top", "x"],
        ["0", "--enter", "0"], ["0", "--exit", "0.9"], ["0", "--min-seconds", "-1"], ["0", "--smoothing", "mean:0"],
        ["0", "--token", "12345678"], ["door=0", "door=1"], ["door="], ["0", "--mqtt-name", "door"], ["--serve"],
    ],
)  # fmt: skip
def test_wrong_use_exits_with_2(call, wrong):
    outcome = call("stream", *wrong)
    assert outcome.code == 2
    assert outcome.out == ""


class TestEvents:
    def test_json_has_objects_for_events_between_those_for_predictions(self, call, clip):
        outcome = call("stream", clip, "--json", "--window-seconds", 1, "--events", *ALWAYS)
        records = [json.loads(line) for line in outcome.out.splitlines()]
        assert outcome.code == 0
        kinds = [record.get("event", "prediction") for record in records]
        assert kinds == ["prediction", "began", "prediction", "prediction", "ended"]
        first, began, *_, ended = records
        assert began == {
            "source": str(clip), "event": "began", "label": first["label"], "timestamp": first["timestamp"],
            "score": first["score"],
        }  # fmt: skip
        assert ended["label"] == began["label"]
        assert ended["duration_seconds"] == pytest.approx(ended["timestamp"] - began["timestamp"], abs=1e-5)
        assert ended["peak_score"] >= began["score"]
        assert "2 events" in outcome.err

    def test_what_is_recognised_is_what_goes_on_as_an_event(self, call, clip):
        """In lines and in JSON; nothing is recognised if the action must last longer than the clip."""
        options = "--window-seconds", 1, "--events", *ALWAYS
        records = [json.loads(line) for line in call("stream", clip, "--json", *options).out.splitlines()]
        (began,) = (record for record in records if record.get("event") == "began")
        assert [record["action"] for record in records if "action" in record] == [began["label"]] * 3
        assert f"s  {began['label']} " in call("stream", clip, *options).out.splitlines()[0]
        never = *options, "--min-seconds", 60
        outcome = call("stream", clip, *never)
        assert len(outcome.out.splitlines()) == 3
        assert all("s  nothing recognised (" in line for line in outcome.out.splitlines())
        assert "most frequent: nothing recognised 100%" in outcome.err
        (first, *_) = (json.loads(line) for line in call("stream", clip, "--json", *never).out.splitlines())
        assert (first["action"], first["accepted"]) == (None, True), "an action could begin with it, and did not last"

    def test_text_has_lines_for_events(self, call, clip):
        outcome = call("stream", clip, "--window-seconds", 1, "--events-only", *ALWAYS)
        began, ended = outcome.out.splitlines()
        assert began.split()[1:3] == ["s", "began"]
        assert ended.split()[1:3] == ["s", "ended"]
        assert "peak score" in ended

    def test_text_has_a_line_for_each_count_and_the_last_one_where_the_action_ends(self):
        text: list[str] = []
        output = TextOutput(text.append, ["door"], ["PullUps"], 3)
        output.event("door", Counted("PullUps", 7.25, 12))
        output.event("door", Ended("PullUps", 9.5, 8.0, 0.9, 12))
        output.event("door", Ended("PullUps", 9.5, 8.0, 0.9, 0))
        assert text == [
            "    7.25 s  counted 12 PullUps",
            "    9.50 s  ended PullUps after 8.0 s, 12 times, peak score 0.90",
            "    9.50 s  ended PullUps after 8.0 s, peak score 0.90",
        ]

    def test_the_last_classes_give_way_where_a_line_is_too_narrow(self):
        for width, end in (
            (None, "1.00  b 0.00  c 0.00"),
            (80, "1.00  b 0.00  c 0.00"),
            (57, "1.00  b 0.00"),
            (9, "1.00"),
        ):
            text: list[str] = []
            output = TextOutput(text.append, ["door"], ["a" * 10, "b", "c"], 3, width=width)
            scores = np.array([1.0, 0.0, 0.0])
            prediction = Prediction(("a" * 10, "b", "c"), scores, timestamp=1.0)
            output.prediction(
                "door", Sampled("door", 1.0, np.zeros((2, 2, 3), np.uint8), prediction, 0.0, SourceStats(), True)
            )
            assert text[0].endswith(end)

    def test_a_further_kind_of_event_is_printed_with_all_that_it_says(self):
        @dataclass(frozen=True)
        class Paced(Event):
            count: int
            kind: ClassVar[str] = "paced"

        text, objects = [], []
        event = Paced("JumpingJack", 7.25, 12)
        TextOutput(text.append, ["door"], ["JumpingJack"], 3).event("door", event)
        JsonOutput(objects.append, 3).event("door", event)
        assert text == ["    7.25 s  paced JumpingJack, count 12"]
        assert json.loads(objects[0]) == {
            "source": "door", "event": "paced", "label": "JumpingJack", "timestamp": 7.25, "count": 12,
        }  # fmt: skip

    def test_without_the_option_none_is_printed(self, call, clip):
        outcome = call("stream", clip, "--window-seconds", 1, "--json", *ALWAYS)
        assert [json.loads(line).get("event") for line in outcome.out.splitlines()] == [None] * 3

    def test_smoothing_is_that_of_the_library(self, call, clip, recognizer):
        options = ("--window-seconds", 1, "--smoothing", "mean:2", "--threads", 1)
        outcome = call("stream", clip, *THESIS, "--json", *options)
        expected = list(recognizer.stream(clip, StreamOptions(window_seconds=1.0), smoothing="mean:2"))
        plain = recognizer.stream(clip, StreamOptions(window_seconds=1.0))
        scores = [json.loads(line)["score"] for line in outcome.out.splitlines()]
        assert scores == pytest.approx([p.score for p in expected], abs=1e-4)
        assert scores[1:] != pytest.approx([p.score for p in plain][1:], abs=1e-4)

    def test_reset_on_cut_empties_the_window_at_a_cut(self, call, monkeypatch, make_video):
        seen = []
        monkeypatch.setattr(
            "edgevid.embedders.scene_cut.SceneCutDetector.update",
            lambda self, embedding: bool(seen.append(1)) or len(seen) == 26,
        )
        path = make_video("cut.avi", moving_frames(40, 64, 48), 10.0)
        for options, predictions in (((), 16), (("--reset-on-cut",), 1)):
            outcome = call("stream", path, *THESIS, "--window-seconds", 2.5, "--json", *options)
            assert len(outcome.out.splitlines()) == predictions


class TestSeveralSources:
    def test_each_is_named_and_gives_what_it_gives_alone(self, call, clip, brief):
        options = (*MOTION, "--window-seconds", 1, "--min-filled", 0, "--json", "--threads", 1)
        alone = [call("stream", path, *options).out.splitlines() for path in (clip, brief)]
        outcome = call("stream", clip, brief, clip, *options)
        assert outcome.code == 0
        lines: dict[str, list] = {}
        for line in outcome.out.splitlines():
            record = json.loads(line)
            lines.setdefault(record["source"], []).append(record)
        assert list(map(without_latency, alone[0])) == list(map(without_latency, lines[str(clip)]))
        assert list(map(without_latency, alone[1])) == list(map(without_latency, lines[str(brief)]))
        assert len(lines[f"{clip} (2)"]) == len(alone[0])
        assert f"{brief}: mean latency" in outcome.err

    def test_each_may_be_given_a_name(self, call, clip, brief):
        outcome = call("stream", f"door={clip}", brief, *MOTION, "--window-seconds", 1, "--min-filled", 0, "--json")
        assert outcome.code == 0
        assert {json.loads(line)["source"] for line in outcome.out.splitlines()} == {"door", str(brief)}

    def test_text_names_the_source(self, call, clip, brief):
        outcome = call("stream", clip, brief, *MOTION, "--window-seconds", 1, "--min-filled", 0)
        assert {line.split()[2] for line in outcome.out.splitlines()} == {str(clip), str(brief)}

    def test_one_that_does_not_open_does_not_stop_the_others_and_is_a_failure(self, call, clip, tmp_path):
        absent = tmp_path / "absent.mp4"
        outcome = call("stream", absent, clip, *MOTION, "--window-seconds", 1, "--json")
        assert outcome.code == 1
        assert {json.loads(line)["source"] for line in outcome.out.splitlines()} == {str(clip)}
        assert f"edgevid stream: {absent}: No such file" in outcome.err
        assert outcome.err.endswith("edgevid stream: 1 of the 2 sources failed.\n")

    @pytest.mark.parametrize("reconnect", [True, False])
    def test_a_camera_that_is_lost_does_not_stop_the_other(self, spawn, reconnect):
        with MjpegCamera() as good, MjpegCamera() as bad:
            option = [] if reconnect else ["--no-reconnect"]
            process = spawn("stream", good.url, bad.url, "--json", *QUICK, *option)
            lines = lines_of(process.stdout)
            wait_for_line(lines, bad.url)
            bad.unplug()
            errors = lines_of(process.stderr)
            assert "stopped giving frames" in wait_for_line(errors, bad.url)
            wait_for_line(lines, good.url)
            if reconnect:
                bad.plug_in()
                assert "is back after" in wait_for_line(errors, bad.url)
                wait_for_line(lines, bad.url)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == (0 if reconnect else 1)
            said = "".join(errors)
            assert ("1 of the 2 sources failed" in said) is not reconnect
            assert ("lost and opened again 1 times" in said) is reconnect


class TestSlowReader:
    def test_of_a_camera_the_newest_predictions_are_printed_and_inference_goes_on(self, call, monkeypatch):
        camera, lines = Endless(), []

        class Slow:
            def write(self, line: str) -> None:
                lines.append(line)
                if len(lines) == 1:
                    assert reached(lambda: camera.given >= 30)

        monkeypatch.setattr("edgevid.sources.opening.open_source", lambda source: camera)
        monkeypatch.setattr(stream_command, "Lines", Slow)
        outcome = call("stream", 0, *MOTION, "--json", "--min-filled", 0, "--max-predictions", 60)
        assert outcome.code == 0
        assert 2 <= len(lines) < 60
        assert json.loads(lines[1])["timestamp"] - json.loads(lines[0])["timestamp"] > 1  # the newest, not the next
        assert " 60 predictions, " in outcome.err
        assert f"{60 - len(lines)} predictions not printed" in outcome.err

    def test_of_a_file_all_are_printed(self, call, monkeypatch, make_video):
        path = make_video("clip.avi", moving_frames(40, 64, 48), 10.0)
        options = (*MOTION, "--json", "--min-filled", 0, "--window-seconds", 2.5)
        expected = call("stream", path, *options).out.splitlines()
        lines = []

        class Slow:
            def write(self, line: str) -> None:
                time.sleep(0.02)  # longer than a prediction takes to make
                lines.append(line)

        monkeypatch.setattr(stream_command, "Lines", Slow)
        assert call("stream", path, *options).code == 0
        assert len(lines) == 40
        assert list(map(without_latency, lines)) == list(map(without_latency, expected))

    @pytest.mark.skipif(sys.platform != "linux", reason="pipes are made small as Linux makes them")
    def test_a_full_pipe_does_not_keep_ctrl_c_from_ending_it(self, spawn):
        with MjpegCamera() as camera:
            process = spawn("stream", camera.url, "--json", *QUICK, "--top", 10)
            assert process.stdout.readline()
            pipe = process.stdout.fileno()
            make_small(pipe)
            assert reached(lambda: in_pipe(pipe) > 3000, 60)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
            assert "predictions/s" in process.stderr.read()

    @pytest.mark.skipif(os.name != "posix", reason="closed as a POSIX shell closes it")
    @pytest.mark.parametrize("closed", ["1", "2"])
    def test_closed_stdout_or_stderr_is_as_a_null_device(self, clip, repository, closed):
        """As under a supervisor that gives a service no output; the other stream stays unchanged."""
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" -m edgevid "$@" {closed}>&-', sys.executable, "stream", str(clip), *map(str, QUICK)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": str(repository)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if closed == "1":
            assert "predictions/s" in done.stderr
            assert "Traceback" not in done.stderr
        else:
            assert "filled" in done.stdout
            assert "predictions/s" not in done.stdout

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
    def test_notes_that_cannot_be_written_stop_nothing(self, clip, repository, tmp_path):
        """One of two sources fails; this and the summary go to stderr."""
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "edgevid", "stream", str(tmp_path / "absent.mp4"), str(clip), "--json", *map(str, QUICK)],
                stdout=subprocess.PIPE, stderr=full, text=True, timeout=120, cwd=repository,
            )  # fmt: skip
        assert done.returncode == 1  # because one failed
        alone = subprocess.run(
            [sys.executable, "-m", "edgevid", "stream", str(clip), "--json", *map(str, QUICK)],
            capture_output=True, text=True, timeout=120, cwd=repository,
        )  # fmt: skip
        assert len(done.stdout.splitlines()) == len(alone.stdout.splitlines()) > 3

    @pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
    def test_a_closed_terminal_is_ignored_under_nohup(self, call, clip, monkeypatch):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            during = []
            real = stream_command.named_sources
            monkeypatch.setattr(
                stream_command, "named_sources",
                lambda *sources: during.append(signal.getsignal(signal.SIGHUP)) or real(*sources),
            )  # fmt: skip
            assert call("stream", clip, *QUICK).code == 0
        finally:
            signal.signal(signal.SIGHUP, before)
        assert during == [signal.SIG_IGN]

    def test_output_that_cannot_be_written_is_a_failure_in_words(self, call, clip, monkeypatch):
        def fail(file: int, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(stream_output, "_write_all", fail)
        outcome = call("stream", clip, *MOTION, "--min-filled", 0)
        assert outcome.code == 1
        assert outcome.err.endswith("edgevid stream: The output cannot be written: No space left on device.\n")


def test_a_file_that_is_looped_goes_on_until_its_limit_with_rising_times(call, clip):
    outcome = call("stream", clip, *QUICK, "--loop", "--no-realtime", "--json", "--max-seconds", 7)
    times = [json.loads(line)["timestamp"] for line in outcome.out.splitlines()]
    assert outcome.code == 0
    assert times == sorted(set(times))
    assert times[-1] > 6  # of a clip of two seconds
    assert "failed" not in outcome.err


class TestInterrupts:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize(
        "moment",
        [
            "load_recognizer",
            "_outputs",
            "named_sources",
            "_lines",
            "open_for_stream",
            "_Statuses",
            "Summary.begin",
            "Lines",
        ],
    )
    def test_one_that_comes_while_it_starts_ends_it(self, call, clip, monkeypatch, moment, number):
        """Raised where that function is called: while the model loads, before and after the sources are opened."""
        threads = set(threading.enumerate())
        owner, name = stream_command, moment
        if "." in moment:
            owner, name = getattr(stream_command, moment.split(".")[0]), moment.split(".")[1]
        real = getattr(owner, name)

        def interrupted(*args, **options):
            result = real(*args, **options)
            os.kill(os.getpid(), number)
            return result

        monkeypatch.setattr(owner, name, interrupted)
        outcome = call("stream", clip, *MOTION, "--window-seconds", 1)
        assert outcome.code == 0
        assert "Traceback" not in outcome.err
        assert reached(lambda: set(threading.enumerate()) <= threads)

    def test_one_that_comes_while_the_second_source_starts_loses_no_summary(self, call, clip, brief, monkeypatch):
        real, printed = runner_group.Runner, threading.Event()

        def start(recognizer, source, options, name, *arguments):
            if name == str(brief):
                assert printed.wait(60)
                raise KeyboardInterrupt
            return real(recognizer, source, options, name, *arguments)

        class Noting(Lines):
            def write(self, line: str) -> None:
                super().write(line)
                printed.set()

        monkeypatch.setattr(runner_group, "Runner", start)
        monkeypatch.setattr(stream_command, "Lines", Noting)
        outcome = call("stream", clip, brief, *QUICK)
        assert outcome.code == 0
        assert outcome.out
        assert "predictions/s" in outcome.err

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_one_that_comes_while_a_camera_opens_ends_it(self, spawn, number):
        with MjpegCamera() as camera:
            camera.silent.set()
            process = spawn("stream", camera.url, *MOTION)
            assert reached(lambda: camera.clients > 0, 60)
            asked = time.monotonic()
            process.send_signal(number)
            assert process.wait(timeout=60) == 0
            assert time.monotonic() - asked < 8  # 2 s, and what a busy machine needs
            assert process.stderr.read() == ""  # nothing was seen

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_one_that_comes_while_a_camera_hangs_ends_it_with_the_summary(self, spawn, number):
        with MjpegCamera() as camera:
            process = spawn("stream", camera.url, "--json", *QUICK)
            assert process.stdout.readline()
            camera.silent.set()
            assert reached(lambda: camera.quiet, 60)
            asked = time.monotonic()
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
            assert time.monotonic() - asked < 8
            assert process.returncode == 0
            assert "predictions/s" in errors
            assert "Traceback" not in errors

    def test_what_goes_on_ends_before_the_end(self, spawn):
        with MjpegCamera() as camera:
            process = spawn("stream", camera.url, "--json", "--events-only", *QUICK, *ALWAYS)
            assert json.loads(process.stdout.readline())["event"] == "began"
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
            assert json.loads(rest.splitlines()[-1])["event"] == "ended"
            assert "captured" in errors

    def test_the_process_has_what_it_had_before(self, call, clip, default_recognizer):
        call("stream", clip, "--window-seconds", 1)
        threads, files = threading.active_count(), len(open_files())
        for _ in range(3):
            call(
                "stream",
                clip,
                clip,
                "--window-seconds",
                1,
                "--serve",
                "127.0.0.1:0",
                "--max-seconds",
                9,
                "--no-realtime",
            )
        assert reached(lambda: threading.active_count() <= threads)
        assert len(open_files()) <= files


class TestWatching:
    def test_the_page_is_served_while_it_runs(self, spawn, long_clip):
        pytest.importorskip("aiohttp")
        process = spawn("stream", long_clip, "--serve", "127.0.0.1:0", "--json", *QUICK)
        said = process.stderr.readline()
        assert said.startswith("edgevid stream: watch at http://127.0.0.1:")
        process.stdout.readline()
        with urllib.request.urlopen(said.split()[-1] + "api/state", timeout=30) as answer:
            state = json.load(answer)
        assert [source["name"] for source in state["sources"]] == [str(long_clip)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0

    def test_the_page_of_a_file_stays_after_its_end_until_a_signal(self, spawn, clip):
        pytest.importorskip("aiohttp")
        process = spawn("stream", clip, "--serve", "127.0.0.1:0", "--json", "--events-only", *QUICK)
        url = process.stderr.readline().split()[-1]
        said = until(process.stderr, "stays")
        assert said[-1] == f"edgevid stream: {clip} has ended; the page at {url} stays until Ctrl-C\n"
        assert any("predictions/s" in line for line in said)
        with urllib.request.urlopen(url + "api/state", timeout=30) as answer:
            (source,) = json.load(answer)["sources"]
        assert (source["state"], source["prediction"] is None) == ("ended", False)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert (process.returncode, rest) == (0, "")

    def test_who_says_when_it_ends_gets_no_page_that_stays(self, call, clip):
        pytest.importorskip("aiohttp")
        assert call("stream", clip, *QUICK, "--serve", "127.0.0.1:0", "--max-seconds", 1).code == 0

    def test_a_file_that_does_not_open_gets_none(self, call, tmp_path):
        pytest.importorskip("aiohttp")
        assert call("stream", tmp_path / "absent.mp4", *QUICK, "--serve", "127.0.0.1:0").code == 1

    @pytest.mark.parametrize(
        ("arguments", "realtime"),
        [
            ([], False),
            (["--serve"], True),
            (["--loop"], True),
            (["--realtime"], True),
            (["--serve", "--no-realtime"], False),
        ],
    )
    def test_a_file_is_played_in_real_time_where_it_is_watched(self, call, monkeypatch, arguments, realtime):
        seen = []
        monkeypatch.setattr(stream_command, "_stream", lambda args, summary: seen.append(args.realtime))
        assert call("stream", "clip.mp4", *arguments).code == 0
        assert seen == [realtime]

    @pytest.mark.parametrize(
        ("arguments", "sources", "address"),
        [
            (["0", "--serve"], ["0"], ""), (["--serve", "0"], ["0"], ""), (["--serve", "0", "1"], ["0", "1"], ""),
            (["--serve", "rtsp://yard/x"], ["rtsp://yard/x"], ""), (["--serve", "8080", "0"], ["0"], "8080"),
            (["--serve", "0.0.0.0:0", "0"], ["0"], "0.0.0.0:0"), (["--serve", "clip.mp4"], ["clip.mp4"], ""),
            (["--serve", "door=0", "1"], ["door=0", "1"], ""),
            (["0"], ["0"], None),
        ],
    )  # fmt: skip
    def test_a_source_behind_serve_is_a_source(self, call, monkeypatch, arguments, sources, address):
        seen = []
        monkeypatch.setattr(stream_command, "_stream", lambda args, summary: seen.append((args.sources, args.serve)))
        assert call("stream", *arguments).code == 0
        assert seen == [(sources, address)]

    @pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
    def test_a_broker_gets_the_events_and_who_leaves_is_offline(self, call, clip, tmp_path):
        pytest.importorskip("paho.mqtt")
        with Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
            url = f"mqtt://127.0.0.1:{broker.port}"
            outcome = call("stream", clip, "--window-seconds", 1, "--mqtt", url, "--mqtt-name", "Front door", *ALWAYS)
            assert outcome.code == 0
            listener.wait("edgevid/front_door/availability", lambda message: message.payload == "offline")

    def test_without_a_name_the_topics_are_those_of_the_sources(self, monkeypatch):
        pytest.importorskip("paho.mqtt")
        monkeypatch.setattr("socket.gethostname", lambda: "board")
        args = Namespace(
            serve=None, mqtt="mqtt://127.0.0.1:9", mqtt_name=None, mqtt_topic="edgevid", mqtt_ca=None
        )  # fmt: skip
        with stream_command._outputs(args, StandInRecognizer(), ["door", "yard"]) as (_, (publisher,)):
            assert publisher.topics.node_id == "board_door_yard"

    def test_a_broker_that_is_not_there_is_told_and_stops_nothing(self, call, clip):
        pytest.importorskip("paho.mqtt")
        outcome = call("stream", clip, *MOTION, "--window-seconds", 1, "--mqtt", "mqtt://127.0.0.1:9")
        assert outcome.code == 0
        assert len(outcome.out.splitlines()) == 4

    def test_a_page_that_cannot_be_served_is_a_failure(self, call, clip):
        pytest.importorskip("aiohttp")
        outcome = call("stream", clip, *MOTION, "--serve", "192.0.2.1:8080")
        assert outcome.code == 1
        assert "that is not an address of this machine" in outcome.err


def without_latency(line: object) -> dict:
    record = dict(json.loads(line)) if isinstance(line, str) else dict(line)
    del record["latency_ms"]
    return record


def make_small(pipe: int) -> None:
    import fcntl

    f_setpipe_sz = 1031  # Python 3.9 has no name for it
    fcntl.fcntl(pipe, f_setpipe_sz, 4096)


def in_pipe(pipe: int) -> int:
    """Bytes that wait in a pipe."""
    import fcntl
    import termios

    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


def lines_of(stream) -> Iterator[str]:
    return iter(stream.readline, "")


def until(stream: Iterator[str], piece: str) -> list[str]:
    """The lines up to the one that holds this."""
    lines = []
    for line in stream:
        lines.append(line)
        if piece in line:
            return lines
    raise AssertionError(f"{piece!r} never came, but {lines}")


def wait_for_line(lines: Iterator[str], piece: str) -> str:
    """The next line that holds this; the test's own time limit ends a wait for ever."""
    return next(line for line in lines if piece in line)
