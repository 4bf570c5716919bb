"""Ways to damage a file, and unexpected values."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import random
import re
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

NUMBERS: list[Any] = [
    0, 1, -1, 2, 3, 5, 25, 127, 128, 255, 256, 1000, 65535, 65536, 10**6, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**63,
    -(2**63), 10**30, 10**400, -(10**400), 0.0, -0.0, 0.5, 1.5, 1e-9, 5e-324, -5e-324, 1e-300, 1e9, 1e18, 1e300, 1.7e308,
    math.nan, math.inf, -math.inf,
]  # fmt: skip
# None is a path out of the case's own folder: a case may write, perhaps as root.
TEXTS: list[str] = [
    "", " ", "0", "-1", "none", "nan", "a", ".", "x" * 300, "y" * 5000, "a\0b", "\ud800", "caf\xe9", "\x1b[31m",
    "a\nb", "a\tb", "%s%n", "1" * 5000, "1e400", "rtsp://", "://", "file:///", "\u202e", "\U0001f600" * 80, "{}", "null",
    "C:\\",
    "mean:99999999999999999999", "mean:0", "exponential:1e400", "exponential:-1", "mqtt://[", "[::1]:99999",
]  # fmt: skip
OTHERS: list[Any] = [None, True, False, b"", b"\xff", [], {}, (), [None], {"a": []}, object(), range(3), int]


def any_value(rng: random.Random) -> Any:
    """A number, a text, or something else."""
    return rng.choice(rng.choice([NUMBERS, TEXTS, OTHERS]))


def damaged(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """One to three of: flipped bits, other bytes, other numbers, a part removed, doubled, moved or taken from another file."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        size = max(len(changed), 1)
        start = rng.randrange(size)
        length = min(rng.choice((1, 2, 4, 16, 256, 4096)), size - start)
        way = rng.randrange(8)
        if way <= 1:
            for _ in range(rng.choice((1, 1, 4, 32))):
                at = rng.randrange(size)
                if changed:
                    changed[at] ^= 1 << rng.randrange(8)
        elif way == 2:
            changed[start : start + length] = rng.randbytes(length)
        elif way == 3:
            kind = rng.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
            limit = 256 ** struct.calcsize(kind)
            value = rng.choice((0, 1, limit - 1, limit // 2, limit // 2 - 1, limit // 256, rng.randrange(limit)))
            changed[start : start + struct.calcsize(kind)] = struct.pack(kind, value)
        elif way == 4:
            del changed[start:]
        elif way == 5:
            del changed[start : start + length]
        elif way == 6:
            changed[start:start] = changed[start : start + length] * rng.choice((1, 3))
        else:
            other = rng.choice([data, *others])
            begin = rng.randrange(max(len(other), 1))
            changed[start : start + length] = other[begin : begin + length]
    return bytes(changed)


def changed_tree(tree: Any, rng: random.Random) -> Any:
    """A copy of a JSON file's content, with one to three values replaced, removed, moved or wrapped."""
    root = [copy.deepcopy(tree)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(root))
        holder, key = rng.choice(places)
        value, way = holder[key], rng.randrange(8)
        if way == 0 and (isinstance(holder, dict) or len(holder) > 1):
            del holder[key]
        elif way == 1:
            other, there = rng.choice(places)
            holder[key] = copy.deepcopy(other[there])
        elif way == 2:
            holder[key] = [value] * rng.choice((0, 1, 2, 1000))
        elif way == 3 and isinstance(value, (int, float)):
            with contextlib.suppress(OverflowError):  # half of an int that is larger than any float
                holder[key] = value * rng.choice((-1, 0, 0.5, 2, 1000, 10**9))
        elif way == 4:
            holder[key] = rng.choice(TEXTS)
        else:
            others = [value for value in OTHERS if _is_json(value)]
            holder[key] = copy.deepcopy(rng.choice(rng.choice((NUMBERS, NUMBERS, others))))
    return root[0]


def json_bytes(tree: Any, rng: random.Random) -> bytes:
    """As JSON; sometimes damaged, or nested very deeply."""
    try:
        text = json.dumps(tree).encode("utf-8")
    except (ValueError, TypeError):
        text = b"{}"
    way = rng.randrange(20)
    if way == 0:
        return damaged(text, rng)
    if way == 1:
        return b'{"a":' * 100_000 + text
    return text


def changed_table(text: str, rng: random.Random) -> bytes:
    """A CSV file with cells, rows or bytes changed."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(rng.choice((0, 1, 1, 3))):
        row = rng.choice(rows)
        way = rng.randrange(6)
        if way == 0:
            rows.remove(row)
            rows = rows or [[""]]
        elif way == 1:
            rows.insert(rng.randrange(len(rows) + 1), list(row))
        elif way == 2:
            row += ["x"] * rng.choice((1, 3, 5000))
        elif way == 3 and row:
            del row[rng.randrange(len(row)) :]
        elif row:
            value = str(rng.choice(rng.choice((TEXTS, NUMBERS[:20]))))
            row[rng.randrange(len(row))] = rng.choice(("{}", '"{}', '"{}"')).format(value)
    data = "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")
    return damaged(data, rng) if rng.randrange(3) == 0 else data


def _places(node: Any) -> list[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    found = [(node, key) for key in keys]
    return found + [place for key in keys for place in _places(node[key])]


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, (bool, list, dict))


class Number(NamedTuple):
    """A number in a TFLite file: its offset, its size in bytes, and its table and field."""

    at: int
    size: int
    role: str


# table -> field -> kind. A number: its bytes; a vector: (bytes of an item,); a table: its name; a vector of tables: [name]
_TABLES: dict[str, dict[int, Any]] = {
    "Model": {0: 4, 1: ["OperatorCode"], 2: ["SubGraph"], 4: ["Buffer"], 6: ["Metadata"], 7: ["Signature"]},
    "OperatorCode": {0: 1, 1: (1,), 2: 4, 3: 4},
    "SubGraph": {0: ["Tensor"], 1: (4,), 2: (4,), 3: ["Operator"]},
    "Tensor": {0: (4,), 1: 1, 2: 4, 3: (1,), 4: "Quantization", 5: 1, 7: (4,), 8: 1},
    "Quantization": {0: (4,), 1: (4,), 2: (4,), 3: (8,), 4: 1, 6: 4},
    "Operator": {0: 4, 1: (4,), 2: (4,), 3: 1, 4: "Options", 6: 1, 8: (4,)},
    "Options": {field: 4 for field in range(16)},
    "Buffer": {0: (1,), 1: 8, 2: 8},
    "Metadata": {0: (1,), 1: 4},
    "Signature": {0: ["TensorMap"], 1: ["TensorMap"], 2: (1,), 4: 4},
    "TensorMap": {0: (1,), 1: 4},
}
_SMALL_VECTOR = 64  # bytes: shapes, axes and the like, but not weights


def numbers_of(data: bytes) -> list[Number]:
    """The numbers of an undamaged TFLite file that define its network; of weights, only the first ones."""
    found: list[Number] = []
    _collect(data, "Model", struct.unpack_from("<I", data, 0)[0], found, set())
    return found


def _collect(data: bytes, name: str, start: int, found: list[Number], seen: set[tuple[str, int]]) -> None:
    if (name, start) in seen:
        return
    seen.add((name, start))
    fields = start - struct.unpack_from("<i", data, start)[0]
    fields_size, table_size = struct.unpack_from("<HH", data, fields)
    slots = sorted(o for (o,) in struct.iter_unpack("<H", data[fields + 4 : fields + fields_size]) if o)
    found.append(Number(start, 4, f"{name}.vtable"))
    for field, kind in _TABLES[name].items():
        slot = fields + 4 + 2 * field
        if slot + 2 > fields + fields_size or not struct.unpack_from("<H", data, slot)[0]:
            continue
        offset = struct.unpack_from("<H", data, slot)[0]
        role = f"{name}.{field}"
        found.append(Number(slot, 2, f"{role} slot"))
        at = start + offset
        if isinstance(kind, int):
            room = min([after for after in slots if after > offset], default=table_size) - offset
            found.append(Number(at, min(kind, room), role))
            continue
        found.append(Number(at, 4, f"{role} offset"))
        target = at + struct.unpack_from("<I", data, at)[0]
        if isinstance(kind, str):
            _collect(data, kind, target, found, seen)
            continue
        count = struct.unpack_from("<I", data, target)[0]
        found.append(Number(target, 4, f"{role} count"))
        if isinstance(kind, list):
            for place in range(target + 4, target + 4 + 4 * count, 4):
                found.append(Number(place, 4, f"{role} offset"))
                _collect(data, kind[0], place + struct.unpack_from("<I", data, place)[0], found, seen)
        elif kind[0] * count <= _SMALL_VECTOR or name != "Buffer":
            size = 4 if name == "Buffer" and count % 4 == 0 else kind[0]
            step = range(target + 4, target + 4 + kind[0] * count, size)
            found += [Number(place, size, role) for place in step][:_SMALL_VECTOR]


def changed_network(data: bytes, rng: random.Random) -> bytes:
    """A TFLite file with one to three numbers changed; sometimes with bytes changed."""
    if rng.randrange(12) == 0:
        return damaged(data, rng)
    changed, numbers = bytearray(data), numbers_of(data)
    by_role: dict[str, list[Number]] = {}
    for number in numbers:
        by_role.setdefault(re.sub("slot|offset|count", "place", number.role), []).append(number)
    roles = [role for role in by_role if "place" not in role] * 6 + [role for role in by_role if "place" in role]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        alike = by_role[rng.choice(roles)]
        at, size, _ = rng.choice(alike)
        old = int.from_bytes(changed[at : at + size], "little")
        top = 256**size
        other = rng.choice(alike)
        values = [
            0, 1, 2, 3, 4, 7, 16, 17, 255, 256, 4096, 10**6, top - 1, top - 2, top // 2, top // 2 - 1, old + 1, old - 1,
            old * 2, old ^ 1,
            old ^ (1 << rng.randrange(8 * size)), int.from_bytes(changed[other.at : other.at + other.size], "little"),
            rng.randrange(top), rng.randrange(64),
        ]  # fmt: skip
        if size == 4:
            values += [
                struct.unpack("<I", struct.pack("<f", v))[0] for v in (0.0, -1.0, 1e30, math.nan, math.inf, 1e-30)
            ]
        changed[at : at + size] = (rng.choice(values) % top).to_bytes(size, "little")
    return bytes(changed)
