"""The classifiers as deployed: the trained networks' arithmetic, arranged for a small computer.

Keras's own graph of a recurrent network multiplies each embedding by the input weights inside the time loop, and keeps a random
seed for dropout, which TFLite cannot store. Here the input product of all embeddings is one matrix product before the loop, and
batch normalisations are folded into the neighbouring dense layers. The results are the same, to float rounding.

A single-frame network is deployed over a window too: the mean of the probabilities of its frames.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

from ..sampling import SAMPLES_PER_CLIP
from .networks import GRU, SINGLE_FRAME, architecture_of

# (input product of one embedding [1, gates * U], state) -> state; a state is a tuple of [R, U]
Step = Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]


def deployed_function(network: Any, num_frames: int = SAMPLES_PER_CLIP) -> Any:
    """A trained network as a TensorFlow function: on windows if it is single-frame, on steps if it is recurrent.

    Single-frame: float32 ``[1, num_frames, D]`` -> probabilities ``[1, K]``.

    Recurrent: embeddings ``[T, D]`` and states ``[R, U]`` (a GRU has one array of them, an LSTM two) -> the last row's
    probabilities ``[1, K]`` and the states after T steps. A row is a window in flight. So one graph with one copy of the
    weights classifies a clip (T = its frames, R = 1, from zero) and a stream (T = 1, R = the windows in flight).
    """
    import tensorflow as tf

    dim, head, architecture = network.input_shape[-1], _head(network), architecture_of(network)
    if architecture == SINGLE_FRAME:

        def classify(embeddings: Any) -> Any:
            frames = head(tf.reshape(embeddings, [num_frames, dim]))
            return tf.reduce_mean(frames, axis=0, keepdims=True)

        window = tf.TensorSpec([1, num_frames, dim], tf.float32, name="embeddings")
        return tf.function(classify, input_signature=[window])
    kernel, recurrent, bias = network.get_layer(architecture).get_weights()
    units, width = recurrent.shape
    step, num_states = (_gru_step(recurrent), 1) if architecture == GRU else (_lstm_step(recurrent), 2)

    def advance(embeddings: Any, *states: Any) -> Any:
        num_steps = tf.shape(embeddings)[0]
        projected = tf.matmul(embeddings, kernel) + bias

        def body(time: Any, *states: Any) -> tuple[Any, ...]:
            # each embedding enters every row
            return (time + 1, *step(tf.slice(projected, tf.stack([time, 0]), [1, width]), states))

        # A loop, not 25 copies of the step: the file holds the weights once.
        shapes = (tf.TensorShape([]), *(tf.TensorShape([None, units]) for _ in states))
        after = tf.while_loop(lambda time, *_: time < num_steps, body, (0, *states), shape_invariants=shapes)[1:]
        return (head(after[0][-1:]), *after)

    specs = [tf.TensorSpec([None, dim], tf.float32, name="embeddings")]
    specs += [tf.TensorSpec([None, units], tf.float32, name=f"state_{i}") for i in range(num_states)]
    return tf.function(advance, input_signature=specs)


def _gru_step(recurrent: NDArray[np.float32]) -> Step:
    """One time step of a GRU with weights ``[U, 3 * U]`` (update, reset, candidate); its state is ``(output,)``."""
    import tensorflow as tf

    of_update, of_reset, of_candidate = _gates(recurrent, 3)

    def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
        (state,) = states
        into_update, into_reset, into_candidate = _gates(projected, 3)
        reset = tf.sigmoid(into_reset + tf.matmul(state, of_reset))
        candidate = tf.tanh(into_candidate + tf.matmul(reset * state, of_candidate))
        update = tf.sigmoid(into_update + tf.matmul(state, of_update))
        return (candidate + update * (state - candidate),)

    return step


def _lstm_step(recurrent: NDArray[np.float32]) -> Step:
    """One time step of an LSTM with weights ``[U, 4 * U]`` (input, forget, candidate, output); state: ``(output, cell)``."""
    import tensorflow as tf

    kernels = _gates(recurrent, 4)

    def step(projected: Any, states: tuple[Any, ...]) -> tuple[Any, ...]:
        output, cell = states
        into, keep, candidate, out = (
            value + tf.matmul(output, kernel) for value, kernel in zip(_gates(projected, 4), kernels)
        )
        cell = tf.sigmoid(keep) * cell + tf.sigmoid(into) * tf.tanh(candidate)
        return tf.sigmoid(out) * tf.tanh(cell), cell

    return step


def _head(network: Any) -> Callable[[Any], Any]:
    """The layers after the recurrent one, batch normalisations folded in: features ``[n, U]`` -> probabilities ``[n, K]``."""
    import tensorflow as tf

    # float64 while folding: one rounding at the end
    hidden, hidden_bias = (array.astype(np.float64) for array in network.get_layer("hidden").get_weights())
    scale, shift = _scale_and_shift(network.get_layer("hidden_normalisation"))
    hidden, hidden_bias = hidden * scale, hidden_bias * scale + shift
    if architecture_of(network) != SINGLE_FRAME:
        scale, shift = _scale_and_shift(network.get_layer("recurrent_normalisation"))
        hidden, hidden_bias = scale[:, np.newaxis] * hidden, shift @ hidden + hidden_bias
    hidden, hidden_bias = hidden.astype(np.float32), hidden_bias.astype(np.float32)
    slope = float(network.get_layer("hidden_activation").negative_slope)
    output, output_bias = network.get_layer("probabilities").get_weights()

    def apply(features: Any) -> Any:
        activated = tf.nn.leaky_relu(tf.matmul(features, hidden) + hidden_bias, alpha=slope)
        return tf.nn.softmax(tf.matmul(activated, output) + output_bias)

    return apply


def _gates(array: Any, count: int) -> list[Any]:
    """The columns ``[n, count * U]`` of each gate.

    One matrix product per gate: for 25 rows, all gates at once would be the largest array in the graph.
    """
    units = array.shape[-1] // count
    return [array[:, gate * units : (gate + 1) * units] for gate in range(count)]


def _scale_and_shift(layer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and shift, float64 ``[n]`` each, of a trained batch normalisation: ``x * scale + shift``."""
    gamma, beta, mean, variance = (array.astype(np.float64) for array in layer.get_weights())
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale
