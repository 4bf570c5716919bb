"""Tells a whole TFLite file from a damaged one, before an interpreter that trusts every offset in it crashes.

A TFLite file is a FlatBuffer: tables and vectors that refer to one another by offsets. LiteRT verifies them; tflite-runtime
does not, and ends the process where one points outside the file. What the interpreter reads on opening is followed here.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Optional, Union

from ..errors import ModelError
from ..support.files import read_content
from .graph_check import GraphError, check_graphs

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


def read_tflite_file(path: Path, sha256: Optional[str] = None) -> bytes:
    """The content of a TFLite file, all of whose parts lie inside it.

    It is run from memory: a file that is mapped, and cut short by others, ends the process.

    Args:
        sha256: what the file must have; default: anything.

    Raises:
        ModelError: it cannot be read, is not a TFLite file, is cut short or damaged, or is another than it should be.
    """
    try:
        content = read_content(path)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "there is not enough memory"
        raise ModelError(f"{path} cannot be read: {reason}.") from error
    if content[4:8] != _IDENTIFIER:
        raise ModelError(f"{path} is not a TFLite model; expected a file that a TensorFlow Lite converter wrote.")
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"{path} was changed while it was opened, or is another than its card says. Copy both again.")
    try:
        _Checker(content).table("Model", _unsigned(content, 0))
    except (struct.error, IndexError) as error:
        raise ModelError(
            f"{path} is cut short or damaged: parts of the TFLite model lie outside the file. Copy it again."
        ) from error
    try:
        check_graphs(content)
    except GraphError as error:
        raise ModelError(
            f"{path} holds a network that cannot be run: {error}. It is damaged, or not made for edgevid: export it again, of "
            "built-in operators."
        ) from error
    return content


class _Checker:
    def __init__(self, data: bytes) -> None:
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


def _unsigned(data: bytes, position: int) -> int:
    value: int = struct.unpack_from("<I", data, position)[0]
    return value
