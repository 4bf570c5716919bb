"""Real RTSP and HTTP servers on this computer: read, killed, started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from support.cameras import Statuses, camera_threads
from support.mjpeg import MjpegCamera
from support.system import free_port, open_files
from support.waiting import wait_until

import edgevid
from edgevid import Camera, SourceError
from edgevid.sources.turns import opencv_locks

SYSTEM_PYTHON = Path("/usr/bin/python3")
RTSP_SERVER = Path(__file__).parent / "support" / "rtsp_server.py"

# A server needs a moment to start, and the computer may be busy with other things.
SECONDS = 60.0


class Server:
    """A process that serves a stream at ``url``; it can be killed and started again on the same port."""

    url: str

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen = self._start()

    def _start(self) -> subprocess.Popen:
        raise NotImplementedError

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def start_again(self) -> None:
        self._process = self._start()

    def open(self, **options: object) -> Camera:
        """A camera on it, once the server listens."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return Camera(self.url, **options)
            except SourceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


class RtspServer(Server):
    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/test"

    def _start(self) -> subprocess.Popen:
        if not SYSTEM_PYTHON.exists():
            pytest.skip("there is no /usr/bin/python3, which would have GStreamer's RTSP server")
        process = subprocess.Popen(
            [str(SYSTEM_PYTHON), str(RTSP_SERVER), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if said != "ready":
            process.communicate(timeout=SECONDS)  # it ends by itself, and its exit code says why
            if process.returncode == 3:
                pytest.skip(f"GStreamer's RTSP server is not here: {said}")
            pytest.fail(f"the RTSP server does not start: {said}")
        return process


class HttpServer(Server):
    """ffmpeg serves one client, MPEG-TS, at the pace of a camera."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/test.ts"

    def _start(self) -> subprocess.Popen:
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg is None:
            pytest.skip("ffmpeg is not here")
        return subprocess.Popen(
            [ffmpeg, "-loglevel", "quiet", "-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-g", "5", "-c:v",
             "mpeg2video", "-f", "mpegts", "-listen", "1", self.url],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def serve() -> Iterator[Callable[[type[Server]], Server]]:
    """``serve(kind)`` starts a server; it is killed at the end."""
    servers: list[Server] = []

    def start(kind: type[Server]) -> Server:
        servers.append(kind())
        return servers[-1]

    yield start
    for server in servers:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
    wait_until(lambda: not camera_threads(), SECONDS)


kinds = pytest.mark.parametrize("kind", [RtspServer, HttpServer])


@kinds
def test_server_that_is_killed_and_comes_back_is_found_again(serve, kind: type[Server]):
    server, statuses = serve(kind), Statuses()
    camera = server.open(timeout_seconds=10)
    camera.on_status = statuses
    with camera:
        frames = camera.frames()
        for _ in range(5):
            before = next(frames)
        assert camera.restarts == 0
        server.kill()
        got: list[edgevid.TimedFrame] = []

        def read_on() -> None:
            while camera.restarts == 0:
                got.append(next(frames))
            for _ in range(3):
                got.append(next(frames))

        reader = threading.Thread(target=read_on)
        reader.start()
        statuses.wait_for("lost", SECONDS)
        server.start_again()
        statuses.wait_for("reopened", SECONDS)
        reader.join(SECONDS)
        assert not reader.is_alive()
        assert camera.restarts == 1
        assert got[-1].timestamp > before.timestamp
        assert got[-1].image.shape == (120, 160, 3)
        stats = camera.stats()
        assert stats.captured == stats.used + stats.unwanted + stats.dropped
        assert stats.restarts == 1
    assert statuses.states == ["opened", "lost", "reopened", "ended"]


@kinds
def test_closing_leaves_no_thread_and_no_open_file(serve, kind: type[Server]):
    server = serve(kind)
    threads, files = threading.active_count(), len(open_files())
    for _ in range(3):
        with server.open() as camera:
            next(camera.frames())
        if kind is HttpServer:  # it only ever serves one client
            server.kill()
            server.start_again()
    wait_until(lambda: threading.active_count() <= threads and len(open_files()) <= files)


def test_where_gstreamer_is_not_there_rtsp_is_skipped_and_the_reason_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As with Debian's python3-gi alone. Python is slow to exit."""
    (tmp_path / "gi.py").write_text(
        "import atexit, time\n"
        "atexit.register(time.sleep, 0.5)\n"
        "def require_version(name, version):\n"
        "    raise ValueError(f'Namespace {name} not available')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("test_sources_network.SYSTEM_PYTHON", Path(sys.executable))
    with pytest.raises(pytest.skip.Exception, match="RTSP server is not here: Namespace Gst not available"):
        RtspServer()


def test_server_that_never_answers_is_an_error_after_a_while(monkeypatch: pytest.MonkeyPatch):
    """It accepts the connection and says nothing. FFmpeg itself gives up, not only the thread that waits for it."""
    monkeypatch.setattr("edgevid.sources.camera._URL_OPEN_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for scheme in ("rtsp", "http"):
            with pytest.raises(SourceError, match=rf"camera {scheme}://.* does not open\. Check"):
                Camera(f"{scheme}://127.0.0.1:{port}/test")
    wait_until(lambda: not camera_threads())


@pytest.mark.skipif(opencv_locks(), reason="this OpenCV opens one at a time")
def test_server_that_never_answers_holds_up_no_other(make_video: Callable[..., Path]):
    def open_dead(url: str) -> None:
        with contextlib.suppress(SourceError):
            Camera(url).close()

    with socket.create_server(("127.0.0.1", 0)) as server, MjpegCamera() as alive:
        dead = threading.Thread(target=open_dead, args=[f"http://127.0.0.1:{server.getsockname()[1]}/x"])
        dead.start()
        client, _ = server.accept()
        with client, Camera(alive.url) as camera, edgevid.VideoFile(make_video()) as video:
            next(camera.frames())
            next(video.frames())
            assert dead.is_alive()
        dead.join(SECONDS)
    wait_until(lambda: not camera_threads(), SECONDS)


def test_server_that_stops_answering_is_a_loss(serve):
    """Its process is stopped, not killed: the connection stands and is silent."""
    import signal

    server, statuses = serve(RtspServer), Statuses()
    camera = server.open(timeout_seconds=2)
    camera.on_status = statuses
    with camera:
        frames = camera.frames()
        next(frames)
        server._process.send_signal(signal.SIGSTOP)
        reader = threading.Thread(target=lambda: [next(frames) for _ in iter(lambda: camera.restarts, 1)])
        reader.start()
        statuses.wait_for("lost", SECONDS)
        server._process.send_signal(signal.SIGCONT)
        statuses.wait_for("reopened", SECONDS)
        reader.join(SECONDS)
        assert not reader.is_alive()
    wait_until(lambda: not camera_threads(), SECONDS)


def test_stopping_is_quick_while_a_server_is_silent(serve):
    import signal

    server = serve(RtspServer)
    camera = server.open(timeout_seconds=100)
    next(camera.frames())
    server._process.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    camera.close()
    assert time.monotonic() - start < 40  # 2 s, and much patience with a busy computer; FFmpeg would wait for 80
    server._process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("how", ["raise SystemExit(0)", "raise KeyError('mine')"])
def test_program_that_ends_without_closing_its_camera_is_not_aborted(repository: Path, how: str):
    """A thread in OpenCV while Python shuts down would abort the process."""
    code = f"import sys, edgevid\nnext(iter(edgevid.Camera(sys.argv[1])))\n{how}"
    with MjpegCamera() as camera:
        done = subprocess.run(
            [sys.executable, "-c", code, camera.url], capture_output=True, text=True, timeout=120, cwd=repository,
            env={**os.environ, "PYTHONPATH": str(repository)},
        )  # fmt: skip
    assert done.returncode == int("mine" in how), done.stderr
    assert "terminate" not in done.stderr
