"""Finished videos: read frame by frame, or sampled uniformly."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, TypeVar, Union

from ..errors import SourceError
from ..frames import Frame
from ..sampling import FRAMES_PER_CLIP, uniform_indices
from .container import is_picture, missing_bytes
from .sequence import SequenceSource

T = TypeVar("T")

# FFmpeg takes a text file for a film of a terminal, and any bytes with these suffixes for text art or karaoke; nobody
# means that.
_TEXT_CODECS = {"ansi"}
_TEXT_ART_SUFFIXES = {".adf", ".bin", ".cdg", ".idf", ".xb"}
_DEFAULT_FPS = 25.0
_CLOSE_SECONDS = 2.0


class VideoFile(SequenceSource):
    """A video file, read once from the start, never skipped. Timestamps are the file's own, from 0.

    Attributes:
        path: the file.
        width, height: of a frame, in pixels.
        fps: nominal frames a second (25 where the file does not say).
        declared_frames: the container's frame count, which may be wrong; 0 where it gives none.

    Args:
        path: the file.

    Raises:
        SourceError: no such file, not a video, cut short, or no frame can be decoded.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self.name = str(path)
        self._lock = threading.Lock()  # OpenCV crashes when a file is freed while it is read
        _check_file(self.path)
        import cv2

        self._cv2 = cv2
        # absolute, for FFmpeg takes what stands before a colon in a relative name for a protocol
        self._capture: Any = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG)
        if not self._capture.isOpened() or _is_text(self.path, _codec(self._capture.get(cv2.CAP_PROP_FOURCC))):
            self.close()
            raise SourceError(
                f"{self.path} is not a video that OpenCV can read; expected MP4, AVI, MKV, WebM or the like. "
                "A recording that was not closed properly looks like this too: convert it again with ffmpeg."
            )
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(fps) if math.isfinite(fps) and 0 < fps <= 1000 else _DEFAULT_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.declared_frames = int(count) if math.isfinite(count) and 0 < count < 2**40 else 0
        self._index = -1
        self._timestamp = -1.0 / self.fps

    def grab(self) -> Optional[float]:
        """Move to the next frame without converting it.

        Returns:
            Its timestamp in seconds, or None at the end of the file.
        """
        with self._using() as capture:
            if capture is None:
                return None
            if not capture.grab():
                if self._index < 0:
                    raise SourceError(f"{self.path} holds no frame that can be decoded; convert it again with ffmpeg.")
                return None
            self._index += 1
            timestamp = capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000.0
        # Some containers give no times, or times that stand still: then go on at the nominal rate.
        if not math.isfinite(timestamp) or timestamp <= self._timestamp:
            timestamp = self._timestamp + 1.0 / self.fps
        self._timestamp = max(timestamp, 0.0)
        return self._timestamp

    def retrieve(self) -> Frame:
        """The frame last grabbed, uint8 ``[H, W, 3]`` RGB."""
        with self._using() as capture:
            if capture is None:
                raise SourceError(f"{self.path} is closed; open it again.")
            good, image = capture.retrieve()
        if not good:
            raise SourceError(f"Frame {self._index} of {self.path} cannot be decoded; convert the file with ffmpeg.")
        frame: Frame = self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB)
        return frame

    def close(self) -> None:
        super().close()
        if self._lock.acquire(timeout=_CLOSE_SECONDS):
            try:
                self._free()
            finally:
                self._lock.release()

    @contextmanager
    def _using(self) -> Iterator[Any]:
        """The capture, or None once closed. A thread that comes back too late for :meth:`close` frees it."""
        with self._lock:
            try:
                yield None if self._closed else self._capture
            finally:
                if self._closed:
                    self._free()

    def _free(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        while True:
            timestamp = self.grab()
            if timestamp is None:
                return
            yield timestamp, self.retrieve

    def __enter__(self) -> VideoFile:
        return self


class ClipSample(NamedTuple):
    """A frame's index in its clip, its timestamp in seconds, and what was made of it."""

    frame_index: int
    timestamp: float
    value: Any


def sample_clip(
    path: Union[str, Path], make: Callable[[Frame], T], num_samples: int = FRAMES_PER_CLIP
) -> list[ClipSample]:
    """Apply ``make`` to ``num_samples`` frames uniformly distributed over a video file.

    One frame at a time is in memory, however long the clip. Frames that are not sampled are not converted, and a frame
    that is sampled several times (in a clip shorter than ``num_samples``) is made once. The container's frame count
    is only a guess that saves a pass: every frame is counted, and where the guess was wrong, what it got
    wrong is read in a second pass.

    Returns:
        ``num_samples`` samples in time order.

    Raises:
        SourceError: as :class:`VideoFile`.
    """
    made: dict[int, ClipSample] = {}
    with VideoFile(path) as video:
        guess = video.declared_frames
        num_frames = _make_frames(video, uniform_indices(guess, num_samples) if guess else [], make, made)
    indices = [int(i) for i in uniform_indices(num_frames, num_samples)]
    if num_frames != guess:
        with VideoFile(path) as video:
            _make_frames(video, indices, make, made)
    if not made.keys() >= set(indices):
        raise SourceError(f"{path} changed while it was read; try again once nothing writes to it.")
    return [made[i] for i in indices]


def _make_frames(video: VideoFile, indices: Any, make: Callable[[Frame], Any], made: dict[int, ClipSample]) -> int:
    """Read to the end, make what ``indices`` names and ``made`` lacks; return the number of frames."""
    wanted = {int(i) for i in indices} - made.keys()
    num_frames = 0
    while True:
        timestamp = video.grab()
        if timestamp is None:
            return num_frames
        if num_frames in wanted:
            made[num_frames] = ClipSample(num_frames, timestamp, make(video.retrieve()))
        num_frames += 1


def _check_file(path: Path) -> None:
    try:
        if not path.exists():
            raise SourceError(f"No such file: {path}")
        if not path.is_file():
            raise SourceError(f"{path} is not a file; expected a video file.")
        if path.stat().st_size == 0:
            raise SourceError(f"{path} is empty (0 bytes); copy or record it again.")
        if is_picture(path):
            raise SourceError(
                f"{path} is a picture; expected a video. To classify a picture, pass it as an array [1, height, width, 3]."
            )
        missing = missing_bytes(path)
        str(path.absolute()).encode()  # OpenCV 5 crashes on a name that is not text
    except UnicodeEncodeError as error:
        raise SourceError(f"The name of {str(path)!a} is not valid text, which OpenCV needs; rename it.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.") from error
    if missing:
        raise SourceError(
            f"{path} is cut short: at least {missing:,} bytes are missing at its end. Copy it again, or recover what is there "
            "with ffmpeg -i FILE -c copy NEW.mkv"
        )


def _is_text(path: Path, codec: str) -> bool:
    return codec in _TEXT_CODECS or (not codec and path.suffix.lower() in _TEXT_ART_SUFFIXES)


def _codec(fourcc: float) -> str:
    code = int(fourcc) if math.isfinite(fourcc) and fourcc > 0 else 0
    return code.to_bytes(8, "little")[:4].decode("latin-1").strip("\0 ").lower()
