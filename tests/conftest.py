"""Fixtures for all tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Callable, Optional, Union

import pytest
from support.cameras import FakeCamera, plugging
from support.stand_ins import StandInRecognizer
from support.videos import write_video
from support.waiting import reached

import edgevid
from edgevid import RuntimeNotAvailableError
from edgevid.frames import Frame
from edgevid.tflite.interpreter import tflite_schema

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes many seconds; leave out with -m 'not slow'")


@pytest.fixture(scope="session", autouse=True)
def no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests must not depend on the home folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEVID_MODELS", str(tmp_path_factory.mktemp("user") / "models"))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips and models beside the checkout, if there is one."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the folder ../shared with real clips is not here")
    return SHARED


@pytest.fixture(scope="session")
def recognizer() -> Iterator[edgevid.Recognizer]:
    """The bundle of the thesis's form (a network on the frame, and a GRU), opened once for all tests, on one thread."""
    with edgevid.load("exercises10-thesis", num_threads=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def default_recognizer() -> Iterator[edgevid.Recognizer]:
    """The default bundle, on one thread."""
    with edgevid.load(num_threads=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def motion_recognizer() -> Iterator[edgevid.Recognizer]:
    """The cheapest of the bundles taught on motion: it runs no network on the frames."""
    with edgevid.load("exercises10-motion", num_threads=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def schema() -> Any:
    """The classes of the TFLite file format."""
    try:
        return tflite_schema()
    except RuntimeNotAvailableError:
        pytest.skip("cutting needs ai-edge-litert, which is not installed")


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """No thread that a test starts may outlive it."""
    before = set(threading.enumerate())
    yield
    assert reached(lambda: set(threading.enumerate()) <= before, 10), threading.enumerate()


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeCamera]]:
    """``plug(camera, device=None)``: every camera (or that device) opened from now on is this one."""
    with plugging(monkeypatch) as plug_in:
        yield plug_in


@pytest.fixture
def stand_in() -> StandInRecognizer:
    return StandInRecognizer()


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """``make_video(name, frames, fps, fourcc)`` writes a video below ``tmp_path``; see ``support.videos.write_video``."""

    def make(
        name: Union[str, Path] = "clip.mp4",
        frames: Union[int, Iterable[Frame]] = 30,
        fps: float = 25.0,
        fourcc: Optional[str] = None,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_video(path, frames, fps, fourcc)

    return make
