"""Tells intact TFLite files from damaged ones, before an interpreter that trusts every offset in them crashes.

A TFLite file is a FlatBuffer: tables and vectors that refer to one another by offsets. LiteRT verifies them; tflite-runtime
does not, and crashes the process if one points outside the file. The check follows what the interpreter reads on opening.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Optional, Union

from ..errors import ModelError
from ..support.files import read_content
from .flatbuffer import Table, root
from .graph_check import GraphError, check_graphs

_IDENTIFIER = b"TFL3"

# Targets of fields: a vector of scalars, by the size of one in bytes (a string: 1); a table; a list: a vector of tables
_Kind = Union[int, str, list[str]]

# table -> number of a field in the TFLite schema -> its kind; fields with plain numbers are left out
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

    It is run from memory: if a mapped file is truncated by another process, this one crashes.

    Args:
        sha256: the expected SHA-256; default: any.

    Raises:
        ModelError: it cannot be read, is not a TFLite file, is truncated or damaged, or has another SHA-256.
    """
    try:
        content = read_content(path)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "there is not enough memory"
        raise ModelError(f"{path} cannot be read: {reason}.") from error
    if content[4:8] != _IDENTIFIER:
        raise ModelError(f"{path} is not a TFLite model; expected a file that a TensorFlow Lite converter wrote.")
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(
            f"{path} was changed while it was opened, or is another file than its card describes. Copy both again."
        )
    try:
        _follow(root(content), "Model", set())
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


def _follow(table: Table, name: str, seen: set[tuple[str, int]]) -> None:
    """Reads all that a table refers to, once. Raises: IndexError, struct.error: a part of it lies outside the file."""
    if (name, table.start) in seen:
        return
    seen.add((name, table.start))
    for field, kind in _TABLES[name].items():
        if isinstance(kind, int):
            table.vector(field, kind)
        elif isinstance(kind, list):
            for item in table.tables(field):
                _follow(item, kind[0], seen)
        else:
            inner = table.table(field)
            if inner is not None:
                _follow(inner, kind, seen)
