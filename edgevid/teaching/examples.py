"""Windows of clips as features, for the classifier of statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..classifiers import Statistics
from ..classifiers.statistics import features_of
from ..embedders import Array, Window
from ..embedders.stream import cut_windows
from ..extraction import EmbeddedClips
from .options import TeachOptions

# A stream answers before its window is full: the classifier is fitted on the beginnings of clips too.
_EARLY = 12
_HOPS = 5  # windows that are cut out of the time of one


@dataclass(frozen=True)
class Examples:
    """Windows of clips as features.

    Attributes:
        windows: cut out of the clips. features: float32 ``[N, F]``. sizes: of its blocks.
        classes, groups, owners: of each window; owners are clips' numbers.
    """

    windows: list[Window]
    features: Array
    sizes: list[int]
    classes: NDArray[np.int64]
    groups: list[str]
    owners: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        embedded: EmbeddedClips,
        labels: Sequence[str],
        statistics: Sequence[Statistics],
        options: TeachOptions,
    ) -> Examples:
        cut, rows, owners, sizes = [], [], [], [0]
        for number, window in enumerate(embedded.windows):
            for part in _windows(window, options):
                blocks = features_of(part, statistics)
                sizes = [len(block) for block in blocks]
                cut.append(part)
                rows.append(np.concatenate(blocks))
                owners.append(number)
        clips = embedded.clips
        return cls(
            cut,
            np.stack(rows),
            sizes,
            np.array([labels.index(clips[k].label) for k in owners]),
            [clips[k].group for k in owners],
            np.array(owners),
        )

    @property
    def weights(self) -> Array:
        """Of each window, so that clips count alike."""
        weights: Array = (1.0 / np.bincount(self.owners)[self.owners]).astype(np.float32)
        return weights

    def by_clip(self, probabilities: Array) -> Array:
        """The mean over each clip's windows, float32 ``[clips, K]``, of those of all windows, or of the first clips'."""
        return mean_by(self.owners[: len(probabilities)], probabilities)


def mean_by(owners: NDArray[np.int64], probabilities: Array) -> Array:
    """The mean over each owner's windows, float32 ``[owners, K]``; owners are numbers from 0."""
    sums = np.zeros((int(owners.max()) + 1, probabilities.shape[1]))
    np.add.at(sums, owners, probabilities)
    means: Array = (sums / np.bincount(owners)[:, np.newaxis]).astype(np.float32)
    return means


def _windows(stream: Window, options: TeachOptions) -> list[Window]:
    windows = cut_windows(stream.steps, options.num_samples, max(1, options.num_samples // _HOPS))
    early = round(_EARLY * options.num_samples / 25)
    return [*windows, Window(stream.steps[:early])] if len(stream) > early else windows
