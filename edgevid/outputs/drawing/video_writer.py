"""Writes frames to a video file that browsers play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import EdgevidError
from ...frames import Frame
from ...support.checks import is_text
from ...support.native_log import without_chatter

# Tried in this order: VP8 in WebM, which every browser plays; MPEG-4 part 2, which players play but browsers do not. OpenCV's
# wheels have no H.264 encoder; VP9 takes them seven times as long as VP8.
SUFFIXES = {".webm": "VP80", ".mp4": "mp4v"}


class VideoWriter:
    """Writes frames to a video file. Use it in a ``with`` block; :meth:`finish` says whether all of it was written.

    Args:
        path: the file; it ends in one of :data:`SUFFIXES`.
        width, height: size of the frames, in pixels; even.
        fps: frames per second.

    Raises:
        EdgevidError: the file cannot be written, or not with that codec.
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
        codec = SUFFIXES[path.suffix]
        with without_chatter():
            fourcc = self._cv2.VideoWriter_fourcc(*codec)
            self._writer: Any = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, self._size)
        if not self._writer.isOpened():
            raise EdgevidError(
                f"OpenCV cannot write a video in {path.parent} ({width}x{height}, {fps:g} frames/s, codec {codec}). Check that "
                "the folder can be written and that OpenCV was built with FFmpeg, as opencv-python-headless is."
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
            EdgevidError: it is incomplete, usually because the disk is full (OpenCV does not report that while writing).
        """
        self._writer.release()
        check = self._cv2.VideoCapture(str(self.path), self._cv2.CAP_FFMPEG)
        written = int(check.get(self._cv2.CAP_PROP_FRAME_COUNT)) if check.isOpened() else 0
        if written != self.frames and check.isOpened():  # WebM stores a duration, no number of frames
            written = 0
            while check.grab():
                written += 1
        check.release()
        if written != self.frames:
            raise EdgevidError(
                f"Only {written} of the {self.frames} frames of the video were written to {self.path.parent}; "
                "check the free space there."
            )

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()
