"""``edgevid extract``: what it prints and returns, and that a kill at any moment costs nothing but time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from support.videos import moving_frames, write_video
from support.waiting import wait_until

from edgevid.bundles import EmbedderEntry, find_extractor
from edgevid.cli import main
from edgevid.extraction import EmbeddingConfig, extract
from edgevid.extraction.cache import _read
from edgevid.tflite.interpreter import select_runtime

CLIPS = 20
posix = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX systems send them")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two classes of clips, each of about 50 ms of work for its runtime."""
    frames = 12 if select_runtime().name == "litert" else 2
    folder = tmp_path_factory.mktemp("data")
    for i in range(CLIPS):
        path = folder / "ab"[i % 2] / f"{i:02}.mp4"
        path.parent.mkdir(exist_ok=True)
        write_video(path, moving_frames(frames, seed=i))
    return folder


@pytest.fixture(scope="module")
def reference(data, tmp_path_factory) -> dict[str, bytes]:
    """What the cache holds after an undisturbed extraction."""
    cache = tmp_path_factory.mktemp("reference")
    list(extract(EmbeddingConfig.of([EmbedderEntry("cnn", find_extractor())]), sorted(data.glob("*/*.mp4")), cache))
    assert len(content(cache)) == CLIPS
    return content(cache)


@pytest.fixture
def spawn(data, tmp_path) -> Iterator[Callable[[], subprocess.Popen]]:
    """``spawn()`` starts the command on two workers, in a process group of its own."""
    started = []

    def start() -> subprocess.Popen:
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        command = ["extract", str(data), "-o", str(tmp_path / "cache"), "--jobs", "2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "edgevid", *command], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def whole_files(cache: Path) -> list[Path]:
    """The finished files."""
    return sorted(file for file in cache.rglob("*.npy") if not file.name.startswith(".partial-"))


def content(cache: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in whole_files(cache)}


def wait_for_files(cache: Path, count: int) -> None:
    wait_until(lambda: len(whole_files(cache)) >= count, 60)


@posix
@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_kills_at_random_moments_leave_what_no_kill_leaves(spawn, tmp_path, reference, kills):
    cache, rng = tmp_path / "cache", random.Random(20261122)
    for _ in range(kills):
        files = whole_files(cache)
        if len(files) > CLIPS // 2:  # so that each kill comes while it works, however fast it is
            for file in rng.sample(files, CLIPS // 2):
                file.unlink()
        process, before = spawn(), len(content(cache))
        wait_for_files(cache, before + 1)  # past its start
        time.sleep(rng.uniform(0, 0.02))
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert all(_read(file, 1280) is not None for file in whole_files(cache))
    process = spawn()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "were in the cache" in out
    assert content(cache) == reference


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_cleanly(spawn, tmp_path, reference, number):
    process = spawn()
    wait_for_files(tmp_path / "cache", 1)
    if number == signal.SIGINT:  # as the terminal sends it for Ctrl-C: to all processes
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.count("\n") == 1
    assert err.startswith("edgevid extract: interrupted; ")
    assert content(tmp_path / "cache").items() <= reference.items()


@posix
def test_a_killed_worker_is_an_error_not_a_hang(spawn, tmp_path):
    process = spawn()
    wait_for_files(tmp_path / "cache", 1)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "A worker process ended unexpectedly" in err
    assert "Traceback" not in err


@posix
def test_workers_do_not_outlive_their_parent(spawn, tmp_path):
    process = spawn()
    wait_for_files(tmp_path / "cache", 1)
    workers = workers_of(process)
    process.kill()
    process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers))


def workers_of(process: subprocess.Popen) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell a process's children")
    pids = [int(pid) for pid in children.read_text().split()]
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def run(data: Path, cache: Path, *options: str) -> int:
    return main(["extract", str(data), "-o", str(cache), "--jobs", "1", *options])


@pytest.fixture
def small(make_video, tmp_path) -> Path:
    """Four clips in three splits, one of them broken."""
    lines = ["path,label,split"]
    for name, label, split in (
        ("1.mp4", "a", "train"),
        ("2.mp4", "b", "train"),
        ("3.mp4", "a", "validation"),
        ("4.mp4", "b", "test"),
    ):
        make_video(f"data/{name}", moving_frames(2, seed=int(name[0])))
        lines.append(f"{name},{label},{split}")
    (tmp_path / "data" / "3.mp4").write_bytes(b"this is no video")
    (tmp_path / "data" / "clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


def test_clips_that_cannot_be_read_are_skipped_and_told(small, tmp_path, capfd):
    cache = tmp_path / "cache"
    assert run(small, cache, "--split", "train") == 0
    out, err = capfd.readouterr()
    assert out.startswith("2 clips embedded in ")
    assert out.endswith(f" clips/s)\ncache: {cache}\n")
    assert err == ""
    assert run(small, cache) == 1
    out, err = capfd.readouterr()
    assert out.startswith("1 clip embedded in ")
    assert "2 were in the cache, 1 skipped" in out
    assert err.startswith(f"edgevid extract: skipped: {small / '3.mp4'} is not a video")
    assert err.count("\n") == 1
    assert len(content(cache)) == 3


def test_wrong_use(small, tmp_path, capfd):
    cache = tmp_path / "cache"
    assert run(tmp_path / "nothing", cache) == 1
    assert "not there" in capfd.readouterr().err
    assert run(small, cache, "--extractor", "nothing") == 1
    assert "No extractor 'nothing'" in capfd.readouterr().err
    assert run(small, cache, "--runtime", "nothing") == 2
    assert "not a runtime" in capfd.readouterr().err
    for options in (["--split", "train,exam"], ["--jobs", "0"], ["--scheduler", "tcp://x:1"]):
        with pytest.raises(SystemExit, match="2"):
            run(small, cache, *options)
    (small / "clips.csv").write_text("path,label\n1.mp4,a\n2.mp4,b\n")
    assert run(small, cache, "--split", "test") == 1
    assert "no clips of the split test" in capfd.readouterr().err
    assert not cache.exists()
    cache.write_text("a file, not a folder")
    assert run(small, cache) == 1
    assert "--cache" in capfd.readouterr().err
