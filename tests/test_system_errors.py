"""What the system refuses is an EdgevidError wherever a caller's path is used, and one sentence on the command line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

import edgevid
from edgevid import EdgevidError, cli
from edgevid.benchmarking.reference import read_boards
from edgevid.bundles import user_bundles, user_extractors
from edgevid.bundles.writing import check_output, new_bundle
from edgevid.classifiers import StatisticsClassifier, open_network
from edgevid.datasets.reading import open_dataset, read_used_clips
from edgevid.datasets.ucf101 import read_lists
from edgevid.embedders.opening import entries_for
from edgevid.evaluation.folder import check_folder, read_evaluation
from edgevid.evaluation.predictions import read_predictions
from edgevid.extraction import EmbeddingConfig, embed_clips
from edgevid.recording import ClipFolder
from edgevid.recording.film import read_intervals
from edgevid.sources import ImageFolder, open_source
from edgevid.support.files import write_whole
from edgevid.support.system import reason_of, system_errors
from edgevid.support.threads import start_threads

FRAMES = np.zeros((6, 48, 64, 3), np.uint8)
NOBODY = 65534

TOUCHING: dict[str, Callable[[Path], object]] = {
    "open_bundle": edgevid.open_bundle,
    "load": edgevid.load,
    "VideoFile": edgevid.VideoFile,
    "open_source": open_source,
    "pictures": lambda path: list(ImageFolder([path])),
    "folder of pictures": ImageFolder,
    "open_network": open_network,
    "statistics": StatisticsClassifier.load,
    "open_dataset": open_dataset,
    "ClipFolder": ClipFolder,
    "evaluation": read_evaluation,
    "cache": lambda path: embed_clips(EmbeddingConfig.of(entries_for(("flow-histogram",))), [], path),
    "output of a bundle": lambda path: check_output(path / "bundle", overwrite=True),
    "output of an evaluation": lambda path: check_folder(path / "evaluation"),
}


# what reads a table
READING: dict[str, Callable[[Path], object]] = {
    "clips.csv of a folder": lambda path: ClipFolder(path.parent),
    "clips.csv of a training": lambda path: read_used_clips(path.parent),
    "intervals": read_intervals,
    "predictions": read_predictions,
    "boards": read_boards,
    "official lists": lambda path: read_lists(path.parent, 1),
}


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything: be somebody else for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no users here")
@pytest.mark.parametrize("touch", TOUCHING.values(), ids=TOUCHING)
def test_a_folder_that_may_not_be_entered(tmp_path: Path, touch: Callable[[Path], object]):
    with suppress(EdgevidError):  # load what the call imports now: "nobody" may be unable to read it
        touch(tmp_path / "missing")
    (tmp_path / "closed").mkdir(mode=0)
    try:
        with as_nobody(), pytest.raises(EdgevidError):
            touch(tmp_path / "closed" / "inside")
    finally:
        (tmp_path / "closed").chmod(0o700)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud800", "loop"], ids=["long", "NUL", "no text", "loop"])
@pytest.mark.parametrize("touch", TOUCHING.values(), ids=TOUCHING)
def test_a_name_that_no_file_can_have(tmp_path: Path, touch: Callable[[Path], object], name: str):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(EdgevidError):
        touch(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no users here")
@pytest.mark.parametrize("variable", ["EDGEVID_MODELS", "XDG_DATA_HOME"])
def test_models_of_the_user_that_may_not_be_read_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
):
    monkeypatch.delenv("EDGEVID_MODELS")
    monkeypatch.setenv(variable, str(tmp_path / "closed"))
    assert user_bundles() == user_extractors() == []  # loads what this imports
    (tmp_path / "closed").mkdir(mode=0)
    with as_nobody():
        assert user_bundles() == []
        assert user_extractors() == []


def test_a_clip_with_a_name_that_no_file_can_have_is_not_there(tmp_path: Path):
    (tmp_path / "clips.csv").write_text(f"path,label\njump/{'x' * 300}.avi,jump\n")
    assert ClipFolder(tmp_path).clips() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("read", READING.values(), ids=READING)
def test_a_pipe_in_place_of_a_table_is_refused_at_once(read: Callable[[Path], object], tmp_path: Path):
    for name in ("clips.csv", "trainlist01.txt", "testlist01.txt"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(EdgevidError, match="it is not a regular file"):
        read(tmp_path / "clips.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_among_clips_is_none(tmp_path: Path):
    (tmp_path / "wave").mkdir()
    os.mkfifo(tmp_path / "wave" / "clip.avi")
    assert ClipFolder(tmp_path).clips() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_file_that_is_no_file_is_not_replaced(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file, and is not replaced"):
        write_whole(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "/a: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "cannot be encoded or decoded"),
        (ValueError("embedded null byte"), "cannot be encoded or decoded"),
        (MemoryError(), "not enough memory"),
        (RecursionError(), "nested too deeply"),
        (ImportError("libGL.so.1: cannot open shared object file", name="cv2"), "OpenCV cannot be imported: libGL"),
    ],
)
def test_what_the_system_refuses_is_said(error: Exception, said: str):
    with pytest.raises(edgevid.SourceError, match=said), system_errors(edgevid.SourceError):
        raise error


def test_other_errors_are_left_alone():
    for error in (ValueError("x"), KeyError("x"), BrokenPipeError(), edgevid.FrameError("x"), ImportError("x")):
        with pytest.raises(type(error)) as raised, system_errors(edgevid.SourceError):
            raise error
        assert raised.value is error
    assert reason_of(ValueError("x")) is None


def test_without_opencv_a_video_says_how_to_mend_it(make_video, monkeypatch: pytest.MonkeyPatch):
    path = make_video(frames=3)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(edgevid.SourceError, match=r"OpenCV cannot be imported: .*pip install"):
        edgevid.VideoFile(path)


def test_the_last_error_of_a_command_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def refuse(*args: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files", "/x")

    monkeypatch.setattr("edgevid.cli.models.run", refuse)
    assert cli.main(["models"]) == 1
    assert capsys.readouterr().err.startswith("edgevid models: /x: Too many open files. ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_written(repository: Path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgevid", "models"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=repository
        )
    assert (done.returncode, done.stderr) == (1, "edgevid models: The system refused: No space left on device.\n")


class NoThreads:
    """Lets ``allowed`` threads start; all later ones fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
        start = threading.Thread.start
        self.left = allowed

        def limited(thread: threading.Thread) -> None:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.mark.parametrize("allowed", [0, 1, 2])
@pytest.mark.usefixtures("no_thread_is_left")
def test_a_runner_whose_threads_cannot_start_leaves_none(
    motion_recognizer: edgevid.Recognizer, monkeypatch: pytest.MonkeyPatch, allowed: int
):
    class Output:
        def take(self, message: object, state: object) -> None:
            pass

    with monkeypatch.context() as patch:
        NoThreads(patch, allowed)
        with pytest.raises(EdgevidError, match=r"cannot be started .*ulimit -u"):
            motion_recognizer.start(FRAMES, on_event=print, outputs=[Output()])


def test_what_was_started_is_undone(monkeypatch: pytest.MonkeyPatch):
    NoThreads(monkeypatch, 1)
    undone: list[str] = []
    threads = [threading.Thread(target=int) for _ in range(2)]
    with pytest.raises(edgevid.SourceError):
        start_threads(threads, lambda: undone.append("all"), edgevid.SourceError)
    assert undone == ["all"]


def test_a_bundle_that_has_no_room_is_named(tmp_path: Path):
    def fill() -> None:
        with new_bundle(tmp_path / "mine"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(EdgevidError, match=r"mine cannot be written: No space left on device\. Make room"):
        fill()
    assert list(tmp_path.iterdir()) == []
