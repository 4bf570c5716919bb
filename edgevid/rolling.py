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
        self._states: list[Array] = []
        self._count = 0
        self.reset()

    def push(self, embedding: Array) -> Array:
        """Let an embedding enter all windows.

        Args:
            embedding: float32 ``[dim]``.

        Returns:
            Class probabilities, float32 ``[num_classes]``, of the oldest window. They mean something when it is complete.
        """
        probabilities, self._states = self._classifier.step(embedding, self._states)
        self._count += 1
        if self._count % self._hop == 0:
            for states in self._states:
                # The oldest window's row leaves, the others move down by one, a new window enters at zero.
                states[1:] = states[:-1]
                states[0] = 0.0
        return probabilities

    def reset(self) -> None:
        """Forget all windows."""
        self._states = self._classifier.zero_states(self._rows)
        self._count = 0
