"""Reads NumPy files that may be damaged."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import read_content

_MOST_BYTES = 1 << 29  # of all arrays of a file


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read arrays of an ``.npz`` file by name.

    Raises:
        ValueError: it cannot be read, lacks one, or they are larger than any that edgevid writes.
    """
    try:
        content = io.BytesIO(read_content(path, _MOST_BYTES))
        with zipfile.ZipFile(content) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise ValueError(f"its arrays take more than {_MOST_BYTES >> 20} MB")
        content.seek(0)
        with np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except Exception as error:  # for a damaged file, zipfile, zlib and NumPy raise many kinds
        raise ValueError(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error


def read_array(stream: io.BytesIO) -> NDArray[Any]:
    """The next array of a stream of ``.npy`` files. Raises: ValueError: there is none."""
    try:
        array: NDArray[Any] = np.load(stream, allow_pickle=False)
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return array
