"""Build an extractor from Keras Applications' Inception-v3, the thesis's large network: float32, 2048 numbers per frame.

    python models/scripts/build_inception_v3.py [--weights imagenet|random|FILE] [--output DIR]

Keras downloads the ImageNet weights; FILE is a weights file of Keras Applications without the classifier
(inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5). The model has 87 MB and goes into your models folder, where
`edgevid train --extractor inception_v3_float32` finds it. Random weights are only for testing.

Needs edgevid with its extra 'train'.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgevid import EdgevidError, __version__
from edgevid.bundles import EXTRACTOR_FORMAT, sha256_of, user_models_folder
from edgevid.embedders.cnn import CnnEmbedder

NAME = "inception_v3_float32"
SIZE = 299
DIM = 2048
RANGE = (-1.0, 1.0)
RANDOM_SEED = 0


class BuildError(Exception):
    """The model cannot be built as intended."""


def load_network(weights: str) -> Any:
    """Inception-v3 up to its global average pooling: float32 ``[1, 299, 299, 3]`` in [-1, 1] -> ``[1, 2048]``."""
    if weights == "random":
        keras.utils.set_random_seed(RANDOM_SEED)
    elif weights != "imagenet" and not Path(weights).is_file():
        raise BuildError(f"No weights file {weights}; give a file, or one of: imagenet, random.")
    try:
        network = keras.applications.InceptionV3(
            include_top=False,
            weights=None if weights == "random" else weights,
            input_shape=(SIZE, SIZE, 3),
            pooling="avg",
        )
    except Exception as error:  # download, HDF5 and shape errors are of many types
        raise BuildError(f"The weights {weights} cannot be loaded: {' '.join(str(error).split())}") from error
    return network


def convert(network: Any) -> bytes:
    """To TFLite, float32, batch 1, built-in operators only."""
    signature = [tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32, name="picture")]
    function = tf.function(lambda picture: network(picture, training=False), input_signature=signature)
    # Freeze first: the converter does not find Keras 3's variables behind a plain function.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    content: bytes = converter.convert()
    return content


def build(weights: str, output: Path) -> Path:
    """Write the model, then its card, so that an interrupted build leaves no extractor."""
    content = convert(load_network(weights))
    output.mkdir(parents=True, exist_ok=True)
    path, card_path = output / f"{NAME}.tflite", output / f"{NAME}.json"
    card_path.unlink(missing_ok=True)
    temporary = path.with_suffix(".tflite.part")
    temporary.write_bytes(content)
    temporary.replace(path)
    extractor = CnnEmbedder(path, input_range=RANGE)
    if (extractor.width, extractor.height, extractor.dim) != (SIZE, SIZE, DIM):
        raise BuildError(f"{path} takes {extractor.width}x{extractor.height} and gives {extractor.dim} numbers.")
    if not np.isfinite(extractor.embed_picture(np.zeros((SIZE, SIZE, 3), np.uint8))).all():
        raise BuildError(f"{path} gives embeddings that are not finite.")
    card_path.write_text(json.dumps(make_card(weights, path), indent=2) + "\n", encoding="utf-8")
    return path


def make_card(weights: str, path: Path) -> dict[str, Any]:
    known = weights in ("imagenet", "random")
    return {
        "format": EXTRACTOR_FORMAT,
        "kind": "extractor",
        "name": NAME,
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "licence": "none: random weights" if weights == "random" else "Apache-2.0 (Keras Applications)",
        "input": {
            "shape": [1, SIZE, SIZE, 3],
            "dtype": "float32",
            "range": list(RANGE),
            "colour": "RGB",
            "resize": "Pillow bilinear",
        },
        "embedding": {"dim": DIM, "formula": "the network's own global average pooling"},
        "source": {
            "what": "Inception-v3 of Keras Applications, cut after its global average pooling",
            "weights": weights if known else Path(weights).name,
            **({} if known else {"sha256": sha256_of(Path(weights))}),
        },
        "built_with": {
            "edgevid": __version__,
            "tensorflow": tf.__version__,
            "keras": importlib.metadata.version("keras"),
        },
        "command": f"python models/scripts/build_inception_v3.py --weights {weights if known else 'FILE'}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--weights", default="imagenet", metavar="W", help="imagenet, random, or a file (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: your models folder")
    args = parser.parse_args()
    try:
        path = build(args.weights, args.output or user_models_folder())
    except (BuildError, EdgevidError, OSError) as error:
        print(f"build_inception_v3: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
