"""Detects truncated video files by the sizes in their containers, and tells pictures from videos.

FFmpeg decodes what is left of a truncated file without an error, and a container's frame count may be wrong in whole files
too. The sizes of its outermost parts are exact: if one extends past the end of the file, bytes are missing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Optional

_ISO_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"pnot"}
_ISO_BOXES = _ISO_FIRST_BOXES | {b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"emsg", b"meta", b"udta", b"uuid"}
_PNG = b"\x89PNG\r\n\x1a\n"
_PICTURES = (b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")  # JPEG, BMP, TIFF
_PICTURE_BRANDS = {b"avif", b"heic", b"heif", b"heim", b"heis", b"heix", b"mif1"}  # not "avis", a sequence of them
_EBML_HEADER, _MATROSKA_SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def missing_bytes(path: Path) -> int:
    """How many bytes a video file lacks at its end: 0 for a whole file and for containers not known here.

    Knows RIFF (.avi), ISO base media (.mp4, .mov, .m4v, .3gp) and Matroska (.mkv, .webm).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and len(head) >= 8:
            return max(0, int.from_bytes(head[4:8], "little") + 8 - size)
        if head[4:8] in _ISO_FIRST_BOXES:
            return _iso_missing(file, size)
        if head[:4] == _EBML_HEADER:
            return _matroska_missing(file, size)
    return 0


def is_picture(path: Path) -> bool:
    """Whether a file is a still picture, which FFmpeg reads as a video of one frame."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(_PNG):
        return b"acTL" not in head  # marks an animated PNG
    if head[4:8] == b"ftyp":
        return head[8:12] in _PICTURE_BRANDS
    return head.startswith(_PICTURES) and path.suffix.lower() not in (".mjpeg", ".mjpg")


def is_gif(path: Path) -> bool:
    """Whether a file is a GIF, which may hold one picture or an animation."""
    with path.open("rb") as file:
        return file.read(4) == b"GIF8"


def _iso_missing(file: BinaryIO, size: int) -> int:
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        # 0: this box extends to the end of the file. No box: the rest belongs to the last one, or another program appended it.
        if head[4:8] not in _ISO_BOXES or length < 8:
            return 0
        position += length
    return position - size


def _matroska_missing(file: BinaryIO, size: int) -> int:
    file.seek(4)
    header = _ebml_size(file)
    file.seek(header or 0, os.SEEK_CUR)
    segment = _ebml_size(file) if file.read(4) == _MATROSKA_SEGMENT else None
    return 0 if segment is None else max(0, file.tell() + segment - size)


def _ebml_size(file: BinaryIO) -> Optional[int]:
    """Read a size in EBML's format: the leading zero bits of its first byte count the bytes that follow. None: unknown."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + file.read(extra), "big")
    return None if value == (1 << 7 * (extra + 1)) - 1 else value
