"""Runs one row of peers.py in its own process. For the rows that need MediaPipe, this file runs in MediaPipe's environment.

    PYTHON_WITH_MEDIAPIPE benchmarks/peer_worker.py {pose,pose-each-frame,image-classifier} FRAMES.npy [MODEL]

A worker warms up and reports that it is ready. For each line of input, a number of samples, it runs them and writes their times.
At the end of the input it writes its peak memory and the size of what must be installed for it.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from edgevid.benchmarking.figures import peak_bytes

FRAMES_A_SAMPLE = 5  # 25 frames a second, one sample every 0.2 s
WINDOW = 25
ACTIONS = 10


def serve(sample: Callable[[], Any], warmup: int, needs: Sequence[str], own_bytes: int, **about: Any) -> None:
    """Run as many samples as each line of standard input says.

    Args:
        warmup: samples before the first timed one: the window must be full.
        needs: distributions that must be installed. own_bytes: size of other files. about: functions for more fields at the end.
    """
    for _ in range(warmup):
        sample()
    say(ready=True)
    for line in sys.stdin:
        wall, cpu = [], []
        for _ in range(int(line)):
            started, used = time.perf_counter(), time.process_time()
            sample()
            wall.append((time.perf_counter() - started) * 1000)
            cpu.append((time.process_time() - used) * 1000)
        say(wall_ms=wall, cpu_ms=cpu)
    peak = peak_bytes()
    installed = installed_bytes(needs)
    say(
        peak_memory_mb=None if peak is None else peak / 1e6,
        install_mb=None if installed is None else (installed + own_bytes) / 1e6,
        installed=list(needs),
        **{name: value() for name, value in about.items()},
    )


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def installed_bytes(names: Sequence[str]) -> Optional[int]:
    """Size on disk of distributions and all that they require, without extras; None if one of ``names`` is not installed."""
    sizes: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in sizes:
            continue
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in names:
                return None
            continue  # required on other machines only
        paths = [Path(str(file.locate())) for file in found.files or ()]
        sizes[key] = sum(path.stat().st_size for path in paths if path.is_file())
        required = (text.partition(";") for text in found.requires or ())
        waiting += [re.split(r"[^\w.-]", needed.strip())[0] for needed, _, marker in required if "extra" not in marker]
    return sum(sizes.values())


def to_and_fro(file: Path) -> list[NDArray[np.uint8]]:
    """Frames that can be repeated without a cut: forwards, then backwards."""
    frames = list(np.load(file))
    return frames + frames[-2:0:-1]


def endless(file: Path) -> Callable[[], NDArray[np.uint8]]:
    """A function that returns the next frame."""
    return itertools.cycle(to_and_fro(file)).__next__


def newest_of_sample(following: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return [following() for _ in range(FRAMES_A_SAMPLE)][-1]


def movinet_step(interpreter: Any, following: Callable[[], NDArray[np.uint8]]) -> Callable[[], NDArray[np.float32]]:
    """A step of a streaming network: one picture per sample; states are inputs and outputs of equal names. Returns the scores."""
    from edgevid.frames import resize

    run = interpreter.get_signature_runner()
    inputs, outputs = run.get_input_details(), run.get_output_details()
    picture_name, *others = [name for name in inputs if name not in outputs]
    scores_name, *more = [name for name in outputs if name not in inputs]
    if others or more or len(inputs) < 2:
        raise SystemExit(f"not a streaming network of one picture and states: inputs {[*inputs]}, outputs {[*outputs]}")
    height, width = inputs[picture_name]["shape"][-3:-1]
    states = {name: np.zeros(inputs[name]["shape"], inputs[name]["dtype"]) for name in outputs if name in inputs}

    def step() -> NDArray[np.float32]:
        picture = resize(newest_of_sample(following), int(width), int(height)) / np.float32(255)
        answer = run(**{picture_name: picture[np.newaxis, np.newaxis]}, **states)
        scores: NDArray[np.float32] = answer.pop(scores_name)
        states.update(answer)
        return scores

    return step


class Lstm:
    """LSTM layers and a dense layer with random weights, over a window of vectors, in NumPy."""

    def __init__(self, size: int, units: Sequence[int]) -> None:
        random = np.random.default_rng(0)
        self.layers = []
        for width in units:
            shapes = (size, 4 * width), (width, 4 * width)
            self.layers.append(tuple(0.05 * random.standard_normal(shape).astype(np.float32) for shape in shapes))
            size = width
        self.head = random.standard_normal((size, ACTIONS)).astype(np.float32)

    def __call__(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        for of_input, of_state in self.layers:
            state = memory = np.zeros(len(of_state), np.float32)
            states = []
            for fed in window @ of_input:
                entering, forgetting, new, leaving = np.split(fed + state @ of_state, 4)
                memory = _sigmoid(forgetting) * memory + _sigmoid(entering) * np.tanh(new)
                state = _sigmoid(leaving) * np.tanh(memory)
                states.append(state)
            window = np.stack(states)
        return softmax(window[-1] @ self.head)


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(1) / (np.float32(1) + np.exp(-x))


def softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    powers: NDArray[np.float32] = np.exp(x - x.max())
    return powers / np.float32(powers.sum())


def pose(frames: Path, each_frame: bool) -> None:
    """MediaPipe Pose, and LSTM layers of 64, 128 and 64 units over the landmarks of the newest 25 pictures."""
    import mediapipe

    solution = mediapipe.solutions.pose.Pose(model_complexity=1)  # the wheel lacks the other models
    following, classify = endless(frames), Lstm(33 * 4, (64, 128, 64))
    window = np.zeros((WINDOW, 33 * 4), np.float32)
    seen = found = 0

    def sample() -> None:
        nonlocal seen, found
        for number in range(FRAMES_A_SAMPLE):
            frame = following()
            if not each_frame and number:
                continue
            landmarks = solution.process(frame).pose_landmarks
            seen, found = seen + 1, found + (landmarks is not None)
            window[:-1] = window[1:]
            points = landmarks.landmark if landmarks else ()
            window[-1] = np.array([[p.x, p.y, p.z, p.visibility] for p in points]).ravel() if points else 0
        classify(window)

    serve(sample, 8, ["mediapipe"], 0, pictures_with_a_pose=lambda: found / seen)


def image_classifier(frames: Path, model: str) -> None:
    """MediaPipe's ImageClassifier on one picture per sample."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model), max_results=1)
    classifier, following = vision.ImageClassifier.create_from_options(options), endless(frames)

    def sample() -> None:
        picture = newest_of_sample(following)
        classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))

    serve(sample, 8, ["mediapipe"], Path(model).stat().st_size, model=lambda: Path(model).name)


if __name__ == "__main__":
    which, file, *rest = sys.argv[1:]
    if which == "image-classifier":
        image_classifier(Path(file), rest[0])
    else:
        pose(Path(file), each_frame=which == "pose-each-frame")
