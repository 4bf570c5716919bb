"""Fixtures for the tests of the command line."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable, NamedTuple

import pytest
from support.videos import moving_frames, write_video

from edgevid.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """``call(*arguments)`` runs the command line in this process."""

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def spawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., subprocess.Popen]]:
    """``spawn(*arguments)`` starts the command line in a process of its own; its output goes to pipes or to ``output``.

    ``blocked``: modules that it cannot import.
    """
    started = []
    empty = tmp_path_factory.mktemp("blocked")

    def start(
        *arguments: object,
        output: int = subprocess.PIPE,
        stdin: int = subprocess.DEVNULL,
        blocked: Sequence[str] = (),
        **environment: str,
    ) -> subprocess.Popen:
        paths = [str(empty), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        for name in blocked:
            (empty / f"{name}.py").write_text("raise ImportError('blocked')")
        process = subprocess.Popen(
            [sys.executable, "-m", "edgevid", *map(str, arguments)],
            stdin=stdin, stdout=output, stderr=output, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture
def clip(make_video) -> Path:
    """Two seconds of coloured stripes that move; few frames, because a slow runtime takes 0.1 s for each."""
    return make_video("clip.mp4", moving_frames(6), 3.0)


@pytest.fixture
def brief(make_video) -> Path:
    """Two frames, for tests of what surrounds the predictions."""
    return make_video("brief.mp4", moving_frames(2), 2.0)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-five minutes of video: far more than a test waits for."""
    frame = moving_frames(1, 64, 48)[0]
    return write_video(tmp_path_factory.mktemp("long") / "long.avi", (frame for _ in range(6000)), 4.0)
