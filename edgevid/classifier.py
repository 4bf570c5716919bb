"""A window of embeddings -> class probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Union

import numpy as np
from numpy.typing import NDArray

from .errors import FrameError, ModelError
from .runtime import TfliteModel


class Classifier:
    """A TFLite network that turns ``num_frames`` embeddings in time order into class probabilities.

    Input: float32 ``[1, num_frames, dim]``. Output: float32 ``[1, num_classes]``, softmax.

    Safe to use from several threads: they take turns.

    Args:
        path: the ``.tflite`` file.
        num_threads: threads of the interpreter; default: the CPUs available, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the best one present.

    Raises:
        ModelError: no such file, not a TFLite model, or not of this form.
    """

    def __init__(
        self, path: Union[str, Path], *, num_threads: Optional[int] = None, runtime: Optional[str] = None
    ) -> None:
        self.model = TfliteModel(path, num_threads=num_threads, runtime=runtime)
        inputs, outputs = self.model.inputs, self.model.outputs
        if (
            len(inputs) != 1
            or len(outputs) != 1
            or inputs[0].dtype != np.float32
            or outputs[0].dtype != np.float32
            or len(inputs[0].shape) != 3
            or len(outputs[0].shape) != 2
            or inputs[0].shape[0] != 1
            or outputs[0].shape[0] != 1
        ):
            raise ModelError(
                f"{self.model.path} has inputs {[str(t) for t in inputs]} and outputs {[str(t) for t in outputs]}; a "
                "classifier takes one float32 [1, frames, dim] and gives float32 [1, classes]: use one that "
                "`edgevid train` wrote."
            )
        self.num_frames, self.dim = inputs[0].shape[1:]
        self.num_classes = outputs[0].shape[1]

    def predict(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities, float32 ``[num_classes]``, of float32 ``[num_frames, dim]``, oldest first.

        Raises:
            FrameError: wrong shape, or not float32.
            ModelError: the network gives something that is no number.
        """
        if embeddings.shape != (self.num_frames, self.dim) or embeddings.dtype != np.float32:
            raise FrameError(
                f"Embeddings {embeddings.dtype} {list(embeddings.shape)} were given; "
                f"expected float32 [{self.num_frames}, {self.dim}]."
            )
        probabilities: NDArray[np.float32] = self.model.run(embeddings[np.newaxis])[0][0]
        if not np.isfinite(probabilities).all():
            raise ModelError(
                f"{self.model.path} gives {probabilities} for finite embeddings, and no probabilities; its weights are damaged: "
                "train or export it again."
            )
        return probabilities

    def close(self) -> None:
        """Free the interpreter."""
        self.model.close()
