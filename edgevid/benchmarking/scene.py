"""The clip for measuring: a person swinging both arms in front of a wall; generated, so that it is always the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import SourceError
from ..frames import Frame
from ..sources import VideoFile
from ..sources.playback import Playback

FPS = 25.0
SECONDS = 8.0
_SWING_SECONDS = 2.0  # SECONDS is a multiple of it, so that the clip can repeat without a cut
_FOURCC = "mp4v"  # the one that every build of OpenCV with FFmpeg can write


def scene(width: int, height: int) -> Iterator[Frame]:
    """The frames, uint8 ``[height, width, 3]`` RGB: FPS a second for SECONDS."""
    import cv2

    random = np.random.default_rng(0)
    wall = _texture(random, width, height)
    figure = _texture(random, width, height)
    middle, arm = np.array([width / 2, height * 0.4]), height * 0.3
    hips = middle + np.array([0.0, height * 0.3])
    for number in range(round(FPS * SECONDS)):
        angle = 0.2 + 1.1 * (1 - np.cos(2 * np.pi * number / (FPS * _SWING_SECONDS))) / 2 * np.pi / 2
        mask: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        thick = max(height // 12, 2)
        cv2.circle(mask, _pixel(middle - np.array([0.0, height * 0.15])), max(height // 10, 1), 255, -1)
        cv2.line(mask, _pixel(middle), _pixel(hips), 255, 2 * thick)
        for side in (-1, 1):
            hand = middle + arm * np.array([side * np.sin(angle), np.cos(angle)])
            cv2.line(mask, _pixel(middle), _pixel(hand), 255, thick)
            foot = hips + height * np.array([side * 0.1, 0.28])
            cv2.line(mask, _pixel(hips), _pixel(foot), 255, thick)
        yield np.where(mask[:, :, np.newaxis] > 0, figure, wall)


def write_clip(path: Path, width: int, height: int) -> None:
    """Write the scene as MPEG-4.

    Raises:
        SourceError: this OpenCV cannot.
    """
    import cv2

    code = cv2.VideoWriter.fourcc(*_FOURCC)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, FPS, (width, height))
    try:
        if not writer.isOpened():
            raise SourceError(
                f"This OpenCV ({cv2.__version__}) cannot write the clip for measuring: it has no FFmpeg, which reading "
                "videos needs too. Install opencv-python-headless, or your system's OpenCV with FFmpeg."
            )
        for frame in scene(width, height):
            writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    finally:
        writer.release()


class RepeatedClip(Playback):
    """A video file in a loop, as fast as it can be read, as one stream: its timestamps continue."""

    def __init__(self, path: Path) -> None:
        self._clip = _Clip(path)
        super().__init__(self._clip, realtime=False, loop=True)

    @property
    def grabbing_since(self) -> float:
        """``time.perf_counter()`` when the frame that was handed out last began to be read."""
        return self._clip.grabbing_since


class _Clip(VideoFile):
    grabbing_since = 0.0

    def grab(self) -> Optional[float]:
        self.grabbing_since = time.perf_counter()
        return super().grab()


def _texture(random: np.random.Generator, width: int, height: int) -> Frame:
    """Soft spots of all colours, as on walls and clothes, instead of noise, which no camera sees."""
    import cv2

    coarse = random.integers(30, 220, (max(height // 16, 2), max(width // 16, 2), 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def _pixel(place: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
