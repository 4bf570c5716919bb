"""edgevid.tflite.graph_check: a network with one or two changed numbers is refused before a runtime crashes on it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from fuzz.mutations import numbers_of

from edgevid import ModelError
from edgevid.bundles import models_folder
from edgevid.calibration import calibrated
from edgevid.classifiers import StatisticsClassifier, open_network
from edgevid.classifiers.statistics import LinearHead, Statistics
from edgevid.embedders import CnnEmbedder
from edgevid.tflite import graph_check
from edgevid.tflite.file_check import read_tflite_file
from edgevid.tflite.flatbuffer import Node, Subgraph, Table, Tensor, read_graphs
from edgevid.tflite.graph_check import GraphError, check_graphs
from edgevid.tflite.operators import OPERATORS

DATA = Path(__file__).parent / "data"
MINUS_1 = 2**32 - 1
FLOAT32, INT32, BOOL, INT8 = 0, 2, 6, 9  # types of numbers, as the format has them

# file, table field and old number (the first such is changed), new number; message
CHANGES = {
    "a tensor that is not there is written": ("gru", "Operator.2", 22, MINUS_1, "tensor -1 of"),
    "a tensor that is not there is read": ("lstm_int8", "Operator.1", 24, 4000, "tensor 4000 of"),
    "a tensor that is not there is an output": ("lstm", "SubGraph.2", 28, MINUS_1, "tensor -1 of|never computed"),
    "a result is given from outside": ("gru", "SubGraph.1", 1, 16, "written already"),
    "a tensor is given twice": ("gru", "SubGraph.1", 1, 0, "given to it twice"),
    "a constant is written": ("gru", "Operator.2", 16, 12, "writes to a constant"),
    "a tensor is read before it is written": ("gru", "Operator.1", 22, 25, "not there yet"),
    "another operator": ("gru", "OperatorCode.0", 119, 127, "operator 127 of the format, which is none that edgevid runs"),
    "an operator with options of another": ("extractor", "OperatorCode.0", 3, 9, "FULLY_CONNECTED lacks its options"),
    "an operator of no code": ("gru", "Operator.0", 1, 99, "not there"),
    "a stride of 0": ("extractor", "Options.2", 2, 0, "strides or sizes out of range"),
    "options of another operator": ("extractor", "Operator.3", 1, 9, "lacks its options"),
    "a shape of gigabytes": ("gru", "Tensor.0", 1280, 2143289344, "256 MB are the most|has two shapes"),
    "weights for another picture": ("extractor", "Tensor.0", 32, 31, "follows from its operands|gives"),
    "a constant shorter than its shape": ("gru", "Tensor.0", 5, 500, "a constant of shape|bias of shape|gives"),
    "a type that no network has": ("gru", "Tensor.1", 2, 13, "a tensor is of type 13"),
    "a quantisation of other channels": ("extractor", "Quantization.2 count", 16, 3, "quantisation of a tensor"),
    "an activation of no kind": ("extractor", "Options.3", 3, 9, "activation of no kind"),
    "a loop over another graph": ("gru", "Options.1", 2, 0, "graph 0 of 3 is called"),
    "a loop that carries another shape": ("gru_int8", "SubGraph.2", 32, 17, "changes the shape of what it carries"),
    "a slice of more than there is": ("lstm", "Buffer.0", 32, 64, "SLICE takes"),
}  # fmt: skip


def changed(name: str, role: str, old: int, new: int) -> bytes:
    data = bytearray((DATA / f"{name}.tflite").read_bytes())
    at, size = next(
        (n.at, n.size) for n in numbers_of(bytes(data))
        if n.role == role and int.from_bytes(data[n.at : n.at + n.size], "little") == old
    )  # fmt: skip
    data[at : at + size] = new.to_bytes(size, "little")
    return bytes(data)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_number_is_refused_in_words(tmp_path: Path, change: tuple[str, str, int, int, str]):
    name, role, old, new, said = change
    path = tmp_path / "network.tflite"
    path.write_bytes(changed(name, role, old, new))
    with pytest.raises(ModelError, match=rf"network\.tflite holds a network that cannot be run: .*({said})"):
        CnnEmbedder(path, num_threads=1) if name == "extractor" else open_network(path, num_threads=1)


def test_a_slice_of_all_that_is_left_is_refused():
    data = bytearray((DATA / "lstm.tflite").read_bytes())
    (part,) = (node for node in read_graphs(bytes(data))[2].nodes if OPERATORS[node.code].name == "SLICE")
    content = read_graphs(bytes(data))[2].tensors[part.inputs[2]].data
    assert content is not None
    at = bytes(data).index(content, 4)
    while not any(number.at == at for number in numbers_of(bytes(data))):
        at = bytes(data).index(content, at + 1)
    data[at : at + 4] = b"\xff" * 4
    with pytest.raises(GraphError, match=r"SLICE takes .*whose length is not fixed"):
        check_graphs(bytes(data))


def test_a_loop_without_end_is_refused():
    data = bytearray((DATA / "gru.tflite").read_bytes())
    graph = read_graphs(bytes(data))[2]
    (step,) = {node.inputs[1] for node in graph.nodes if node.code == 0 and node.inputs[0] == 0}
    ones = [
        n for n in numbers_of(bytes(data)) if n.role == "Buffer.0" and data[n.at : n.at + 4] == graph.tensors[step].data
    ]
    for number in ones:
        data[number.at : number.at + 4] = bytes(4)
    with pytest.raises(GraphError, match=r"a loop whose end cannot be told|has the steps"):
        check_graphs(bytes(data))


def test_a_name_that_is_no_text_is_refused(tmp_path: Path):
    path = tmp_path / "network.tflite"
    path.write_bytes((DATA / "gru.tflite").read_bytes().replace(b"embeddings", b"embedding\xff"))
    with pytest.raises(ModelError, match=r"a name in it is not text|cannot be read"):
        open_network(path)


def tensor(shape: tuple[int, ...], kind: int = FLOAT32, scale: float = 0.0, data: Optional[bytes] = None) -> Tensor:
    return Tensor("t", shape, kind, data, True, False, (1, 1, 0) if scale else None, scale)


# One operator, of two operands, with a result; what is said of it. A runtime crashes on each.
OPERANDS = {
    "many dimensions": ("EQUAL", tensor((1, 1, 1, 1, 2)), tensor((2,)), tensor((1, 1, 1, 1, 2), BOOL), "more than 4 dimensions"),
    "two types": ("LESS", tensor((2,)), tensor((2,), INT32), tensor((2,), BOOL), "two types"),
    "an operand without a scale": ("SUB", tensor((2,), INT8, 0.5), tensor((2,), INT8), tensor((2,), INT8, 0.5),
        "without a scale"),
    "a result without a scale": ("SQUARED_DIFFERENCE", tensor((2,), INT8, 0.5), tensor((2,), INT8, 0.5), tensor((2,), INT8),
        "without a scale"),
    "a scale too large to compare": ("GREATER", tensor((2,), INT8, 1.0), tensor((2,), INT8, 0.5), tensor((2,), BOOL),
        "a scale of 1 or more"),
    "a scale too large for the result": ("ADD", tensor((2,), INT8, 1.0), tensor((2,), INT8, 0.5), tensor((2,), INT8, 1e-7),
        "too large for its result"),
    "division by 0": ("DIV", tensor((2,), INT32), tensor((), INT32, data=bytes(4)), tensor((2,), INT32), "may be 0"),
    "division by anything": ("FLOOR_MOD", tensor((2,), INT32), tensor((2,), INT32), tensor((2,), INT32), "may be 0"),
    "more dimensions than there are": ("MEAN", tensor((2,)), tensor((2,), INT32, data=bytes(8)), tensor((1,)),
        "along the dimensions \\[0, 0\\] of 1"),
    "a reduction to another type": ("MEAN", tensor((2,), INT32), tensor((1,), INT32, data=bytes(4)), tensor((1,), BOOL),
        "numbers of another type"),
    "an integer without dimensions": ("ADD", tensor((), INT8, 0.5), tensor((1,), INT8, 0.5), tensor((1,), INT8, 0.5),
        "holds nothing"),
    "nothing at all": ("ADD", tensor((0,)), tensor((1,)), tensor((0,)), "holds nothing"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPERANDS.values(), ids=OPERANDS)
def test_operands_that_a_runtime_crashes_on_are_refused(
    monkeypatch: pytest.MonkeyPatch, case: tuple[str, Tensor, Tensor, Tensor, str]
):
    name, first, second, result, said = case
    (code,) = (number for number, operator in OPERATORS.items() if operator.name == name)
    given = (0,) if second.data else (0, 1)
    graph = Subgraph([first, second, result], given, (2,), [Node(code, (0, 1), (2,), OPERATORS[code].options, None)])
    monkeypatch.setattr(graph_check, "read_graphs", lambda data: [graph])
    with pytest.raises(GraphError, match=said):
        check_graphs(b"")


def options(*numbers: int) -> Table:
    """A table of options, of numbers of 4 bytes each."""
    slots = range(4, 4 + 4 * len(numbers), 4)
    fields = struct.pack(f"<{2 + len(numbers)}H", 4 + 2 * len(numbers), 4 + 4 * len(numbers), *slots)
    return Table(fields + struct.pack(f"<i{len(numbers)}i", len(fields), *numbers), len(fields))


# A convolution of each channel of a picture of 25 x ? pixels: padding, strides, filters per channel, activation, dilations
DEPTHWISE = {
    "windows that reach out of it": (
        (1, 1, 1, 1, 0, 1, 2),
        FLOAT32,
        (0, 1),
        r"windows of \[1, 25\] for \[1, 25, 1, 4\]",
    ),
    "more filters than there are": (
        (1, 1, 1, 2, 0, 1, 1),
        FLOAT32,
        (0, 1),
        "has 2 filters per channel; 4 of 4 follows",
    ),
    "one scale for several filters": ((1, 1, 1, 1, 0, 1, 1), INT8, (0, 1), "has 1 scales for 4 filters"),
    "weights from outside": ((0, 1, 1, 1, 0, 1, 1), FLOAT32, (0, 0), "weights from outside"),
}


@pytest.mark.parametrize("case", DEPTHWISE.values(), ids=DEPTHWISE)
def test_convolutions_that_a_runtime_crashes_on_are_refused(
    monkeypatch: pytest.MonkeyPatch, case: tuple[tuple[int, ...], int, tuple[int, int], str]
):
    numbers, kind, operands, said = case
    picture = tensor((1, 25, 1, 4))._replace(is_fixed=False)
    tensors = [picture, tensor((1, 25, 1, 4), kind, 0.5 * (kind == INT8), bytes(400)), tensor((1, 1, 1, 4))]
    node = Node(4, operands, (2,), 2, options(*numbers))
    monkeypatch.setattr(graph_check, "read_graphs", lambda data: [Subgraph(tensors, (0,), (2,), [node])])
    with pytest.raises(GraphError, match=said):
        check_graphs(b"")


@pytest.mark.parametrize("scale", [np.nan, np.inf, -1.0, 1e30], ids=str)
def test_a_scale_that_is_none_is_refused(scale: float):
    data = bytearray((DATA / "extractor.tflite").read_bytes())
    number = next(number for number in numbers_of(bytes(data)) if number.role == "Quantization.2")
    struct.pack_into("<f", data, number.at, scale)
    with pytest.raises(GraphError, match="out of range"):
        check_graphs(bytes(data))


GOOD = sorted([*models_folder().glob("**/*.tflite"), *DATA.glob("*.tflite")])


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_good_networks_are_good(path: Path):
    assert read_tflite_file(path)


@pytest.mark.parametrize("given", [[np.nan, 1], [-0.5, 1.5], [0, 0], [np.inf, 0], [3e38, 3e38], [0.7, 0.7]], ids=str)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_what_are_no_probabilities_is_refused(given: list[float], temperature: float):
    with pytest.raises(ModelError, match="expected probabilities with sum 1"):
        calibrated(np.array(given, np.float32), temperature)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_statistics_of_what_is_no_number_are_refused(tmp_path: Path, number: float):
    weights = np.array([[number, 1], [1, 1]], np.float32)
    ones = np.ones(2, np.float32)
    StatisticsClassifier(LinearHead(ones, ones, weights, ones), [Statistics()], 5).save(tmp_path / "c.npz")
    with pytest.raises(ModelError, match="its arrays contain NaN or infinite values"):
        StatisticsClassifier.load(tmp_path / "c.npz")
