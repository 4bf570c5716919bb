"""Truncates a TFLite image classifier after a feature map, which makes it an extractor.

Only the operators that the feature map depends on are kept, with their tensors and weights, unchanged: the truncated network
computes the same values as the whole one. Labels, signatures, metadata and appended files are left out.
"""

from __future__ import annotations

import copy
import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, Optional, Union

from ..errors import ModelError
from .interpreter import tflite_schema
from .sizes import shapes_at

_IDENTIFIER = b"TFL3"
# Exceptions from reading invalid offsets and lengths: the generated reader does no checks of its own.
_UNREADABLE = (struct.error, ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, MemoryError)
# The only metadata that affects how the network is run. The rest describes the classifier.
_KEPT_METADATA = (b"min_runtime_version", b"reduced_precision_support")
_TYPES = ("uint8", "int8", "float32")  # of the picture and of the feature map


@dataclass(frozen=True)
class GraphTensor:
    """A tensor of the graph; ``dtype`` is TFLite's name in lower case ("uint8", "float32", "int16", ...)."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.index}: {self.dtype} {list(self.shape)} {self.name}"


class Graph:
    """A TFLite classifier that takes one picture. ``input`` is the picture's tensor: ``[1, height, width, 3]``.

    Args:
        content: the ``.tflite`` file.
        origin: its name in errors.
        size: side of the picture in pixels, a multiple of 32; default: the file's own.

    Raises:
        ModelError: not a TFLite file, damaged, its input is not one picture, or the network takes no other size.
        OptionError: ``size`` is not such a number.
        RuntimeNotAvailableError: LiteRT, whose description of the format reads the file, is not installed.
    """

    def __init__(self, content: bytes, origin: str, size: Optional[int] = None) -> None:
        self._schema = tflite_schema()
        self._content, self._origin = content, origin
        self._shapes: dict[int, list[int]] = {}
        self._names = {code: name.lower() for name, code in vars(self._schema.TensorType).items() if name.isupper()}
        if content[4:8] != _IDENTIFIER:
            raise ModelError(f"{origin} is not a TFLite model (no TFL3 mark at its start); give a .tflite file.")
        try:
            self._model = self._read()
            self._graph = self._model.subgraphs[0]
            self._check_references()
            self._tensors = [self._describe(i) for i in range(len(self._graph.tensors))]
        except _UNREADABLE as error:
            raise ModelError(
                f"{origin} is damaged: it begins as a TFLite model, but its content cannot be read ({error}). "
                "Copy or download it again."
            ) from error
        self.input = self._check_input()
        if size is not None:
            self._shapes = shapes_at(content, size, origin)
            self._graph = self._read().subgraphs[0]
            self._tensors = [self._describe(i) for i in range(len(self._graph.tensors))]
            self.input = self._tensors[self.input.index]
        self._path, self._activations = self._trace()

    def spatial_tensors(self) -> list[GraphTensor]:
        """The feature maps ``[1, h, w, D]``, h and w above 1, between the picture and the outputs, in order.

        Constants, and copies of the picture itself (a QUANTIZE of it), do not count.
        """
        computed = (self._tensors[i] for n in self._path for i in _indices(self._graph.operators[n].outputs))
        maps = [t for t in computed if len(t.shape) == 4 and t.shape[0] == 1 and min(t.shape[1:3]) > 1]
        return [t for t in maps if t.shape != self.input.shape]

    def find(self, name_or_index: Union[str, int, None] = None) -> GraphTensor:
        """One of :meth:`spatial_tensors`, by index, by name, or by one of the names that a converter joined with ";".

        The default is the last one through which all paths lead: the input of global pooling, a mean or a flatten, never
        one of several branches.

        Raises:
            ModelError: none, or more than one, matches.
        """
        found = self.spatial_tensors()
        if not found:
            outputs = "; ".join(str(self._tensors[int(i)]) for i in self._graph.outputs)
            raise ModelError(
                f"{self._origin} has no feature map: between its input ({self.input}) and its outputs ({outputs}) no "
                "tensor has the shape [1, h, w, D] with h and w above 1. Give an image classifier with a convolutional body."
            )
        if name_or_index is None:
            return next((t for t in reversed(found) if self._is_neck(t.index)), found[-1])
        wanted = str(name_or_index).strip()
        matches = [t for t in found if wanted in (str(t.index), t.name)]
        matches = matches or [t for t in found if wanted in t.name.split(";")]
        if len(matches) == 1:
            return matches[0]
        raise ModelError(
            f"{self._origin}: {wanted!r} is the name of {len(matches)} of its spatial tensors; expected the index or name of "
            f"one: {', '.join(str(t.index) for t in found)} (`edgevid import-extractor FILE --list` prints their names)."
        )

    def truncate(self, tensor: GraphTensor) -> bytes:
        """A new file's content: the network from the picture to ``tensor``, one of :meth:`spatial_tensors`.

        For an int8 picture or feature map, a QUANTIZE that only adds or subtracts 128 is put before or after the network, so
        that it becomes uint8 and pictures can be used directly.

        Raises:
            ModelError: the tensor's type is not uint8, int8 or float32, or the network has control flow.
        """
        if tensor.dtype not in _TYPES:
            raise ModelError(
                f"{self._origin}: the tensor {tensor} is {tensor.dtype}; a feature map must be one of "
                f"{', '.join(_TYPES)}. Give a float32 or 8-bit version of the model, or truncate elsewhere with --tensor."
            )
        model = self._read()
        graph = model.subgraphs[0]
        graph.operators = [graph.operators[n] for n in sorted(self._needed([tensor.index]))]
        for operator in graph.operators:
            for options in (operator.builtinOptions, getattr(operator, "builtinOptions2", None)):
                if options is not None and any("subgraph" in field.lower() for field in vars(options)):
                    raise ModelError(
                        f"{self._origin}: an operator before the feature map has control flow (another subgraph), which "
                        "the truncated network cannot keep; expected a feed-forward classifier. Convert the model again "
                        "without it."
                    )
        model.subgraphs = [self._schema.SubGraphT(
            name=graph.name, tensors=graph.tensors, operators=graph.operators, inputs=[self.input.index],
            outputs=[tensor.index],
        )]  # fmt: skip
        model.metadata = [m for m in model.metadata or () if m.name in _KEPT_METADATA and m.buffer < len(model.buffers)]
        model.signatureDefs = model.metadataBuffer = None
        _drop_unused(model, self._schema)
        if self.input.dtype == "int8":
            self._add_uint8(model, before=True)
        if tensor.dtype == "int8":
            self._add_uint8(model, before=False)
        import flatbuffers  # comes with LiteRT

        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())

    def _add_uint8(self, model: Any, *, before: bool) -> None:
        """Insert a uint8 tensor ``before`` the int8 input, or after the int8 output, and a QUANTIZE between the two."""
        graph = model.subgraphs[0]
        ends = graph.inputs if before else graph.outputs
        int8, uint8 = ends[0], len(graph.tensors)
        tensor = copy.copy(graph.tensors[int8])
        name, quantization = tensor.name or b"", tensor.quantization
        if quantization is None or quantization.scale is None or len(quantization.scale) != 1:
            raise ModelError(
                f"{self._origin}: the int8 tensor {name.decode('utf-8', 'replace')!r} has no scale; convert the model again."
            )
        zero_point = 0 if quantization.zeroPoint is None else int(quantization.zeroPoint[0])
        tensor.type, tensor.name = self._schema.TensorType.UINT8, name + b"_uint8"
        tensor.quantization = self._schema.QuantizationParametersT(
            scale=quantization.scale, zeroPoint=[zero_point + 128]
        )
        graph.tensors.append(tensor)
        code = self._schema.BuiltinOperator.QUANTIZE
        model.operatorCodes.append(self._schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1))
        source, target = (uint8, int8) if before else (int8, uint8)
        quantize = self._schema.OperatorT(opcodeIndex=len(model.operatorCodes) - 1, inputs=[source], outputs=[target])
        graph.operators.insert(0 if before else len(graph.operators), quantize)
        ends[0] = uint8

    def _read(self) -> Any:
        """The whole model, as modifiable objects."""
        model = self._schema.ModelT.InitFromObj(self._schema.Model.GetRootAs(self._content, 0))
        for number, tensor in enumerate(model.subgraphs[0].tensors if self._shapes else ()):
            tensor.shape = self._shapes[number]
        return model

    def _check_references(self) -> None:
        """Check that every index is valid: a runtime may crash on one that is not."""
        graph, tensors, buffers = self._graph, range(len(self._graph.tensors)), range(len(self._model.buffers))
        used = [*graph.inputs, *graph.outputs]
        for operator in graph.operators:
            used += _indices(operator.inputs) + _indices(operator.outputs) + _indices(operator.intermediates)
            written = [self._model.buffers[graph.tensors[i].buffer] for i in _indices(operator.outputs)]
            if operator.opcodeIndex >= len(self._model.operatorCodes) or any(map(_has_data, written)):
                raise IndexError("an operator has no code, or writes to a constant")
        if not all(int(i) in tensors for i in used) or not all(t.buffer in buffers for t in graph.tensors):
            raise IndexError("a tensor is named that is not there, or has no buffer")
        if any(getattr(b, "size", 0) for b in self._model.buffers) or getattr(self._model, "externalBuffers", None):
            raise ModelError(f"{self._origin} keeps weights outside the model, as files over 2 GB do; use a smaller.")

    def _describe(self, index: int) -> GraphTensor:
        tensor = self._graph.tensors[index]
        shape = () if tensor.shape is None else tuple(int(n) for n in tensor.shape)
        dtype = self._names.get(tensor.type, f"type {tensor.type}")
        return GraphTensor(index, (tensor.name or b"").decode("utf-8", "replace"), shape, dtype)

    def _check_input(self) -> GraphTensor:
        inputs = [self._tensors[int(i)] for i in self._graph.inputs]
        shape = inputs[0].shape if inputs else ()
        if len(inputs) == 1 and len(shape) == 4 and (shape[0], shape[3]) == (1, 3) and inputs[0].dtype in _TYPES:
            return inputs[0]
        raise ModelError(
            f"{self._origin} has {len(inputs)} input{'' if len(inputs) == 1 else 's'} "
            f"({'; '.join(str(t) for t in inputs) or 'none'}); expected an image classifier with one input "
            f"[1, height, width, 3] of type {', '.join(_TYPES)}."
        )

    def _trace(self) -> tuple[list[int], set[int]]:
        """Positions of the operators between the picture and the outputs; the tensors that depend on the picture."""
        needed = self._needed(int(i) for i in self._graph.outputs)
        path, activations = [], {self.input.index}
        for number, operator in enumerate(self._graph.operators):
            if number in needed and not activations.isdisjoint(_indices(operator.inputs)):
                path.append(number)
                activations.update(_indices(operator.outputs))
        return path, activations

    def _is_neck(self, index: int) -> bool:
        """Whether all operators after the tensor depend on the picture through it alone."""
        operators, front = self._graph.operators, self._needed([index])
        behind = [number for number in self._path if number not in front]
        own = {i for number in behind for i in _indices(operators[number].outputs)} | {index}
        return all(i in own for n in behind for i in _indices(operators[n].inputs) if i in self._activations)

    def _needed(self, targets: Iterable[int]) -> set[int]:
        """Positions of the operators that the tensors depend on."""
        wanted, needed = set(targets), set()
        for number in reversed(range(len(self._graph.operators))):  # operators are stored in order of execution
            operator = self._graph.operators[number]
            if not wanted.isdisjoint(_indices(operator.outputs)):
                needed.add(number)
                wanted.update(_indices(operator.inputs))
        return needed


def _drop_unused(model: Any, schema: Any) -> None:
    """Drop the tensors, weights and codes that no operator uses; number the others in the order of their first use."""
    graph = model.subgraphs[0]
    codes, tensors, buffers = (defaultdict[int, int](count().__next__) for _ in range(3))  # old number -> new one
    for operator in graph.operators:
        operator.opcodeIndex = codes[operator.opcodeIndex]
        operator.debugMetadataIndex = -1
        for field in ("inputs", "outputs", "intermediates"):
            if getattr(operator, field) is not None:
                setattr(operator, field, [tensors[int(i)] if i >= 0 else -1 for i in getattr(operator, field)])
    graph.inputs, graph.outputs = [tensors[i] for i in graph.inputs], [tensors[i] for i in graph.outputs]
    graph.tensors = [graph.tensors[i] for i in tensors]
    empty = buffers[-1]  # number 0 has to be empty: tensors without constant data refer to it
    for item in (*graph.tensors, *model.metadata):
        item.buffer = buffers[item.buffer] if _has_data(model.buffers[item.buffer]) else empty
    model.buffers = [_Buffer(schema, None if i < 0 else model.buffers[i].data) for i in buffers]
    model.operatorCodes = [model.operatorCodes[i] for i in codes]


class _Buffer:
    """Weights. The generated class would not align them to the 16 bytes that the format asks for."""

    def __init__(self, schema: Any, data: Any) -> None:
        self._schema, self._data = schema, data

    def Pack(self, builder: Any) -> Any:  # noqa: N802  (called by the generated ModelT)
        vector = None
        if self._data is not None:
            builder.Prep(16, len(self._data))
            vector = builder.CreateByteVector(bytes(self._data))
        self._schema.BufferStart(builder)
        if vector is not None:
            self._schema.BufferAddData(builder, vector)
        return self._schema.BufferEnd(builder)


def _has_data(buffer: Any) -> bool:
    return buffer.data is not None and len(buffer.data) > 0


def _indices(field: Any) -> list[int]:
    """Tensor indices of an operator's field, without the -1 of an absent optional tensor."""
    return [] if field is None else [int(i) for i in field if i >= 0]
