"""``edgevid teach --live``: from a camera to its own actions."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

import pytest
from support.extras import EXTRAS
from support.mjpeg import MjpegCamera
from support.motions import motion

import edgevid
from edgevid.recording import ClipFolder, Take
from edgevid.recording.avi import count_frames

MOTIONS = {kind: motion(kind) for kind in ("none", "wave", "jump")}
QUICK = ("--embedders", "region-flow", "--countdown", 0.2)


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    with MjpegCamera(25) as camera:
        camera.show(MOTIONS["none"])
        yield camera


def add_clips(folder: Path, *labels: str, clips: int = 2) -> None:
    """Clips of a second and a half, as if they had been recorded."""
    for label in labels:
        for number in range(clips):
            frames = (MOTIONS[label] * 2)[number : number + 38]
            ClipFolder(folder).add(Take.of([(i / 25, frame) for i, frame in enumerate(frames)], label), group="g")


class Talk:
    """What a person sees of the command, and types."""

    def __init__(self, process: subprocess.Popen, said: Callable[[str], object] = lambda line: None) -> None:
        self.process, self.err = process, ""
        self._said = said
        self._notes: queue.Queue[Optional[str]] = queue.Queue()
        self.answers: list[str] = []
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_notes, self._read_answers)]
        for thread in self._threads:
            thread.start()

    def _read_notes(self) -> None:
        for line in self.process.stderr:
            self.err += line
            self._said(line)
            self._notes.put(line)
        self._notes.put(None)

    def _read_answers(self) -> None:
        for line in self.process.stdout:
            self.answers.append(line.split(" s  ")[1].split("  ")[0].strip())

    def hears(self, pattern: str, seconds: float = 20.0) -> str:
        """Wait for a line with this on stderr."""
        with contextlib.suppress(queue.Empty):
            while (line := self._notes.get(timeout=seconds)) is not None:
                if re.search(pattern, line):
                    return line
        raise AssertionError(f"never said {pattern}: {self.err}")

    def answers_with(self, label: str, seconds: float = 30.0) -> None:
        """Wait for three such answers in a row."""
        end = time.monotonic() + seconds
        while self.answers[-3:] != [label] * 3:
            assert self.process.poll() is None, self.err
            assert time.monotonic() < end, (self.answers, self.err)
            time.sleep(0.02)

    def answers_more(self, count: int) -> None:
        """Wait for so many answers."""
        wanted = len(self.answers) + count
        while len(self.answers) < wanted:
            assert self.process.poll() is None, self.err
            time.sleep(0.02)

    def types(self, text: str) -> None:
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def ends(self, code: int = 0) -> None:
        assert self.process.wait(30) == code, self.err
        for thread in self._threads:
            thread.join(10)


def follow_the_guide(camera: MjpegCamera) -> Callable[[str], None]:
    """Do what the command asks for."""

    def said(line: str) -> None:
        asked = re.match(r"\d+ clips? of [\d.]+ s: (\w+)", line)
        if asked:
            camera.show(MOTIONS[asked[1]])

    return said


def test_from_nothing_to_answers_with_the_core_install_only(spawn, camera, tmp_path):
    """Record, teach, stream, correct."""
    bundle = tmp_path / "mine"
    process = spawn(
        "teach", "--live", camera.url, "-o", bundle, "--clips", 2, "--seconds", 1.2,
        "--countdown", 0.2, "--cache", tmp_path / "cache", blocked=EXTRAS, stdin=subprocess.PIPE,
    )  # fmt: skip
    talk = Talk(process, follow_the_guide(camera))
    talk.types("wave, jump\n")
    talk.hears("learnt jump, wave from 6 clips; not measured: that takes clips of each")
    talk.hears("that was: 0 none, 1 wave, 2 jump; d takes it back, q ends")
    talk.answers_with("jump")
    camera.show(MOTIONS["wave"])
    talk.answers_with("wave")
    assert ClipFolder(tmp_path / "mine-clips").counts() == {"none": 2, "wave": 2, "jump": 2}
    # The same motion is something else now: what follows has learnt it
    talk.types("2\n")
    talk.hears(r"learnt: that was jump \(jump/.*\.avi\)")
    talk.types("2\n")
    talk.hears(r"learnt: that was jump")
    talk.answers_with("jump")
    talk.types("x\nq\n")
    talk.ends()
    assert talk.err.endswith("mine-clips; the same command goes on with them\n")
    assert "INFO" not in talk.err
    clips = ClipFolder(tmp_path / "mine-clips").clips()
    assert [clip.label for clip in clips] == ["none"] * 2 + ["wave"] * 2 + ["jump"] * 4
    with edgevid.load(bundle) as recognizer:
        assert recognizer.labels == ("jump", "wave")
        assert recognizer.classify(tmp_path / "mine-clips" / clips[-1].path).label == "jump"


def test_it_goes_on_where_it_ended_and_takes_corrections_back(spawn, camera, tmp_path):
    clips = tmp_path / "clips"
    add_clips(clips, "none", "wave", "jump")
    process = spawn(
        "teach", "--live", camera.url, "-o", tmp_path / "mine", "--clips-folder", clips, "--clips", 2, *QUICK,
        "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
    )  # fmt: skip
    talk = Talk(process)
    camera.show(MOTIONS["jump"])
    talk.hears("learnt jump, wave from 6 clips")
    talk.answers_with("jump")
    talk.types("d\n")
    talk.hears("nothing was corrected")
    talk.types("0\n")
    path = talk.hears(r"that was none").split("(")[1].rstrip(")\n")
    assert count_frames(clips / path) > 10
    talk.types("d\n")
    talk.hears(f"forgotten: {path}")
    assert ClipFolder(clips).counts() == {"none": 2, "wave": 2, "jump": 2}
    process.send_signal(signal.SIGINT)
    talk.ends()
    assert edgevid.open_bundle(tmp_path / "mine").card["training"]["clips"] == 6


def test_a_camera_that_is_lost_is_waited_for(spawn, camera, tmp_path):
    add_clips(tmp_path / "mine-clips", "none", "wave")
    process = spawn(
        "teach", "--live", camera.url, "-o", tmp_path / "mine", "--actions", "wave,jump", "--clips", 2, *QUICK,
        "--seconds", 1, "--max-seconds", 60, "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
    )  # fmt: skip
    talk = Talk(process, follow_the_guide(camera))
    talk.hears("kept jump")
    camera.unplug()
    talk.hears("that one is not kept, the 1 before it are")
    camera.plug_in()
    talk.hears("kept jump")
    talk.answers_with("jump")
    camera.unplug()
    talk.hears("stopped giving frames")
    camera.plug_in()
    talk.hears("is back")
    talk.answers_more(3)
    process.send_signal(signal.SIGTERM)
    talk.ends()


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_kills_lose_no_clip_that_was_confirmed_and_leave_a_whole_bundle(spawn, camera, tmp_path):
    add_clips(tmp_path / "mine-clips", "none", "wave", "jump")
    moments, confirmed = random.Random(11), set()
    for _ in range(4):
        process = spawn(
            "teach", "--live", camera.url, "-o", tmp_path / "mine", "--actions", "wave,jump", "--clips", 2, *QUICK,
            "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
        )  # fmt: skip
        talk = Talk(process)
        talk.hears("learnt jump, wave from")
        talk.answers_more(1)
        end = time.monotonic() + moments.uniform(0.0, 0.8)
        while time.monotonic() < end:
            with contextlib.suppress(BrokenPipeError):
                talk.types("1\n")
            time.sleep(0.05)
        process.kill()
        process.wait()
        talk.ends(-signal.SIGKILL)
        confirmed |= set(re.findall(r"that was wave \((.*)\)", talk.err))
        assert edgevid.open_bundle(tmp_path / "mine").labels == ("jump", "wave")
        folder = ClipFolder(tmp_path / "mine-clips")
        assert confirmed <= {clip.path for clip in folder.clips()}
        assert all(count_frames(folder.root / clip.path) >= 2 for clip in folder.clips())
    assert confirmed, talk.err
