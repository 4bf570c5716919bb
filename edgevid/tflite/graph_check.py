"""Tells sound graphs from those that would crash a runtime, run for ever, or use up the memory.

The runtimes trust that operators have the operands and options that they need, that tensors are written before they are
read, that loops end. A damaged or malicious file is refused here before it reaches them. Whether a network's numbers make
sense is not checked.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Optional

from .flatbuffer import Node, Subgraph, Table, Tensor, has_shape, integers, is_known, read_graphs
from .loop_check import GraphError as GraphError
from .loop_check import check_calls
from .operators import (
    ACTIVATION,
    BROADCAST,
    COMPARING,
    DIVIDING,
    GROWING,
    HAVE_WEIGHTS,
    KEEP_KIND,
    OPERATORS,
    OPTIONAL,
    REDUCING,
    SAME_SHAPE,
    SCALED,
    Operator,
)
from .window_check import MOST_STEP, check_bias, check_windows

# Maximum size in bytes of a tensor, and of all computed tensors of a graph
MOST_BYTES, MOST_BYTES_IN_ALL = 1 << 28, 1 << 30
_MOST_RANK = 8
_MOST_LENGTH = 1 << 16  # maximum side given by operands
_ACTIVATIONS = 4  # none, three kinds of ReLU, tanh
_FLOAT32, _FLOAT16, _UINT8, _INT16, _INT8 = 0, 1, 3, 7, 9
_MOST_BROADCAST = 4  # dimensions
_MOST_SCALES = 1 << 18  # of operands, in parts of their result's


def check_graphs(data: bytes) -> None:
    """Check the graphs of a TFLite file, all of whose parts lie inside it.

    Raises:
        GraphError: it cannot be run safely.
    """
    try:
        graphs = read_graphs(data)
        if not graphs:
            raise GraphError("it holds no graph")
        for graph in graphs:
            _Check(graph).run()
        check_calls(graphs)
    except (IndexError, struct.error) as error:
        raise GraphError(f"a part of it refers to one that is not there ({error})") from error
    except UnicodeDecodeError as error:
        raise GraphError("a name in it is not text") from error
    except (ValueError, OverflowError) as error:
        raise GraphError(str(error)) from error


class _Check:
    def __init__(self, graph: Subgraph) -> None:
        self._graph, self._tensors = graph, graph.tensors

    def run(self) -> None:
        for tensor in self._tensors:
            _check_tensor(tensor)
        if sum(tensor.bytes for tensor in self._tensors if tensor.data is None) > MOST_BYTES_IN_ALL:
            raise GraphError(f"its tensors take more than {MOST_BYTES_IN_ALL >> 20} MB")
        given = self._graph.inputs
        self._need(len(set(given)) == len(given), "a tensor is given to it twice")
        written = set(given)
        for number in given:
            self._need(self._at(number).data is None, "a constant is given to it")
        for node in self._graph.nodes:
            self._check_node(node, written)
        for number in self._graph.outputs:
            self._need(number in written or self._at(number).data is not None, "an output is never computed")

    def _check_node(self, node: Node, written: set[int]) -> None:
        operator = OPERATORS.get(node.code)
        if operator is None:
            raise GraphError(f"it has operator {node.code} of the format, which is none that edgevid runs")
        low, high = operator.inputs
        self._need(low <= len(node.inputs) <= high, f"{operator.name} has {len(node.inputs)} operands")
        self._need(
            1 <= len(node.outputs) <= operator.outputs or node.code in (118, 119), f"{operator.name} has other results"
        )
        for place, number in enumerate(node.inputs):
            if number == -1 and place in operator.optional:
                continue
            tensor = self._at(number)
            self._need(
                number in written or tensor.data is not None or tensor.is_variable,
                f"{operator.name} reads what is not there yet",
            )
        for number in node.outputs:
            self._need(self._at(number).data is None, f"{operator.name} writes to a constant")
            self._need(number not in written, f"{operator.name} writes to a tensor that is written already")
            written.add(number)
        kinds = (operator.options,) if operator.options else (0, OPTIONAL.get(operator.name, 0))
        if node.options_kind not in kinds:
            raise GraphError(f"{operator.name} lacks its options, or has those of another operator")
        if (
            operator.options
            and node.options is None
            and operator.name not in ("SHAPE", "MEAN", "SUM", "GATHER", "SQUEEZE")
        ):
            raise GraphError(f"{operator.name} lacks its options")
        self._check_options(node, operator.name)
        self._check_operands(node, operator)

    def _check_options(self, node: Node, name: str) -> None:
        options = node.options
        if options is None:
            return
        if name in ACTIVATION:
            self._need(
                0 <= options.number(ACTIVATION[name], "<b") <= _ACTIVATIONS, f"{name} has an activation of no kind"
            )
        counted = {"SPLIT": node.outputs, "SPLIT_V": node.outputs, "UNPACK": node.outputs, "PACK": node.inputs}.get(
            name
        )
        self._need(counted is None or options.number(0) == len(counted), f"{name} is of another number of parts")
        if name in ("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "LOCAL_RESPONSE_NORMALIZATION"):
            self._need(1 <= options.number(0) <= MOST_STEP, f"{name} has blocks out of range")
        if name in ("CONCATENATION", "GATHER"):
            self._need(abs(options.number(0)) <= _MOST_RANK, f"{name} is along no dimension")

    def _check_operands(self, node: Node, operator: Operator) -> None:
        name, tensors = operator.name, [None if number == -1 else self._at(number) for number in node.inputs]
        outputs = [self._at(number) for number in node.outputs]
        if (name in KEEP_KIND or name in REDUCING) and tensors[0] is not None:
            self._need(tensors[0].kind == outputs[0].kind, f"{name} gives numbers of another type")
        _check_kinds(name, tensors, outputs)
        if name == "BATCH_MATMUL":
            _check_product(node.options, tensors)
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "TRANSPOSE_CONV"):
            weights = set() if "POOL" in name else {node.inputs[1]}
            self._need(not weights & set(self._graph.inputs), f"{name} is given its weights from outside")
            check_windows(name, node.options, tensors, outputs[0])
        elif name == "FULLY_CONNECTED":
            _check_dense(tensors, outputs[0])
        elif name in SAME_SHAPE:
            _check_shape(name, outputs[0], tensors[0])
        elif name in BROADCAST:
            _check_broadcast(name, tensors, outputs[0])
        elif name in GROWING:
            for tensor in tensors[1:] if name not in ("FILL", "TRANSPOSE_CONV") else tensors[:1]:
                _check_lengths(name, tensor)
        elif name == "STRIDED_SLICE":
            _check_slice(tensors, node.options)
        elif name == "SLICE":
            _check_part(tensors, outputs[0])
        elif name in REDUCING:
            _check_axes(name, tensors)
        elif name in ("SPLIT", "SPLIT_V"):
            _check_split(name, tensors, len(outputs))
        elif name in ("GATHER", "TOPK_V2", "TRANSPOSE", "EXPAND_DIMS"):
            _check_lengths(name, tensors[1])

    def _at(self, number: int) -> Tensor:
        if not 0 <= number < len(self._tensors):
            raise GraphError(f"tensor {number} of {len(self._tensors)} is named")
        return self._tensors[number]

    def _need(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise GraphError(otherwise)


def _check_tensor(tensor: Tensor) -> None:
    if tensor.shape is None and tensor.data is None:
        raise GraphError("a tensor has no shape")
    shape = tensor.shape or ()
    if tensor.data is None and (0 in shape or (not shape and tensor.kind in (_UINT8, _INT8))):
        raise GraphError(f"a tensor of the shape {list(shape)} holds nothing")
    if len(shape) > _MOST_RANK or any(length < -1 for length in shape) or tensor.bytes > MOST_BYTES:
        raise GraphError(f"a tensor has the shape {list(shape)}; {MOST_BYTES >> 20} MB are the most")
    if tensor.data is not None and len(tensor.data) < tensor.bytes:
        raise GraphError(f"a constant of shape {list(shape)} has {len(tensor.data)} bytes")
    if tensor.channels is not None:
        scales, zeros, dimension = tensor.channels
        many = scales > 1 or zeros > 1
        if zeros not in (0, 1, scales) or (many and not 0 <= dimension < len(shape)):
            raise GraphError("the quantisation of a tensor does not fit it")
        if many and tensor.is_fixed and scales != shape[dimension]:
            raise GraphError("the quantisation of a tensor does not fit its shape")


def _check_kinds(name: str, tensors: Sequence[Optional[Tensor]], outputs: Sequence[Tensor]) -> None:
    """Of what computes: small integers have a scale, one for all but weights, and two operands are of one type."""
    kinds = [None if tensor is None else tensor.kind for tensor in tensors]
    if name in BROADCAST and kinds[0] != kinds[1]:
        raise GraphError(f"{name} is of numbers of two types")
    if name in DIVIDING and kinds[0] not in (_FLOAT16, _FLOAT32) and min(integers(tensors[1]) or (0,)) < 1:
        raise GraphError(f"{name} divides integers by what may be 0")
    if name not in SCALED:
        return
    small = [
        tensor
        for tensor in [*tensors[: 1 if name in HAVE_WEIGHTS else None], *outputs]
        if tensor is not None and tensor.kind in (_UINT8, _INT8, _INT16)
    ]
    for tensor in small:
        if tensor.channels is None or tensor.channels[0] != 1 or not tensor.scale:
            raise GraphError(f"{name} computes with numbers without a scale, or with several")
    # tflite ends the process where a factor between scales is none that it computes with.
    if name in COMPARING and any(tensor.scale >= 1 for tensor in small):
        raise GraphError(f"{name} compares numbers with a scale of 1 or more")
    if name in BROADCAST and small and max(tensor.scale for tensor in small) > _MOST_SCALES * outputs[0].scale > 0:
        raise GraphError(f"{name} has operands whose scale is too large for its result's")


def _check_product(options: Optional[Table], tensors: Sequence[Optional[Tensor]]) -> None:
    """Of BATCH_MATMUL: matrices that can be multiplied, of one type, or float32 and int8."""
    first, second = tensors
    assert options is not None
    if first is None or second is None or not first.shape or not second.shape:
        raise GraphError("BATCH_MATMUL lacks an operand")
    if first.kind == _UINT8 or (first.kind != second.kind and (first.kind, second.kind) != (_FLOAT32, _INT8)):
        raise GraphError("BATCH_MATMUL is of numbers that it does not multiply")
    shapes = [first.shape, second.shape]
    if not all(2 <= len(shape) <= _MOST_BROADCAST for shape in shapes):
        raise GraphError(f"BATCH_MATMUL of {list(shapes[0])} and {list(shapes[1])}")
    if is_known(first, second):
        inner = shapes[0][-2 if options.number(0, "<b") else -1], shapes[1][-1 if options.number(1, "<b") else -2]
        batches = zip(shapes[0][-3::-1], shapes[1][-3::-1])
        if inner[0] != inner[1] or any(a != b and 1 not in (a, b) for a, b in batches):
            raise GraphError(f"BATCH_MATMUL of {list(shapes[0])} and {list(shapes[1])}")


def _check_dense(tensors: Sequence[Optional[Tensor]], output: Tensor) -> None:
    source, weights = tensors[0], tensors[1]
    if source is None or weights is None or not weights.shape:
        raise GraphError("FULLY_CONNECTED lacks its weights")
    if len(weights.shape) != 2 or min(weights.shape) < 1:
        raise GraphError(f"FULLY_CONNECTED has weights of shape {list(weights.shape)}")
    units, depth = weights.shape
    check_bias("FULLY_CONNECTED", tensors, units)
    if has_shape(source, output):
        rows, rest = divmod(math.prod(source.shape or ()), depth)
        if rest or math.prod(output.shape or ()) != rows * units:
            raise GraphError(f"FULLY_CONNECTED of {list(source.shape or ())} gives {list(output.shape or ())}")


def _check_shape(name: str, output: Tensor, source: Optional[Tensor]) -> None:
    if (
        source is not None
        and is_known(source, output)
        and math.prod(source.shape or ()) != math.prod(output.shape or ())
    ):
        raise GraphError(f"{name} of {list(source.shape or ())} gives {list(output.shape or ())}")


def _check_broadcast(name: str, tensors: Sequence[Optional[Tensor]], output: Tensor) -> None:
    first, second = tensors[0], tensors[1]
    if any(len(tensor.shape or ()) > _MOST_BROADCAST for tensor in (first, second) if tensor is not None):
        raise GraphError(f"{name} is of more than {_MOST_BROADCAST} dimensions")
    if first is None or second is None or not is_known(first, second, output):
        return
    shapes = [first.shape or (), second.shape or ()]
    rank = max(map(len, shapes))
    one, other = ((1,) * (rank - len(shape)) + shape for shape in shapes)
    if any(a != b and 1 not in (a, b) for a, b in zip(one, other)):
        raise GraphError(f"{name} of {list(shapes[0])} and {list(shapes[1])}")
    wanted = tuple(b if a == 1 else a for a, b in zip(one, other))
    if math.prod(wanted) != math.prod(output.shape or ()):
        raise GraphError(f"{name} gives {list(output.shape or ())}; {list(wanted)} follows from its operands")


def _check_lengths(name: str, tensor: Optional[Tensor]) -> None:
    """Check numbers that give a size or a position."""
    values = integers(tensor)
    if values is not None and (any(abs(value) > _MOST_LENGTH for value in values) or _product(values) > MOST_BYTES):
        raise GraphError(f"{name} is told {list(values[:8])}")


def _check_slice(tensors: Sequence[Optional[Tensor]], options: Optional[Table]) -> None:
    source, begin, end, steps = tensors[:4]
    values = [integers(tensor) for tensor in (begin, end, steps)]
    if values[2] is not None and not all(-MOST_STEP <= step <= MOST_STEP and step for step in values[2]):
        raise GraphError(f"STRIDED_SLICE has the steps {list(values[2])}")
    lengths = {len(value) for value in values if value is not None}
    if len(lengths) > 1 or max(lengths, default=0) > _MOST_RANK:
        raise GraphError("STRIDED_SLICE has operands of several lengths")
    if options is None or source is None or values[0] is None or not is_known(source):
        return
    # A dropped dimension is read at one position, which must exist.
    dropped, shape = options.number(4), source.shape or ()
    if not options.number(2) and not options.number(3):
        for axis, place in enumerate(values[0]):
            if axis >= len(shape) or (dropped >> axis & 1 and not -shape[axis] <= place < shape[axis]):
                raise GraphError(f"STRIDED_SLICE takes {list(values[0])} of {list(shape)}")


def _check_part(tensors: Sequence[Optional[Tensor]], output: Tensor) -> None:
    """Check that the part of a SLICE lies inside. tflite-runtime writes beyond its output if it does not."""
    source, begin, size = tensors[:3]
    starts, lengths = integers(begin), integers(size)
    if source is None or source.shape is None or lengths is None:
        return
    whole = source.shape
    if -1 in lengths and output.is_fixed and not source.is_fixed:  # the rest of an unknown length has no fixed length
        raise GraphError(f"SLICE takes {list(lengths)} of {list(whole)}, whose length is not fixed")
    starts = (0,) * len(lengths) if starts is None else starts
    if len(starts) != len(whole) or len(lengths) != len(whole):
        raise GraphError(f"SLICE takes {list(lengths)} of {list(whole)}")
    if any(start < 0 or length < -1 or start + length > side for start, length, side in zip(starts, lengths, whole)):
        raise GraphError(f"SLICE takes {list(lengths)} of {list(whole)}")


def _check_axes(name: str, tensors: Sequence[Optional[Tensor]]) -> None:
    """Of what reduces: dimensions that are there, no more than there are."""
    source, axes = tensors[0], integers(tensors[1])
    rank = len((source and source.shape) or ())
    if axes and rank and (len(axes) > rank or not all(-rank <= axis < rank for axis in axes)):
        raise GraphError(f"{name} is along the dimensions {list(axes[:8])} of {rank}")


def _check_split(name: str, tensors: Sequence[Optional[Tensor]], parts: int) -> None:
    """Along one dimension that is there, in parts as long as they say."""
    source, axis = (tensors[1], tensors[0]) if name == "SPLIT" else (tensors[0], tensors[2])
    axes = integers(axis)
    if source is None or axes is None or len(axes) != 1 or not source.shape:
        raise GraphError(f"{name} is along no dimension")
    if not -len(source.shape) <= axes[0] < len(source.shape) or (is_known(source) and source.shape[axes[0]] < parts):
        raise GraphError(f"{name} of {list(source.shape)} in {parts} along dimension {axes[0]}")


def _product(values: Sequence[int]) -> int:
    product = 1
    for value in values:
        product *= max(abs(value), 1)
    return product
