"""Small videos whose every frame carries its own number, so that a test can tell which frames were read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

import cv2
import numpy as np

from edgevid.frames import Frame
from edgevid.sampling import SampleSpec, sample_clip
from edgevid.sampling.clip import Misjudged

_COLUMNS, _ROWS, _BLOCK = 4, 3, 16
WIDTH, HEIGHT = _COLUMNS * _BLOCK, _ROWS * _BLOCK
MAX_NUMBER = 2 ** (_COLUMNS * _ROWS) - 1
_FOURCC = {".mp4": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".mkv": "VP80", ".webm": "VP80"}


def numbered_frame(number: int, scale: int = 1) -> Frame:
    """A uint8 [48, 64, 3] frame (times ``scale``) that shows ``number``, 0 to 4095, as 12 dark or light blocks."""
    bits = np.array([number >> bit & 1 for bit in range(_COLUMNS * _ROWS)], dtype=np.uint8).reshape(_ROWS, _COLUMNS)
    grey = np.kron(40 + 170 * bits, np.ones((_BLOCK * scale, _BLOCK * scale), np.uint8)).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def number_of(frame: Frame) -> int:
    """The number that :func:`numbered_frame` wrote, also after lossy coding."""
    grey = frame.mean(axis=2)
    blocks = grey.reshape(_ROWS, grey.shape[0] // _ROWS, _COLUMNS, grey.shape[1] // _COLUMNS).mean(axis=(1, 3))
    return sum(int(light) << bit for bit, light in enumerate((blocks > 125).ravel()))


def moving_frames(count: int, width: int = 160, height: int = 120, seed: int = 0) -> np.ndarray:
    """uint8 [count, height, width, 3]: smooth coloured stripes that move and change, so that no two frames look alike."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    a, b, c = rng.uniform(2, 9, (3, 3))
    frames = [
        np.stack([np.sin(a[k] * x * (1 + i / count) + b[k] * y + c[k] * i / count) for k in range(3)], axis=2)
        for i in range(count)
    ]
    return np.asarray([(127.5 + 120 * frame).astype(np.uint8) for frame in frames])


def write_video(
    path: Path, frames: Union[int, Iterable[Frame]] = 30, fps: float = 25.0, fourcc: Optional[str] = None
) -> Path:
    """Write RGB frames (or that many numbered ones) to ``path``; the codec follows the suffix unless given."""
    images = (numbered_frame(i) for i in range(frames)) if isinstance(frames, int) else iter(frames)
    first = next(images)
    code = cv2.VideoWriter_fourcc(*(fourcc or _FOURCC[path.suffix]))
    writer = cv2.VideoWriter(str(path), code, fps, (first.shape[1], first.shape[0]))
    assert writer.isOpened(), f"this OpenCV cannot write {fourcc or path.suffix}"
    writer.write(np.ascontiguousarray(first[:, :, ::-1]))
    for image in images:
        writer.write(np.ascontiguousarray(image[:, :, ::-1]))
    writer.release()
    return path


def sample_values(path: Path, make: Callable[[Frame], Any], num_samples: int = 25) -> list[tuple[int, Any]]:
    """For each sample of a clip, its frame's index and the result of ``make``, which is called once per frame."""
    spec, made = SampleSpec(num_samples), {}
    timestamps: Sequence[float] = ()
    while True:
        found = []
        try:
            for one in sample_clip(path, spec, timestamps):
                index, frame = one.frame_indices[-1], one.sample.frames[-1]
                if index not in made:
                    made[index] = make(frame)
                del frame
                found.append((index, made[index]))
            return found
        except Misjudged as wrong:
            timestamps = wrong.timestamps
