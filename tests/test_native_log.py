"""What native libraries write to stderr by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from edgevid.support import native_log
from edgevid.support.native_log import silent_opencv, without_chatter

SCRIPT = """
import logging, sys
import numpy as np
if {asked}:
    logging.basicConfig(level=logging.DEBUG, format="%(name)s says %(message)s")
    logging.getLogger("PIL").setLevel(logging.ERROR)
import edgevid
with edgevid.load("exercises10-thesis") as recognizer:
    recognizer.classify(np.zeros((2, 48, 64, 3), np.uint8))
for source in (57, {bad!r}):
    try:
        edgevid.open_source(source)
        raise SystemExit("it opened")
    except edgevid.SourceError:
        pass
"""


def stderr_of(tmp_path: Path, asked: bool, **variables: str) -> str:
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 500)
    script = SCRIPT.format(asked=asked, bad=str(tmp_path / "bad.mp4"))
    names = ("OPENCV_LOG_LEVEL", "OPENCV_FFMPEG_LOGLEVEL", "TF_CPP_MIN_LOG_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", script], env={**environment, **variables}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_program_is_told_nothing_that_it_did_not_ask_for(tmp_path: Path):
    lines = stderr_of(tmp_path, asked=False).splitlines()
    assert [line for line in lines if not line.startswith("[mov")] == []  # FFmpeg's own errors remain


def test_who_asks_is_told(tmp_path: Path):
    said = stderr_of(tmp_path, asked=True, OPENCV_LOG_LEVEL="WARN")
    assert "edgevid says INFO: Created TensorFlow Lite XNNPACK delegate" in said
    assert "WARN" in said


class TestChatter:
    def test_everything_else_comes_through(self, capfd: pytest.CaptureFixture):
        with without_chatter():
            os.write(2, b"INFO: chatter\nERROR: trouble\n")
        os.write(2, b"INFO: later\n")
        assert capfd.readouterr().err == "ERROR: trouble\nINFO: later\n"

    def test_after_an_error_and_from_several_threads_stderr_is_the_old_one(self, capfd: pytest.CaptureFixture):
        def talk() -> None:
            for _ in range(20):
                with pytest.raises(ZeroDivisionError), without_chatter():
                    1 / os.write(2, b"")

        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.write(2, b"now\n")
        assert capfd.readouterr().err == "now\n"

    def test_without_anywhere_to_keep_it_it_comes_through(
        self, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
    ):
        def full(*arguments: Any) -> Any:
            raise OSError("no space")

        monkeypatch.setattr(native_log.tempfile, "TemporaryFile", full)
        with without_chatter():
            os.write(2, b"INFO: chatter\n")
        assert capfd.readouterr().err == "INFO: chatter\n"


class Log:
    def __init__(self, level: int) -> None:
        self.level = level
        self.getLogLevel = lambda: self.level
        self.setLogLevel = lambda level: setattr(self, "level", level)


class TestOpencv:
    @pytest.fixture
    def log(self, monkeypatch: pytest.MonkeyPatch) -> Log:
        log = Log(3)
        monkeypatch.setattr(native_log, "_opencv_log", lambda: log)
        monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
        return log

    def test_it_is_silent_until_the_last_block_ends_and_then_as_before(self, log: Log):
        first, second = silent_opencv(), silent_opencv()
        first.__enter__()
        second.__enter__()
        assert log.level == 0
        first.__exit__(None, None, None)
        assert log.level == 0
        second.__exit__(None, None, None)
        assert log.level == 3

    def test_who_asked_for_more_or_changes_it_meanwhile_keeps_it(self, log: Log, monkeypatch: pytest.MonkeyPatch):
        log.level = 5
        with silent_opencv():
            assert log.level == 5
        assert log.level == 5
        log.level = 2
        with silent_opencv():
            log.level = 4
        assert log.level == 4
        monkeypatch.setenv("OPENCV_LOG_LEVEL", "WARN")
        with silent_opencv():
            assert log.level == 4

    def test_the_real_one_has_a_level(self):
        assert native_log._opencv_log().getLogLevel() >= 0
