"""Finished videos, read frame by frame."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional, Union

from ..errors import EdgevidError, SourceError
from ..frames import Frame
from ..support.checks import is_text
from ..support.files import as_path
from ..support.native_log import silent_opencv
from ..support.system import system_errors
from .base import SourceStats
from .capture import frame_count, frame_rate, grabbed_at
from .container import is_gif, is_picture, missing_bytes
from .limits import check_size
from .mirroring import Mirroring, mirroring_of
from .sequence import SequenceSource
from .turns import opencv_turns

# FFmpeg takes a text file for a film of a terminal, and any bytes with these suffixes for text art or karaoke; nobody
# means that.
_TEXT_CODEC = b"ansi"
_TEXT_ART_SUFFIXES = {".adf", ".bin", ".cdg", ".idf", ".xb"}
# Maximum consecutive frames that cannot be decoded: the end of a container that declares too many must not look like damage.
_MAX_FAILED_GRABS = 1000
_CLOSE_SECONDS = 2.0
_PICTURE = "To classify a picture, pass it as an array [1, height, width, 3]."

_logger = logging.getLogger("edgevid")


class VideoFile(SequenceSource):
    """A video file; no frame is skipped. Timestamps are the file's own, from 0. Each iteration begins at the file's start.

    The orientation in a phone's metadata is applied: frames are upright, and mirrored if it says so. Frames of a damaged part
    that cannot be decoded are left out, counted in :meth:`stats` and logged once; a damaged part at the end looks like the
    end of the file.

    Attributes:
        path: the file.
        width, height: size of the frames that are handed out, in pixels.
        fps: nominal frames per second (25 if the file does not say).
        declared_frames: the container's frame count, which may be wrong; 0 if it gives none.

    Args:
        path: the file.

    Raises:
        SourceError: no such file, not a video, truncated, no frame can be decoded, or frames are larger than
            :func:`edgevid.sources.limits.check_size` allows.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = as_path("path", path)
        self.name = str(path)
        self._lock = threading.Lock()  # OpenCV crashes when a file is freed while it is read
        self._damaged = 0
        self._capture: Any = None
        self._timestamp = 0.0
        self._open()

    def grab(self) -> Optional[float]:
        """Move to the next frame without converting it.

        Returns:
            Its timestamp in seconds, or None at the end of the file.
        """
        failed = 0
        with self._using() as capture:
            if capture is None:
                return None
            while not capture.grab():
                # A frame that cannot be decoded looks like the end of the file: only the number of frames tells.
                failed += 1
                if failed > _MAX_FAILED_GRABS or self._index + 1 + self._failed + failed >= self.declared_frames:
                    if self._index < 0:
                        raise SourceError(
                            f"{self.path} has no frame that can be decoded; convert it again with ffmpeg."
                        )
                    return None
            timestamp = grabbed_at(capture, self._timestamp, self.fps)
        if failed:
            self._note_damage(failed)
        self._index += 1
        self._timestamp = timestamp
        return timestamp

    def retrieve(self) -> Frame:
        """The frame last grabbed, uint8 ``[H, W, 3]`` RGB."""
        with self._using() as capture:
            if capture is None:
                raise SourceError(f"{self.path} is closed; open it again.")
            good, image = capture.retrieve()
        if not good:
            raise SourceError(f"Frame {self._index} of {self.path} cannot be decoded; convert the file with ffmpeg.")
        frame: Frame = self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB)
        return frame if self._mirroring is None else self._mirroring.upright(frame)

    def stats(self) -> SourceStats:
        return replace(super().stats(), damaged=self._damaged)

    def close(self) -> None:
        super().close()
        if self._lock.acquire(timeout=_CLOSE_SECONDS):
            try:
                self._free()
            finally:
                self._lock.release()

    @system_errors(SourceError)
    def _open(self) -> None:
        """Open the file, or reopen it: seeking to the first frame does not work in every container."""
        self._mirroring = _check_file(self.path)
        import cv2

        self._cv2 = cv2
        opencv_turns.wait(f"file {self.path}")
        capture = self._new_capture()
        if not capture.isOpened() or self._is_text(capture.get(cv2.CAP_PROP_FOURCC)):
            capture.release()
            raise SourceError(
                f"{self.path} is not a video that OpenCV can read; expected MP4, AVI, MKV, WebM or the like. "
                "A recording that was not closed properly looks like this too: convert it again with ffmpeg."
            )
        self.width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if self._mirroring is not None and self._mirroring.transpose:
            self.width, self.height = self.height, self.width
        try:
            check_size(str(self.path), self.width, self.height)
        except EdgevidError:
            capture.release()
            raise
        self.fps, self.declared_frames = frame_rate(capture), frame_count(capture)
        if self._may_be_still(capture):
            frames = sum(capture.grab() for _ in range(2))
            capture.release()
            if frames == 1:
                raise SourceError(
                    f"{self.path} holds one still picture, such as the cover of a song; expected a video. {_PICTURE}"
                )
            capture = self._new_capture()
        self._free()
        self._capture = capture
        self._index = -1  # of the frame last grabbed
        self._failed = 0  # frames before it that cannot be decoded
        self._timestamp = -1.0 / self.fps

    def _new_capture(self) -> Any:
        # absolute, because FFmpeg takes the part before a colon in a relative name for a protocol
        with silent_opencv():  # the caller reports errors
            capture = self._cv2.VideoCapture(str(self.path.absolute()), self._cv2.CAP_FFMPEG)
        # the default differs between versions of OpenCV
        capture.set(self._cv2.CAP_PROP_ORIENTATION_AUTO, int(self._mirroring is None))
        return capture

    def _may_be_still(self, capture: Any) -> bool:
        """Whether it may be a still picture: FFmpeg gives these no number of frames, or 90,000 frames a second."""
        return self.declared_frames == 0 or capture.get(self._cv2.CAP_PROP_FPS) > self.fps or is_gif(self.path)

    def _is_text(self, fourcc: float) -> bool:
        code = int(fourcc) if math.isfinite(fourcc) and fourcc > 0 else 0
        codec = code.to_bytes(8, "little")[:4].strip(b"\0 ").lower()
        return codec == _TEXT_CODEC or (not codec and self.path.suffix.lower() in _TEXT_ART_SUFFIXES)

    def _note_damage(self, frames: int) -> None:
        if not self._damaged:
            _logger.warning(
                "%s is damaged after %.2f s: frames there cannot be decoded and are left out. Copy or record it again.",
                self.path, max(self._timestamp, 0.0),
            )  # fmt: skip
        self._failed += frames
        self._damaged += frames

    @contextmanager
    def _using(self) -> Iterator[Any]:
        """The capture, or None once closed. A thread that returns too late for :meth:`close` frees it."""
        with self._lock:
            try:
                yield None if self._closed else self._capture
            except self._cv2.error as error:
                raise SourceError(
                    f"A frame of {self.path} cannot be decoded: {' '.join(str(error).split())} Convert the file with ffmpeg."
                ) from error
            finally:
                if self._closed:
                    self._free()

    def _free(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        with self._using() as capture:
            if capture is not None and self._index >= 0:
                self._open()
        while True:
            timestamp = self.grab()
            if timestamp is None:
                return
            yield timestamp, self.retrieve


def _check_file(path: Path) -> Optional[Mirroring]:
    """How its frames are mirrored. Raises: SourceError: it is not a complete video file."""
    try:
        if not path.exists():
            camera = " A camera is 0, /dev/video0 or picamera2." if path.name == str(path) and not path.suffix else ""
            raise SourceError(f"No such file: {path}.{camera}" if camera else f"No such file: {path}")
        if not path.is_file():
            raise SourceError(f"{path} is not a file; expected a video file.")
        if path.stat().st_size == 0:
            raise SourceError(f"{path} is empty (0 bytes); copy or record it again.")
        if is_picture(path):
            raise SourceError(f"{path} is a picture; expected a video. {_PICTURE}")
        missing, mirroring = missing_bytes(path), mirroring_of(path)
        if not is_text(str(path.absolute())):
            raise SourceError(f"The name of {str(path)!a} is not valid text, which OpenCV needs; rename it.")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from error
    if missing:
        raise SourceError(
            f"{path} is cut short: at least {missing:,} bytes are missing at its end. Copy it again, or recover what is there "
            "with ffmpeg -i FILE -c copy NEW.mkv"
        )
    return mirroring
