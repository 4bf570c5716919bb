"""A prediction for each window of a stream at the cost of one step of the network, not of the whole window.

A recurrent network run anew over each window of 25 frames would take 25 steps for each frame that comes. Here the states of
all the windows in flight are the rows of one matrix: an embedding enters every window at once, in one matrix product that
reads the weights once. The row of the window that has now seen all its frames gives the prediction. Each row goes through the
arithmetic of a window on its own, so the result is the same, to float rounding (a wavefront, or staggered, evaluation).
"""

from __future__ import annotations

from .classifier import Array, Classifier


class RollingClassifier:
    """The windows in flight of one stream.

    A window begins at every ``hop``-th embedding, so ceil(num_frames / hop) are in flight. The first is complete after
    ``num_frames`` embeddings, then one every ``hop``. Belongs to one thread at a time.

    Args:
        classifier: one of steps (``classifier.recurrent``).
        hop: embeddings between the beginnings of two windows.
    """

    def __init__(self, classifier: Classifier, hop: int) -> None:
        self._classifier = classifier
        self._hop = hop
        self._rows = -(-classifier.num_frames // hop)
        # One row more than there are windows: the first is always zero, so that the states of a window that enters and of
        # those that have moved down by one lie side by side, and need not be moved.
        self._states = classifier.zero_states(self._rows + 1)
        self._count = 0

    def push(self, embedding: Array) -> Array:
        """Let an embedding enter all windows.

        Args:
            embedding: float32 ``[dim]``.

        Returns:
            Class probabilities, float32 ``[num_classes]``, of the oldest window. They mean something when it is complete.
        """
        # At a hop's end the oldest window's row leaves, the others move down by one, and a new window enters at zero.
        first = 0 if self._count % self._hop == 0 else 1
        rows = slice(first, first + self._rows)
        probabilities, after = self._classifier.step(embedding, [states[rows] for states in self._states])
        for states, new in zip(self._states, after):
            states[1:] = new
        self._count += 1
        return probabilities

    def reset(self) -> None:
        """Forget all windows."""
        for states in self._states:
            states[:] = 0.0
        self._count = 0
