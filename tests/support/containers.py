"""Rewrites container files byte by byte, to make files that no available writer makes."""

from __future__ import annotations

import struct


def mp4_boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The outermost boxes of an MP4 file: (type, whole box)."""
    boxes, position = [], 0
    while position < len(data):
        length = struct.unpack_from(">I", data, position)[0]
        boxes.append((data[position + 4 : position + 8], data[position : position + length]))
        position += length
    return boxes


def mp4_with_index_first(data: bytes) -> bytes:
    """Move an MP4's index (moov) before its media data, as for the web: a cut then takes frames, not the index."""
    boxes = mp4_boxes(data)
    moov = bytearray(dict(boxes)[b"moov"])
    chunks = moov.index(b"stco") + 4
    count = struct.unpack_from(">I", moov, chunks + 4)[0]
    for at in range(chunks + 8, chunks + 8 + 4 * count, 4):
        struct.pack_into(">I", moov, at, struct.unpack_from(">I", moov, at)[0] + len(moov))
    head = [box for kind, box in boxes if kind == b"ftyp"]
    return b"".join([*head, bytes(moov), *(box for kind, box in boxes if kind not in (b"ftyp", b"moov"))])


def avi_with_declared_frames(data: bytes, count: int) -> bytes:
    """Make an AVI's header say that it has ``count`` frames, and drop its index, which would tell the truth."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, data.index(b"avih") + 8 + 16, count & 0xFFFFFFFF)
    struct.pack_into("<I", changed, data.index(b"strh") + 8 + 32, count & 0xFFFFFFFF)
    index = changed.rfind(b"idx1")
    changed[index : index + 4] = b"JUNK"
    return bytes(changed)


def mp4_with_frame_durations(data: bytes, ticks: list[int]) -> bytes:
    """Give each frame of an MP4 its own duration in ticks of its time scale (a variable frame rate).

    The table of durations (stts) grows, so the index must lie behind the media data, as OpenCV writes it.
    """
    boxes = mp4_boxes(data)
    assert [kind for kind, _ in boxes].index(b"moov") > [kind for kind, _ in boxes].index(b"mdat")
    moov = dict(boxes)[b"moov"]
    start = moov.index(b"stts") - 4
    length = struct.unpack_from(">I", moov, start)[0]
    table = struct.pack(">II", 0, len(ticks)) + b"".join(struct.pack(">II", 1, tick) for tick in ticks)
    stts = struct.pack(">I4s", 8 + len(table), b"stts") + table
    changed = bytearray(moov[:start] + stts + moov[start + length :])
    position, end = 0, len(changed)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):  # each holds the next: all grow
        while changed[position + 4 : position + 8] != kind:
            position += struct.unpack_from(">I", changed, position)[0]
            assert position < end
        struct.pack_into(">I", changed, position, struct.unpack_from(">I", changed, position)[0] + len(stts) - length)
        position += 8
    return b"".join(bytes(changed) if kind == b"moov" else box for kind, box in boxes)


def mp4_with_damage(data: bytes, at: float, size: int = 4096) -> bytes:
    """Overwrite ``size`` bytes of an MP4's media data with 0xFF, starting at the fraction ``at``: an unreadable sector."""
    start = data.index(b"mdat") + 4
    length = struct.unpack_from(">I", data, start - 8)[0] - 8
    first = start + int(at * length)
    size = min(size, start + length - first)
    return data[:first] + b"\xff" * size + data[first + size :]


def mp4_turned(data: bytes, degrees: int, *, mirrored: bool = False) -> bytes:
    """Note in an MP4's track header, as phones do, that the picture is to be turned clockwise for display.

    ``mirrored``: and then to be mirrored, left to right, as front cameras do.
    """
    matrix = {
        0: (1, 0, 0, 1),
        90: (0, 1, -1, 0),
        180: (-1, 0, 0, -1),
        270: (0, -1, 1, 0),
    }[degrees]
    a, b, c, d = (value << 16 for value in matrix)
    if mirrored:
        a, c = -a, -c
    changed = bytearray(data)
    struct.pack_into(">9i", changed, changed.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return bytes(changed)


def mp3_with_cover(cover: bytes) -> bytes:
    """Two seconds of silence as an MP3 with a JPEG as its cover, which FFmpeg takes for a video of one frame."""
    picture = b"\0image/jpeg\0\x03\0" + cover
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    length = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    silence = b"\xff\xfb\x90\x64" + bytes(413)  # MPEG 1 layer III, 128 kbit/s, 44.1 kHz
    return b"ID3\x03\0\0" + length + frame + 80 * silence


def flac_with_cover(cover: bytes) -> bytes:
    """A FLAC file without sound, with a JPEG as its cover."""
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + (44100 << 44 | 1 << 41 | 15 << 36).to_bytes(8, "big") + bytes(16)
    picture = (
        struct.pack(">II", 3, 10) + b"image/jpeg" + bytes(4) + struct.pack(">IIIII", 64, 64, 24, 0, len(cover)) + cover
    )
    blocks = [bytes([kind]) + len(block).to_bytes(3, "big") + block for kind, block in ((0, info), (0x86, picture))]
    return b"fLaC" + b"".join(blocks)
