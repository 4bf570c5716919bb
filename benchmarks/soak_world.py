"""The surroundings of streams in a soak: cameras, a broker, browsers, bundles and the caller's own code, all of which fail."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import random
import shutil
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

# Silence FFmpeg's and OpenCV's own messages about the damage. OpenCV reads these when it is loaded.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

import edgevid
from edgevid.errors import EdgevidError
from edgevid.frames import Frame
from edgevid.outputs.web import WebServer
from edgevid.runner.runner_group import RunnerGroup
from edgevid.sources import VideoFile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.mjpeg import MjpegCamera
from support.mosquitto import MOSQUITTO, Mosquitto
from support.videos import moving_frames, write_video

TICK_SECONDS = 0.25
FAULT_SECONDS = (0.5, 4.0)  # between two faults
MAX_GROUPS, MAX_BROWSERS = 2, 6
CAMERAS = 2
BUNDLES = ("exercises10-motion", "exercises10-light")
MQTT = MOSQUITTO is not None and importlib.util.find_spec("paho") is not None


class PlannedError(Exception):
    """Raised by the caller's own code here."""


class Errors(logging.Handler):
    """Errors, including those in threads and logs: counts of edgevid's own, and all others, of which there should be none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.known: Counter[str] = Counter()
        self.strange: list[str] = []
        threading.excepthook = lambda args: self.add(args.exc_value, "in a thread")
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None and record.name.startswith("edgevid"):
            self.known["logged"] += 1
        else:
            self.add(error, f"logged by {record.name}: {record.getMessage()}")

    def add(self, error: Optional[BaseException], where: str) -> None:
        # aiohttp logs browser data that is not HTTP
        if isinstance(error, (EdgevidError, PlannedError)) or type(error).__module__.startswith("aiohttp."):
            self.known[type(error).__name__] += 1
        elif len(self.strange) < 50:
            self.strange.append(f"{error!r} {where}")

    def as_dict(self) -> dict[str, Any]:
        return {"known": dict(self.known), "strange": self.strange}


class World:
    """The streams, their sources, their viewers, and the faults that hit all of these."""

    def __init__(self, folder: Path, rng: random.Random, errors: Errors) -> None:
        self._folder, self._rng, self._errors = folder, rng, errors
        self._clip = write_video(folder / "clip.mp4", moving_frames(300, 96, 72))
        self.counts: Counter[str] = Counter()
        self._past_predictions = 0
        self._cameras = [MjpegCamera(fps=12.0) for _ in range(CAMERAS)]
        self._good = [camera._pictures for camera in self._cameras]
        self._broker = Mosquitto(folder) if MQTT else None
        self._broker_state = "down"
        self._browsers: list[tuple[socket.socket, bool]] = []
        self._groups: list[_Group] = []
        self._faults: list[Callable[[], Optional[str]]] = [
            self._camera, self._camera, self._browser, self._browser, self._bundle, self._group, self._group,
        ]  # fmt: skip
        if self._broker is not None:
            self._faults.append(self._break_broker)

    def __enter__(self) -> World:
        if self._broker is not None:
            self._broker.start()
            self._broker_state = "up"
        self._lasting = self._new_group("lasting", raises=False)
        return self

    def __exit__(self, *error: object) -> None:
        self.close_groups()
        self._close(self._lasting)
        for browser, _ in self._browsers:
            browser.close()
        for camera in self._cameras:
            camera.unplug()
        if self._broker is not None:
            self._broker.stop()

    @property
    def predictions(self) -> int:
        return self._past_predictions + sum(group.predictions for group in [self._lasting, *self._groups])

    def go_on_until(self, end: float) -> None:
        due = time.monotonic()
        while time.monotonic() < end:
            if time.monotonic() >= due:
                fault = self._rng.choice(self._faults)
                name = fault()
                if name is not None:
                    self.counts[name] += 1
                due = time.monotonic() + self._rng.uniform(*FAULT_SECONDS)
            self._read_browsers()
            time.sleep(TICK_SECONDS)

    def close_groups(self) -> None:
        while self._groups:
            self._close(self._groups.pop())

    def _close(self, group: _Group) -> None:
        group.close()
        self._past_predictions += group.predictions

    # Faults: each returns what it did, or None.

    def _camera(self) -> Optional[str]:
        number = self._rng.randrange(CAMERAS)
        camera, good = self._cameras[number], self._good[number]
        what = self._rng.choice(
            ("dies", "comes back", "comes back", "is silent", "garbage", "cut short", "other size", "good")
        )
        if what == "dies":
            camera.unplug()
        elif what in ("comes back", "good"):
            camera._pictures = good
            camera.silent.clear()
            if camera._server is None:
                camera.plug_in()
        elif what == "is silent":
            camera.silent.set()
        elif what == "garbage":
            camera._pictures = [self._rng.randbytes(self._rng.randrange(1, 4000)) for _ in range(3)]
        elif what == "cut short":
            camera._pictures = [picture[: self._rng.randrange(1, len(picture))] for picture in good]
        else:
            camera.show(moving_frames(3, self._rng.randrange(8, 90) * 2, self._rng.randrange(8, 70) * 2))
        return f"camera {what}"

    def _break_broker(self) -> Optional[str]:
        assert self._broker is not None
        state = self._rng.choice(("up", "up", "down", "halted"))
        if state == self._broker_state:
            return None
        if self._broker_state == "halted":
            self._broker.send_signal(signal.SIGCONT)
        if state == "down":
            self._broker.stop()
        elif self._broker_state == "down":
            self._broker.start()
        if state == "halted":
            self._broker.send_signal(signal.SIGSTOP)
        self._broker_state = state
        return f"broker {state}"

    def _browser(self) -> Optional[str]:
        if self._browsers and (len(self._browsers) >= MAX_BROWSERS or self._rng.random() < 0.4):
            browser, _ = self._browsers.pop(self._rng.randrange(len(self._browsers)))
            if self._rng.random() < 0.5:  # a reset, as when the network is lost
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            browser.close()
            return "browser goes"
        port = self._rng.choice([self._lasting, *self._groups]).port
        what = self._rng.choice(
            ("/ws", "/ws", "/ws", "/api/state", "/api/picture/0.jpg", "/", "/../../etc", "\x00\xff")
        )
        with contextlib.suppress(OSError):
            browser = socket.create_connection(("127.0.0.1", port), timeout=5)
            browser.setblocking(False)
            self._browsers.append((browser, self._rng.random() < 0.7))
            upgrade = (
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            )
            head = f"GET {what} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{upgrade if what == '/ws' else ''}\r\n"
            browser.send(head.encode("latin-1"))
        return f"browser asks {what!r}"

    def _read_browsers(self) -> None:
        """Let the browsers that read do so and request the next update; leave the others alone."""
        for browser, reads in self._browsers:
            if reads:
                with contextlib.suppress(OSError):
                    browser.recv(1 << 20)
                    browser.send(b"\x81\x84\0\0\0\0next")

    def _bundle(self) -> Optional[str]:
        """Open a bundle, whole or damaged, and classify a clip, whole or damaged."""
        bundle, clip = Path(__file__).resolve().parent.parent / "models" / BUNDLES[0], self._clip
        what = self._rng.choice(("whole", "damaged bundle", "damaged clip"))
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(bundle, copy)
        if what == "damaged bundle":
            self._damage(self._rng.choice([path for path in sorted(copy.iterdir()) if path.is_file()]))
        elif what == "damaged clip":
            clip = Path(shutil.copy(clip, copy / "damaged.mp4"))
            self._damage(clip)
        try:
            with edgevid.load(copy) as recognizer:
                recognizer.classify(clip)
        except Exception as error:
            self._errors.add(error, what)
        return f"opened: {what}"

    def _damage(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        for _ in range(self._rng.randrange(1, 20)):
            data[self._rng.randrange(len(data))] = self._rng.randrange(256)
        path.write_bytes(data[: self._rng.randrange(len(data))] if self._rng.random() < 0.3 else data)

    def _group(self) -> Optional[str]:
        if len(self._groups) >= MAX_GROUPS or (self._groups and self._rng.random() < 0.5):
            self._close(self._groups.pop(self._rng.randrange(len(self._groups))))
            return "group stopped"
        self._groups.append(
            self._new_group(f"passing {self.counts['group started'] % 7}", raises=self._rng.random() < 0.5)
        )
        return "group started"

    def _new_group(self, name: str, raises: bool) -> _Group:
        urls = [camera.url for camera in self._cameras]
        broker = None if self._broker is None else f"mqtt://127.0.0.1:{self._broker.port}"
        return _Group(name, urls, self._clip, broker, self._rng, self._errors, raises)


class _Group:
    """A recogniser, its streams, their page and their publisher."""

    def __init__(
        self,
        name: str,
        urls: list[str],
        clip: Path,
        broker: Optional[str],
        rng: random.Random,
        errors: Errors,
        raises: bool,
    ) -> None:
        self.predictions, self._errors = 0, errors
        waits = name == "lasting" or rng.random() < 0.5
        sources: dict[str, Any] = {f"camera {number}": url for number, url in enumerate(urls)}
        sources["file"] = _looping(clip)
        sources["own"] = _own_frames(rng.randrange(20, 300) if raises else None)
        with contextlib.ExitStack() as stack:
            recognizer = stack.enter_context(edgevid.load(rng.choice(BUNDLES), num_threads=1))
            server = stack.enter_context(WebServer(recognizer.labels, port=0))
            self.port = int(server.url.rpartition(":")[2].split("/")[0])
            outputs: list[edgevid.Output] = [server]
            if broker is not None:
                from edgevid.outputs.mqtt import MqttPublisher

                publisher = MqttPublisher(broker, recognizer.labels, name=name, on_message=lambda message: None)
                stack.callback(publisher.close)
                outputs.append(publisher)
            self._group: RunnerGroup = recognizer.start_many(
                sources,
                on_prediction=partial(self._count, rng.randrange(50, 500) if raises and rng.random() < 0.3 else None),
                outputs=outputs,
                wait=waits,
            )
            self._stack = stack.pop_all()

    def _count(self, fails_at: Optional[int], name: str, prediction: edgevid.Prediction) -> None:
        self.predictions += 1
        if self.predictions == fails_at:
            raise PlannedError("the caller's function fails")

    def close(self) -> None:
        try:
            self._group.stop()
        except Exception as error:
            self._errors.add(error, "from stop()")
        finally:
            self._stack.close()


def _looping(clip: Path) -> Iterator[tuple[float, Frame]]:
    """A film in real time, repeated endlessly."""
    started, offset, timestamp = time.monotonic(), 0.0, 0.0
    while True:
        with VideoFile(clip) as video:
            for timestamp, frame in video.frames():
                time.sleep(max(started + offset + timestamp - time.monotonic(), 0.0))
                yield offset + timestamp, frame
        offset += timestamp + 0.04


def _own_frames(count: Optional[int]) -> Iterator[tuple[float, Frame]]:
    """Ten frames a second; fails after ``count`` frames, if given."""
    frames = moving_frames(100, 64, 48)
    started, number = time.monotonic(), 0
    while number != count:
        time.sleep(0.1)
        yield time.monotonic() - started, frames[number % 100].copy()
        number += 1
    raise PlannedError("the caller's frames fail")
