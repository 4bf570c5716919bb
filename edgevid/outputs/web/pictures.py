"""Encodes frames as small JPEGs, only those that are shown."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ...frames import Frame

_QUALITY = 75


class Picture(NamedTuple):
    """A JPEG of a source's frame; ``number`` is the frame's."""

    number: int
    jpeg: bytes
    width: int
    height: int


class Pictures:
    """Encodes once for all browsers: each source at most ``fps`` times a second, and no frame twice.

    For use in the server's thread.

    Args:
        width: maximum width of the pictures in pixels; narrower frames keep their size.
        fps: maximum pictures per second.
    """

    def __init__(self, width: int, fps: float) -> None:
        self._width = width
        self._seconds = 1.0 / fps
        self._newest: dict[int, tuple[float, Picture]] = {}
        self.encoded = 0

    def picture(self, source: int, number: int, frame: Frame) -> Picture:
        """The picture of frame ``number`` of a source, or the previous one if that is recent enough."""
        now = time.monotonic()
        held = self._newest.get(source)
        # A tenth less than the interval, so that a browser that asks at this rate does not get each picture twice.
        if held is not None and (held[1].number == number or now - held[0] < 0.9 * self._seconds):
            return held[1]
        picture = self._encode(number, frame)
        self.encoded += 1
        self._newest[source] = (now, picture)
        return picture

    def _encode(self, number: int, frame: Frame) -> Picture:
        import cv2

        height, width = frame.shape[:2]
        if width > self._width:
            width, height = self._width, max(1, round(height * self._width / width))
            small: Any = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        else:
            small = frame
        try:
            good, jpeg = cv2.imencode(
                ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
            )
        except cv2.error:  # taller than a JPEG may be
            good = False
        return Picture(number, jpeg.tobytes() if good else b"", width, height)
