"""edgevid.support: checks of options, complete files, locks, other processes, pauses between attempts."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import numpy as np
import pytest

import edgevid
from edgevid import OptionError
from edgevid.bundles import find_extractor
from edgevid.extraction import local_executor
from edgevid.support import extras
from edgevid.support.checks import check_int, check_number
from edgevid.support.child_process import ask, python_command
from edgevid.support.files import MAX_TEXT, read_content, read_text, whole, write_whole
from edgevid.support.locks import locked
from edgevid.support.retry import Retry
from edgevid.tflite.probe import probe_runtime


@pytest.mark.parametrize("bad", [True, 0, 11, 2.0, "3", None])
def test_an_int_out_of_range_is_refused_by_name(bad: object):
    with pytest.raises(OptionError, match=r"hop=.* was given; expected an int from 1 to 10"):
        check_int("hop", bad, 1, 10)
    assert check_int("hop", 10, 1, 10) == 10


@pytest.mark.parametrize("bad", [True, 0, -1, float("nan"), float("inf"), "3", None, 10**400])
def test_a_number_out_of_range_is_refused_by_name(bad: object):
    with pytest.raises(OptionError, match=r"span=.* was given; expected a number of seconds above 0"):
        check_number("span", bad, 0, above_low=True, unit="seconds")
    assert check_number("span", 3, 0, above_low=True) == 3.0


@pytest.mark.parametrize("number", [np.float32(2.5), np.float64(2.5), np.int64(2), 2])
def test_numbers_of_numpy_are_numbers(number: object):
    checked = check_number("span", number, 0, 10)
    assert (type(checked), checked) == (float, float(number))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "card.json"
    write_whole(path, "old")
    with pytest.raises(ZeroDivisionError), whole(path) as partial:
        partial.write_bytes(b"half" * (partial.write_text("half") // 0))
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
    assert path.read_text() == "old"
    write_whole(path, b"new", sync=True)
    assert path.read_text() == "new"


def test_pauses_double_up_to_a_limit_and_begin_anew():
    retry = Retry(0.5, 3.0)
    assert [retry.next_delay() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    retry.reset()
    assert retry.next_delay() == 0.5


def test_a_lock_keeps_others_out_and_is_free_afterwards(tmp_path):
    with locked(tmp_path / "lock"), pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait_seconds=0.05):
        pass
    with locked(tmp_path / "lock"):
        pass


def test_a_lock_without_fcntl(tmp_path, monkeypatch):
    """As on Windows, with a stand-in for its module; and on a system that has no locks at all."""
    held = []

    def locking(descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (2, 1)
        if held:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(LK_NBLCK=2, locking=locking))
    with locked(tmp_path / "lock"):
        held.append(1)
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock"):
            pass
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    with locked(tmp_path / "lock"), locked(tmp_path / "lock"):
        pass


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with files that Python would take for modules of its own."""
    for name in ("json", "pip", "subprocess", "runpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('code of the working folder was run')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def test_other_processes_run_nothing_of_the_working_folder(hostile_folder: Path):
    told = ask(["-c", "import json, subprocess; print(json.dumps({'json': json.__file__}))"], 60)
    assert Path(told["json"]).parent != hostile_folder
    assert probe_runtime(find_extractor().path)["problem"] is None
    done = subprocess.run(python_command("-m", "pip", "--version"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 is the first that can be told")
def test_workers_run_nothing_of_the_working_folder(hostile_folder: Path, capfd: pytest.CaptureFixture[str]):
    with local_executor(1) as executor:
        assert executor.submit(abs, -1).result(60) == 1
    assert "PYTHONSAFEPATH" not in os.environ
    assert "was run" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["/dev/video\udcff", "rtsp://127.0.0.1/caf\udce9"])
def test_names_of_cameras_that_are_no_text_are_refused(name: str):
    with pytest.raises(edgevid.SourceError, match="not valid text"):
        edgevid.Camera(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "card.json")
    with pytest.raises(edgevid.BundleError):
        edgevid.open_bundle(tmp_path)
    for path in (tmp_path / "card.json", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            read_content(path)


def test_files_that_would_fill_the_memory_are_not_read(tmp_path: Path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_TEXT + 1)
    with pytest.raises(OSError, match="20,000,001 bytes"):
        read_text(tmp_path / "large")


class TestInstallCommand:
    """The command that installs an extra must use edgevid's origin; an index may not have edgevid."""

    @pytest.fixture(autouse=True)
    def _fresh(self) -> Iterator[None]:
        extras._origin.cache_clear()
        yield
        extras._origin.cache_clear()

    def test_from_a_checkout(self, repository: Path):
        assert shlex.split(extras.install_command("web")) == ["pip", "install", "-e", f"{repository}[web]"]

    @pytest.mark.parametrize(
        ("note", "command"),
        [
            (None, "pip install 'edgevid[web]'"),
            ("{", "pip install 'edgevid[web]'"),
            ('{"url": "file:///gone/edgevid", "dir_info": {}}', "pip install 'edgevid[web]'"),
            ('{"url": "file://HERE", "dir_info": {}}', "pip install 'HERE[web]'"),
            (
                '{"url": "https://example.org/e.git", "vcs_info": {"vcs": "git", "commit_id": "1"}}',
                "pip install 'edgevid[web] @ git+https://example.org/e.git'",
            ),
            ('{"url": "https://example.org/e.whl"}', "pip install 'edgevid[web] @ https://example.org/e.whl'"),
        ],
    )
    def test_installed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, note: Optional[str], command: str):
        class Installed:
            def read_text(self, name: str) -> Optional[str]:
                assert name == "direct_url.json"
                return note and note.replace("HERE", str(tmp_path))

        monkeypatch.setattr(extras, "__file__", str(tmp_path / "site-packages" / "edgevid" / "support" / "extras.py"))
        monkeypatch.setattr(extras, "distribution", lambda name: Installed())
        assert extras.install_command("web") == command.replace("HERE", str(tmp_path))
