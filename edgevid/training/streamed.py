"""A GRU trained on windows as in a stream, to complement the closed-form head.

- In each epoch, a window of random length and position is drawn from each clip, or from its mirror image.
- Inputs are standardised at full size. In each window a large part of them is dropped (dropout), because there are more
  inputs than clips. After training, the standardisation is folded into the GRU's input weights.
- The result is a moving average of the weights (Polyak and Juditsky 1992).
- Held-out groups choose the number of epochs; the network is then trained for that long on all clips.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..calibration import log_probabilities
from ..classifiers.opening import RECURRENT
from ..classifiers.ridge import folds_of
from ..embedders import Array, Window
from ..support.checks import check_int
from ..teaching.lesson import Lesson, TrainedNetwork
from .card import versions
from .export import CLASSIFIER_NAME, check_parity, measure_speed, predict, to_tflite
from .fit import TrainingError
from .networks import GRU, NetworkOptions, load_keras, make_network

_BATCH = 128  # windows predicted at once
_CHECKED = 16  # windows used to check the exported file
# Embeddings as they are times weights that hold their standardisation: differences of large sums, in float32
_PARITY = 1e-4
_LEAST_SPREAD = 0.2  # relative to an embedder's median: near-constant inputs are not amplified


@dataclass(frozen=True)
class StreamedOptions:
    """Options of training. The defaults are the best of a few on held-out groups, on 528 clips.

    Attributes:
        units: units of the GRU. dropout: fraction of a sample's numbers that is dropped in a window's training.
        smoothing: of the targets. (Softening them by the closed-form head's probabilities was no gain on those clips.)
        learning_rate, weight_decay: of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101).
        averaging: decay of the moving average of the weights, per step.
        epochs: maximum number. every: interval in epochs at which the held-out groups are evaluated.
        folds: number of folds for choosing the number of epochs.
        seed: random seed.
    """

    units: int = 128
    dropout: float = 0.8
    smoothing: float = 0.1
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    averaging: float = 0.98
    batch_size: int = 32
    epochs: int = 40
    every: int = 4
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("units", "batch_size", "epochs", "every"):
            check_int(name, getattr(self, name), 1)
        check_int("folds", self.folds, 2)
        check_int("seed", self.seed, 0, 2**32 - 1)


def train_streamed(lesson: Lesson, options: StreamedOptions, say: Callable[[str], None]) -> TrainedNetwork:
    """Choose the number of epochs on folds of whole groups, train on all clips, export.

    Args:
        say: called with progress, one line each.

    Raises:
        TrainingError: the loss became NaN or infinite. ExtraNotInstalledError: Keras or TensorFlow is absent.
    """
    keras = load_keras()
    keras.utils.set_random_seed(options.seed)
    rows = _Rows.of(lesson)
    everyone, truth = np.arange(len(lesson.classes)), lesson.classes[lesson.owners]
    looked_at = sorted({*range(options.every, options.epochs + 1, options.every), options.epochs})
    held_out = {epoch: np.zeros((len(truth), lesson.num_classes), np.float32) for epoch in looked_at}
    folds = folds_of(lesson.groups, lesson.classes, options.folds)
    for number, fold in enumerate(folds, start=1):
        known, of_fold = np.setdiff1d(everyone, fold), np.flatnonzero(np.isin(lesson.owners, fold))
        fitting = _Fitting(rows, known, lesson, options)
        for epoch, _ in fitting.run(options.epochs):
            if epoch in held_out:
                held_out[epoch][of_fold] = fitting.predict([lesson.windows[int(k)] for k in of_fold])
        accuracy = (held_out[epoch][of_fold].argmax(axis=1) == truth[of_fold]).mean()
        say(
            f"division {number} of {len(folds)}: {accuracy:.1%} of {len(of_fold)} windows held out, after {epoch} epochs"
        )
    errors = {
        epoch: -log_probabilities(given)[np.arange(len(truth)), truth].mean() for epoch, given in held_out.items()
    }
    best = min(errors, key=lambda epoch: errors[epoch])
    say(f"chosen: {best} epochs, of the lowest loss of windows held out, {errors[best]:.3f}; training on all clips")
    fitting = _Fitting(rows, everyone, lesson, options)
    losses = [loss for _, loss in fitting.run(best)]
    network = fitting.network_of_embeddings()
    content, entry = _export(network, lesson)
    training = {
        "method": "windows of random length and place, AdamW, weights averaged",
        "options": asdict(options),
        "epochs": best,
        "held_out_nll": {str(epoch): round(float(error), 4) for epoch, error in errors.items()},
        "last_loss": round(losses[-1], 4),
        "versions": versions(),
    }
    return TrainedNetwork(content, entry, training, held_out[best])


def _export(network: Any, lesson: Lesson) -> tuple[bytes, dict[str, Any]]:
    """The network's file, checked against the network, and the card's entry."""
    content = to_tflite(network, lesson.num_samples)
    windows = np.stack([window.stretched(lesson.num_samples).aligned for window in lesson.windows[:_CHECKED]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CLASSIFIER_NAME
        path.write_bytes(content)
        parity = check_parity(path, windows, predict(network, windows), limit=_PARITY)
        speed = measure_speed(path, lesson.num_samples)
    entry = {
        "kind": RECURRENT,
        "min_samples": lesson.min_samples,
        "architecture": GRU,
        "units": int(network.get_layer(GRU).units),
        "dtype": "float32",
        "parameters": int(network.count_params()),
        "parity_max_abs_difference": parity.difference,
        "measured": speed,
    }
    return content, entry


class _Rows(NamedTuple):
    """All clips' rows, float16 ``[sum of lengths, D]``, concatenated; where each begins, and the last one ends.

    ``copies``: 2 if mirror images follow. ``sizes``: of each embedder's part of a row.
    """

    rows: NDArray[np.float16]
    starts: NDArray[np.int64]
    copies: int
    sizes: list[int]

    @classmethod
    def of(cls, lesson: Lesson) -> _Rows:
        streams = [_readable(stream, lesson) for stream in lesson.streams]
        rows = np.concatenate([stream.aligned.astype(np.float16) for stream in streams])
        starts = np.cumsum([0, *(len(stream) for stream in streams)])
        sizes = [part.shape[1] for part in streams[0].steps[0].rows]
        return cls(rows, starts, len(streams) // len(lesson.classes), sizes)

    def of_clips(self, clips: NDArray[np.int64]) -> Iterator[NDArray[np.float16]]:
        """The rows of each clip, and of each mirror image."""
        count = (len(self.starts) - 1) // self.copies
        for copy in range(self.copies):
            for clip in clips + copy * count:
                yield self.rows[self.starts[clip] : self.starts[clip + 1]]


def _readable(window: Window, lesson: Lesson) -> Window:
    """A window as the deployed network reads it: in one that is too short, samples are repeated."""
    return window if len(window) >= lesson.min_samples else window.stretched(lesson.min_samples)


class _Fitting:
    """A network in training on some of the clips."""

    def __init__(self, rows: _Rows, clips: NDArray[np.int64], lesson: Lesson, options: StreamedOptions) -> None:
        keras = load_keras()
        import tensorflow as tf

        keras.utils.clear_session()
        self._parts, self._clips, self._lesson, self._options = list(rows.of_clips(clips)), clips, lesson, options
        self._random = np.random.default_rng(options.seed)
        self.mean, self.scale = _standardisation(self._parts, rows.sizes)
        labels = np.eye(lesson.num_classes, dtype=np.float32)[lesson.classes[clips]]
        self._targets = ((1 - options.smoothing) * labels + options.smoothing / lesson.num_classes).astype(np.float32)
        dim, size = len(self.mean), lesson.num_samples
        shape = NetworkOptions(units=options.units, dropout=options.dropout)
        self._network = make_network(dim, lesson.num_classes, shape, size)
        # Shorter windows are preceded by rows of zeros, which are masked. The exported network needs no mask.
        masked = keras.Sequential([keras.layers.Input((size, dim)), keras.layers.Masking(0.0), *self._network.layers])
        optimizer = keras.optimizers.AdamW(options.learning_rate, weight_decay=options.weight_decay)
        variables = masked.trainable_variables
        optimizer.build(variables)
        self._variables, self._averages = variables, [tf.Variable(variable.value) for variable in variables]
        averages = self._averages

        def step(inputs: Any, targets: Any, decay: Any) -> Any:
            with tf.GradientTape() as tape:
                losses = keras.losses.categorical_crossentropy(targets, masked(inputs, training=True))
                loss = tf.reduce_mean(losses)
            optimizer.apply(tape.gradient(loss, variables), variables)
            for average, variable in zip(averages, variables):
                average.assign(decay * average + (1 - decay) * variable.value)
            return loss

        inputs = tf.TensorSpec([None, size, dim], tf.float32)
        signature = [inputs, tf.TensorSpec([None, lesson.num_classes], tf.float32), tf.TensorSpec([], tf.float32)]
        self._tensor, self._step = tf.constant, tf.function(step, input_signature=signature)
        self._infer = tf.function(lambda batch: masked(batch, training=False), input_signature=[inputs])

    def run(self, epochs: int) -> Iterator[tuple[int, float]]:
        """Train; yields each epoch's number, from 1, and its loss."""
        steps = math.ceil(len(self._clips) / self._options.batch_size)
        for epoch in range(1, epochs + 1):
            total = 0.0
            for number, batch in enumerate(np.array_split(self._random.permutation(len(self._clips)), steps)):
                done = (epoch - 1) * steps + number + 1
                decay = np.float32(min(self._options.averaging, done / (done + 10)))
                inputs = self._inputs([self._draw(clip) for clip in batch])
                total += float(self._step(self._tensor(inputs), self._tensor(self._targets[batch]), decay))
            if not math.isfinite(total):
                raise TrainingError(f"The loss became NaN or infinite in epoch {epoch}; give a lower learning rate.")
            yield epoch, total / steps

    def predict(self, windows: Sequence[Window]) -> Array:
        """Probabilities of windows by the averaged weights, float32 ``[N, K]``."""
        rows = [_readable(window, self._lesson).aligned for window in windows]
        with _Averaged(self._variables, self._averages):
            parts = [self._infer(self._tensor(self._inputs(rows[k : k + _BATCH]))) for k in range(0, len(rows), _BATCH)]
        return np.concatenate([part.numpy() for part in parts])

    def network_of_embeddings(self) -> Any:
        """The network with the averaged weights, for raw embeddings: their standardisation is folded in."""
        for variable, average in zip(self._variables, self._averages):
            variable.assign(average)
        layer = self._network.get_layer(GRU)
        kernel, recurrent, bias = (weights.astype(np.float64) for weights in layer.get_weights())
        scaled = self.scale[:, np.newaxis].astype(np.float64) * kernel
        layer.set_weights([scaled, recurrent, bias - self.mean.astype(np.float64) @ scaled])
        return self._network

    def _draw(self, clip: int) -> NDArray[np.float16]:
        """Rows of a window of the clip, or of its mirror image."""
        count = len(self._clips)
        part = self._parts[clip + count * int(self._random.integers(len(self._parts) // count))]
        wanted = int(self._random.integers(self._lesson.min_samples, self._lesson.num_samples + 1))
        length = min(len(part), wanted)
        start = int(self._random.integers(len(part) - length + 1))
        return part[start : start + length]

    def _inputs(self, windows: Sequence[NDArray[Any]]) -> Array:
        """Standardised windows, float32 ``[N, num_samples, D]``, shorter ones padded with zeros at the start."""
        batch = np.zeros((len(windows), self._lesson.num_samples, len(self.mean)), np.float32)
        for rows, window in zip(batch, windows):
            rows[-len(window) :] = (window - self.mean) * self.scale
        return batch


class _Averaged:
    """Sets variables to their averages for a ``with`` block."""

    def __init__(self, variables: Sequence[Any], averages: Sequence[Any]) -> None:
        self._variables, self._averages = variables, averages

    def __enter__(self) -> None:
        self._now = [variable.numpy() for variable in self._variables]
        for variable, average in zip(self._variables, self._averages):
            variable.assign(average)

    def __exit__(self, *_: object) -> None:
        for variable, value in zip(self._variables, self._now):
            variable.assign(value)


def _standardisation(parts: Sequence[NDArray[np.float16]], sizes: Sequence[int]) -> tuple[Array, Array]:
    """Mean and scale, float32 ``[D]``: each number gets spread 1, and each embedder a weight by the root of its size."""
    count = sum(len(part) for part in parts)
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / count
    spread = np.sqrt(sum(((part - mean) ** 2).sum(axis=0) for part in parts) / count)
    scales, start = [], 0
    for size in sizes:
        own = spread[start : start + size]
        least = max(_LEAST_SPREAD * float(np.median(own)), 1e-6)
        scales.append(np.sqrt(np.mean(sizes) / size) / np.maximum(own, least))
        start += size
    return mean.astype(np.float32), np.concatenate(scales).astype(np.float32)
