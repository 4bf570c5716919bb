"""``edgevid stream --wait``: sources that are not there yet."""

from __future__ import annotations

import json
import signal

import pytest
from support.mjpeg import MjpegCamera

QUICK = ("--bundle", "exercises10-motion", "--window-seconds", 0.5, "--min-filled", 0, "--threads", 1)


def test_a_camera_that_is_switched_on_later_joins_the_others(spawn):
    with MjpegCamera() as good, MjpegCamera() as late:
        late.unplug()
        process = spawn("stream", good.url, late.url, "--json", "--wait", *QUICK)
        errors = iter(process.stderr.readline, "")
        assert f"{late.url}: The camera {late.url} does not open" in next(errors)
        assert json.loads(process.stdout.readline())["source"] == good.url
        late.plug_in()
        assert "is open after" in next(line for line in errors if late.url in line)
        assert any(json.loads(line)["source"] == late.url for line in iter(process.stdout.readline, ""))
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "failed" not in rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(spawn, number):
    with MjpegCamera() as camera:
        camera.unplug()
        process = spawn("stream", camera.url, "--wait", *QUICK)
        assert "tried again" in process.stderr.readline()
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
