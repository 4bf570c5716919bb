"""Reads the graph of a TFLite file, using only the numbers of the format: a damaged file raises and does not crash.

It does not need the flatbuffers library, which comes only with LiteRT, and whose generated readers check nothing.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, Optional


class Table:
    """A table of a FlatBuffer: fields by their numbers in the schema.

    Raises:
        IndexError, struct.error: a part of it lies outside the data. The same holds for all methods.
    """

    def __init__(self, data: bytes, start: int) -> None:
        self.data, self.start = data, start
        self._fields = start - _read(data, start, "<i")
        self._fields_size, self._size = _read(data, self._fields, "<H"), _read(data, self._fields + 2, "<H")
        _within(data, self._fields, self._fields_size)
        _within(data, start, self._size)

    def number(self, field: int, form: str = "<i", default: int = 0) -> int:
        """A number; the default if the field is absent."""
        offset = self._offset(field)
        if not offset:
            return default
        if offset + struct.calcsize(form) > self._size:
            raise IndexError("a field reaches out of its table")
        return _read(self.data, self.start + offset, form)

    def numbers(self, field: int, form: str = "i") -> Optional[tuple[Any, ...]]:
        """A vector of numbers; None: absent."""
        place = self.vector(field, struct.calcsize(form))
        return None if place is None else struct.unpack_from(f"<{place[1]}{form}", self.data, place[0])

    def text(self, field: int) -> str:
        """A string. Raises: UnicodeDecodeError: it is not text."""
        place = self.vector(field, 1)
        return "" if place is None else self.data[place[0] : place[0] + place[1]].decode()

    def table(self, field: int) -> Optional[Table]:
        place = self._target(field)
        return None if place is None else Table(self.data, place)

    def tables(self, field: int) -> list[Table]:
        """A vector of tables."""
        start, count = self.vector(field, 4) or (0, 0)
        places = range(start, start + 4 * count, 4)
        return [Table(self.data, place + _read(self.data, place, "<I")) for place in places]

    def vector(self, field: int, size: int) -> Optional[tuple[int, int]]:
        """Start and length of a vector with items of ``size`` bytes; None: absent."""
        place = self._target(field)
        if place is None:
            return None
        count = _read(self.data, place, "<I")
        _within(self.data, place + 4, count * size)
        return place + 4, count

    def _target(self, field: int) -> Optional[int]:
        offset = self._offset(field)
        return self.start + offset + _read(self.data, self.start + offset, "<I") if offset else None

    def _offset(self, field: int) -> int:
        slot = 4 + 2 * field
        return _read(self.data, self._fields + slot, "<H") if slot + 2 <= self._fields_size else 0


def root(data: bytes) -> Table:
    """The table from which all others are found. Raises: IndexError, struct.error: it lies outside the data."""
    return Table(data, _read(data, 0, "<I"))


# Bits of a number, by the format's type number; other types (strings, resources) are not used here
_BITS = {0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 9: 8, 10: 64, 15: 32, 16: 16, 17: 4}

_INTEGERS = {2: "i", 4: "q"}
_MOST_SCALE = 1e9


class Tensor(NamedTuple):
    """A tensor. ``shape``: None: unknown; ``kind``: the format's type number; ``data``: the value of a constant."""

    name: str
    shape: Optional[tuple[int, ...]]
    kind: int
    data: Optional[bytes]
    is_fixed: bool  # whether its shape is the same in each run
    is_variable: bool
    channels: Optional[tuple[int, int, int]]  # of its quantisation: scales, zero points, their dimension
    scale: float  # the first of them; 0: none

    @property
    def bytes(self) -> int:
        """Size of its data; an unknown length counts as 1."""
        total = _BITS[self.kind]
        for length in self.shape or ():
            total *= abs(length)
        return (total + 7) // 8


def has_shape(*tensors: Tensor) -> bool:
    """Whether all have shapes, with varying lengths as 1. (A shape without dimensions may mean an unknown one.)"""
    return all(tensor.shape and -1 not in tensor.shape for tensor in tensors)


def is_known(*tensors: Tensor) -> bool:
    """Whether their shapes are those of each run."""
    return has_shape(*tensors) and all(tensor.is_fixed for tensor in tensors)


def integers(tensor: Optional[Tensor]) -> Optional[tuple[int, ...]]:
    """The numbers of an int32 or int64 constant; None: it is not one."""
    form = None if tensor is None else _INTEGERS.get(tensor.kind)
    if tensor is None or tensor.data is None or form is None:
        return None
    return struct.unpack_from(f"<{len(tensor.data) // struct.calcsize('<' + form)}{form}", tensor.data)


class Node(NamedTuple):
    """An operator of a graph, by the number of its kind; its operands by their tensors' numbers."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_kind: int
    options: Optional[Table]


class Subgraph(NamedTuple):
    tensors: list[Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: list[Node]


def read_graphs(data: bytes) -> list[Subgraph]:
    """The graphs of a TFLite file, the main one first.

    Raises:
        IndexError, struct.error: a part of it lies outside the file. UnicodeDecodeError: a name is not text.
        ValueError: it contains something that no supported network needs.
    """
    model = root(data)
    # version 3a has one byte for the kind of an operator; larger ones are in a field of their own
    codes = [max(code.number(0, "<b"), code.number(3)) for code in model.tables(1)]
    buffers = model.tables(4)
    for buffer in buffers:
        if buffer.number(1, "<Q") or buffer.number(2, "<Q"):
            raise ValueError("its weights lie outside the model")
    contents = [buffer.vector(0, 1) for buffer in buffers]
    return [_subgraph(table, data, codes, contents) for table in model.tables(2)]


def _subgraph(table: Table, data: bytes, codes: list[int], contents: list[Optional[tuple[int, int]]]) -> Subgraph:
    return Subgraph(
        [_tensor(tensor, data, contents) for tensor in table.tables(0)],
        table.numbers(1) or (),
        table.numbers(2) or (),
        [
            Node(
                codes[node.number(0, "<I")], node.numbers(1) or (), node.numbers(2) or (), node.number(3, "<B"), node.table(4)
            )
            for node in table.tables(3)
        ],
    )  # fmt: skip


def _tensor(table: Table, data: bytes, contents: list[Optional[tuple[int, int]]]) -> Tensor:
    kind = table.number(1, "<B")
    if kind not in _BITS or table.table(6) is not None or table.tables(9):
        raise ValueError(f"a tensor is of type {kind}, sparse, or of variants")
    shape, signature = table.numbers(0), table.numbers(7)
    # A length that is not known is written as 1. (Old converters leave the vector empty.)
    if signature and (len(signature) != len(shape or ()) or not _agree(shape or (), signature)):
        raise ValueError("a tensor has two shapes")
    place = contents[table.number(2, "<I")]
    quantization = table.table(4)
    channels: Optional[tuple[int, int, int]] = None
    scales: tuple[float, ...] = ()
    if quantization is not None:
        scales, zeros = quantization.numbers(2, "f") or (), quantization.numbers(3, "q") or ()
        channels = (len(scales), len(zeros), quantization.number(6))
        low, high = {3: (0, 255), 9: (-128, 127)}.get(kind, (0, 0))
        if not all(0 <= scale < _MOST_SCALE for scale in scales) or not all(low <= zero <= high for zero in zeros):
            raise ValueError("the quantisation of a tensor is out of range")
    return Tensor(
        table.text(3),
        shape,
        kind,
        None if place is None or not place[1] else data[place[0] : place[0] + place[1]],
        signature is None or -1 not in signature,
        bool(table.number(5, "<B")),
        channels,
        scales[0] if scales else 0.0,
    )


def _agree(shape: tuple[int, ...], signature: tuple[int, ...]) -> bool:
    return all(known in (length, -1 if length == 1 else length) for length, known in zip(shape, signature))


def _read(data: bytes, position: int, form: str) -> int:
    if position < 0:
        raise IndexError("a place before the file")
    value: int = struct.unpack_from(form, data, position)[0]
    return value


def _within(data: bytes, start: int, size: int) -> None:
    if start < 0 or start + size > len(data):
        raise IndexError(f"bytes {start} to {start + size} of {len(data)}")
