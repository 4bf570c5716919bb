"""``edgevid record``."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from support.extras import EXTRAS
from support.mjpeg import MjpegCamera

from edgevid.recording import ClipFolder
from edgevid.recording.avi import count_frames

QUICK = ("--seconds", 0.3, "--countdown", 0)


@pytest.fixture(scope="module")
def camera():
    with MjpegCamera(25) as camera:
        yield camera


@pytest.fixture
def film(make_video) -> Path:
    """Three seconds."""
    return make_video("my film.avi", 30, 10.0)


def kept(printed: str) -> list[Path]:
    """The clips that the command said it kept."""
    return [Path(line.rpartition("  ")[0]) for line in printed.splitlines() if line.endswith("frames/s")]


class TestCamera:
    def test_clips_of_a_camera_with_the_core_install_only(self, spawn, camera, tmp_path):
        about = ("--person", "Ann", "--place", "hall", "--device", "pi")
        process = spawn(
            "record",
            camera.url,
            "-o",
            tmp_path / "mine" / "wave",
            "--clips",
            3,
            *QUICK,
            *about,
            blocked=EXTRAS,
        )
        out, err = process.communicate(timeout=60)
        assert (process.returncode, len(kept(out))) == (0, 3), err
        clips = ClipFolder(tmp_path / "mine").clips()
        assert [tmp_path / "mine" / clip.path for clip in clips] == kept(out)
        assert {clip[3:] for clip in clips} == {("Ann", "hall", "pi")}
        assert len({clip.group for clip in clips}) == 1
        for path in kept(out):
            assert 4 <= count_frames(path) <= 9  # 0.3 s, 25 a second, on a busy machine
        assert "wave: clip 3 of 3" in err
        assert err.endswith("now: 3 of wave\n")
        assert "\a" not in err

    def test_a_camera_that_is_lost_is_waited_for(self, spawn, tmp_path):
        with MjpegCamera(25) as camera:
            process = spawn(
                "record", camera.url, "-o", tmp_path / "wave", "--clips", 2, "--seconds", 1, "--countdown", 0
            )
            assert kept(process.stdout.readline())
            threading.Timer(0.2, camera.unplug).start()
            errors = iter(process.stderr.readline, "")
            assert any("that clip is not kept, the 1 before it are" in line for line in errors)
            camera.plug_in()
            out, _ = process.communicate(timeout=60)
        assert (process.returncode, len(kept(out))) == (0, 1)
        assert ClipFolder(tmp_path).counts() == {"wave": 2}

    def test_ctrl_c_ends_it_and_kept_clips_stay(self, spawn, camera, tmp_path):
        process = spawn("record", camera.url, "-o", tmp_path / "wave", "--clips", 999, *QUICK)
        first = kept(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert re.search(r"now: \d+ of wave\n$", err)
        clips = ClipFolder(tmp_path).clips()
        assert [tmp_path / clip.path for clip in clips][: len(first + kept(out))] == first + kept(out)

    @pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
    def test_kills_lose_no_clip_that_was_printed(self, spawn, camera, tmp_path):
        moments, printed = random.Random(3), []
        for _ in range(3):
            process = spawn(
                "record", camera.url, "-o", tmp_path / "wave", "--clips", 999, "--seconds", 0.1, "--countdown", 0
            )
            line = process.stdout.readline()
            time.sleep(moments.uniform(0, 0.4))
            process.kill()
            printed += kept(line + process.communicate()[0])
            clips = [tmp_path / clip.path for clip in ClipFolder(tmp_path).clips()]
            assert set(printed) <= set(clips)
            assert all(count_frames(path) >= 2 for path in clips)

    def test_the_page_shows_the_camera_and_what_goes_on(self, spawn, camera, tmp_path):
        pytest.importorskip("aiohttp", reason="the page needs the extra: pip install 'edgevid[web]'")
        process = spawn(
            "record", camera.url, "-o", tmp_path / "wave", "--seconds", 60, "--countdown", 0, "--serve", "127.0.0.1:0"
        )
        lines = iter(process.stderr.readline, "")
        url = next(line.split("watch at ")[1].strip() for line in lines if "watch at" in line)

        def get(path: str) -> bytes:
            with urllib.request.urlopen(url + path, timeout=30) as answer:
                return bytes(answer.read())

        deadline = time.monotonic() + 30
        source = {"state": ""}
        while source["state"] != "recording" and time.monotonic() < deadline:
            time.sleep(0.05)
            source = next(iter(json.loads(get("api/state"))["sources"]), source)
        assert source["state"] == "recording"
        assert re.fullmatch(r"Recording wave: \d+ s left", source["message"])
        assert get("api/picture/0.jpg").startswith(b"\xff\xd8\xff")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal to stand in for")
def test_at_a_terminal_each_clip_is_asked_for(camera, tmp_path, repository):
    """Keep; again; delete the one before, keep; quit."""
    import pty

    ours, theirs = pty.openpty()
    arguments = ["record", camera.url, "-o", str(tmp_path / "wave"), "--seconds", "0.2", "--countdown", "0.5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgevid", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, cwd=repository
    )
    os.close(theirs)
    answers, seen = iter([b"\n", b"r\n", b"d\n", b"\n", b"q\n"]), b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux: it has ended
            break
        if not part:
            break
        seen += part
        if seen.endswith(b"without it: "):
            os.write(ours, next(answers))
    os.close(ours)
    assert process.wait(60) == 0
    assert next(answers, None) is None
    text = seen.decode()
    first, second = re.findall(r"wave/(\S+\.avi)  0\.2 s", text)
    assert f"deleted wave/{first}" in text
    assert [clip.path for clip in ClipFolder(tmp_path).clips()] == [f"wave/{second}"]
    assert "1 ...\x1b[K\a\rRECORDING 1\x1b[K\a\a" in text
    assert text.endswith("now: 1 of wave\r\n")


class TestFilms:
    def test_a_part_of_a_film(self, call, film, tmp_path):
        folder = tmp_path / "mine" / "clap"
        outcome = call("record", "--from", film, "--begin", "0:01", "--end", 2.5, "-o", folder, "--seconds", 1)
        assert (outcome.code, len(kept(outcome.out))) == (0, 2)
        clips = ClipFolder(tmp_path / "mine").clips()
        assert [clip[1:] for clip in clips] == [("clap", "my film", "", "", "")] * 2
        assert [count_frames(tmp_path / "mine" / clip.path) for clip in clips] == [10, 5]
        outcome = call("record", film, "-o", folder, "--seconds", 1, "--clips", 1, "--group", "g")
        assert (outcome.code, len(kept(outcome.out))) == (0, 1)
        assert ClipFolder(tmp_path / "mine").clips()[-1].group == "g"

    def test_intervals(self, call, film, tmp_path):
        (tmp_path / "what.csv").write_text("begin,end,label\n0,1,clap\n1.5,2,none\n7,8,clap\n")
        outcome = call("record", "--from", film, "--intervals", tmp_path / "what.csv", "-o", tmp_path / "mine")
        assert (outcome.code, len(kept(outcome.out))) == (0, 2)
        assert "gave no clip for clap from 7 s to 8 s" in outcome.err
        assert outcome.err.endswith("now: 1 of clap, 1 of none\n")
        outcome = call("record", "--from", film, "--begin", 7, "--end", 8, "-o", tmp_path / "mine" / "clap")
        assert (outcome.code, kept(outcome.out)) == (1, [])
        assert "gave no clip for clap from 7 s to 8 s" in outcome.err
        assert ClipFolder(tmp_path / "mine").counts() == {"clap": 1, "none": 1}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["film.avi"], 2, "-o"),
        (["-o", "mine/wave"], 2, "a camera or film as SOURCE"),
        (["0", "--from", "film.avi", "-o", "mine/wave"], 2, "a camera or film as SOURCE"),
        (["film.avi", "-o", "wave"], 2, "my_clips/wave, or ./wave for the folder that you are in"),
        (["film.avi", "-o", "there"], 2, "-o there was given; expected"),
        (["film.avi", "-o", "./there"], 2, "is itself a folder of clips; name the action too: there/wave"),
        (["film.avi", "-o", "~/wave"], 2, "such as ~/my_clips/wave"),
        (["film.avi", "-o", "mine/..."], 2, "The label '...'"),
        (["film.avi", "-o", "mine/wave", "--begin", "2", "--end", "1"], 2, "an end after its beginning"),
        (["film.avi", "-o", "mine/wave", "--begin", "1:99"], 2, "expected seconds, minutes:seconds"),
        (["film.avi", "-o", "mine", "--intervals", "no.csv", "--end", "3"], 2, "leave --begin and --end out"),
        (["film.avi", "-o", "mine", "--intervals", "no.csv"], 1, "no.csv cannot be read"),
        (["film.avi", "-o", "mine/wave", "--serve"], 2, "--serve shows a camera"),
        (["film.avi", "-o", "mine/wave", "--token", "12345678"], 2, "give --serve too"),
        (["nothing.avi", "-o", "mine/wave"], 1, "No such file"),
        (["film.avi", "-o", "film.avi/wave"], 1, "cannot be opened: "),
        (["film.avi", "-o", "/proc/edgevid/wave"], 1, "cannot be opened: "),
    ],
)
def test_wrong_use(call, film, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    film.rename("film.avi")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    arguments = [argument.replace("~", str(tmp_path / "home")) for argument in arguments]
    message = message.replace("~", str(tmp_path / "home"))
    Path("there").mkdir()
    Path("there/clips.csv").write_text("path,label\n")
    outcome = call("record", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err


def test_films_are_no_cameras(call, camera, tmp_path):
    outcome = call("record", camera.url, "--begin", 1, "-o", tmp_path / "wave")
    assert outcome.code == 2
    assert "are for films" in outcome.err


def test_a_full_disk_is_told_and_what_was_kept_stays(call, film, tmp_path, monkeypatch):
    from edgevid.recording import folder

    written = []

    def write(path: Path, *arguments: object) -> None:
        if written:
            raise OSError(28, "No space left on device")
        written.append(path)
        original(path, *arguments)

    original = folder.write_avi
    monkeypatch.setattr(folder, "write_avi", write)
    outcome = call("record", film, "-o", tmp_path / "mine" / "wave", "--seconds", 1)
    assert (outcome.code, len(kept(outcome.out))) == (1, 1)
    assert "No space left on device" in outcome.err
    assert ClipFolder(tmp_path / "mine").counts() == {"wave": 1}
