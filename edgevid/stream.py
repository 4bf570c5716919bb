"""Rolling predictions over frames that arrive one by one."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Optional

from .classifiers.classifier import Array, Classifier
from .classifiers.rolling import RollingClassifier
from .classifiers.window import EmbeddingWindow
from .embedders.cnn import Extractor
from .embedders.scene_cut import SceneCutDetector
from .errors import OptionError
from .frames import Frame, check_frame
from .prediction import Prediction
from .sampling import StreamSampler, uniform_indices
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

    A recurrent classifier's windows are computed side by side as frames come, one step a sampled frame.
    Any other runs over the window in the ring buffer for each prediction.
    """

    def __init__(
        self,
        extractor: Extractor,
        classifier: Classifier,
        labels: tuple[str, ...],
        *,
        window_seconds: float,
        hop: int,
        min_filled: float,
        threshold: float,
        reset_on_cut: bool = False,
        rolling: bool = True,
    ) -> None:
        if isinstance(hop, bool) or not isinstance(hop, int) or hop < 1:
            raise OptionError(f"hop={hop!r} was given; expected an int of 1 or more sampled frames.")
        if not (isinstance(min_filled, (int, float)) and 0.0 <= min_filled <= 1.0):
            raise OptionError(f"min_filled={min_filled!r} was given; expected a part from 0 to 1.")
        self._extractor = extractor
        self._classifier = classifier
        self._labels = labels
        self._sampler = StreamSampler(window_seconds, classifier.num_frames)
        self._window = EmbeddingWindow(classifier.num_frames, extractor.dim)
        self._timestamps: deque[float] = deque(maxlen=classifier.num_frames)
        self._rolling = RollingClassifier(classifier, hop) if rolling and classifier.recurrent else None
        self._cuts = SceneCutDetector() if reset_on_cut else None
        self._hop = hop
        self._min_filled = min_filled
        self._threshold = threshold
        self._scenes = 0
        self._start_scene()

    @property
    def window_seconds(self) -> float:
        """What the window spans."""
        return self._sampler.window_seconds

    @property
    def scenes(self) -> int:
        """How many scenes were begun: 1, and one more after each :meth:`reset` and each cut that was noticed."""
        return self._scenes

    @property
    def window_filled(self) -> float:
        """How much of the window holds frames, in [0, 1]."""
        return len(self._window) / self._window.size

    def wants(self, timestamp: float) -> bool:
        """Whether a frame taken at ``timestamp`` (seconds) would be used. Changes nothing.

        A loop that pays for each frame (a capture, a conversion) can ask first.
        """
        return self._sampler.ticks_due(timestamp) > 0

    def push(self, frame: Frame, timestamp: Optional[float] = None) -> Optional[Prediction]:
        """Take a frame and, when it is one that is sampled, embed it and classify the window.

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
        timestamp = time.monotonic() if timestamp is None else timestamp
        ticks = self._sampler.ticks_due(timestamp)
        if ticks:
            embedding = self._extractor.embed(frame)
        self._sampler.advance(timestamp)
        if ticks and self._cuts is not None and self._cuts.update(embedding):
            self._start_scene()
        prediction = None
        # One that stands for several samples may complete several windows: the newest is classified.
        newest = max((count for count in range(1, ticks + 1) if self._due(self._samples + count)), default=0)
        for count in range(1, ticks + 1):
            rolled = self._push_embedding(embedding, float(timestamp))
            if count == newest:
                prediction = self._prediction(rolled)
        return prediction

    def reset(self) -> None:
        """Start a new scene: forget the window and the clock."""
        self._sampler.reset()
        if self._cuts is not None:
            self._cuts.reset()
        self._start_scene()

    def _start_scene(self) -> None:
        self._window.reset()
        self._timestamps.clear()
        if self._rolling is not None:
            self._rolling.reset()
        self._samples = 0
        self._predicted = False
        self._scenes += 1

    def _push_embedding(self, embedding: Array, timestamp: float) -> Optional[Array]:
        """One more sample; what the rolling form makes of the oldest window, if there is one."""
        self._window.push(embedding)
        self._timestamps.append(timestamp)
        self._samples += 1
        return None if self._rolling is None else self._rolling.push(embedding)

    def _due(self, samples: int) -> bool:
        """Whether so many samples complete a window: the first, then one every hop; and, if asked for, some before it."""
        size = self._window.size
        on_hop = (samples - size) % self._hop == 0
        if samples >= size:
            return on_hop
        # 0.28 * 25 is a little more than 7.
        return samples >= self._min_filled * size - 1e-9 and (on_hop or not self._predicted)

    def _prediction(self, rolled: Optional[Array]) -> Prediction:
        if rolled is None or not self._window.full:
            rolled = self._classifier.predict(self._full_window())
        self._predicted = True
        return Prediction(
            labels=self._labels,
            probabilities=rolled,
            threshold=self._threshold,
            timestamp=self._timestamps[-1],
            start_timestamp=self._timestamps[0],
            window_filled=self.window_filled,
        )

    def _full_window(self) -> Array:
        view = self._window.view()
        if self._window.full:
            return view
        # A window that is not full is classified as a short clip is: its frames are repeated.
        return view[uniform_indices(len(view), self._window.size)]
