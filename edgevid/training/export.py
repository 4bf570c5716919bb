"""Converts a trained Keras network to a TFLite file with the same probabilities."""

from __future__ import annotations

import contextlib
import platform
import statistics
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..classifiers import RecurrentClassifier, open_network
from ..embedders import Window
from ..errors import ModelError
from ..sampling import SAMPLES_PER_CLIP
from ..support.extras import install_command
from .inference import deployed_function
from .networks import SINGLE_FRAME, architecture_of

CLASSIFIER_NAME = "classifier.tflite"
FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"
# Storage types of the weights, and the maximum difference of a probability from Keras's. Float32 rounding in another order
# changes it by about 1e-6. For the others this only detects a wrong conversion: their cost is measured as accuracy.
PARITY_LIMITS = {FLOAT32: 1e-5, FLOAT16: 0.02, INT8: 0.25}
_BATCH = 64


class Parity(NamedTuple):
    """A TFLite file's probabilities of clips, float32 ``[N, classes]``, and their largest difference from the Keras network."""

    probabilities: NDArray[np.float32]
    difference: float


def to_tflite(network: Any, num_frames: int = SAMPLES_PER_CLIP, dtype: str = FLOAT32) -> bytes:
    """Convert a network to TFLite with built-in operators only.

    Args:
        network: made by :func:`edgevid.training.networks.make_network`.
        num_frames: embeddings in a window.
        dtype: type of the weights. ``"float16"`` halves the file and computes in float32; ``"int8"`` quarters it and multiplies
            in int8, with activation scales found at run time (dynamic range). One scale per matrix: with one per row,
            tflite-runtime 2.14 refuses the file.

    Returns:
        The file's bytes, in a form that :func:`edgevid.classifiers.open_network` opens.

    Raises:
        ModelError: an operator has no built-in counterpart.
    """
    import tensorflow as tf

    function = deployed_function(network, num_frames)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if dtype != FLOAT32:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if dtype == FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if dtype == INT8:
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    try:
        content: bytes = converter.convert()
    except Exception as error:  # the converter raises several undocumented types
        raise ModelError(
            f"The network {network.name} cannot be converted to TFLite with built-in operators: {error}. "
            f"Use the versions of Keras and TensorFlow of the extra: {install_command('train')}"
        ) from error
    return content


def check_parity(
    path: Path,
    embeddings: NDArray[np.float32],
    expected: NDArray[np.float32],
    dtype: str = FLOAT32,
    limit: Optional[float] = None,
) -> Parity:
    """Run a TFLite file, as a clip and frame by frame, and compare it with the Keras network it was made from.

    Args:
        embeddings: real ones, float32 ``[N, frames, dim]``.
        expected: what :func:`predict` gives for them, float32 ``[N, classes]``.
        dtype: type of the file's weights.
        limit: the largest difference of a probability must stay below this; default: by dtype.

    Raises:
        ModelError: the largest difference reaches the limit, or is not a number.
    """
    limit = PARITY_LIMITS[dtype] if limit is None else limit
    classifier = open_network(path, num_samples=embeddings.shape[1])
    try:
        exported = np.stack([classifier.predict(Window.of(clip)) for clip in embeddings])
        difference = float(np.max(np.abs(exported - expected)))
        if isinstance(classifier, RecurrentClassifier):
            rolled = np.stack([_rolled(classifier, clip) for clip in embeddings])
            difference = max(difference, float(np.max(np.abs(rolled - expected))))
    finally:
        classifier.close()
    if not difference < limit:
        raise ModelError(
            f"{path.name} and the Keras network differ by {difference:.2g} in a probability; expected less than "
            f"{limit:g}. The conversion is wrong: train with the versions of the extra 'train'."
        )
    return Parity(exported, difference)


def _rolled(classifier: RecurrentClassifier, clip: NDArray[np.float32]) -> NDArray[np.float32]:
    rolling = classifier.rolling()
    *_, last = (rolling.push(embedding) for embedding in Window.of(clip).steps)
    if last is None:
        raise ModelError(f"{classifier.model.path} gave no prediction for a full window.")
    return last


def measure_speed(path: Path, num_samples: int) -> dict[str, Any]:
    """Time a classifier's file on this machine, on one thread of the runtime in use.

    Returns:
        Medians in ms: ``clip_ms`` of one run over a window; ``rolling_ms`` for one more sample of a stream (recurrent networks
        only). And ``runtime``, ``machine``, ``threads``.
    """
    with contextlib.closing(open_network(path, num_samples=num_samples, num_threads=1)) as classifier:
        shape = (classifier.num_samples, classifier.dim or 1)
        window = Window.of(np.random.default_rng(0).random(shape, np.float32))
        measured: dict[str, Any] = {"clip_ms": _median_ms(lambda: classifier.predict(window), 20)}
        if isinstance(classifier, RecurrentClassifier):
            rolling = classifier.rolling()
            measured["rolling_ms"] = _median_ms(lambda: rolling.push(window.steps[0]), 200)
        info = classifier.model.runtime
    return {**measured, "threads": 1, "runtime": f"{info.name} {info.version}", "machine": platform.machine()}


def _median_ms(call: Callable[[], Any], times: int) -> float:
    seconds = []
    for _ in range(3 + times):  # the first ones warm up
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return round(statistics.median(seconds[3:]) * 1000, 3)


def predict(network: Any, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of clips, float32 ``[N, classes]``, from embeddings ``[N, frames, dim]``, by the Keras network.

    A single-frame network gives each frame its own; a clip's are their mean, as in the exported file.
    """
    if architecture_of(network) == SINGLE_FRAME:
        mean: NDArray[np.float32] = predict_frames(network, embeddings).mean(axis=1)
        return mean
    return _forward(network, embeddings)


def predict_frames(network: Any, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of each frame, float32 ``[N, frames, classes]``, by a single-frame Keras network."""
    num_clips, num_frames, dim = embeddings.shape
    return _forward(network, embeddings.reshape(-1, dim)).reshape(num_clips, num_frames, -1)


def _forward(network: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    import tensorflow as tf

    signature = [tf.TensorSpec([None, *inputs.shape[1:]], tf.float32)]
    function = tf.function(lambda batch: network(batch, training=False), input_signature=signature)
    run = function.get_concrete_function()
    parts = [run(tf.constant(inputs[at : at + _BATCH])).numpy() for at in range(0, len(inputs), _BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, network.output_shape[-1]), np.float32)
