"""Whether memory stays flat and nothing is left open while all around the streams goes wrong, for hours.

    python benchmarks/soak_faults.py                  # two hours
    python benchmarks/soak_faults.py --minutes 5 --seed 7

Streams run over a looping file in real time, network cameras and the caller's own frames, with a page and, where mosquitto and
paho-mqtt are there, a broker. One group of them lives all along; others, on bundles of their own, are started and stopped. Faults
are drawn from the seed: cameras die, fall silent, send garbage or other sizes and come back; the broker is killed, halted and
started again; browsers come, do not read, and vanish; the caller's frames raise; damaged bundles and clips are opened.

At the end of each cycle all but the lasting group is closed, and the resident set is read (/proc/self/statm: Linux only). The
stand-ins for cameras and browsers run in the same process, so what they take counts too. Exit code 1: it grew by 5 MB or more
after the first tenth, something was left open, or an error came that is none of edgevid's.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import importlib.util
import logging
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

# FFmpeg's and OpenCV's own lines about the damage; they are read when OpenCV is loaded.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")

import numpy as np
from measure import environment, run, save
from soak import _held, _resident_mb

import edgevid
from edgevid.errors import EdgevidError
from edgevid.frames import Frame
from edgevid.outputs.web import WebServer
from edgevid.runner.runner_group import RunnerGroup
from edgevid.sources import VideoFile
from edgevid.sources.opening import Opener

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.mjpeg import MjpegCamera
from support.mosquitto import MOSQUITTO, Mosquitto
from support.videos import moving_frames, write_video

MAX_GROWTH_MB = 5.0
CYCLES = 40
TICK_SECONDS = 0.25
FAULT_SECONDS = (0.5, 4.0)  # between two faults
MAX_GROUPS, MAX_BROWSERS = 2, 6
LEFT_SECONDS = 60.0  # for threads that block in OpenCV to come back
CAMERAS = 2
BUNDLES = ("exercises10-motion", "exercises10-light")
MQTT = MOSQUITTO is not None and importlib.util.find_spec("paho") is not None


class PlannedError(Exception):
    """What the caller's own code raises here."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the faults (default: drawn, and printed)")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write the result there, also on the way"
    )
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if args.seed is None else args.seed
    print(f"seed {seed}, {args.minutes:g} minutes, " + ("with" if MQTT else "without") + " a broker", flush=True)
    faulthandler.enable()
    errors = _Errors()
    result: dict[str, Any] = {
        "benchmark": "soak_faults", "environment": environment(), "seed": seed, "minutes": args.minutes, "broker": MQTT,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        clip = write_video(Path(folder) / "clip.mp4", moving_frames(300, 96, 72))
        # What is loaded at the first use, and kept, is loaded now.
        _soak(Path(folder), clip, 10.0, 1, random.Random(0), _Errors(), lambda course: None)
        before = _settled()

        def note(soaked: dict[str, Any]) -> None:
            save({**result, "finished": False, **soaked, "errors": errors.as_dict()}, args.json)

        soaked = _soak(Path(folder), clip, args.minutes * 60, CYCLES, random.Random(seed), errors, note)
    after = _settled()
    left = {name: after[name] - before[name] for name in before}
    threads = sorted(thread.name for thread in threading.enumerate())
    memory = _flatness(soaked["course_mb"])
    result.update(
        finished=True, memory=memory, left=left, threads_at_the_end=threads, **soaked, errors=errors.as_dict()
    )
    save(result, args.json)
    print(f"{sum(soaked['faults'].values())} faults, {soaked['predictions']} predictions")
    print(
        f"after the first tenth: {memory['first_mb']:.1f} MB, at the end {memory['last_mb']:.1f} MB, "
        f"{memory['slope_mb_per_hour']:+.2f} MB an hour, {memory['range_mb']:.1f} MB between least and most"
    )
    print("left after close: " + ", ".join(f"{count} {name}" for name, count in left.items()))
    print(f"errors that are none of edgevid's: {errors.strange or 'none'}")
    return int(
        memory["growth_mb"] >= MAX_GROWTH_MB or any(count > 0 for count in left.values()) or bool(errors.strange)
    )


def _soak(
    folder: Path,
    clip: Path,
    seconds: float,
    cycles: int,
    rng: random.Random,
    errors: _Errors,
    note: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run for so long. Returns the memory's course, the faults' counts and the predictions."""
    course: list[list[float]] = []
    started = time.monotonic()
    with _World(folder, clip, rng, errors) as world:
        soaked: dict[str, Any] = {}
        for cycle in range(1, cycles + 1):
            world.go_on_until(started + seconds * cycle / cycles)
            world.close_groups()
            gc.collect()
            held = _held()
            course.append([round(time.monotonic() - started, 1), round(_resident_mb(), 3), *held.values()])
            soaked = {"faults": dict(world.counts), "predictions": world.predictions, "course_mb": course}
            note(soaked)
            print(f"{course[-1][0]:8.0f} s {course[-1][1]:8.2f} MB  {held}", flush=True)
    return soaked


def _settled() -> dict[str, int]:
    """What is held once threads that block in OpenCV have come back, or have had their time."""
    deadline = time.monotonic() + LEFT_SECONDS
    while time.monotonic() < deadline and any(one.name.startswith("edgevid") for one in threading.enumerate()):
        time.sleep(0.5)
    return _held()


def _flatness(course: list[list[float]]) -> dict[str, float]:
    """What the memory did after the first tenth: its line's slope, and means of the first and last tenth of the rest."""
    seconds, megabytes = np.array(course)[:, :2].T
    later = seconds > seconds[-1] / 10
    seconds, megabytes = seconds[later], megabytes[later]
    part = max(len(megabytes) // 10, 1)
    first, last = megabytes[:part].mean(), megabytes[-part:].mean()
    slope = np.polyfit(seconds, megabytes, 1)[0] * 3600 if len(seconds) > 1 else 0.0
    figures = {
        "first_mb": first, "last_mb": last, "growth_mb": last - first, "slope_mb_per_hour": slope,
        "range_mb": np.ptp(megabytes),
    }  # fmt: skip
    return {name: round(float(value), 3) for name, value in figures.items()}


class _Errors(logging.Handler):
    """What went wrong: edgevid's own errors, counted, and all others, which are to be none. Hears of threads' and logged ones."""

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
        # aiohttp logs what a browser sends that is no HTTP
        if isinstance(error, (EdgevidError, PlannedError)) or type(error).__module__.startswith("aiohttp."):
            self.known[type(error).__name__] += 1
        elif len(self.strange) < 50:
            self.strange.append(f"{error!r} {where}")

    def as_dict(self) -> dict[str, Any]:
        return {"known": dict(self.known), "strange": self.strange}


class _World:
    """The streams, what they look at, who looks at them, and what befalls all of these."""

    def __init__(self, folder: Path, clip: Path, rng: random.Random, errors: _Errors) -> None:
        self._folder, self._clip, self._rng, self._errors = folder, clip, rng, errors
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

    def __enter__(self) -> _World:
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

    # Faults: each says what it did, or None.

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
            if self._rng.random() < 0.5:  # as one that loses its network: a reset
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
        """What browsers read, and their wish for the next update; those that do not read are left as they are."""
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
        self._groups.append(self._new_group("passing", raises=self._rng.random() < 0.5))
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
        errors: _Errors,
        raises: bool,
    ) -> None:
        self.predictions, self._errors = 0, errors
        waits = name == "lasting" or rng.random() < 0.5
        self._opener = Opener(reconnect=True, wait=waits, on_message=lambda name, message: None)
        sources: dict[str, Any] = {
            f"camera {number}": partial(self._opener.open, f"camera {number}", url) for number, url in enumerate(urls)
        }
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
            )
            self._stack = stack.pop_all()

    def _count(self, fails_at: Optional[int], name: str, prediction: edgevid.Prediction) -> None:
        self.predictions += 1
        if self.predictions == fails_at:
            raise PlannedError("the caller's function fails")

    def close(self) -> None:
        try:
            self._opener.stop()
            self._group.stop()
        except Exception as error:
            self._errors.add(error, "from stop()")
        finally:
            self._stack.close()


def _looping(clip: Path) -> Iterator[tuple[float, Frame]]:
    """A film in real time, over and over."""
    started, offset, timestamp = time.monotonic(), 0.0, 0.0
    while True:
        with VideoFile(clip) as video:
            for timestamp, frame in video.frames():
                time.sleep(max(started + offset + timestamp - time.monotonic(), 0.0))
                yield offset + timestamp, frame
        offset += timestamp + 0.04


def _own_frames(count: Optional[int]) -> Iterator[tuple[float, Frame]]:
    """Ten frames a second; after so many it fails."""
    frames = moving_frames(100, 64, 48)
    started, number = time.monotonic(), 0
    while number != count:
        time.sleep(0.1)
        yield time.monotonic() - started, frames[number % 100].copy()
        number += 1
    raise PlannedError("the caller's frames fail")


if __name__ == "__main__":
    run(main)
