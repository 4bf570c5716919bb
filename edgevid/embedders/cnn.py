"""Frame -> embedding, by a frozen convolutional network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, OptionError
from ..frames import Frame, check_frame, resize
from ..sampling import Sample
from ..support.checks import check_int, is_number, shown
from ..tflite.interpreter import TensorSpec, TfliteModel
from .base import Array, Embedder


class CnnEmbedder(Embedder):
    """Embeds a sample's newest frame with a TFLite network.

    Input: one picture ``[1, height, width, 3]``, RGB, uint8, or float32 scaled to ``input_range``. Output: the last
    feature map, ``[1, h, w, dim]``. The embedding is that map averaged over its ``h * w`` positions in float; a uint8 map
    is then divided by 255, so that the embedding is in [0, 1]. A float32 output ``[1, dim]`` is the embedding itself.

    Thread-safe: threads take turns.

    Args:
        path: the ``.tflite`` file.
        sha256: SHA-256 of the file, for :attr:`identity`.
        input_range: the values of pixels 0 and 255 for a float32 input.
        scene_cut_threshold: see :class:`~edgevid.embedders.base.Embedder`.
        num_threads: threads of the interpreter; default: number of available CPUs, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the best one installed.

    Raises:
        ModelError: no such file, not a TFLite model, or not of this form.
    """

    kind = "cnn"

    def __init__(
        self,
        path: Union[str, Path],
        *,
        sha256: str = "",
        input_range: tuple[float, float] = (-1.0, 1.0),
        scene_cut_threshold: Optional[float] = None,
        num_threads: Optional[int] = None,
        runtime: Optional[str] = None,
    ) -> None:
        low, high = _checked_range(input_range)
        self.model = TfliteModel(path, sha256=sha256 or None, num_threads=num_threads, runtime=runtime)
        if not (_one_picture(self.model.inputs) and _one_feature_map(self.model.outputs)):
            raise ModelError(
                f"{self.model.path} has inputs {[str(t) for t in self.model.inputs]} and outputs "
                f"{[str(t) for t in self.model.outputs]}; an extractor takes one picture, uint8 or float32 "
                "[1, height, width, 3], and gives its last feature map, uint8 or float32 [1, h, w, dim]: "
                "cut the network there with `edgevid import-extractor FILE`."
            )
        input_range = low, high
        self.sha256, self.input_range, self.scene_cut_threshold = sha256, input_range, scene_cut_threshold
        picture, feature_map = self.model.inputs[0], self.model.outputs[0]
        self.height, self.width = picture.shape[1:3]
        self.dim = feature_map.shape[-1]
        self._takes_float = picture.dtype == np.float32
        self._offset = np.float32(input_range[0])
        self._scale = np.float32((input_range[1] - input_range[0]) / 255.0)
        self._divisor = np.float32(255 if feature_map.dtype == np.uint8 else 1)
        self._sum_dtype: np.dtype[Any] = np.dtype(np.float32)
        if feature_map.dtype == np.uint8:
            self._sum_dtype = np.dtype(np.uint16 if 255 * np.prod(feature_map.shape[1:-1]) < 2**16 else np.uint32)

    @property
    def identity(self) -> dict[str, Any]:
        identity: dict[str, Any] = {"kind": self.kind, "network": self.sha256, "runtime": self.model.runtime.name}
        return {**identity, "input_range": list(self.input_range)} if self._takes_float else identity

    def embed(self, sample: Sample) -> Array:
        return self.embed_picture(sample.frames[-1])

    def embed_picture(self, picture: Frame, bands: int = 1) -> Array:
        """The embedding, float32 ``[bands * dim]``, of a picture, uint8 ``[H, W, 3]`` RGB of any size.

        Args:
            bands: 1: the mean over all positions of the feature map; more: over each of so many horizontal bands, from the top,
                to tell what is above from what is below.

        Raises:
            FrameError: not a frame. OptionError: more bands than the map has rows.
        """
        pixels: NDArray[Any] = resize(check_frame(picture), self.width, self.height)
        if self._takes_float:
            pixels = pixels * self._scale + self._offset
        feature_map = self.model.run(pixels[np.newaxis])[0]
        if feature_map.shape != self.model.outputs[0].shape:
            raise ModelError(f"{self.model.path} gives {list(feature_map.shape)}; expected {self.model.outputs[0]}.")
        if check_int("bands", bands, 1) == 1:
            return self._mean(feature_map)
        rows = 1 if feature_map.ndim < 4 else feature_map.shape[1]
        if bands > rows:
            raise OptionError(
                f"bands={bands!r} was given; expected at most {rows}, the rows of the network's feature map."
            )
        ends = [round(k * rows / bands) for k in range(bands + 1)]
        return np.concatenate([self._mean(feature_map[:, a:b]) for a, b in zip(ends, ends[1:])])

    def _mean(self, feature_map: NDArray[Any]) -> Array:
        positions = feature_map.reshape(-1, self.dim)
        # The sum of integers is exact in any order; NumPy adds fastest in 16 bits, if it fits.
        total = np.add.reduce(positions, axis=0, dtype=self._sum_dtype)
        mean: Array = np.divide(total, np.float32(len(positions)), dtype=np.float32)
        mean /= self._divisor
        return mean

    def close(self) -> None:
        self.model.close()


def _checked_range(ends: Any) -> tuple[float, float]:
    if not (isinstance(ends, (tuple, list)) and len(ends) == 2 and all(is_number(end, -1e6, 1e6) for end in ends)):
        raise OptionError(f"input_range={shown(ends)} was given; expected two numbers, such as (-1, 1).")
    return float(ends[0]), float(ends[1])


def _one_picture(inputs: tuple[TensorSpec, ...]) -> bool:
    if len(inputs) != 1:
        return False
    shape = inputs[0].shape
    is_picture = len(shape) == 4 and (shape[0], shape[3]) == (1, 3) and 0 not in shape
    return is_picture and inputs[0].dtype in (np.uint8, np.float32)


def _one_feature_map(outputs: tuple[TensorSpec, ...]) -> bool:
    if len(outputs) != 1 or not outputs[0].shape:
        return False
    shape, dtype = outputs[0].shape, outputs[0].dtype
    is_map = len(shape) == 4 and dtype in (np.uint8, np.float32)
    is_pooled = len(shape) == 2 and dtype == np.float32
    return shape[0] == 1 and 0 not in shape and (is_map or is_pooled)
