"""Tells a whole TFLite file from a damaged one, before an interpreter that trusts every offset in it crashes.

A TFLite file is a FlatBuffer: tables and vectors that refer to one another by offsets. LiteRT verifies them; tflite-runtime
does not, and ends the process where one points outside the file. What the interpreter reads on opening is followed here.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Union

from ..errors import ModelError

_IDENTIFIER = b"TFL3"

# What a field refers to: a vector of scalars, by the bytes of one (a string: 1); a table; a list: a vector of tables
_Kind = Union[int, str, list[str]]

# table -> number of a field in the TFLite schema -> its kind; fields that hold plain numbers are left out
_TABLES: dict[str, dict[int, _Kind]] = {
    "Model": {1: ["OperatorCode"], 2: ["SubGraph"], 3: 1, 4: ["Buffer"], 5: 4, 6: ["Metadata"], 7: ["Signature"]},
    "OperatorCode": {1: 1},
    "SubGraph": {0: ["Tensor"], 1: 4, 2: 4, 3: ["Operator"], 4: 1},
    "Tensor": {0: 4, 3: 1, 4: "Quantization", 7: 4},
    "Quantization": {0: 4, 1: 4, 2: 4, 3: 8},
    "Operator": {1: 4, 2: 4, 4: "Options", 5: 1, 7: 1, 8: 4},
    "Options": {},
    "Buffer": {0: 1},
    "Metadata": {0: 1},
    "Signature": {0: ["TensorMap"], 1: ["TensorMap"], 2: 1},
    "TensorMap": {0: 1},
}


def check_tflite_file(path: Path) -> None:
    """Check that all parts of a TFLite file lie inside it.

    Raises:
        ModelError: it is not a TFLite file, or cut short or damaged.
    """
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] != _IDENTIFIER:
                raise ModelError(
                    f"{path} is not a TFLite model; expected a file that a TensorFlow Lite converter wrote."
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _Checker(data).table("Model", _unsigned(data, 0))
    except (struct.error, IndexError) as error:
        raise ModelError(
            f"{path} is cut short or damaged: parts of the TFLite model lie outside the file. Copy it again."
        ) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error


class _Checker:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._seen: set[tuple[str, int]] = set()

    def table(self, name: str, start: int) -> None:
        if (name, start) in self._seen:
            return
        self._seen.add((name, start))
        data = self._data
        fields = start - struct.unpack_from("<i", data, start)[0]
        self._inside(fields, 4)
        fields_size, table_size = struct.unpack_from("<HH", data, fields)
        self._inside(fields, fields_size)
        self._inside(start, table_size)
        for field, kind in _TABLES[name].items():
            slot = 4 + 2 * field
            offset = struct.unpack_from("<H", data, fields + slot)[0] if slot + 2 <= fields_size else 0
            if offset == 0:  # absent: the schema's default
                continue
            target = start + offset + _unsigned(data, start + offset)
            if isinstance(kind, str):
                self.table(kind, target)
                continue
            count = _unsigned(data, target)
            self._inside(target + 4, count * (kind if isinstance(kind, int) else 4))
            if isinstance(kind, list):
                for position in range(target + 4, target + 4 + 4 * count, 4):
                    self.table(kind[0], position + _unsigned(data, position))

    def _inside(self, start: int, size: int) -> None:
        if start < 0 or start + size > len(self._data):
            raise IndexError(f"bytes {start} to {start + size} of {len(self._data)}")


def _unsigned(data: mmap.mmap, position: int) -> int:
    value: int = struct.unpack_from("<I", data, position)[0]
    return value
