"""Videos with a mirroring transformation in their metadata, as front cameras of phones write it.

OpenCV applies the rotation of the metadata, but no mirroring: it takes a mirrored picture for one that is upside down.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Optional

from ..frames import Frame

_FIXED = 1 << 16  # the matrix holds 16.16 fixed-point numbers
_MATRIX_AT = {0: 40, 1: 52}  # in a track's header, by its version
# A damaged or malicious file may have millions of boxes: look only at the first ones.
_MOST_BOXES = 10_000


class Mirroring(NamedTuple):
    """The operations on a mirrored video's frames, in this order."""

    transpose: bool
    flip: Optional[int]  # as of cv2.flip: 0 upside down, 1 left to right, -1 both

    def upright(self, frame: Frame) -> Frame:
        """The frame as it should be displayed."""
        import cv2

        if self.transpose:
            frame = cv2.transpose(frame)  # type: ignore[assignment]
        return frame if self.flip is None else cv2.flip(frame, self.flip)  # type: ignore[return-value]


# The matrix's a, b, c, d: x' = a x + c y, y' = b x + d y, with y downwards
_MIRRORINGS: dict[tuple[int, ...], Mirroring] = {
    (-1, 0, 0, 1): Mirroring(False, 1),
    (1, 0, 0, -1): Mirroring(False, 0),
    (0, 1, 1, 0): Mirroring(True, None),
    (0, -1, -1, 0): Mirroring(True, -1),
}


def mirroring_of(path: Path) -> Optional[Mirroring]:
    """How the container, MP4 or MOV, mirrors a video's frames; None: not at all.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return None
        boxes = _Boxes(file)
        for track in boxes.find(0, path.stat().st_size, b"moov", b"trak"):
            handler = next(boxes.find(*track, b"mdia", b"hdlr"), None)
            header = next(boxes.find(*track, b"tkhd"), None)
            if handler is not None and header is not None and boxes.read(handler[0] + 8, 4) == b"vide":
                return _MIRRORINGS.get(_matrix(boxes, header[0]))
    return None


def _matrix(boxes: _Boxes, header: int) -> tuple[int, ...]:
    start = header + _MATRIX_AT.get(boxes.read(header, 1)[0], 0)
    # the first two of each row of three
    numbers = [int.from_bytes(boxes.read(start + 4 * k, 4), "big", signed=True) for k in (0, 1, 3, 4)]
    return tuple(number // _FIXED if number % _FIXED == 0 else 0 for number in numbers)


class _Boxes:
    """The nested boxes of an MP4 file: each has a length, a type of four letters and a content."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seen = 0

    def read(self, position: int, count: int) -> bytes:
        self._file.seek(position)
        return self._file.read(count).ljust(count, b"\0")

    def find(self, start: int, end: int, kind: bytes, *inner: bytes) -> Iterator[tuple[int, int]]:
        """Start and end of the contents of the boxes of a type, inside others."""
        for found, first, last in self._within(start, end):
            if found == kind and inner:
                yield from self.find(first, last, *inner)
            elif found == kind:
                yield first, last

    def _within(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        while start + 8 <= end and self._seen < _MOST_BOXES:
            self._seen += 1
            head = self.read(start, 16)
            length, content = int.from_bytes(head[:4], "big"), start + 8
            if length == 1:
                length, content = int.from_bytes(head[8:], "big"), start + 16
            elif length == 0:
                length = end - start
            if start + length < content:
                return
            yield head[4:8], content, min(start + length, end)
            start += length
