"""A window of embeddings -> class probabilities."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Optional, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import FrameError, ModelError
from ..sampling import FRAMES_PER_CLIP
from ..tflite.interpreter import TensorSpec, TfliteModel
from .calibration import calibrated

Array = NDArray[np.float32]


class Classifier:
    """A TFLite network that turns the embeddings of a window, in time order, into class probabilities.

    Two forms. One of windows: float32 ``[1, num_frames, dim]`` -> float32 ``[1, num_classes]``. One of steps, of a
    recurrent network: float32 embeddings ``[T, dim]`` and one or two arrays of states ``[R, units]``, one row for each window in
    flight -> the last row's probabilities ``[1, num_classes]`` and the states after T steps.

    Safe to use from several threads: they take turns.

    Args:
        path: the ``.tflite`` file.
        num_frames: embeddings in a window, of a network of steps; one of windows says it itself.
        temperature: what the probabilities are calibrated with; see :func:`edgevid.classifiers.calibration.calibrated`.
        num_threads: threads of the interpreter; default: the CPUs available, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the best one present.

    Attributes:
        units: size of a recurrent network's state; 0: the network has no state that can be kept between frames.
        num_states: arrays of states: 1 of a GRU, 2 of an LSTM.

    Raises:
        ModelError: no such file, not a TFLite model, or of neither form.
    """

    def __init__(
        self,
        path: Union[str, Path],
        *,
        num_frames: int = FRAMES_PER_CLIP,
        temperature: float = 1.0,
        num_threads: Optional[int] = None,
        runtime: Optional[str] = None,
    ) -> None:
        self.model = TfliteModel(path, num_threads=num_threads, runtime=runtime)
        self.temperature = temperature
        inputs, outputs = self.model.inputs, self.model.outputs
        self.num_frames, self.units, self.num_states = num_frames, 0, 0
        if _of_windows(inputs, outputs):
            self.num_frames = inputs[0].shape[1]
        elif _of_steps(inputs, outputs):
            self.units, self.num_states = inputs[1].shape[1], len(inputs) - 1
        else:
            raise ModelError(
                f"{self.model.path} has inputs {[str(t) for t in inputs]} and outputs {[str(t) for t in outputs]}; a "
                "classifier takes one float32 [1, frames, dim] and gives float32 [1, classes], or is a network of steps: "
                "use one that `edgevid train` wrote."
            )
        self.dim = inputs[0].shape[-1]
        self.num_classes = outputs[0].shape[1]

    @property
    def recurrent(self) -> bool:
        """Whether :meth:`step` can be used."""
        return self.num_states > 0

    def predict(self, embeddings: Array) -> Array:
        """Class probabilities, float32 ``[num_classes]``, of float32 ``[num_frames, dim]``, oldest first.

        Raises:
            FrameError: wrong shape, or not float32.
            ModelError: the network gives something that is no number.
        """
        self._check(embeddings, (self.num_frames, self.dim))
        if self.recurrent:
            return self._run(embeddings, self.zero_states(1))[0]
        return self._probabilities(self.model.run(embeddings[np.newaxis])[0])

    def step(self, embedding: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        """Let an embedding enter every window in flight.

        Args:
            embedding: float32 ``[dim]``.
            states: as :meth:`zero_states` gives them.

        Returns:
            Class probabilities of the last row's window, float32 ``[num_classes]``; the states after it, new arrays.

        Raises:
            FrameError, ModelError: as :meth:`predict`.
        """
        self._check(embedding, (self.dim,))
        return self._run(embedding[np.newaxis], states)

    def zero_states(self, rows: int) -> list[Array]:
        """The states of windows that have seen nothing yet: ``num_states`` arrays, float32 ``[rows, units]``."""
        return [np.zeros((rows, self.units), np.float32) for _ in range(self.num_states)]

    def close(self) -> None:
        """Free the interpreter."""
        self.model.close()

    def _run(self, embeddings: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        probabilities, *after = self.model.run(embeddings, *states)
        return self._probabilities(probabilities), after

    def _check(self, embeddings: Array, shape: tuple[int, ...]) -> None:
        if embeddings.shape != shape or embeddings.dtype != np.float32:
            raise FrameError(
                f"Embeddings {embeddings.dtype} {list(embeddings.shape)} were given; expected float32 {list(shape)}."
            )

    def _probabilities(self, output: Array) -> Array:
        if not math.isfinite(output.sum()):
            raise ModelError(
                f"{self.model.path} gives {output[0]} for finite embeddings, and no probabilities; its weights are damaged: "
                "train or export it again."
            )
        return calibrated(output[0], self.temperature)


def _of_windows(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> bool:
    return (
        _float32(*inputs, *outputs)
        and len(inputs) == len(outputs) == 1
        and len(inputs[0].shape) == 3
        and len(outputs[0].shape) == 2
        and inputs[0].shape[0] == outputs[0].shape[0] == 1
    )


def _of_steps(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> bool:
    return (
        _float32(*inputs, *outputs)
        and len(inputs) == len(outputs)
        and len(inputs) in (2, 3)
        and all(len(spec.shape) == 2 for spec in (*inputs, *outputs))
        and all(spec.shape_signature[0] == -1 for spec in inputs)
        and len({spec.shape[1] for spec in (*inputs[1:], *outputs[1:])}) == 1
    )


def _float32(*specs: TensorSpec) -> bool:
    return all(spec.dtype == np.float32 for spec in specs)
