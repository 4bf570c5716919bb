"""A network camera: real MJPEG over HTTP on this machine, which the test can stop, silence and bring back."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Optional

import cv2

from edgevid.frames import Frame

from .videos import moving_frames


class MjpegCamera:
    """Serves coloured stripes, or the frames given to :meth:`show`, endlessly at ``url``, to any number of clients.

    Attributes:
        silent: while it is set, clients are accepted and get nothing, as from a camera that hangs.
        clients: how many have come.
        quiet: whether a client waits in silence.
    """

    def __init__(self, fps: float = 50.0) -> None:
        self.silent = threading.Event()
        self.clients = 0
        self.quiet = False
        self._period = 1.0 / fps
        self._over = threading.Event()
        self.show(moving_frames(6, 96, 72))
        self._server: Optional[http.server.ThreadingHTTPServer] = None
        self._plug = threading.Lock()  # plugging in waits for unplugging in another thread
        self._port = 0
        self.plug_in()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/camera.mjpg"

    def show(self, frames: Iterable[Frame]) -> None:
        """Serve these from the next frame on."""
        self._pictures = [cv2.imencode(".jpg", frame[:, :, ::-1])[1].tobytes() for frame in frames]

    def plug_in(self) -> None:
        """Serve, at the same address as before."""
        camera = self
        over = self._over = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.clients += 1
                with contextlib.suppress(OSError):  # the client went away
                    camera._send(self, over)
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        with self._plug:
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
            self._server.daemon_threads = True
            self._port = self._server.server_port
            serve = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="mjpeg server", daemon=True)
            serve.start()

    def unplug(self) -> None:
        """Close all connections and refuse new ones."""
        with self._plug:
            self._over.set()
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None

    def _send(self, handler: http.server.BaseHTTPRequestHandler, over: threading.Event) -> None:
        while self.silent.is_set():
            if over.wait(0.05):
                return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        started, number = time.monotonic(), 0
        # Motion keeps its speed on a busy machine: overdue pictures are skipped, as by a real camera.
        while not over.wait(max(started + (number + 1) * self._period - time.monotonic(), 0.0)):
            number = max(number + 1, int((time.monotonic() - started) / self._period))
            picture = self._pictures[number % len(self._pictures)]
            while self.silent.is_set():
                self.quiet = True
                if over.wait(0.05):
                    return
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            handler.wfile.write(head.encode() + picture + b"\r\n")

    def __enter__(self) -> MjpegCamera:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.unplug()
