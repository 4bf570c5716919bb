"""Rolling predictions over frames that arrive one by one: sampler -> embedders -> rolling classifier -> prediction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from .classifiers import Classifier, RollingWindow
from .embedders import Array, Embedder, Embedding
from .embedders.base import embed_checked
from .embedders.scene_cut import SceneCutDetector
from .errors import OptionError
from .frames import Frame, check_frame
from .prediction import Prediction
from .sampling import SampleSpec, StreamSampler
from .support.checks import check_int, check_number


@dataclass(frozen=True)
class StreamOptions:
    """How a stream is to be classified.

    Attributes:
        window_seconds: what the window spans; None: what the bundle was trained for.
        hop: samples between two predictions, 1 or more; 1 = a prediction at each.
        min_filled: the part of the window, 0 to 1, that must hold samples before the first prediction.
        threshold: the score from which on a prediction counts as accepted, 0 to 1; None: the recogniser's.
        reset_on_cut: start a new scene, with an empty window, where the picture changes as it does at a cut.
        rolling: classify windows side by side, one step a sample, where the classifier is recurrent; False runs it over the whole
            window for each prediction, with the same results.

    Raises:
        OptionError: a value outside its range.
    """

    window_seconds: Optional[float] = None
    hop: int = 1
    min_filled: float = 1.0
    threshold: Optional[float] = None
    reset_on_cut: bool = False
    rolling: bool = True

    def __post_init__(self) -> None:
        if self.window_seconds is not None:
            check_number("window_seconds", self.window_seconds, 0, above_low=True, unit="seconds")
        check_int("hop", self.hop, 1)
        check_number("min_filled", self.min_filled, 0, 1)
        if self.threshold is not None:
            check_number("threshold", self.threshold, 0, 1)


class Stream:
    """A window over one camera or one scene. Made by :meth:`edgevid.Recognizer.open_stream`.

    Frames are sampled by their timestamps so that the window spans ``window_seconds`` whatever the camera's rate. Belongs
    to one thread at a time; several streams may share a recogniser from several threads.

    Args:
        embedders: side by side; each is asked for a fresh one.
        classifier: whose rolling form keeps the window.
        labels: the classes, in the order of the probabilities.
        spec: the samples; ``options.window_seconds`` goes before its own.
        options: default: ``StreamOptions()``.

    Attributes:
        scenes: how many were begun: 1, and one more after each :meth:`reset` and each cut that was noticed.
        samples: how many samples were taken.
    """

    def __init__(
        self,
        embedders: Sequence[Embedder],
        classifier: Classifier,
        labels: tuple[str, ...],
        spec: SampleSpec,
        options: Optional[StreamOptions] = None,
    ) -> None:
        options = StreamOptions() if options is None else options
        self._embedders = [embedder.fresh() for embedder in embedders]
        self._labels = labels
        self._sampler = StreamSampler(spec)
        if options.rolling:
            self._rolling = classifier.rolling(options.hop, options.min_filled)
        else:
            self._rolling = RollingWindow(classifier, options.hop, options.min_filled)
        self._cuts = _Cuts(embedders) if options.reset_on_cut else None
        self._threshold = 0.0 if options.threshold is None else options.threshold
        # what embedders with a rate of their own gave since the last sample
        self._between: list[tuple[Array, ...]] = [() for _ in embedders]
        self.scenes = 1
        self.samples = 0

    @property
    def window_seconds(self) -> float:
        """What the window spans."""
        return self._sampler.spec.window_seconds

    @property
    def window_filled(self) -> float:
        """How much of the window holds samples, in [0, 1]."""
        return self._rolling.filled

    def wants(self, timestamp: float) -> bool:
        """Whether a frame taken at ``timestamp`` (seconds) would be used, for a sample now or later. Changes nothing.

        A loop that pays for each frame (a capture, a conversion) can ask first.
        """
        return self._sampler.wants(timestamp)

    def push(self, frame: Frame, timestamp: Optional[float] = None) -> Optional[Prediction]:
        """Take a frame and, when it completes a sample, embed that and classify the window.

        Args:
            frame: uint8 ``[H, W, 3]``, RGB.
            timestamp: seconds on any clock that does not run backwards; default ``time.monotonic()``.

        Returns:
            A prediction, or None: the frame lies between two samples, or the window is not full yet, or the hop is
            not over.

        Raises:
            FrameError: not a frame; TimestampError: not finite, or before the last one. The stream is unchanged.
        """
        check_frame(frame)
        timestamp = self._sampler.check(time.monotonic() if timestamp is None else timestamp)
        due = self._sampler.due(frame, timestamp)
        made = [
            (embed_checked(embedder, one.sample),) * one.ticks if one is not None else ()
            for embedder, one in zip(self._embedders, due)
        ]
        ticks = self._sampler.ticks_due(timestamp)
        between = [before + new for before, new in zip(self._between, made)]
        prediction = None
        if ticks:
            columns = [self._by_sample(k, rows, ticks) for k, rows in enumerate(between)]
            embeddings = [Embedding(tuple(column[i] for column in columns), timestamp) for i in range(ticks)]
            if self._cuts is not None and self._cuts.lies_before(embeddings[0]):
                self._start_scene()
            # It counts once it has succeeded: if it raises, also Ctrl-C, the stream is as it was before the frame.
            prediction = self._prediction(self._rolling.push(*embeddings), timestamp)
            between = [() for _ in between]
            self.samples += ticks
        self._between = between
        self._sampler.advance(frame, timestamp)
        return prediction

    def reset(self) -> None:
        """Start a new scene: forget the window and the clock."""
        self._sampler.reset()
        if self._cuts is not None:
            self._cuts.reset()
        self._embedders = [embedder.fresh() for embedder in self._embedders]
        self._start_scene()

    def _start_scene(self) -> None:
        self._rolling.reset()
        self._between = [() for _ in self._between]
        self.scenes += 1

    def _by_sample(self, k: int, rows: tuple[Array, ...], ticks: int) -> list[Array]:
        """What embedder ``k`` gave for each of so many samples, float32 ``[n, dim]``."""
        if self._sampler.spec.tracks[k].samples_per_second is None:
            return [rows[-1][np.newaxis]] * ticks
        stacked = np.stack(rows) if rows else np.zeros((0, self._embedders[k].dim), np.float32)
        return np.array_split(stacked, ticks)

    def _prediction(self, probabilities: Optional[Array], timestamp: float) -> Optional[Prediction]:
        if probabilities is None:
            return None
        return Prediction(
            labels=self._labels,
            probabilities=probabilities,
            threshold=self._threshold,
            timestamp=timestamp,
            start_timestamp=self._rolling.steps[0].timestamp,
            window_filled=self._rolling.filled,
        )


class _Cuts:
    """Looks for cuts in the embeddings of the first embedder that can tell."""

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        able = [(k, e.scene_cut_threshold) for k, e in enumerate(embedders) if e.scene_cut_threshold is not None]
        if not able:
            raise OptionError(
                "reset_on_cut was asked for, but no embedder of the bundle can tell a cut: the card of its network has no "
                "'scene_cut' with a threshold. benchmarks/scene_cut.py finds one."
            )
        self._number, threshold = able[0]
        self._detector = SceneCutDetector(threshold)

    def lies_before(self, embedding: Embedding) -> bool:
        return self._detector.update(embedding.rows[self._number][-1])

    def reset(self) -> None:
        self._detector.reset()
