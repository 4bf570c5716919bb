"""The examples run as a reader would run them."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Callable

import numpy as np
import pytest
from support.fake_ros2 import FakeRos, image
from support.stand_ins import AT_ONCE, SECONDS, StandInRecognizer, picture
from support.videos import moving_frames

import edgevid

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


# the path: so that the examples import this checkout's edgevid, whether it is installed or not
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def run(example: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / example), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_one_idea_in_under_80_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80


def test_classify_folder_sorts_the_good_and_names_the_bad(make_video: Callable[..., Path], tmp_path: Path) -> None:
    make_video("clips/good.mp4")
    (tmp_path / "clips" / "bad.mp4").write_bytes(b"this is no video")
    done = run("classify_folder.py", tmp_path / "clips")
    assert done.returncode == 0
    assert "good.mp4" in done.stdout
    assert "bad.mp4" not in done.stdout
    assert "bad.mp4" in done.stderr


def test_webcam_demo_serves_a_page_and_prints_where(make_video: Callable[..., Path]) -> None:
    pytest.importorskip("aiohttp")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8080)) == 0:
            pytest.skip("another program uses port 8080")
    command = [sys.executable, str(ROOT / "examples" / "webcam_demo.py"), str(make_video(frames=200, fps=2.0))]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        said = demo.stdout.readline()
        assert said.startswith("Open http://127.0.0.1:8080/ in a browser"), demo.stderr.read()
        with urllib.request.urlopen(said.split()[1], timeout=60) as answer:
            assert b"<html" in answer.read()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
        assert "Traceback" not in demo.stderr.read()
    finally:
        demo.kill()
        demo.communicate()


def test_webcam_demo_draws_each_prediction_in_the_terminal(make_video: Callable[..., Path]) -> None:
    done = run("webcam_demo.py", make_video(frames=50), "--terminal")
    assert done.returncode == 0
    assert "█" in done.stdout
    assert done.stdout.count("window") >= 2


def test_webcam_demo_says_what_is_wrong_with_a_source(tmp_path: Path) -> None:
    done = run("webcam_demo.py", tmp_path / "absent.mp4", "--terminal")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == f"No such file: {tmp_path / 'absent.mp4'}"


def test_an_embedder_of_ones_own_learns_and_streams() -> None:
    done = run("own_embedder.py")
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    assert len(said) >= 25
    # before the window reaches into the second part, and once it lies within it
    assert {label for seconds, _, label, _ in said if float(seconds) < 4.0} == {"swings"}
    assert {label for seconds, _, label, _ in said if float(seconds) > 6.0} == {"blinks"}


def test_a_classifier_of_ones_own_uses_the_shipped_embedder(make_video: Callable[..., Path], tmp_path: Path) -> None:
    for label, seed in (("stripes", 1), ("waves", 2)):
        make_video(f"clips/{label}/1.avi", moving_frames(25, seed=seed))
    clip = make_video("new.avi", moving_frames(40, seed=2)[::-1])
    done = run("own_classifier.py", tmp_path / "clips", clip)
    assert done.returncode == 0, done.stderr
    first, *windows = done.stdout.splitlines()
    assert first.startswith("clip:")
    assert "waves" in first
    assert len(windows) >= 10
    assert all("waves" in line for line in windows)
    assert run("own_classifier.py", tmp_path / "clips", tmp_path / "absent.avi").returncode == 1


def test_robot_loop_acts_on_a_real_clip(shared: Path) -> None:
    clip = next((shared / "data" / "ucf101_core10" / "JumpRope").glob("*_g08_*.mp4"))
    done = run("robot_loop.py", clip)
    assert done.returncode == 0, done.stderr
    assert "JumpRope" in done.stdout


def test_robot_loop_needs_a_source_that_opens(tmp_path: Path) -> None:
    assert run("robot_loop.py", tmp_path / "absent.mp4").returncode == 1


def test_asyncio_loop_acts_on_a_real_clip_while_the_rest_goes_on(shared: Path) -> None:
    clip = next((shared / "data" / "ucf101_core10" / "JumpRope").glob("*_g08_*.mp4"))
    done = run("asyncio_loop.py", clip)
    assert done.returncode == 0, done.stderr
    *predictions, others = done.stdout.splitlines()
    assert any("JumpRope" in line for line in predictions)
    assert int(others.split()[-2]) > 5


def test_asyncio_loop_needs_a_source_that_opens(tmp_path: Path) -> None:
    assert run("asyncio_loop.py", tmp_path / "absent.mp4").returncode == 1


@pytest.fixture
def ros2_node() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ros2_node", ROOT / "examples" / "ros2_node.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestRos2Node:
    @pytest.mark.parametrize("padding", [0, 5])
    def test_images_of_each_encoding_are_frames(self, ros2_node: ModuleType, padding: int):
        frame = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
        np.testing.assert_array_equal(ros2_node.frame_of(image(frame, "rgb8", 0, padding)), frame)
        np.testing.assert_array_equal(ros2_node.frame_of(image(frame[..., ::-1], "bgr8", 0, padding)), frame)
        grey = ros2_node.frame_of(image(frame[..., :1], "mono8", 0, padding))
        np.testing.assert_array_equal(grey, np.repeat(frame[..., :1], 3, axis=2))

    def test_it_publishes_predictions_and_events(
        self, ros2_node: ModuleType, stand_in: StandInRecognizer, monkeypatch: pytest.MonkeyPatch
    ):
        ros = FakeRos()
        ros.install(monkeypatch)
        monkeypatch.setattr(edgevid, "load", lambda: stand_in)
        monkeypatch.setattr(stand_in, "events", edgevid.events.EventDefaults(AT_ONCE))
        pictures = [picture(jump) for jump in (0, 1, 1, 1, 0, 0)]
        for start in (1.7e9, 1.6e9):  # the second: an older recording is played
            ros.images += [image(frame, "bgr8", start + k * SECONDS) for k, frame in enumerate(pictures)]
        ros.images.insert(3, image(picture(1), "yuv422", 1.7e9 + 3 * SECONDS))
        ros2_node.main()
        assert ros.subscribed == {"image": 1}
        assert [one["label"] for one in ros.published["prediction"][:5]] == ["idle", "jump", "jump", "idle", "idle"]
        assert ("began", "jump") in [(one["event"], one["label"]) for one in ros.published["event"]]
        assert len(ros.published["prediction"]) == 9  # the frame that goes back in time starts over and is not counted
        assert len(ros.errors) == 1
        assert "'yuv422'" in ros.errors[0]
        assert ros.ended == ["rclpy"]
