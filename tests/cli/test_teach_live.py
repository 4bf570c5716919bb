"""``edgevid teach --live``: from a camera to its own actions."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

import numpy as np
import pytest
from support.extras import EXTRAS
from support.mjpeg import MjpegCamera
from support.motions import motion

import edgevid
from edgevid import Prediction, Sampled, SourceStats
from edgevid.cli.teach_live import _Told
from edgevid.datasets.reading import open_dataset
from edgevid.recording import ClipFolder, Take
from edgevid.recording.avi import count_frames
from edgevid.teaching.session_state import SessionState

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

    def answers_with(self, label: str, seconds: float = 60.0) -> None:
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
        "teach", "--live", camera.url, "-o", bundle, "--clips", 1, "--seconds", 3,
        "--countdown", 1, "--cache", tmp_path / "cache", blocked=EXTRAS, stdin=subprocess.PIPE,
    )  # fmt: skip
    talk = Talk(process, follow_the_guide(camera))
    talk.types("wave, jump\n")
    talk.hears("learnt jump, wave from 3 clips; not measured: that takes clips of each")
    talk.hears("the right action: 0 none, 1 wave, 2 jump; d takes it back, q quits")
    talk.answers_with("jump")
    camera.show(MOTIONS["wave"])
    talk.answers_with("wave")
    assert ClipFolder(tmp_path / "mine-clips").counts() == {"none": 1, "wave": 1, "jump": 1}
    # The same motion is something else now: what follows has learnt it
    talk.types("2\n")
    talk.hears(r"learnt: that was jump \(jump/.*\.avi\)")
    talk.types("2\n")
    talk.hears(r"learnt: that was jump")
    talk.answers_with("jump")
    if sys.platform == "linux":
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert int(re.search(r"VmHWM:\s+(\d+)", status)[1]) < 300_000, "kB of memory at the most"
    talk.types("x\nq\n")
    talk.ends()
    assert talk.err.endswith("mine-clips; run the same command again to continue with them\n")
    assert "INFO" not in talk.err
    clips = ClipFolder(tmp_path / "mine-clips").clips()
    assert [clip.label for clip in clips] == ["none", "wave", "jump", "jump", "jump"]
    with edgevid.load(bundle) as recognizer:
        assert recognizer.labels == ("jump", "wave")
        assert recognizer.classify(tmp_path / "mine-clips" / clips[2].path).label == "jump"


def test_it_goes_on_where_it_ended_waits_for_a_lost_camera_and_takes_corrections_back(spawn, camera, tmp_path):
    clips = tmp_path / "clips"
    add_clips(clips, "none", "wave")
    process = spawn(
        "teach", "--live", camera.url, "-o", tmp_path / "mine", "--actions", "wave,jump", "--clips", 2, *QUICK,
        "--seconds", 1, "--clips-folder", clips, "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
    )  # fmt: skip
    talk = Talk(process, follow_the_guide(camera))
    talk.hears("kept jump")
    camera.unplug()
    talk.hears("that clip is not kept, the 1 before it are")
    camera.plug_in()
    talk.hears("learnt jump, wave from 6 clips")
    talk.answers_with("jump")
    talk.types("d\n")
    talk.hears("there is no correction to take back")
    talk.types("0\n")
    path = talk.hears(r"that was none").split("(")[1].rstrip(")\n")
    assert count_frames(clips / path) > 10
    talk.types("d\n")
    talk.hears(f"forgotten: {path}")
    assert ClipFolder(clips).counts() == {"none": 2, "wave": 2, "jump": 2}
    camera.unplug()
    talk.hears("stopped giving frames")
    camera.plug_in()
    talk.hears("is back")
    talk.answers_more(3)
    process.send_signal(signal.SIGINT)
    talk.ends()
    assert edgevid.open_bundle(tmp_path / "mine").card["training"]["clips"] == 6


def test_names_are_asked_for_again_while_only_doing_nothing_was_recorded(spawn, camera, tmp_path):
    add_clips(tmp_path / "mine-clips", "none")
    process = spawn(
        "teach", "--live", camera.url, "-o", tmp_path / "mine", "--clips", 2, *QUICK, "--seconds", 0.5,
        "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
    )  # fmt: skip
    talk = Talk(process, follow_the_guide(camera))
    talk.types("wave\nq\n")
    talk.hears("learnt wave from 4 clips")
    talk.ends()


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_kills_lose_no_clip_that_was_confirmed_and_leave_a_whole_bundle(spawn, camera, tmp_path):
    add_clips(tmp_path / "mine-clips", "none", "wave", "jump")
    moments, confirmed = random.Random(11), set()
    for _ in range(3):
        process = spawn(
            "teach", "--live", camera.url, "-o", tmp_path / "mine", "--actions", "wave,jump", "--clips", 2, *QUICK,
            "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
        )  # fmt: skip
        talk = Talk(process)
        talk.hears("learnt jump, wave from")
        talk.answers_more(1)
        end = time.monotonic() + moments.uniform(0.1, 0.8)
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


def test_gestures_of_a_person(shared, spawn, camera, tmp_path):
    """Two gestures of one person, recorded off a looping camera, are told apart."""
    rows = open_dataset(shared / "data" / "gestures").clips
    films = {label: next(clip.path for clip in rows if clip.label == label and clip.group == rows[0].group) for label in
             ("greeting", "attention", "static")}  # fmt: skip
    frames = {label: [frame.image for frame in edgevid.VideoFile(path)] for label, path in films.items()}
    frames["none"] = frames["static"]

    def said(line: str) -> None:
        asked = re.match(r"\d+ clips? of [\d.]+ s: (\w+)", line)
        if asked:
            camera.show(frames[asked[1]])

    with MjpegCamera(15) as camera:
        camera.show(frames["static"])
        process = spawn(
            "teach", "--live", camera.url, "-o", tmp_path / "mine", "--actions", "greeting,attention", "--clips", 2,
            "--seconds", 3, "--countdown", 1, "--cache", tmp_path / "cache", stdin=subprocess.PIPE,
        )  # fmt: skip
        talk = Talk(process, said)
        talk.hears("learnt attention, greeting from 6 clips", 60)
        talk.answers_with("attention")
        camera.show(frames["greeting"])
        talk.answers_with("greeting")
        talk.types("q\n")
        talk.ends()


def test_at_a_terminal_keys_count_at_once(camera, tmp_path, repository):
    """One more action is named; Enter begins; again; Enter goes on; a key corrects; q ends."""
    pty = pytest.importorskip("pty", reason="no terminal to stand in for")
    add_clips(tmp_path / "mine-clips", "none", "wave")
    ours, theirs = pty.openpty()
    arguments = ["teach", "--live", camera.url, "-o", str(tmp_path / "mine"), "--clips", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgevid", *arguments, *map(str, QUICK), "--seconds", "0.5", "--cache", str(tmp_path / "c")],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=repository,
    )  # fmt: skip
    os.close(theirs)
    begins, again = b"Press Enter to start: ", b"these again: "
    asked = [
        (b"There are clips of wave. Names of further actions, or Enter for none: ", b"jump\n"),
        (begins, b"\n"),
        (again, b"r\n"),
        (begins, b"\n"),
        (again, b"\n"),
        (b" s  ", b"1"),
        (b"that was wave", b"q"),
    ]
    expected = iter(asked)
    seen, heard = b"", 0
    waited, answer = next(expected)
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux: it has ended
            break
        seen += part
        if waited and waited in seen[heard:]:
            os.write(ours, answer)
            heard = len(seen)
            waited, answer = next(expected, (b"", b""))
    os.close(ours)
    assert process.wait(60) == 0, seen.decode()
    assert not waited
    assert ClipFolder(tmp_path / "mine-clips").counts() == {"none": 2, "wave": 3, "jump": 2}
    assert b"RECORDING 1" in seen


def test_on_a_terminal_the_keys_are_said_again_before_they_have_scrolled_away(monkeypatch, capfd):
    monkeypatch.setattr("edgevid.cli.teach_live.is_terminal", lambda stream: True)
    told = _Told("camera 0")
    told.labels(("wave",))
    told.state(SessionState(labels=("wave",), actions=("none", "wave")))
    prediction = Prediction(("wave",), np.ones(1), timestamp=1.0)
    for _ in range(45):
        told.sampled(Sampled("camera 0", 1.0, np.zeros((2, 2, 3), np.uint8), prediction, 0.0, SourceStats(), True))
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 45
    assert err.count(": 0 none, 1 wave; d takes it back, q quits\n") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "mine"], "Neither DATA nor --live was given"),
        (["clips", "-o", "mine", "--clips", "3"], "--clips is for a camera"),
        (["clips", "-o", "mine", "--live", "0"], "DATA is for existing clips"),
        (["--live", "0", "-o", "mine", "--gru"], "--gru is for existing clips"),
        (["--live", "0"], "-o was not given"),
        (["--live", "0", "-o", "mine", "--token", "12345678"], "give --serve too"),
        (["--live", "film.avi", "-o", "mine", "--actions", "wave"], "is not a camera; cut clips from a film"),
        (["--live", "film.avi", "-o", "mine", "--actions", "a/b"], "The label 'a/b'"),
        (["--live", "film.avi", "-o", "mine"], "No action was named"),
    ],
)
def test_wrong_use(call, make_video, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    make_video("film.avi", 10)
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        outcome = call("teach", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_a_bundle_of_others_is_not_replaced(call, camera, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.json").write_text("{}")
    outcome = call("teach", "--live", camera.url, "-o", tmp_path / "mine", "--actions", "wave")
    assert outcome.code == 1
    assert "exists; give --overwrite" in outcome.err
