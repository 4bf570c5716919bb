"""Truncating a classifier: the truncated network must give the whole one's intermediate tensor, bit for bit."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import pytest
from PIL import Image

from edgevid.errors import ModelError, RuntimeNotAvailableError
from edgevid.frames import resize
from edgevid.tflite.interpreter import TfliteModel, runtimes
from edgevid.tflite.truncation import Graph

HEADS = ["mean", "average_pool", "flatten"]
# picture and network types: quantisation-aware, post-training with three kinds of input and output, float
KINDS = ["uint8", "int8", "int8 in uint8", "int8 in float32", "float32"]


@pytest.fixture(params=["litert", "tflite-runtime"])
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime that is installed. With both in one environment, one runs what the other's file format wrote."""
    name: str = request.param
    if not next(info for info in runtimes() if info.name == name).usable:
        pytest.skip(f"{name} is not installed here")
    return name


class TinyModel:
    """Builds a small TFLite model. Weights are random; activations are quantised as the types require."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.graph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
        self.model = schema.ModelT(
            version=3, description="tiny", operatorCodes=[], subgraphs=[self.graph], buffers=[schema.BufferT()]
        )
        self.rng = np.random.default_rng(1)

    def tensor(
        self, name: str, shape: list[int], dtype: str, data: Optional[np.ndarray] = None, scale: Optional[float] = None
    ) -> int:
        buffer = 0
        if data is not None:
            self.model.buffers.append(self.schema.BufferT(data=np.frombuffer(data.tobytes(), np.uint8)))
            buffer = len(self.model.buffers) - 1
        quantization = None
        if dtype in ("uint8", "int8") or scale is not None:
            zero_point = {"uint8": 128, "int8": 0}.get(dtype, 0)
            quantization = self.schema.QuantizationParametersT(scale=[scale or 0.05], zeroPoint=[zero_point])
        kind = getattr(self.schema.TensorType, dtype.upper())
        self.graph.tensors.append(
            self.schema.TensorT(shape=shape, type=kind, buffer=buffer, name=name, quantization=quantization)
        )
        return len(self.graph.tensors) - 1

    def constant(self, name: str, values: Any) -> int:
        data = np.asarray(values)
        return self.tensor(name, list(data.shape), data.dtype.name, data)

    def operator(self, name: str, inputs: list[int], output: int, options: str = "", **fields: Any) -> int:
        code = getattr(self.schema.BuiltinOperator, name)
        self.model.operatorCodes.append(
            self.schema.OperatorCodeT(deprecatedBuiltinCode=min(code, 127), builtinCode=code, version=1)
        )
        operator = self.schema.OperatorT(opcodeIndex=len(self.model.operatorCodes) - 1, inputs=inputs, outputs=[output])
        if options:
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(self.schema, f"{options}T")(**fields)
        self.graph.operators.append(operator)
        return output

    def weighted(self, name: str, source: int, shape: list[int], dtype: str, stride: int = 1) -> int:
        """A CONV_2D (4-D weights, output channels first) or FULLY_CONNECTED (2-D) with a bias."""
        input_shape = self.graph.tensors[source].shape
        if dtype == "float32":
            weights = self.tensor(f"{name}/w", shape, dtype, self.rng.normal(size=shape).astype(np.float32))
            bias = self.tensor(f"{name}/b", shape[:1], dtype, self.rng.normal(size=shape[:1]).astype(np.float32))
        else:
            values = self.rng.integers(*((0, 256) if dtype == "uint8" else (-127, 128)), size=shape).astype(dtype)
            weights = self.tensor(f"{name}/w", shape, dtype, values, scale=0.004)
            values = self.rng.integers(-900, 900, size=shape[:1]).astype(np.int32)
            bias = self.tensor(f"{name}/b", shape[:1], "int32", values, scale=0.05 * 0.004)
        if len(shape) == 2:
            output = self.tensor(name, [1, shape[0]], dtype)
            return self.operator("FULLY_CONNECTED", [source, weights, bias], output, "FullyConnectedOptions")
        output = self.tensor(name, [1, input_shape[1] // stride, input_shape[2] // stride, shape[0]], dtype)
        return self.operator(
            "CONV_2D", [source, weights, bias], output, "Conv2DOptions", strideW=stride, strideH=stride
        )

    def copy(self, name: str, source: int, dtype: str, code: str = "QUANTIZE") -> int:
        return self.operator(code, [source], self.tensor(name, list(self.graph.tensors[source].shape), dtype))

    def add_buffer(self, data: bytes) -> int:
        self.model.buffers.append(self.schema.BufferT(data=np.frombuffer(data, np.uint8)))
        return len(self.model.buffers) - 1

    def content(self, inputs: list[int], output: int) -> bytes:
        import flatbuffers

        self.graph.inputs, self.graph.outputs = inputs, [output]
        builder = flatbuffers.Builder(4096)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def tiny_classifier(schema: Any, kind: str = "uint8", head: str = "mean") -> bytes:
    """A classifier of 16x12 pictures with a feature map [1, 8, 6, 5] called "map", and 4 classes.

    As a published one does, it has metadata, a signature, and an archive with labels behind the model.
    """
    inside, _, outside = kind.partition(" in ")
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 16, 12, 3], outside or inside)
    x = tiny.copy("picture/inside", picture, inside) if outside else picture
    x = tiny.weighted("first", x, [7, 3, 3, 3], inside, stride=2)
    x = tiny.weighted("map;map/conv", x, [5, 1, 1, 7], inside)
    if head == "mean":
        pooled = tiny.tensor("pooled", [1, 5], inside)
        axes = tiny.constant("axes", np.array([1, 2], np.int32))
        x = tiny.operator("MEAN", [x, axes], pooled, "ReducerOptions", keepDims=False)
        x = tiny.weighted("scores", x, [4, 5], inside)
    elif head == "average_pool":
        pooled = tiny.tensor("pooled", [1, 1, 1, 5], inside)
        x = tiny.operator(
            "AVERAGE_POOL_2D", [x], pooled, "Pool2DOptions",
            padding=1, strideW=1, strideH=1, filterWidth=6, filterHeight=8,
        )  # fmt: skip
        x = tiny.weighted("scores/conv", x, [4, 1, 1, 5], inside)
        shape = tiny.constant("shape", np.array([1, 4], np.int32))
        x = tiny.operator("RESHAPE", [x, shape], tiny.tensor("scores", [1, 4], inside))
    else:
        shape = tiny.constant("shape", np.array([1, 240], np.int32))
        x = tiny.operator("RESHAPE", [x, shape], tiny.tensor("flat", [1, 240], inside))
        x = tiny.weighted("scores", x, [4, 240], inside)
    if outside:
        x = tiny.copy("scores/outside", x, outside, "QUANTIZE" if outside == "uint8" else "DEQUANTIZE")
    tiny.model.metadata = [
        schema.MetadataT(name="min_runtime_version", buffer=tiny.add_buffer(b"1.5.0")),
        schema.MetadataT(name="TFLITE_METADATA", buffer=tiny.add_buffer(b"names labels.txt")),
    ]
    tiny.model.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT(name="x", tensorIndex=picture)],
            outputs=[schema.TensorMapT(name="y", tensorIndex=x)], signatureKey="serving_default",
        )
    ]  # fmt: skip
    return tiny.content([picture], x) + b"PK\x03\x04 labels.txt"


def interpreter(content: bytes, runtime: str, **options: Any) -> Any:
    module = {"litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}[runtime]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keeping all tensors costs memory: wanted here
        opened = importlib.import_module(module).Interpreter(model_content=content, num_threads=1, **options)
    opened.allocate_tensors()
    return opened


def tensor_of(opened: Any, index: int, picture: np.ndarray) -> np.ndarray:
    opened.set_tensor(opened.get_input_details()[0]["index"], picture)
    opened.invoke()
    value: np.ndarray = opened.get_tensor(index)
    return value


def with_other_output(content: bytes, index: int, schema: Any) -> bytes:
    """The whole file with one number changed: the index of its output."""
    patched = bytearray(content)
    outputs = schema.Model.GetRootAs(patched, 0).Subgraphs(0).OutputsAsNumpy()
    outputs[0] = index
    assert patched != content
    return bytes(patched)


def assert_truncated_equals_whole(
    whole: bytes, truncated: bytes, index: int, pictures: list[np.ndarray], runtime: str, folder: Path, schema: Any
) -> None:
    """Compare the truncated network with the whole one's tensor, taken from it in two ways.

    First, the output's index is changed in the whole file: both graphs run as in edgevid, XNNPACK included. Second, both
    interpreters preserve all tensors: then LiteRT hands each operator to XNNPACK alone, tflite-runtime none. Quantised
    results are equal both ways; the float ones of tflite-runtime differ in the last digits, truncated or not.
    """
    path = folder / "truncated.tflite"
    path.write_bytes(truncated)
    model = TfliteModel(path, num_threads=1, runtime=runtime)
    assert (len(model.inputs), len(model.outputs)) == (1, 1)
    redirected = interpreter(with_other_output(whole, index, schema), runtime)
    preserving = interpreter(whole, runtime, experimental_preserve_all_tensors=True)
    truncated_preserving = interpreter(truncated, runtime, experimental_preserve_all_tensors=True)
    results = set()
    for picture in pictures:
        result = model.run(picture)[0]
        pairs = [
            (result, expected_of(redirected, index, picture)),
            (tensor_of(truncated_preserving, model.outputs[0].index, picture), expected_of(preserving, index, picture)),
        ]
        if result.dtype == np.uint8:
            pairs.append((result, pairs[1][1]))
        for actual, expected in pairs:
            assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
            assert actual.tobytes() == expected.tobytes()
        assert result.min() < result.max()
        results.add(result.tobytes())
    assert len(results) == len(pictures)
    model.close()


def expected_of(whole: Any, index: int, picture: np.ndarray) -> np.ndarray:
    """The whole network's tensor; int8 pictures and feature maps are the truncated network's uint8 ones less 128."""
    if whole.get_input_details()[0]["dtype"] == np.int8:
        picture = (picture.astype(np.int16) - 128).astype(np.int8)
    value = tensor_of(whole, index, picture)
    return (value.astype(np.int16) + 128).astype(np.uint8) if value.dtype == np.int8 else value


def truncated_at_default(content: bytes, origin: str) -> bytes:
    graph = Graph(content, origin)
    return graph.truncate(graph.find())


def random_pictures(shape: tuple[int, ...], dtype: str, count: int = 3) -> list[np.ndarray]:
    pictures = np.random.default_rng(0).integers(0, 256, (count, *shape))
    return list(pictures.astype(np.uint8) if dtype != "float32" else (pictures / 127.5 - 1).astype(np.float32))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_cut_gives_the_uncut_tensor(kind: str, head: str, schema: Any, runtime: str, tmp_path: Path) -> None:
    whole = tiny_classifier(schema, kind, head)
    graph = Graph(whole, "tiny")
    tensor = graph.find()
    assert (tensor.name, tensor.shape) == ("map;map/conv", (1, 8, 6, 5))
    pictures = random_pictures(graph.input.shape, graph.input.dtype)
    assert_truncated_equals_whole(whole, graph.truncate(tensor), tensor.index, pictures, runtime, tmp_path, schema)


@pytest.mark.parametrize("position", [0, 20, -4, -2])
def test_any_tensor_of_the_shipped_extractor(
    position: int, schema: Any, runtime: str, tmp_path: Path, repository: Path
) -> None:
    whole = (repository / "models" / "mobilenet_v2_1.0_224_uint8.tflite").read_bytes()
    graph = Graph(whole, "shipped")
    tensor = graph.spatial_tensors()[position]
    pictures = random_pictures(graph.input.shape, graph.input.dtype, 2)
    assert_truncated_equals_whole(whole, graph.truncate(tensor), tensor.index, pictures, runtime, tmp_path, schema)


@pytest.mark.parametrize(
    ("file", "side", "shape", "size"),
    [
        ("mobilenet_v2_1.0_224_quant.tflite", 224, (1, 7, 7, 1280), 2.31e6),
        ("mobilenet_v1_0.75_192_quant.tflite", 192, (1, 6, 6, 768), 1.86e6),
    ],
)
def test_official_classifiers_on_photos(
    file: str, side: int, shape: tuple[int, ...], size: float, schema: Any, runtime: str, tmp_path: Path, shared: Path
) -> None:
    whole = (shared / "models" / file).read_bytes()
    photos = sorted((shared / "images").iterdir())
    pictures = [resize(np.asarray(Image.open(p).convert("RGB")), side, side)[np.newaxis] for p in photos]
    assert len(pictures) >= 5
    graph = Graph(whole, file)
    tensor = graph.find()
    assert tensor.shape == shape
    truncated = graph.truncate(tensor)
    assert len(truncated) < size
    assert_truncated_equals_whole(whole, truncated, tensor.index, pictures, runtime, tmp_path, schema)


def test_what_is_behind_the_cut_is_dropped(schema: Any) -> None:
    whole = tiny_classifier(schema, "uint8", "flatten")
    graph = Graph(whole, "tiny")
    truncated = graph.truncate(graph.find())
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(truncated, 0))
    kept = model.subgraphs[0]
    assert [t.name for t in kept.tensors] == [
        b"picture", b"first/w", b"first/b", b"first", b"map;map/conv/w", b"map;map/conv/b", b"map;map/conv"
    ]  # fmt: skip
    assert len(kept.operators) == 2
    assert len(model.buffers) == 1 + 4 + 1  # the empty one, weights and biases, min_runtime_version
    assert [m.name for m in model.metadata] == [b"min_runtime_version"]
    assert not model.signatureDefs
    assert b"labels" not in truncated
    assert len(truncated) < len(whole) - 960  # the weights of the head


def test_weights_are_aligned_as_the_format_asks(schema: Any) -> None:
    graph = Graph(tiny_classifier(schema, "float32"), "tiny")
    truncated = bytearray(graph.truncate(graph.find()))
    model = schema.Model.GetRootAs(truncated, 0)
    start = np.frombuffer(truncated, np.uint8).ctypes.data
    filled = [model.Buffers(i) for i in range(model.BuffersLength()) if model.Buffers(i).DataLength()]
    assert len(filled) == 5
    assert all((buffer.DataAsNumpy().ctypes.data - start) % 16 == 0 for buffer in filled)


def test_cutting_changes_nothing_in_the_graph(schema: Any) -> None:
    graph = Graph(tiny_classifier(schema, "int8"), "tiny")
    first, last = graph.spatial_tensors()
    once = graph.truncate(last)
    assert graph.truncate(first) != once
    assert graph.truncate(last) == once


def test_tensors_are_found_by_name_and_index(schema: Any) -> None:
    graph = Graph(tiny_classifier(schema), "tiny")
    first, last = graph.spatial_tensors()
    assert graph.find() == last
    assert graph.find("first") == graph.find(first.index) == graph.find(str(first.index)) == first
    assert graph.find("map;map/conv") == graph.find("map/conv") == last
    with pytest.raises(
        ModelError, match=rf"'pooled' is the name of 0 of its spatial tensors.*{first.index}, {last.index}"
    ):
        graph.find("pooled")


def test_an_ambiguous_name_is_an_error(schema: Any) -> None:
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    x = tiny.weighted("same", picture, [4, 1, 1, 3], "float32")
    x = tiny.weighted("same", x, [4, 1, 1, 4], "float32")
    with pytest.raises(ModelError, match="'same' is the name of 2 of its spatial tensors; expected the index"):
        Graph(tiny.content([picture], x), "tiny").find("same")


def test_unpacked_weights_are_no_feature_maps(schema: Any) -> None:
    """float16 models unpack 4-D weights by operators that do not depend on the picture."""
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    x = tiny.weighted("map", picture, [4, 1, 1, 3], "float32")
    half = tiny.constant("half", np.ones((1, 3, 3, 4), np.float16))
    unpacked = tiny.copy("unpacked", half, "float32", "DEQUANTIZE")
    bias = tiny.constant("bias", np.zeros(4, np.float32))
    x = tiny.operator(
        "DEPTHWISE_CONV_2D", [x, unpacked, bias], tiny.tensor("depthwise", [1, 8, 8, 4], "float32"),
        "DepthwiseConv2DOptions", strideW=1, strideH=1, depthMultiplier=1,
    )  # fmt: skip
    assert [t.name for t in Graph(tiny.content([picture], x), "tiny").spatial_tensors()] == ["map", "depthwise"]


def test_the_default_is_no_branch(schema: Any) -> None:
    """Inception's branches: the last feature map in the file is one of two, joined only after pooling."""
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    stem = tiny.weighted("stem", picture, [4, 1, 1, 3], "float32")
    axes = tiny.constant("axes", np.array([1, 2], np.int32))
    pooled = []
    for name in ("left", "right"):
        branch = tiny.weighted(name, stem, [5, 1, 1, 4], "float32")
        mean = tiny.tensor(f"{name}/mean", [1, 5], "float32")
        pooled.append(tiny.operator("MEAN", [branch, axes], mean, "ReducerOptions"))
    x = tiny.operator("ADD", pooled, tiny.tensor("sum", [1, 5], "float32"), "AddOptions")
    graph = Graph(tiny.content([picture], x), "tiny")
    assert [t.name for t in graph.spatial_tensors()] == ["stem", "left", "right"]
    assert graph.find().name == "stem"


def test_a_path_around_every_feature_map(schema: Any) -> None:
    """A second path from the picture to the output leaves no such tensor: then it is the last one."""
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    x = tiny.weighted("map", picture, [3, 1, 1, 3], "float32", stride=2)
    axes = tiny.constant("axes", np.array([1, 2], np.int32))
    pooled = [
        tiny.operator("MEAN", [source, axes], tiny.tensor("mean", [1, 3], "float32"), "ReducerOptions")
        for source in (picture, x)
    ]
    x = tiny.operator("ADD", pooled, tiny.tensor("sum", [1, 3], "float32"), "AddOptions")
    assert Graph(tiny.content([picture], x), "tiny").find().name == "map"


def test_branches_that_lead_to_no_output_do_not_count(schema: Any) -> None:
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    x = tiny.weighted("map", picture, [4, 1, 1, 3], "float32")
    tiny.weighted("dead", x, [9, 1, 1, 4], "float32")
    assert Graph(tiny.content([picture], x), "tiny").find().name == "map"


def _two_inputs(tiny: TinyModel) -> tuple[list[int], int]:
    a, b = (tiny.tensor(n, [1, 8, 8, 3], "float32") for n in "ab")
    return [a, b], tiny.operator("ADD", [a, b], tiny.tensor("sum", [1, 8, 8, 3], "float32"), "AddOptions")


def _sequence(tiny: TinyModel) -> tuple[list[int], int]:
    x = tiny.tensor("embeddings", [1, 25, 8], "float32")
    return [x], tiny.copy("scores", x, "float32")


def _int16_picture(tiny: TinyModel) -> tuple[list[int], int]:
    x = tiny.tensor("picture", [1, 8, 8, 3], "int16")
    return [x], tiny.copy("same", x, "int16")


def _channels_first(tiny: TinyModel) -> tuple[list[int], int]:
    x = tiny.tensor("picture", [1, 3, 8, 8], "float32")
    return [x], tiny.copy("same", x, "float32")


def _no_convolution(tiny: TinyModel) -> tuple[list[int], int]:
    picture = tiny.tensor("picture", [1, 8, 8, 3], "uint8")
    x = tiny.copy("inside", picture, "int8")  # spatial, but only the picture again
    shape = tiny.constant("shape", np.array([1, 192], np.int32))
    return [picture], tiny.operator("RESHAPE", [x, shape], tiny.tensor("flat", [1, 192], "int8"))


def _int16_map(tiny: TinyModel) -> tuple[list[int], int]:
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    x = tiny.weighted("map", picture, [4, 1, 1, 3], "float32")
    return [picture], tiny.copy("map16", x, "int16")


def _control_flow(tiny: TinyModel) -> tuple[list[int], int]:
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    output = tiny.tensor("map", [1, 4, 4, 4], "float32")
    return [picture], tiny.operator("WHILE", [picture], output, "WhileOptions", condSubgraphIndex=1)


def _int8_without_scale(tiny: TinyModel) -> tuple[list[int], int]:
    picture = tiny.tensor("picture", [1, 8, 8, 3], "uint8")
    output = tiny.tensor("map", [1, 4, 4, 4], "int8")
    tiny.graph.tensors[output].quantization = None
    return [picture], tiny.operator("QUANTIZE", [picture], output)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_two_inputs, r"has 2 inputs .*a.*b.*expected an image classifier with one input \[1, height, width, 3\]"),
        (_sequence, r"has 1 input \(0: float32 \[1, 25, 8\] embeddings\); expected an image classifier"),
        (_int16_picture, r"int16 \[1, 8, 8, 3\].*expected .* type uint8, int8, float32"),
        (_channels_first, r"\[1, 3, 8, 8\].*expected .*\[1, height, width, 3\]"),
        (_no_convolution, r"no feature map: between its input .*picture.* and its outputs .*\[1, 192\] flat"),
        (_int16_map, r"map16 is int16; a feature map must be one of uint8, int8, float32"),
        (_control_flow, r"control flow.*expected a feed-forward classifier"),
        (_int8_without_scale, r"the int8 tensor 'map' has no scale"),
    ],
)
def test_what_cannot_be_cut(build: Callable[[TinyModel], tuple[list[int], int]], message: str, schema: Any) -> None:
    tiny = TinyModel(schema)
    content = tiny.content(*build(tiny))
    with pytest.raises(ModelError, match=message):
        truncated_at_default(content, "tiny.tflite")


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x00" * 500, b"\x89PNG and more bytes", b"PK\x03\x04" * 9])
def test_other_files(content: bytes, schema: Any) -> None:
    with pytest.raises(ModelError, match=r"x.tflite is not a TFLite model .*give a \.tflite file"):
        Graph(content, "x.tflite")


def test_a_truncated_file(schema: Any) -> None:
    content = tiny_classifier(schema)
    length = content.index(b"PK\x03\x04 labels.txt")
    for end in range(8, length - 16, 7):
        with pytest.raises(ModelError, match=r"x\.tflite"):
            truncated_at_default(content[:end], "x.tflite")


def test_an_operator_that_writes_to_a_constant_is_damage(schema: Any) -> None:
    """A runtime would write into the file's memory, and crash."""
    tiny = TinyModel(schema)
    picture = tiny.tensor("picture", [1, 8, 8, 3], "float32")
    x = tiny.weighted("map", picture, [4, 1, 1, 3], "float32")
    tiny.graph.tensors[x].buffer = tiny.add_buffer(b"\x00" * 1024)
    with pytest.raises(ModelError, match=r"is damaged.*writes to a constant"):
        Graph(tiny.content([picture], x), "tiny")
    tiny.model.buffers[-1].data = np.zeros(0, np.uint8)  # some converters write an empty list for "no data"
    assert Graph(tiny.content([picture], x), "tiny").find().name == "map"


def test_damage_gives_a_model_error_or_a_file(schema: Any) -> None:
    """Changed bytes may be anywhere, weights included: what must not happen is another exception."""
    content = tiny_classifier(schema)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = np.frombuffer(content, np.uint8).copy()
        where = rng.integers(8, len(damaged), 12)
        damaged[where] = rng.integers(0, 256, len(where))
        try:
            assert truncated_at_default(damaged.tobytes(), "x.tflite")[4:8] == b"TFL3"
        except ModelError:
            refused += 1
    assert refused > 100


def test_without_litert_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(RuntimeNotAvailableError, match=r"ai-edge-litert.*64-bit machine and copy the two files"):
        Graph(b"", "x.tflite")
