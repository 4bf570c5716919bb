"""Quantise a Keras feature extractor, measure it against the float network, and write it with its JSON card.

Used by the build_*.py scripts. The result takes raw RGB bytes and gives the last feature map as uint8; inside, all operators
are int8. Calibration photos come from the scikit-image and scikit-learn wheels.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.metadata
import io
import json
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from packages import PackageError, WheelFile, read_member
from PIL import Image
from rounding import round_weights
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def _scikit_image(name: str, sha256: str) -> WheelFile:
    return WheelFile("scikit-image", "0.26.0", f"skimage/data/{name}", sha256, compiled=True)


def _scikit_learn(name: str, sha256: str) -> WheelFile:
    return WheelFile("scikit-learn", "1.9.1", f"sklearn/datasets/images/{name}", sha256, compiled=True)


PHOTOS = (
    _scikit_image("astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    _scikit_image("chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    _scikit_image("coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    _scikit_image("motorcycle_left.png", "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179"),
    _scikit_image("motorcycle_right.png", "5fc913ae870e42a4b662314bc904d1786bcad8e2f0b9b67dba5a229406357797"),
    _scikit_image("rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    _scikit_learn("china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
    _scikit_learn("flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
)
CROPS = 48
SMALLEST_CROP = 0.4  # of the photo's largest 4:3 crop

HELD_OUT_CLIP = WheelFile(
    "sports2d", "0.8.34", "Sports2D/Demo/demo.mp4", "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039"
)
HELD_OUT_FRAMES = 25
SAMPLES_PER_CLIP = 3


class BuildError(Exception):
    """The model cannot be built as intended."""


@dataclass(frozen=True)
class Extractor:
    """What a script builds: where the float network comes from, and what the converted file must look like."""

    name: str
    size: int
    feature_map: tuple[int, int, int, int]
    load: Callable[[], keras.Model]
    # the same, with the padding of strided convolutions in separate layers, so that they see their actual inputs
    load_padded: Callable[[], keras.Model]
    # makes the float network's input from uint8 images; equal to (byte - zero point) * scale to half a level
    normalise: Callable[[np.ndarray], np.ndarray]
    input_scale: float
    input_zero_point: int
    source: dict[str, Any]
    packages: tuple[str, ...]  # whose versions go on the card, besides this module's own
    command: str
    normalisation: str | None = None  # for the card


def calibration_images(size: int) -> np.ndarray:
    """uint8 [N, size, size, 3]: 4:3 crops of the photos squeezed to a square, as video frames are."""
    generator = np.random.default_rng(0)
    photos = [Image.open(io.BytesIO(read_member(photo))).convert("RGB") for photo in PHOTOS]
    images = []
    for number in range(CROPS):
        photo = photos[number % len(photos)]
        height = generator.uniform(SMALLEST_CROP, 1) * min(photo.height, photo.width * 3 / 4)
        width = height * 4 / 3
        left, top = generator.uniform(0, photo.width - width), generator.uniform(0, photo.height - height)
        crop = photo.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
        mirrored = number // len(photos) % 2 == 1
        images.append(np.asarray(crop)[:, ::-1] if mirrored else np.asarray(crop))
    return np.stack(images)


def convert(model: keras.Model, images: np.ndarray) -> bytes:
    """The TFLite file: int8 operators, uint8 input and output, activation ranges from the images.

    images: float, as the network takes them.
    """
    signature = tf.TensorSpec([1, *images.shape[1:]], tf.float32, name="frame")
    function = tf.function(lambda frame: model(frame, training=False)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Statistics for quantized inputs were expected": they come from the images
        return converter.convert()


def build_float(extractor: Extractor, output: Path) -> None:
    """Write the network with its float32 weights into the folder `output`, for comparison."""
    signature = tf.TensorSpec([1, extractor.size, extractor.size, 3], tf.float32, name="frame")
    model = extractor.load()
    function = tf.function(lambda frame: model(frame, training=False)).get_concrete_function(signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{extractor.name.removesuffix('_uint8')}_float32.tflite"
    path.write_bytes(converter.convert())
    print(f"{path}: make it an extractor with `edgevid import-extractor`")


class Quantised:
    """The built model, run as users will run it."""

    def __init__(self, content: bytes, wanted: Extractor) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        scale, zero_point = self._input["quantization"]
        if self._input["dtype"] != np.uint8 or self._output["dtype"] != np.uint8:
            raise BuildError("the converted model's input and output are not uint8")
        if abs(scale - wanted.input_scale) > 1e-6 or zero_point != wanted.input_zero_point:
            raise BuildError(
                f"the converted model's input has scale {scale} and zero point {zero_point}, expected "
                f"{wanted.input_scale} and {wanted.input_zero_point}: the calibration images must contain black and white"
            )
        shape = tuple(self._output["shape"].tolist())
        if shape != wanted.feature_map:
            raise BuildError(f"the converted model's output has shape {shape}, not {wanted.feature_map}")
        self.scale, self.zero_point = float(self._output["quantization"][0]), int(self._output["quantization"][1])
        if self.zero_point != 0:
            raise BuildError(f"the feature map has zero point {self.zero_point}, expected 0, as after a ReLU")

    def embed(self, frame: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input["index"], frame[None])
        self._interpreter.invoke()
        feature_map = self._interpreter.get_tensor(self._output["index"])[0]
        return feature_map.mean(axis=(0, 1), dtype=np.float32) / 255


def clip_frames(path: Path, count: int, size: int) -> np.ndarray:
    """uint8 [count, size, size, 3]: frames from the middles of `count` equal parts of the clip."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        found, frame = video.read()
        if not found:
            break
        frames.append(frame)
    video.release()
    if not frames:
        raise BuildError(f"no frame could be read from {path}")
    chosen = [frames[int((part + 0.5) * len(frames) / count)] for part in range(count)]
    pictures = [Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) for frame in chosen]
    return np.stack([np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)) for picture in pictures])


def fidelity(data: str, batches: Iterator[np.ndarray], exact: Callable[[np.ndarray], Any], quantised: Quantised) -> Any:
    """Cosines between the embeddings of the frames and the float network's, which are averages of its ReLU6 output."""
    cosines: list[float] = []
    for frames in batches:
        references = np.asarray(exact(frames)).mean(axis=(1, 2))
        for frame, reference in zip(frames, references, strict=True):
            embedding = quantised.embed(frame)
            norms = np.linalg.norm(embedding) * np.linalg.norm(reference)
            cosines.append(float(embedding @ reference / norms))
    return {
        "data": data,
        "frames": len(cosines),
        "mean_cosine": round(float(np.mean(cosines)), 4),
        "min_cosine": round(min(cosines), 4),
    }


def held_out_frames(size: int) -> Iterator[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "demo.mp4")
        path.write_bytes(read_member(HELD_OUT_CLIP))
        yield clip_frames(path, HELD_OUT_FRAMES, size)


def training_clips(folder: Path) -> tuple[str, list[Path]]:
    """A description of the clips for the card, and their paths."""
    try:
        with (folder / "clips.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
        groups = sorted({int(row["group"]) for row in rows})
        labels = {row["label"] for row in rows}
        paths = [folder / row["path"] for row in rows]
    except (OSError, KeyError, ValueError) as error:
        raise BuildError(f"cannot read {folder / 'clips.csv'}: {error!r}") from error
    if not rows:
        raise BuildError(f"{folder / 'clips.csv'} lists no clip with split=train")
    data = (
        f"UCF101, {len(labels)} classes, training clips of official split 1, groups {groups[0]}-{groups[-1]}: "
        f"{SAMPLES_PER_CLIP} frames of each of {len(rows)} clips; not used to build the model"
    )
    return data, paths


def make_card(
    extractor: Extractor, content: bytes, quantised: Quantised, measured: list[dict[str, Any]]
) -> dict[str, Any]:
    photos: dict[str, list[str]] = {}
    for photo in PHOTOS:
        photos.setdefault(photo.requirement, []).append(photo.member)
    _, rows, columns, dim = extractor.feature_map
    size = extractor.size
    normalisation = {"normalisation": extractor.normalisation} if extractor.normalisation else {}
    return {
        "format": 1,
        "kind": "extractor",
        "name": extractor.name,
        "file": f"{extractor.name}.tflite",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "Apache-2.0",
        "input": {
            "shape": [1, size, size, 3],
            "dtype": "uint8",
            "colour": "RGB",
            "resize": "Pillow bilinear",
            **normalisation,
        },
        "feature_map": {
            "shape": list(extractor.feature_map),
            "dtype": "uint8",
            "scale": quantised.scale,
            "zero_point": quantised.zero_point,
        },
        "embedding": {"dim": dim, "formula": f"mean over the {rows * columns} positions in float, divided by 255"},
        "source": extractor.source,
        "quantisation": {
            "method": "post-training; int8 weights, one scale for each output channel; int8 activations, uint8 input "
            "and output; weights rounded layer by layer with GPTQ, then bias correction",
            "calibration": {
                "images": CROPS,
                "what": f"random 4:3 crops of photos, squeezed to {size}x{size}",
                "photos": photos,
            },
        },
        "fidelity": {
            "what": "cosine between the embedding and the float network's averaged ReLU6 output",
            "measured": measured,
        },
        "built_with": {"python": platform.python_version(), **_versions(extractor.packages)},
        "command": extractor.command + (" --fidelity-clips DIR" if len(measured) > 1 else ""),
    }


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for package in ("tensorflow", "tensorflow_cpu", "keras", "numpy", "pillow", *packages, "ai_edge_litert"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # TensorFlow has two names
    return versions


def build(extractor: Extractor, output: Path, fidelity_clips: Path | None) -> None:
    """Write the model and its card into the folder `output`."""
    keras.utils.set_random_seed(0)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    clips = training_clips(fidelity_clips) if fidelity_clips else None  # a wrong folder fails now, not at the end

    images = calibration_images(extractor.size)
    inputs = extractor.normalise(images)
    reference, model, rounded = extractor.load(), extractor.load(), extractor.load_padded()
    print(f"rounding the weights on {len(images)} calibration images", flush=True)
    seen = (images.astype(np.float32) - extractor.input_zero_point) * np.float32(extractor.input_scale)
    round_weights(rounded, inputs, seen)
    print("converting", flush=True)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(rounded.get_layer(layer.name).get_weights())
    content = convert(model, inputs)
    quantised = Quantised(content, extractor)

    print("measuring", flush=True)

    def exact(frames: np.ndarray) -> Any:
        return reference.predict_on_batch(extractor.normalise(frames))

    data = f"{HELD_OUT_CLIP.requirement}, {HELD_OUT_CLIP.member}: {HELD_OUT_FRAMES} frames; not used to build the model"
    measured = [fidelity(data, held_out_frames(extractor.size), exact, quantised)]
    if clips:
        data, paths = clips
        batches = (clip_frames(path, SAMPLES_PER_CLIP, extractor.size) for path in paths)
        measured.append(fidelity(data, batches, exact, quantised))

    output.mkdir(parents=True, exist_ok=True)
    card = make_card(extractor, content, quantised, measured)
    (output / f"{extractor.name}.tflite").write_bytes(content)
    (output / f"{extractor.name}.json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"{output / card['file']}: {card['bytes']} bytes, SHA-256 {card['sha256']}")
    for result in measured:
        print(f"mean cosine {result['mean_cosine']}, lowest {result['min_cosine']}: {result['data']}")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).resolve().parents[1],
        metavar="DIR",
        help="folder for the model and its card (default: models/)",
    )
    parser.add_argument(
        "--fidelity-clips",
        type=Path,
        metavar="DIR",
        help="folder of UCF101 clips with a clips.csv (path, label, group, split), to measure on too",
    )
    parser.add_argument(
        "--float", action="store_true", help="build the float32 network instead, without a card, for comparison"
    )


def run(extractor: Extractor, arguments: argparse.Namespace) -> int:
    """Build, and return the exit status."""
    try:
        if arguments.float:
            build_float(extractor, arguments.output)
        else:
            build(extractor, arguments.output, arguments.fidelity_clips)
    except (BuildError, PackageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
