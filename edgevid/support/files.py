"""Reading files safely, and writing them completely or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Union

from ..errors import OptionError

# Maximum sizes of files that are read at once: cards and reports; tables of clips; networks
MAX_TEXT, MAX_TABLE, MAX_CONTENT = 20_000_000, 200_000_000, 1_000_000_000


def as_path(name: str, value: Any) -> Path:
    """The path in the caller's argument ``name``. Raises: OptionError: it is not a path."""
    if isinstance(value, (str, Path)):
        return Path(value)
    if isinstance(value, os.PathLike) and isinstance(os.fspath(value), str):
        return as_path(name, os.fspath(value))
    raise OptionError(f"{name}={value!a} was given; expected a path: a str or a pathlib.Path.")


def is_file(path: Path) -> bool:
    """Whether a file exists. False also for an invalid name, and in a folder that may not be entered."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def listed(folder: Path, pattern: str) -> list[Path]:
    """The matching content of a folder, sorted; empty if it does not exist or may not be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def read_content(path: Path, most: int = MAX_CONTENT) -> bytes:
    """A file's content. Pipes, devices and files larger than ``most`` are refused: they could block or fill the memory.

    Raises:
        OSError: it cannot be read, with the reason in ``strerror``.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    if about.st_size > most:
        raise OSError(errno.EFBIG, f"it has {about.st_size:,} bytes, more than {most:,}", str(path))
    return path.read_bytes()


def read_text(path: Path) -> str:
    """A small text file's content, UTF-8. Raises: OSError: as :func:`read_content`. UnicodeDecodeError: it is not UTF-8."""
    return read_content(path, MAX_TEXT).decode("utf-8")


def open_table(path: Path) -> io.StringIO:
    """A file of text in lines, UTF-8, such as CSV, read as a whole. Raises: as :func:`read_text`."""
    return io.StringIO(read_content(path, MAX_TABLE).decode("utf-8-sig"), newline="")


@contextmanager
def whole(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """A temporary name beside ``path``, with its suffix; renamed to ``path`` if the block succeeds, else removed.

    So a reader of ``path``, even after a kill at any moment, finds the old file or the new one, never a part.

    Args:
        sync: wait until the content and its name are on the disk, so that they survive a power cut too.
    """
    if path.exists() and not path.is_file():  # a device would be replaced by a file
        raise OSError(errno.EINVAL, "it is not a regular file, and is not replaced", str(path))
    partial = path.with_name(f".partial-{uuid.uuid4().hex}{path.suffix}")
    try:
        yield partial
        if sync:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(path)
        if sync:
            _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: Union[str, bytes], *, sync: bool = False) -> None:
    """Write a file, text in UTF-8, completely or not at all; see :func:`whole`."""
    with whole(path, sync=sync) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows opens no folders, and some file systems do not sync them
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
