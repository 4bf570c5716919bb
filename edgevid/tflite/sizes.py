"""Shapes of a network's tensors for another picture size."""

from __future__ import annotations

from ..errors import ModelError, OptionError
from ..support.checks import check_int
from .interpreter import plain_interpreter

# Strides and paddings of an image network are made for sizes that can be halved five times.
MULTIPLE = 32
_MOST = 4096


def shapes_at(content: bytes, size: int, origin: str) -> dict[int, list[int]]:
    """The shape of each tensor, by its index, for a picture of ``size`` x ``size`` pixels.

    Args:
        content: a ``.tflite`` file with one input ``[1, height, width, 3]``.
        size: a multiple of 32.
        origin: how errors name the file.

    Raises:
        OptionError: an invalid size. ModelError: the network only works with its own picture size.
    """
    if check_int("size", size, MULTIPLE) % MULTIPLE or size > _MOST:
        raise OptionError(f"size={size} was given; expected a multiple of {MULTIPLE}, at most {_MOST}.")
    try:
        interpreter = plain_interpreter(content)
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, [1, size, size, 3])
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError, IndexError) as error:
        raise ModelError(
            f"{origin} does not take pictures of {size}x{size}: {' '.join(str(error).split())} Leave the size out."
        ) from error
    return {detail["index"]: [int(n) for n in detail["shape"]] for detail in interpreter.get_tensor_details()}
