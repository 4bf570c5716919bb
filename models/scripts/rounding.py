"""Round the weights of a Keras convolutional network to int8 so that its outputs change as little as possible.

A converter rounds each weight to the nearest of 255 levels. Two corrections, made layer by layer from the input to the
output on calibration images, keep the outputs of the rounded network closer to those of the float network:

- the weights of an output channel that are not rounded yet compensate for the rounding error of each weight, weighted by
  the correlations of the layer's inputs (GPTQ: Frantar et al. 2022, https://arxiv.org/abs/2210.17323);
- the following batch normalisation is shifted so that the mean of each output channel equals that of the float network
  (bias correction: Nagel et al. 2019, https://arxiv.org/abs/1906.04721).

The rounded network's activations are rounded to 8 bits too, as in the converted model, so the corrections also allow for
that error. The weights stay on the grid that the converter chooses (symmetric, one scale for each output channel, from its
largest weight), so the converter's own rounding changes nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np

BATCH = 8
DAMPING = 0.01  # of the mean diagonal: correlations from few images are not fully reliable
MAX_SAMPLES = 60_000  # positions of a feature map that the correlations are computed from


def round_weights(model: keras.Model, images: np.ndarray, seen_images: np.ndarray) -> None:
    """Change the model's kernels and batch normalisations in place.

    images: the float network's input for the calibration images; seen_images: the same after quantising the input.
    """
    exact: dict[int, np.ndarray] = {}  # activations of the float network, by the identity of the Keras tensor
    rounded: dict[int, np.ndarray] = {}  # the same for the network that is being rounded
    users = Counter(key for layer in model.layers[1:] for key in _input_keys(layer))
    for layer in model.layers:
        output = id(layer.output)
        if isinstance(layer, keras.layers.InputLayer):
            exact[output], rounded[output] = images, seen_images
            continue
        keys = _input_keys(layer)
        exact[output] = _run(layer, [exact[key] for key in keys])
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            _round_kernel(layer, rounded[keys[0]])
        result = _run(layer, [rounded[key] for key in keys])
        if isinstance(layer, keras.layers.BatchNormalization):
            shift = exact[output].mean((0, 1, 2)) - result.mean((0, 1, 2))
            layer.beta.assign(np.asarray(layer.beta) + shift)
            result = result + shift
        if _is_stored(layer, model):
            result = _round_activations(result)
        rounded[output] = result
        users.subtract(keys)
        for key in keys:
            if users[key] == 0:  # the maps of all layers together would not fit into memory
                del exact[key], rounded[key]


def _input_keys(layer: Any) -> list[int]:
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    return [id(tensor) for tensor in tensors]


def _run(layer: Any, inputs: list[np.ndarray]) -> np.ndarray:
    parts = []
    for start in range(0, len(inputs[0]), BATCH):
        batch = [values[start : start + BATCH] for values in inputs]
        parts.append(np.asarray(layer(batch if len(batch) > 1 else batch[0])))
    return np.concatenate(parts)


def _is_stored(layer: Any, model: keras.Model) -> bool:
    """Whether the converted model stores this layer's output as int8: convolution, normalisation and ReLU are fused."""
    if isinstance(layer, keras.layers.ReLU | keras.layers.Add):
        return True
    followers = [user for user in model.layers[1:] if id(layer.output) in _input_keys(user)]
    return isinstance(layer, keras.layers.BatchNormalization) and not any(
        isinstance(user, keras.layers.ReLU) for user in followers
    )


def _round_activations(values: np.ndarray) -> np.ndarray:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = (high - low) / 255 or 1.0
    zero_point = np.round(-128 - low / scale)
    levels = np.clip(np.round(values / scale) + zero_point, -128, 127)
    return ((levels - zero_point) * scale).astype(np.float32)


def _round_kernel(layer: Any, inputs: np.ndarray) -> None:
    kernel = np.asarray(layer.kernel, np.float64)
    height, width, channels, _ = kernel.shape
    correlations = _input_correlations(layer, inputs)
    if isinstance(layer, keras.layers.DepthwiseConv2D):  # each channel is a separate layer with one output
        rows = kernel[..., 0].transpose(2, 0, 1).reshape(channels, 1, height * width)
        rows = _round_rows(rows, correlations)
        kernel = rows.reshape(channels, height, width).transpose(1, 2, 0)[..., None]
    else:
        rows = _round_rows(kernel.reshape(-1, kernel.shape[3]).T[None], correlations)
        kernel = rows[0].T.reshape(kernel.shape)
    layer.kernel.assign(kernel.astype(np.float32))


def _input_correlations(layer: Any, inputs: np.ndarray) -> np.ndarray:
    """[groups, n, n]: mean products of the n inputs of one output; one group, or one per channel if depthwise."""
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    size, stride = layer.kernel.shape[0], layer.strides[0]
    if layer.padding == "same" and size > 1:
        # Pad both sides equally, which is right for stride 1. For stride 2 (MobileNetV2's first layer) TensorFlow pads one
        # side only, so these patches are one pixel off. Their statistics hardly change, the network not at all.
        margin = (size - 1) // 2
        inputs = np.pad(inputs, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    count = (inputs.shape[1] - size) // stride + 1
    inputs = inputs[:: -(-len(inputs) * count * count // MAX_SAMPLES)] if size > 1 else inputs
    span = stride * (count - 1) + 1
    patches = np.stack(
        [
            inputs[:, row : row + span : stride, column : column + span : stride]
            for row in range(size)
            for column in range(size)
        ],
        axis=3,
    )
    patches = patches.reshape(-1, size * size, inputs.shape[3])  # [positions, place in the kernel, channel]
    patches = patches[:: -(-len(patches) // MAX_SAMPLES)]
    if depthwise:
        columns = patches.transpose(2, 1, 0)
        return (columns @ columns.transpose(0, 2, 1)).astype(np.float64) / len(patches)
    flat = patches.reshape(len(patches), -1).astype(np.float64)
    return (flat.T @ flat)[None] / len(flat)


def _round_rows(weights: np.ndarray, correlations: np.ndarray) -> np.ndarray:
    """weights [groups, outputs, inputs], correlations [groups, inputs, inputs]: the weights on their int8 grid."""
    groups, _, count = weights.shape
    each = np.arange(count)
    scale = np.abs(weights).max(axis=2) / 127
    scale[scale == 0] = 1.0
    power = correlations[:, each, each]
    correlations = correlations.copy()
    correlations[:, each, each] += DAMPING * power.mean(axis=1, keepdims=True) + 1e-9

    order = np.argsort(-power, axis=1, kind="stable")  # strongest inputs first, while most weights can still compensate
    index = np.arange(groups)[:, None]
    correlations = correlations[index[..., None], order[:, :, None], order[:, None, :]]
    weights = weights.transpose(0, 2, 1)[index, order].transpose(0, 2, 1)
    original = weights.copy()
    largest = np.abs(original).argmax(axis=2)
    factor = np.linalg.cholesky(np.linalg.inv(correlations)).transpose(0, 2, 1)
    result = np.empty_like(weights)
    for i in range(count):
        levels = np.clip(np.round(weights[:, :, i] / scale), -127, 127)
        # the largest weight defines the scale, so it must not change
        levels = np.where(largest == i, np.sign(original[:, :, i]) * 127, levels)
        result[:, :, i] = levels * scale
        error = (weights[:, :, i] - result[:, :, i]) / factor[:, None, i, i]
        weights[:, :, i + 1 :] -= error[:, :, None] * factor[:, None, i, i + 1 :]
    back = np.argsort(order, axis=1, kind="stable")
    return result.transpose(0, 2, 1)[index, back].transpose(0, 2, 1)
