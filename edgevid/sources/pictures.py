"""Pictures as the frames of a video: a folder of them, or a list of files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np

from ..errors import EdgevidError, SourceError
from ..frames import Frame
from ..support.checks import check_number, check_type
from ..support.files import as_path
from ..support.system import system_errors
from .folder import VIDEO_SUFFIXES
from .limits import check_size
from .sequence import SequenceSource

PICTURE_SUFFIXES = [".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"]


class ImageFolder(SequenceSource):
    """Pictures as frames, none skipped. Timestamps begin at 0 and are 1 / ``fps`` apart.

    The pictures of a folder (JPEG, PNG, BMP, WebP, TIFF, by suffix; not hidden ones, not in subfolders) are read in the order
    of the numbers in their names: ``frame_9.jpg`` comes before ``frame_10.jpg``. A list is read in its own order.
    A picture's EXIF orientation is applied.

    Attributes:
        paths: the pictures, in order.
        fps: pictures a second.

    Args:
        pictures: a folder, or picture files.
        fps: pictures per second of video. Default: 25, as in ffmpeg.

    Raises:
        SourceError: the folder has no pictures. Raised by the iteration: a picture cannot be read.
    """

    def __init__(self, pictures: Union[str, Path, Sequence[Union[str, Path]]], *, fps: float = 25.0) -> None:
        self.fps = check_number("fps", fps, 0, above_low=True, unit="pictures a second")
        if isinstance(pictures, (str, Path)):
            self.paths = _pictures_in(as_path("pictures", pictures))
            self.name = str(pictures)
        else:
            check_type("pictures", pictures, Sequence, "a folder, or a list of picture files")
            self.paths = [as_path("pictures", path) for path in pictures]
            if not self.paths:
                raise SourceError("An empty list was given; expected the paths of pictures.")
            self.name = f"{len(self.paths)} pictures from {self.paths[0]}"

    def _items(self) -> Iterator[tuple[float, Callable[[], Frame]]]:
        for index, path in enumerate(self.paths):
            yield index / self.fps, partial(_read, path)


@system_errors(SourceError)
def _pictures_in(folder: Path) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]  # noqa: PTH208 - names are enough
    except NotADirectoryError:
        raise SourceError(f"{folder} is not a folder; for single pictures give a list of them.") from None
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be read: {error.strerror or error}.") from error
    pictures = [name for name in names if Path(name).suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        videos = sum(Path(name).suffix.lower() in VIDEO_SUFFIXES for name in names)
        hint = f" It holds {videos} videos: give one of them." if videos else ""
        raise SourceError(f"The folder {folder} holds no pictures; expected {', '.join(PICTURE_SUFFIXES)}.{hint}")
    return [folder / name for name in sorted(pictures, key=_natural)]


def _natural(name: str) -> tuple[list[Any], str]:
    """A key that sorts numbers in names by their value."""
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _read(path: Path) -> Frame:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            check_size(f"The picture {path}", *opened.size)
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):  # 16 bits per pixel, which Pillow would clip, not scale
                grey = np.clip(np.asarray(image).astype(np.int32) >> 8, 0, 255).astype(np.uint8)
                return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
            return np.asarray(image.convert("RGB"))
    except EdgevidError:
        raise
    except FileNotFoundError:
        raise SourceError(f"No such picture: {path}") from None
    except Exception as error:  # Pillow's decoders raise many kinds
        raise SourceError(
            f"The picture {path} cannot be read: {error}. It may be truncated, or not a picture; copy it again or leave it out."
        ) from error
