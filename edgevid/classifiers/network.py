"""Classifiers that are TFLite networks: on whole windows, or recurrent with the states of all windows in flight."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from ..calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, calibrated
from ..embedders.base import Array
from ..embedders.window import Embedding, Window, aligned_row
from ..errors import FrameError, ModelError
from ..sampling import SAMPLES_PER_CLIP
from ..support.checks import MAX_SAMPLES, check_int, check_number
from ..tflite.interpreter import TensorSpec, TfliteModel
from .base import Classifier, Now, Rolling, RollingWindow


class WindowClassifier(Classifier):
    """A TFLite network on whole windows: float32 ``[1, num_samples, dim]`` -> float32 ``[1, num_classes]``.

    Thread-safe: threads take turns.

    Args:
        model: the network.
        temperature: calibrates the probabilities; see :func:`edgevid.calibration.calibrated`.
    """

    def __init__(self, model: TfliteModel, temperature: float = 1.0) -> None:
        self.model, self.temperature = model, check_number("temperature", temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
        self.num_samples, self.dim = model.inputs[0].shape[1:]
        self.num_classes = model.outputs[0].shape[1]

    def predict(self, window: Window) -> Array:
        """Class probabilities, float32 ``[num_classes]``. In a window with fewer samples some are repeated.

        Raises:
            FrameError: embeddings of the wrong shape or dtype. ModelError: the network's output is not finite.
        """
        embeddings = window.stretched(self.num_samples).aligned
        check_embeddings(embeddings, self.num_samples, self.dim)
        return probabilities_of(self.model, self.model.run(embeddings[np.newaxis])[0], self.temperature)

    def close(self) -> None:
        self.model.close()


class RecurrentClassifier(Classifier):
    """A recurrent TFLite network that takes steps.

    It takes float32 embeddings ``[T, dim]`` and one (GRU) or two (LSTM) arrays of states ``[R, units]``, a row for each window
    in flight, and gives the last row's probabilities ``[1, num_classes]`` and the states after T steps. So one graph with one
    copy of the weights classifies a clip (T = its samples, R = 1, from zero) and a stream (T = 1).

    Thread-safe: threads take turns.

    Args:
        model: the network.
        num_samples: embeddings in a window.
        temperature: as for :class:`WindowClassifier`.
        min_samples: number of samples in the shortest window of its training: a window with at least so many is read as it
            is; with fewer, some are repeated. Default: ``num_samples``.

    Attributes:
        units: size of the state. num_states: number of state arrays.
    """

    def __init__(
        self,
        model: TfliteModel,
        num_samples: int = SAMPLES_PER_CLIP,
        temperature: float = 1.0,
        min_samples: Optional[int] = None,
    ) -> None:
        self.model, self.temperature = model, check_number("temperature", temperature, MIN_TEMPERATURE, MAX_TEMPERATURE)
        self.num_samples = num_samples = check_int("num_samples", num_samples, 1, MAX_SAMPLES)
        self.min_samples = num_samples if min_samples is None else check_int("min_samples", min_samples, 1, num_samples)
        self.dim = model.inputs[0].shape[-1]
        self.num_classes = model.outputs[0].shape[1]
        self.units, self.num_states = model.inputs[1].shape[1], len(model.inputs) - 1

    def predict(self, window: Window) -> Array:
        """As :meth:`WindowClassifier.predict`; see ``min_samples``."""
        count = min(max(len(window), self.min_samples), self.num_samples)
        embeddings = window.stretched(count).aligned
        check_embeddings(embeddings, count, self.dim)
        return self._run(embeddings, self.zero_states(1))[0]

    def step(self, embedding: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        """Feed an embedding, float32 ``[dim]``, to every window in flight.

        Args:
            states: as from :meth:`zero_states`.

        Returns:
            Class probabilities of the last row's window, float32 ``[num_classes]``; the states after it, new arrays.
        """
        check_embeddings(embedding[np.newaxis], 1, self.dim)
        return self._run(embedding[np.newaxis], states)

    def zero_states(self, rows: int) -> list[Array]:
        """The initial states: ``num_states`` arrays, float32 ``[rows, units]``."""
        return [np.zeros((rows, self.units), np.float32) for _ in range(self.num_states)]

    def rolling(self, hop: int = 1, min_filled: float = 1.0) -> Rolling:
        return RollingStates(self, hop, min_filled)

    def close(self) -> None:
        self.model.close()

    def _run(self, embeddings: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        output, *after = self.model.run(embeddings, *states)
        wanted, given = ([list(state.shape) for state in rows] for rows in (states, after))
        if given != wanted:
            raise ModelError(
                f"{self.model.path} gives states {given} for {wanted}; it is not a network of steps: export it again."
            )
        return probabilities_of(self.model, output, self.temperature), after


class _Carried(NamedTuple):
    """The newest row of embeddings, and the states of the windows in flight."""

    row: Optional[Array]
    states: list[Array]


class RollingStates(RollingWindow):
    """Predicts each window of a stream at the cost of one step of the network, not of the whole window.

    Running a recurrent network anew over each window of 25 samples would take 25 steps each. Here the states of all
    windows in flight are the rows of one matrix: an embedding enters every window at once, in one matrix product that reads
    the weights once. The row of the window that has now seen all its samples gives the prediction. Each row goes through the
    arithmetic of a window on its own, so the result is the same, to float rounding (a wavefront, or staggered, evaluation).

    A window begins at every ``hop``-th sample, so ceil(num_samples / hop) are in flight.
    """

    def __init__(self, classifier: RecurrentClassifier, hop: int, min_filled: float) -> None:
        self._network = classifier
        self._rows = -(-classifier.num_samples // check_int("hop", hop, 1))
        # One more row than windows. The first is always zero, so that the states of the window that enters and of those that
        # move down by one are contiguous, and need not be copied. There are two sets: the next states are written into the
        # unused one, so that a step that fails leaves the states as they were.
        self._sets = [classifier.zero_states(self._rows + 1) for _ in range(2)]
        super().__init__(classifier, hop, min_filled)

    def begin(self) -> Now:
        # not a used set: it holds old states
        return Now(carried=_Carried(None, self._network.zero_states(self._rows + 1)))

    def classify(self, now: Now, embeddings: tuple[Embedding, ...], due: int) -> tuple[Optional[Array], _Carried]:
        before: _Carried = now.carried
        probabilities, (row, states) = None, before
        for number, embedding in enumerate(embeddings, start=1):
            row = aligned_row(embedding, row)
            # At a hop's end the oldest window's row leaves, the others move down by one, and a new window enters at zero.
            first = 0 if (now.samples + number - 1) % self._hop == 0 else 1
            rolled, after = self._network.step(row, [state[first : first + self._rows] for state in states])
            if number == due:
                probabilities = rolled
            unused = self._sets[self._sets[0] is before.states]
            states = unused if number == 1 else self._network.zero_states(self._rows + 1)
            for state, new in zip(states, after):
                state[1:] = new
        # Until the first window is full, the last row has seen all samples: it gives the partial window.
        if due and now.samples + due < self._network.min_samples:
            probabilities = self._network.predict(Window(self.after(now.steps, embeddings[:due])))
        return probabilities, _Carried(row, states)


def check_embeddings(embeddings: Array, num_samples: int, dim: Optional[int]) -> None:
    """Raises: FrameError: they are not float32 ``[num_samples, dim]``."""
    if embeddings.shape != (num_samples, dim) or embeddings.dtype != np.float32:
        raise FrameError(
            f"Embeddings {embeddings.dtype} {list(embeddings.shape)} were given; expected float32 {[num_samples, dim]}."
        )


def probabilities_of(model: TfliteModel, output: Array, temperature: float) -> Array:
    """Calibrated probabilities, float32 ``[num_classes]``, from a network's output ``[1, num_classes]``.

    Raises:
        ModelError: they are not probabilities, or not as many as the network declares.
    """
    if output.shape != (1, *model.outputs[0].shape[1:]):
        raise ModelError(f"{model.path} gives {list(output.shape)}; expected {model.outputs[0]}: export it again.")
    try:
        return calibrated(output[0], temperature)
    except ModelError as error:
        raise ModelError(f"{model.path}: {error}") from error


def open_network(
    path: Union[str, Path],
    *,
    num_samples: int = SAMPLES_PER_CLIP,
    min_samples: Optional[int] = None,
    temperature: float = 1.0,
    num_threads: Optional[int] = None,
    runtime: Optional[str] = None,
) -> Union[WindowClassifier, RecurrentClassifier]:
    """Open a ``.tflite`` file as a classifier of either form.

    Args:
        num_samples: embeddings in a window, for a recurrent network; a network on whole windows declares it itself.
        min_samples: as for :class:`RecurrentClassifier`.
        num_threads: threads of the interpreter; default: number of available CPUs, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the best one installed.

    Raises:
        ModelError: no such file, not a TFLite model, or of neither form.
    """
    model = TfliteModel(path, num_threads=num_threads, runtime=runtime)
    if _of_windows(model.inputs, model.outputs):
        return WindowClassifier(model, temperature)
    if _of_steps(model.inputs, model.outputs):
        return RecurrentClassifier(model, num_samples, temperature, min_samples)
    raise ModelError(
        f"{model.path} has inputs {[str(t) for t in model.inputs]} and outputs {[str(t) for t in model.outputs]}; a "
        "classifier takes one float32 [1, samples, dim] and gives float32 [1, classes], or is a network of steps: "
        "use one that `edgevid train` wrote."
    )


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
    """Whether all are float32, and none is empty."""
    return all(spec.dtype == np.float32 and 0 not in spec.shape for spec in specs)
