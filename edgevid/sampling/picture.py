"""A small picture of a clip, for people."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Optional

from PIL import Image

from ..errors import EdgevidError
from ..sources import VideoFile
from .clip import Clip

_SIZE = (192, 192)
# Read at most up to this time: going further into a long film takes too long for a picture.
_MOST_SECONDS = 5.0


def picture_of(clip: Clip, start: Optional[float], end: Optional[float]) -> Optional[ClipPicture]:
    """The picture midway between two timestamps of a clip that is a file; None for frames."""
    if not isinstance(clip, (str, Path)) or start is None or end is None:
        return None
    return ClipPicture(Path(clip), (start + end) / 2)


@dataclass(frozen=True)
class ClipPicture:
    """Reads a frame of a video file on demand: a prediction keeps only the clip's path.

    Attributes:
        path: the file.
        timestamp: time of the frame, in seconds; 5 s if it would be later.
    """

    path: Path
    timestamp: float

    def __call__(self) -> Optional[bytes]:
        """A JPEG with sides of at most 192 pixels; None: the file is gone."""
        try:
            with VideoFile(self.path) as video:
                return jpeg_at(video, min(self.timestamp, _MOST_SECONDS))
        except (EdgevidError, OSError):
            return None


def jpeg_at(video: VideoFile, moment: float) -> Optional[bytes]:
    """A JPEG of 192 pixels a side at most, of the frame at a moment in seconds; None: the video ends before."""
    found = next(video.frames(lambda timestamp: timestamp >= moment), None)
    if found is None:
        return None
    picture, jpeg = Image.fromarray(found.image), BytesIO()
    picture.thumbnail(_SIZE)
    picture.save(jpeg, "JPEG", quality=80)
    return jpeg.getvalue()
