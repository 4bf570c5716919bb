"""Examples of actions: windows of labelled clips as features for the statistics classifier; and a file of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..classifiers import Statistics
from ..classifiers.statistics import features_of
from ..datasets.clips import DatasetError
from ..embedders import Array, Embedding, Window
from ..embedders.stream import cut_windows
from ..errors import BundleError, OptionError
from ..support.arrays import read_arrays

# The label of clips that show none of the actions, and the meaning of the classifier's last output if there are any
NONE = "none"
FORMAT = 1
# A stream answers before its window is full, so the classifier is also fitted on the beginnings of clips.
_EARLY = 12
_HOPS = 5  # windows cut from each window length of a clip
# More windows of a long clip are too alike: three times as many do not improve results on held-out people and groups.
_MOST_WINDOWS = 4
# Quantisation of a feature in a file, on each side of 0: six bits. Held-out accuracy is the same as with eight, and unrounded.
_STEPS = 31


@dataclass(frozen=True)
class Example:
    """A labelled clip to learn from.

    Attributes:
        label: its action, or NONE.
        group: examples of one group resemble each other (a person, a place), and are held out together.
        source: SHA-256 of its file, or a name that it was given; "": neither.
        mirrored: whether it is the mirror image of a clip: used to learn, not to measure.
    """

    label: str
    group: str
    source: str = ""
    mirrored: bool = False


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled clips, as features of windows cut from them.

    Attributes:
        clips: one or more.
        owners: for each window, the number of its clip, ascending.
        early: for each window, whether it is not full though its clip has full ones: used to learn, not to measure.
        features: float32 ``[windows, F]``. sizes: sizes of its blocks.
    """

    clips: tuple[Example, ...]
    owners: NDArray[np.intp]
    early: NDArray[np.bool_]
    features: Array
    sizes: tuple[int, ...]

    @classmethod
    def of(
        cls, clips: Sequence[Example], windows: Sequence[Sequence[Window]], statistics: Sequence[Statistics]
    ) -> Examples:
        """Number of windows of each clip."""
        blocks = [features_of(window, statistics) for of_clip in windows for window in of_clip]
        owners = np.repeat(np.arange(len(clips)), [len(of_clip) for of_clip in windows])
        early = np.array([len(window) < len(of_clip[0]) for of_clip in windows for window in of_clip])
        rows = np.stack([np.concatenate(parts) for parts in blocks]).astype(np.float32, copy=False)
        return cls(tuple(clips), owners, early, rows, tuple(len(block) for block in blocks[0]))

    def joined(self, others: Iterable[Examples]) -> Examples:
        """These, followed by others of the same embedders.

        Raises:
            OptionError: their features differ.
        """
        parts = [self, *others]
        if any(part.sizes != self.sizes for part in parts):
            given = sorted({sum(part.sizes) for part in parts})
            raise OptionError(
                f"Examples of {given} features were given together; expected the same embedders for all: clips, or windows of a "
                "stream of the same bundle."
            )
        starts = np.cumsum([0, *(len(part.clips) for part in parts)])
        return Examples(
            tuple(clip for part in parts for clip in part.clips),
            np.concatenate([part.owners + start for part, start in zip(parts, starts)]),
            np.concatenate([part.early for part in parts]),
            np.concatenate([part.features for part in parts]),
            self.sizes,
        )

    def without(self, sources: Collection[str]) -> Examples:
        """These, without some clips."""
        return self.of_clips(np.array([clip.source not in sources for clip in self.clips]))

    def of_clips(self, kept: NDArray[np.bool_]) -> Examples:
        """The examples of the selected clips, ``[clips]``."""
        of_kept = kept[self.owners]
        owners = (np.cumsum(kept) - 1)[self.owners[of_kept]]
        clips = tuple(clip for clip, keep in zip(self.clips, kept) if keep)
        return Examples(clips, owners, self.early[of_kept], self.features[of_kept], self.sizes)

    def check(self) -> None:
        """Raises: DatasetError: a classifier cannot be fitted on them."""
        if len(self.outputs) < 2:
            raise DatasetError(
                f"Only examples of {', '.join(self.outputs) or 'nothing'} were given; expected two actions or more, or one and "
                f"clips labelled {NONE!r} that show anything else."
            )

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The classifier's outputs: the labels, sorted, and NONE last if there are examples of it."""
        labels = {clip.label for clip in self.clips}
        return (*sorted(labels - {NONE}), *(labels & {NONE}))

    @property
    def classes(self) -> NDArray[np.int64]:
        """For each window, its index in :attr:`outputs`."""
        return np.array([self.outputs.index(clip.label) for clip in self.clips])[self.owners]

    @property
    def of_one_group(self) -> tuple[str, ...]:
        """The actions whose clips are all of one group."""
        counts = Counter(label for label, _ in {(clip.label, clip.group) for clip in self.clips})
        return tuple(label for label in self.outputs if label != NONE and counts[label] == 1)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """For each window, a name shared by those held out together: its clip's group; or the clip, if its action has one group.

        If all actions have only one, all windows have the same name.
        """
        single = set(self.of_one_group)
        if single == set(self.outputs) - {NONE}:
            return [("", 0)] * len(self.owners)
        seen: Counter[tuple[str, bool]] = Counter()
        names = []
        for clip in self.clips:  # a mirror image is held out with its clip: both are the n-th of their kind
            seen[clip.label, clip.mirrored] += 1
            names.append((clip.group, seen[clip.label, clip.mirrored] if clip.label in single else 0))
        return [names[owner] for owner in self.owners]

    @property
    def weights(self) -> Array:
        """Weights of the windows that make clips count alike."""
        weights: Array = (1.0 / np.bincount(self.owners)[self.owners]).astype(np.float32)
        return weights

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file: a byte per feature, its signed square root relative to the largest in its block and window."""
        codes, peaks = (
            np.empty(self.features.shape, np.int8),
            np.empty((len(self.features), len(self.sizes)), np.float32),
        )
        for number, block in enumerate(self._blocks()):
            part = self.features[:, block]
            peaks[:, number] = np.abs(part).max(axis=1)
            shares = part / np.maximum(peaks[:, number : number + 1], np.finfo(np.float32).tiny)
            codes[:, block] = np.rint(np.copysign(np.sqrt(np.abs(shares)), shares) * _STEPS)
        about = {"format": FORMAT, "sizes": self.sizes, "clips": [asdict(clip) for clip in self.clips]}
        text = np.array(json.dumps(about))
        np.savez_compressed(path, about=text, owners=self.owners, early=self.early, codes=codes, peaks=peaks)

    @classmethod
    def load(cls, path: Path) -> Examples:
        """Read a file of :meth:`save`. Writing and reading it again changes nothing more.

        Raises:
            BundleError: damaged, or of another format.
        """
        try:
            read = read_arrays(path, ("about", "owners", "early", "codes", "peaks"))
            about, owners, early, codes, peaks = read.values()
            about = json.loads(str(about))
            if about["format"] != FORMAT:
                raise BundleError(
                    f"{path} has format {about['format']!r}; this edgevid reads {FORMAT}. Upgrade edgevid."
                )
            clips, sizes = tuple(Example(**clip) for clip in about["clips"]), tuple(about["sizes"])
            shares: Array = codes.astype(np.float32) / np.float32(_STEPS)
            shares *= np.abs(shares)
            shares *= np.repeat(peaks.astype(np.float32), sizes, axis=1)
            fitting = len(np.unique(owners)) == len(clips) > int(owners.max()) and len(owners) == len(early) == len(
                shares
            )
            if not fitting or owners.min() < 0 or not np.isfinite(shares).all():
                raise ValueError("its arrays do not fit together")
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            RecursionError,
            MemoryError,
            OverflowError,
        ) as error:
            raise BundleError(f"{path} holds no examples that can be read: {error}. Copy the bundle again.") from error
        return cls(clips, owners.astype(np.intp), early.astype(bool), shares, sizes)

    def _blocks(self) -> list[slice]:
        ends = np.cumsum([0, *self.sizes])
        return [slice(a, b) for a, b in zip(ends, ends[1:])]


def mean_by(owners: NDArray[np.intp], probabilities: Array) -> Array:
    """The mean over each owner's windows, float32 ``[owners, K]``; owners are numbers from 0."""
    sums = np.zeros((int(owners.max()) + 1, probabilities.shape[1]))
    np.add.at(sums, owners, probabilities)
    means: Array = (sums / np.bincount(owners)[:, np.newaxis]).astype(np.float32)
    return means


def windows_of(steps: Sequence[Embedding], num_samples: int) -> list[Window]:
    """What is learned from a clip: full windows of its embeddings, evenly spread; and its beginning."""
    windows = cut_windows(steps, num_samples, max(1, num_samples // _HOPS))
    if len(windows) > _MOST_WINDOWS:
        windows = [windows[k] for k in np.linspace(0, len(windows) - 1, _MOST_WINDOWS).round().astype(int)]
    early = round(_EARLY * num_samples / 25)
    return [*windows, Window(steps[:early])] if len(steps) > early else windows
