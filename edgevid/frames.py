"""Frames: their format, checks, regions and resizing.

A frame is ``uint8 [H, W, 3]``, RGB, values 0 to 255. OpenCV gives BGR, and no check can detect the order: a caller with BGR
frames says ``colour="bgr"`` where they enter edgevid, and they are converted there, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import FrameError, OptionError

Frame = NDArray[np.uint8]

# The order of a frame's channels
RGB, BGR = "rgb", "bgr"


class Region(NamedTuple):
    """A part of a frame, as fractions of its width and height, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    def as_list(self) -> list[float]:
        """For JSON: left, top, right, bottom, to 4 decimals."""
        return [round(float(part), 4) for part in self]


WHOLE = Region(0.0, 0.0, 1.0, 1.0)

_UINT8 = np.dtype(np.uint8)
_EXPECTED = "expected a uint8 RGB array of shape [height, width, 3]"


def check_frame(frame: Any) -> Frame:
    """Return ``frame`` if it is a valid frame.

    Raises:
        FrameError: it is not; the message says why and how to convert it.
    """
    if isinstance(frame, np.ndarray) and frame.dtype == _UINT8 and frame.shape[2:] == (3,) and frame.size:
        return frame
    raise FrameError(_problem(frame))


def size_of(frame: Frame) -> str:
    """A frame's width and height, for people: "640x480"."""
    return f"{frame.shape[1]}x{frame.shape[0]}" if np.ndim(frame) > 1 else "no frame"


def check_colour(colour: Any) -> str:
    """Return ``colour`` if it is a channel order, "rgb" or "bgr".

    Raises:
        OptionError: it is not.
    """
    if colour in (RGB, BGR):
        return str(colour)
    raise OptionError(f"colour={colour!r} was given; expected 'rgb', or 'bgr' for frames of OpenCV.")


def to_rgb(frame: Any, colour: str) -> Frame:
    """Convert a frame with the channel order ``colour`` to RGB; an RGB frame is returned itself.

    Raises:
        FrameError: it is not a frame.
    """
    check_frame(frame)
    if colour == RGB:
        return frame  # type: ignore[no-any-return]
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_BGR2RGB), np.uint8)


class RgbFrames(Sequence[Frame]):
    """BGR frames as RGB. Each is converted when it is accessed."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: Any) -> Any:
        return RgbFrames(self._frames[index]) if isinstance(index, slice) else to_rgb(self._frames[index], BGR)


def _problem(frame: Any) -> str:
    """Why something is not a valid frame, and how to convert it."""
    if not isinstance(frame, np.ndarray):
        return f"A frame of type {type(frame).__name__} was given; {_EXPECTED}: {_hint(frame)}."
    given = f"A frame of dtype {frame.dtype} and shape {list(frame.shape)} was given; {_EXPECTED}"
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        return f"{given}: it looks greyscale; repeat it three times: numpy.repeat(grey.reshape(h, w, 1), 3, 2)."
    if frame.ndim != 3:
        return f"{given}: pass one frame at a time."
    if frame.shape[2] == 4:
        return f"{given}: it looks like RGBA; drop the alpha channel: frame[:, :, :3]."
    if frame.shape[2] != 3:
        return f"{given}: put the 3 colour channels last, e.g. frame.transpose(1, 2, 0)."
    if frame.dtype != np.uint8:
        if np.issubdtype(frame.dtype, np.floating):
            hint = (
                "for a float image in [0, 1] use (frame * 255).round().astype('uint8'), "
                "for one in [0, 255] frame.round().astype('uint8')"
            )
        else:
            hint = "for values up to 255 use frame.astype('uint8'), for 16 bits (frame // 257).astype('uint8')"
        return f"{given}: {hint}."
    return f"{given}: it has no pixels."


def _hint(given: Any) -> str:
    """What to do with what is no array."""
    if given is None:
        return "capture.read() gives None where there is no frame; look first whether it has one: ok, frame = capture.read()"
    if isinstance(given, tuple):
        return "capture.read() returns a pair, as in ok, frame = capture.read(); use its frame alone"
    if isinstance(given, (int, float)):
        return "the frame comes first, then its timestamp, as in push(frame, timestamp)"
    return "convert it with numpy.asarray(image.convert('RGB'))" if isinstance(given, Image.Image) else "convert it"


def resize(frame: Frame, width: int, height: int) -> Frame:
    """Resize as in the training of the networks: Pillow, bilinear, without keeping the aspect ratio.

    Args:
        frame: uint8 ``[H, W, 3]``.

    Returns:
        uint8 ``[height, width, 3]``; ``frame`` itself if it has that size already.
    """
    if frame.shape[0] == height and frame.shape[1] == width:
        return frame
    # The same as Image.fromarray and numpy.asarray, with fewer copies and less overhead.
    pixels = np.ascontiguousarray(frame)
    picture = Image.frombuffer("RGB", (frame.shape[1], frame.shape[0]), pixels, "raw", "RGB", 0, 1)
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.frombuffer(resized.tobytes(), np.uint8).reshape(height, width, 3)
