"""Frames -> an MP4 file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import EdgevidError
from ...frames import Frame
from ...support.checks import is_text


class VideoWriter:
    """Writes frames to an MP4 file. Use it in a ``with`` block; :meth:`finish` says whether all of it was written.

    MPEG-4 Part 2 is the one codec that every OpenCV wheel can write in real time (they come without an H.264 encoder).

    Args:
        path: the file.
        width, height: of the frames, in pixels; even.
        fps: frames a second.

    Raises:
        EdgevidError: the file cannot be made.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        import cv2

        self.path = path
        self.frames = 0
        self._cv2: Any = cv2
        self._size = (width, height)
        if not is_text(str(path)):
            raise EdgevidError(
                f"The name of the video {str(path)!a} is not valid text, which OpenCV needs; give another one."
            )
        fourcc = self._cv2.VideoWriter_fourcc(*"mp4v")
        self._writer: Any = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, self._size)
        if not self._writer.isOpened():
            raise EdgevidError(
                f"OpenCV cannot write a video in {path.parent} ({width}x{height}, {fps:g} frames/s, codec mp4v). Check that the "
                "folder can be written and that OpenCV was built with FFmpeg, as opencv-python-headless is."
            )

    def write(self, frame: Frame) -> None:
        """Add a frame, uint8 ``[height, width, 3]`` RGB."""
        if frame.shape[1::-1] != self._size:
            raise ValueError(f"a frame of {frame.shape} in a video of {self._size}")
        self._writer.write(self._cv2.cvtColor(frame, self._cv2.COLOR_RGB2BGR))
        self.frames += 1

    def finish(self) -> None:
        """Complete the file.

        Raises:
            EdgevidError: it is not whole; the disk is full, as a rule (OpenCV does not tell while it writes).
        """
        self._writer.release()
        check = self._cv2.VideoCapture(str(self.path), self._cv2.CAP_FFMPEG)
        written = int(check.get(self._cv2.CAP_PROP_FRAME_COUNT)) if check.isOpened() else 0
        check.release()
        if written != self.frames:
            raise EdgevidError(
                f"Of the video's {self.frames} frames {written} were written to {self.path.parent}; check the free space there."
            )

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()
