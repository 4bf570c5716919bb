"""A recorded clip that is in no folder yet."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import SourceError
from ..frames import Frame, check_frame
from ..sources import TimedFrame

# Larger frames are scaled down: networks look at 224 pixels, and people at 6 m are still 100 high.
MAX_SIDE = 640
# A camera of 60 frames a second is recorded at 30, one of 50 at 25.
MAX_FPS = 30.0
_QUALITY = 90  # JPEG's; 44 dB and 45 kB for 640x480, measured on gestures indoors


@dataclass(frozen=True, eq=False)
class Take:
    """Frames of one action, as JPEGs: 5 s of 640x480, 25 a second, take about 6 MB of memory.

    Attributes:
        label: the action.
        timestamps: of the frames, in seconds, ascending; two or more.
        jpegs: the frames, as JPEG files of one size.
        width, height: size of each, in pixels.
    """

    label: str
    timestamps: tuple[float, ...]
    jpegs: tuple[bytes, ...]
    width: int
    height: int

    @classmethod
    def of(cls, frames: Iterable[tuple[float, Frame]], label: str) -> Take:
        """Make a take from existing frames, such as the last seconds of a stream.

        Args:
            frames: (timestamp in seconds, uint8 ``[H, W, 3]`` RGB), timestamps ascending.

        Raises:
            SourceError: there are fewer than two. FrameError: one is invalid.
        """
        taking = Taking(label)
        for timestamp, frame in frames:
            if taking.wants(timestamp):
                taking.add(timestamp, frame)
        return taking.take()

    @property
    def fps(self) -> float:
        """The mean rate in frames per second. A file has one rate for all frames; with this one it keeps their total duration."""
        return (len(self.timestamps) - 1) / (self.timestamps[-1] - self.timestamps[0])

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.timestamps) / self.fps

    def frames(self) -> Iterator[TimedFrame]:
        """The frames, decoded, uint8 ``[height, width, 3]`` RGB."""
        import cv2
        import numpy as np

        for timestamp, jpeg in zip(self.timestamps, self.jpegs):
            image: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            yield TimedFrame(timestamp, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


class Taking:
    """Collects the frames of a :class:`Take`, one by one."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.timestamps: list[float] = []
        self._jpegs: list[bytes] = []
        self._size = (0, 0)

    def wants(self, timestamp: float) -> bool:
        """Whether to keep a frame of this time: the rate is limited."""
        return not self.timestamps or timestamp - self.timestamps[-1] >= 0.75 / MAX_FPS

    def add(self, timestamp: float, frame: Frame) -> None:
        """Keep a frame, uint8 ``[H, W, 3]`` RGB."""
        import cv2

        height, width = check_frame(frame).shape[:2]
        if not self.timestamps:
            scale = min(1.0, MAX_SIDE / max(width, height))
            self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image: Any = frame
        if (width, height) != self._size:
            image = cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA)
        good, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if good:
            self.timestamps.append(timestamp)
            self._jpegs.append(jpeg.tobytes())

    def forget(self, before: float) -> None:
        """Drop the frames before a time."""
        number = bisect_left(self.timestamps, before)
        del self.timestamps[:number], self._jpegs[:number]

    def take(self) -> Take:
        """The collected frames.

        Raises:
            SourceError: there are fewer than two frames.
        """
        if len(self.timestamps) < 2:
            raise SourceError(
                f"A clip of {self.label!r} has {len(self.timestamps)} frame(s); expected 2 or more. Record for longer, or "
                "check how many frames a second the camera gives."
            )
        return Take(self.label, tuple(self.timestamps), tuple(self._jpegs), *self._size)
