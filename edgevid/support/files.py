"""Files that are whole or not there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Union


@contextmanager
def whole(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """A temporary name beside ``path``, with its suffix; renamed to ``path`` when the block ends well, removed when not.

    So whoever reads ``path``, also after a kill at any moment, finds the old file or the new one, never a part.

    Args:
        sync: wait until the content and its name are on the disk, so that they survive a power cut too.
    """
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
    """Write a file, text in UTF-8, so that it is whole or not changed; see :func:`whole`."""
    with whole(path, sync=sync) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows opens no folders, and some file systems do not sync them
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
