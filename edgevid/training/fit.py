"""Training a network on embeddings, with early stopping; it can be interrupted at any point and resumed.

All randomness of an epoch (the order of the clips, dropout) depends only on the seed and the epoch's number. So weights,
optimizer and epoch are the whole state, and an interrupted training ends like an uninterrupted one.

Why not ``Model.fit`` with ``BackupAndRestore`` and ``EarlyStopping`` (Keras 3.15): seeded by epoch, the weights are the same;
but a kill while the backup is written leaves half a file, which stops every later attempt, and early stopping starts
counting anew. And an epoch of 60 clips takes 96 ms against 14 here, one of 450 with 1280 numbers 2.2 s against 1.3
(2 CPU cores): with few clips, most of the time is overhead of ``fit`` around each step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from ..errors import EdgevidError
from ..support.checks import check_int, check_number
from .networks import NetworkOptions, load_keras, make_network

if TYPE_CHECKING:
    from .run_folder import RunFolder

# number of clips, or of frames for a single-frame network, that are validated at once
_VALIDATION_BATCH = 256


class TrainingError(EdgevidError):
    """Training went wrong."""


@dataclass(frozen=True)
class FitOptions:
    """Options of training. The default learning rate and decay are the thesis's, for the 9,537 training clips of UCF101.

    Attributes:
        learning_rate: learning rate of Adam (Kingma and Ba 2015, arXiv:1412.6980).
        decay: the learning rate at step t is ``learning_rate / (1 + decay * t)``.
        epochs: maximum number of epochs.
        patience: number of epochs without a lower validation loss after which training stops.
        batch_size: clips in a step (frames, for a single-frame network), or a few less: batches have nearly equal sizes.
        seed: seed of the initial weights, the order of clips and dropout.
    """

    learning_rate: float = 1e-5
    decay: float = 1e-6
    epochs: int = 1000
    patience: int = 20
    batch_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "batch_size"):
            check_int(name, getattr(self, name), 1)
        check_number("learning_rate", self.learning_rate, 0, above_low=True)
        check_number("decay", self.decay, 0)
        check_int("seed", self.seed, 0, 2**32 - 1)


@dataclass(frozen=True)
class LabelledEmbeddings:
    """Embeddings, float32 ``[N, frames, D]``, and their classes, int64 ``[N]``."""

    embeddings: NDArray[np.float32]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.classes)

    def at(self, indices: Sequence[int]) -> LabelledEmbeddings:
        """The embeddings of the clips with these indices."""
        return LabelledEmbeddings(self.embeddings[indices], self.classes[indices])


@dataclass(frozen=True)
class Epoch:
    """Figures of an epoch, numbered from 1. For a single-frame network they are of frames.

    Attributes:
        learning_rate: after the epoch's last step.
        seconds: duration of the epoch.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


# Called with the epochs so far after each one.
EpochProgress = Callable[[Sequence[Epoch]], None]


class State(NamedTuple):
    """The state of a training after ``len(epochs)`` epochs, to resume it. ``best``: the best epoch's weights."""

    epochs: list[Epoch]
    weights: list[NDArray[Any]]
    best: list[NDArray[Any]]
    optimizer: list[NDArray[Any]]


@dataclass(frozen=True)
class Fitted:
    """A trained network, with the weights of its best epoch.

    Attributes:
        network: a Keras model.
        history: the epochs.
    """

    network: Any
    history: list[Epoch]

    @property
    def epochs_run(self) -> int:
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss, from 1."""
        return best_epoch(self.history)


def best_epoch(epochs: Sequence[Epoch]) -> int:
    """The first epoch with the lowest validation loss, from 1; 0 if there are none."""
    return min(epochs, key=lambda epoch: epoch.val_loss).epoch if epochs else 0


def fit(
    training: LabelledEmbeddings,
    validation: LabelledEmbeddings,
    num_classes: int,
    network_options: NetworkOptions,
    options: FitOptions,
    progress: Optional[EpochProgress] = None,
    store: Optional[RunFolder] = None,
) -> Fitted:
    """Train a network of the thesis: Adam on categorical cross-entropy, stopped early by the validation loss.

    A single-frame network is trained on frames: each of a clip's frames is a sample with the clip's label.

    The same data, options, versions and machine give the same weights: this seeds Python's, NumPy's and TensorFlow's random
    generators and makes TensorFlow's operators deterministic, for the whole process.

    Args:
        store: where progress is saved, and from where it is resumed. None: nothing is saved.

    Raises:
        TrainingError: the loss became NaN or infinite. ExtraNotInstalledError: Keras or TensorFlow is absent.
    """
    if not network_options.recurrent:
        training, validation = _frames(training), _frames(validation)
    trainer = _Trainer(training, validation, num_classes, network_options, options)
    state = None if store is None else store.load()
    epochs, best = ([], []) if state is None else (list(state.epochs), state.best)
    if state is not None:
        trainer.restore(state)
    while not _is_over(epochs, options):
        done = _finite(trainer.run_epoch(len(epochs) + 1), options)
        epochs.append(done)
        if best_epoch(epochs) == done.epoch:
            best = trainer.network.get_weights()
        if store is not None:
            store.save(trainer.state(epochs, best))
        if progress is not None:
            progress(epochs)
    trainer.network.set_weights(best)
    if store is not None:
        store.save_best(trainer.network)
    return Fitted(trainer.network, epochs)


def fit_all(
    clips: LabelledEmbeddings,
    num_classes: int,
    network_options: NetworkOptions,
    options: FitOptions,
    epochs: int,
    progress: Optional[EpochProgress] = None,
) -> Fitted:
    """Train on all clips for a given number of epochs: nothing is held out, and nothing stops it early.

    Raises:
        TrainingError, ExtraNotInstalledError: as for :func:`fit`.
    """
    if not network_options.recurrent:
        clips = _frames(clips)
    trainer = _Trainer(clips, clips.at([0]), num_classes, network_options, options)
    done: list[Epoch] = []
    for number in range(1, epochs + 1):
        done.append(_finite(trainer.run_epoch(number), options))
        if progress is not None:
            progress(done)
    return Fitted(trainer.network, done)


def _finite(done: Epoch, options: FitOptions) -> Epoch:
    if not (math.isfinite(done.loss) and math.isfinite(done.val_loss)):
        raise TrainingError(
            f"The loss became NaN or infinite in epoch {done.epoch} with a learning rate of {options.learning_rate:g}; "
            "give a lower one."
        )
    return done


def _is_over(epochs: Sequence[Epoch], options: FitOptions) -> bool:
    return len(epochs) >= options.epochs or len(epochs) - best_epoch(epochs) >= options.patience


def _frames(clips: LabelledEmbeddings) -> LabelledEmbeddings:
    num_frames, dim = clips.embeddings.shape[1:]
    return LabelledEmbeddings(clips.embeddings.reshape(-1, dim), np.repeat(clips.classes, num_frames))


class _Trainer:
    """A network, its optimizer, and an epoch of training."""

    def __init__(
        self,
        training: LabelledEmbeddings,
        validation: LabelledEmbeddings,
        num_classes: int,
        network_options: NetworkOptions,
        options: FitOptions,
    ) -> None:
        keras = load_keras()
        import tensorflow as tf

        keras.utils.clear_session()
        keras.utils.set_random_seed(options.seed)
        tf.config.experimental.enable_op_determinism()
        self._training, self._validation, self._options = training, validation, options
        sample = training.embeddings.shape[1:]
        self.network = network = make_network(sample[-1], num_classes, network_options, sample[0])
        self._optimizer = optimizer = keras.optimizers.Adam(
            keras.optimizers.schedules.InverseTimeDecay(options.learning_rate, decay_steps=1, decay_rate=options.decay)
        )
        optimizer.build(network.trainable_variables)
        self._dropout_seeds = [v for v in network.non_trainable_variables if v.path.endswith("seed_generator_state")]

        def losses_and_hits(inputs: Any, classes: Any, is_training: bool) -> tuple[Any, Any]:
            probabilities = network(inputs, training=is_training)
            losses = keras.losses.categorical_crossentropy(tf.one_hot(classes, num_classes), probabilities)
            hits = tf.equal(tf.argmax(probabilities, axis=1), classes)
            return losses, tf.reduce_sum(tf.cast(hits, tf.int32))

        def train(inputs: Any, classes: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                losses, hits = losses_and_hits(inputs, classes, True)
                loss = tf.reduce_mean(losses)
            variables = network.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            return tf.reduce_sum(losses), hits

        def validate(inputs: Any, classes: Any) -> tuple[Any, Any]:
            losses, hits = losses_and_hits(inputs, classes, False)
            return tf.reduce_sum(losses), hits

        signature = [tf.TensorSpec([None, *sample], tf.float32), tf.TensorSpec([None], tf.int64)]
        self._tensor = tf.constant
        self._train, self._validate = (
            tf.function(function, input_signature=signature).get_concrete_function() for function in (train, validate)
        )

    def run_epoch(self, epoch: int) -> Epoch:
        """Train an epoch, numbered from 1, and validate."""
        start = time.monotonic()
        sequence = np.random.SeedSequence([self._options.seed, epoch])
        for seeds, seed in zip(self._dropout_seeds, sequence.generate_state(len(self._dropout_seeds))):
            seeds.assign([int(seed) & 0x7FFFFFFF, 0])
        order = np.random.default_rng(sequence).permutation(len(self._training))
        loss, accuracy = self._over(self._train, self._training, order, self._options.batch_size)
        rest = np.arange(len(self._validation))
        val_loss, val_accuracy = self._over(self._validate, self._validation, rest, _VALIDATION_BATCH)
        rate = self._options.learning_rate / (1 + self._options.decay * int(self._optimizer.iterations))
        return Epoch(epoch, loss, accuracy, val_loss, val_accuracy, rate, round(time.monotonic() - start, 3))

    def state(self, epochs: Sequence[Epoch], best: list[NDArray[Any]]) -> State:
        return State(list(epochs), self.network.get_weights(), best, [v.numpy() for v in self._optimizer.variables])

    def restore(self, state: State) -> None:
        self.network.set_weights(state.weights)
        for variable, value in zip(self._optimizer.variables, state.optimizer):
            variable.assign(value)

    def _over(
        self, step: Any, samples: LabelledEmbeddings, order: NDArray[np.int64], batch_size: int
    ) -> tuple[float, float]:
        """Mean loss and accuracy of the samples, in batches.

        The batches have equal sizes: a last one of a single clip would have a variance of 0 in the batch normalisation.
        """
        total, hits = 0.0, 0
        for batch in np.array_split(order, math.ceil(len(order) / batch_size)):
            losses, right = step(self._tensor(samples.embeddings[batch]), self._tensor(samples.classes[batch]))
            total += float(losses)
            hits += int(right)
        return total / len(order), hits / len(order)
