"""Video files in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import SourceError

# fmt: off
VIDEO_SUFFIXES = [
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"
]
# fmt: on


def videos_below(folder: Path) -> list[Path]:
    """The video files in a folder and its subfolders, recognised by suffix, sorted. Hidden files are left out.

    Raises:
        SourceError: a folder cannot be read.
    """
    return sorted(_videos_below(folder))


def _videos_below(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise SourceError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            # "._clip.mp4" is what macOS leaves beside clip.mp4 on foreign disks
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield Path(parent, name)
