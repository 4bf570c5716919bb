"""Checks of convolutions and pooling: do windows fit their pictures, and weights both?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

from .flatbuffer import Table, Tensor, has_shape, is_known
from .loop_check import GraphError

MOST_STEP = 4096  # maximum stride, dilation and window side
_FLOAT32, _INT8 = 0, 9


def check_windows(name: str, options: Optional[Table], tensors: Sequence[Optional[Tensor]], output: Tensor) -> None:
    """Check strides, dilations and sizes of convolutions and pooling, and that the output has the size that follows."""
    assert options is not None
    is_pool = "POOL" in name
    stride_w, stride_h = options.number(1), options.number(2)
    sides = [options.number(3), options.number(4)] if is_pool else []
    first = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 5}.get(name)
    dilation_w, dilation_h = (
        (1, 1) if first is None else (options.number(first, "<i", 1), options.number(first + 1, "<i", 1))
    )
    if not all(1 <= step <= MOST_STEP for step in (stride_w, stride_h, dilation_w, dilation_h, *sides)):
        raise GraphError(f"{name} has strides or sizes out of range")
    padding = options.number(0, "<b")
    if padding not in (0, 1):
        raise GraphError(f"{name} has an unknown padding")
    if name == "TRANSPOSE_CONV":
        return
    source, weights = tensors[0], None if is_pool else tensors[1]
    filters = (weights and weights.shape) or ()
    if weights is not None:
        if len(filters) != 4 or min(filters) < 1:
            raise GraphError(f"{name} has weights of shape {list(filters)}")
        sides = [filters[2], filters[1]]
        scales = 0 if weights.channels is None else weights.channels[0]
        is_mixed = source is not None and source.kind == _FLOAT32 and weights.kind == _INT8
        if name == "DEPTHWISE_CONV_2D" and is_mixed and scales != filters[3]:
            raise GraphError(f"{name} has {scales} scales for {filters[3]} filters")
    if source is None or not has_shape(source):
        return
    shape, result = source.shape or (), output.shape or ()
    if len(shape) != 4 or len(result) != 4:
        raise GraphError(f"{name} has tensors that are not pictures")
    steps = [
        _steps(shape[1], sides[1], stride_h, dilation_h, padding), _steps(shape[2], sides[0], stride_w, dilation_w, padding)
    ]  # fmt: skip
    # Nothing follows from an unknown length, which counts as 1.
    if any(step < 1 < length for step, length in zip(steps, shape[1:])):
        raise GraphError(f"{name} has windows of {sides} for {list(shape)}")
    multiplier = options.number(3)
    if name == "DEPTHWISE_CONV_2D" and shape[3] * multiplier != filters[3]:
        raise GraphError(
            f"{name} has {multiplier} filters per channel; {filters[3]} of {shape[3]} follows from its weights"
        )
    if not is_known(source, output) or (weights is not None and not is_known(weights)):
        return
    channels = shape[3]
    if weights is not None:
        depth = filters[3] if name == "CONV_2D" else filters[3] if filters[0] == 1 else 0
        if not depth or (shape[3] % depth if name == "CONV_2D" else depth % shape[3] if shape[3] else 1):
            raise GraphError(f"{name} has weights {list(filters)} for {list(shape)}")
        channels = filters[0] if name == "CONV_2D" else filters[3]
        check_bias(name, tensors, channels)
    wanted = [shape[0], *steps, channels]
    if list(result) != wanted or min(wanted[1:]) < 1:
        raise GraphError(f"{name} gives {list(result)}; {wanted} follows from its operands")


def check_bias(name: str, tensors: Sequence[Optional[Tensor]], channels: int) -> None:
    bias = tensors[2] if len(tensors) > 2 else None
    if bias is not None and math.prod(bias.shape or ()) != channels:
        raise GraphError(f"{name} of {channels} channels has a bias of shape {list(bias.shape or ())}")


def _steps(length: int, side: int, stride: int, dilation: int, padding: int) -> int:
    reach = (side - 1) * dilation + 1
    return -(-length // stride) if padding == 0 else -(-(length - reach + 1) // stride)
