"""Writes and reads Motion JPEG in an AVI file, with a note of what it shows.

Reasons not to use ``cv2.VideoWriter``: it does not report a full disk, needs the frame rate before the first frame (a slow
camera's is known only after the last one) and keeps no note; and OpenCV's wheels have no H.264 encoder.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ..errors import EdgevidError
from ..sources import VideoFile

_TICKS = 1_000_000  # per second, the file's unit of time
_NOTE_BYTES = 8192  # a note is searched for in this part
_KEY_FRAME = 0x10
_HAS_INDEX = 0x10


def write_avi(path: Path, jpegs: Sequence[bytes], width: int, height: int, fps: float, note: dict[str, Any]) -> None:
    """Write pictures as a video.

    Args:
        jpegs: JPEG files, all ``width`` times ``height`` pixels.
        fps: frames per second; stored as the interval in microseconds.
        note: JSON, stored as the file's comment; see :func:`read_note`.

    Raises:
        OSError: the file cannot be written completely.
    """
    period = round(_TICKS / fps)
    largest = max(map(len, jpegs))
    header = struct.pack(
        "<14I", period, round(largest * fps), 0, _HAS_INDEX, len(jpegs), 0, 1, largest, width, height, 0, 0, 0, 0
    )  # fmt: skip
    stream = b"vidsMJPG" + struct.pack(
        "<IHHIIIIIIiI4H", 0, 0, 0, 0, period, _TICKS, 0, len(jpegs), largest, -1, 0, 0, 0, width, height
    )  # fmt: skip
    picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    text = json.dumps(note).encode() + b"\0"
    start = b"".join(
        [
            _list(
                b"hdrl", _chunk(b"avih", header) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", picture))
            ),
            _list(b"INFO", _chunk(b"ICMT", text)),
        ]
    )
    index, place = [], 4
    for jpeg in jpegs:
        index.append(struct.pack("<4sIII", b"00dc", _KEY_FRAME, place, len(jpeg)))
        place += 8 + len(jpeg) + len(jpeg) % 2
    end = _chunk(b"idx1", b"".join(index))
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 4 + len(start) + 8 + place + len(end)) + b"AVI " + start)
        file.write(b"LIST" + struct.pack("<I", place) + b"movi")
        for jpeg in jpegs:
            file.write(_chunk(b"00dc", jpeg))
        file.write(end)


def read_note(path: Path) -> Optional[dict[str, Any]]:
    """The note that :func:`write_avi` stored in a file; None if there is none, or the file cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait
            return None
        with path.open("rb") as file:
            head = file.read(_NOTE_BYTES)
        start = head.index(b"ICMT", head.index(b"INFO")) + 8 if head[:4] == b"RIFF" else len(head)
        note = json.loads(head[start : head.index(b"\0", start)])
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def count_frames(path: Path) -> int:
    """Number of frames of a video that can be decoded; 0 if it cannot be read at all."""
    try:
        with VideoFile(path) as video:
            frames = 0
            while video.grab() is not None:
                frames += 1
            return frames - video.stats().damaged
    except EdgevidError:
        return 0


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)
