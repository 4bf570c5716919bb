"""Rolling predictions over frames that arrive one by one."""

from __future__ import annotations

import time
from collections import deque
from typing import Optional

import numpy as np

from .classifier import Classifier
from .errors import OptionError
from .extractor import Extractor
from .frames import Frame, check_frame
from .prediction import Prediction
from .sampling import StreamSampler, uniform_indices
from .window import EmbeddingWindow


class Stream:
    """A window over one camera or one scene. Made by :meth:`edgevid.Recognizer.open_stream`.

    Frames are sampled by their timestamps so that the window spans ``window_seconds`` whatever the camera's rate. Belongs
    to one thread at a time; several streams may share a recogniser from several threads.
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
        self._hop = hop
        self._min_filled = min_filled
        self._threshold = threshold
        self._since_prediction = hop

    @property
    def window_seconds(self) -> float:
        """What the window spans."""
        return self._sampler.window_seconds

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
        for _ in range(ticks):
            self._window.push(embedding)
            self._timestamps.append(float(timestamp))
        self._since_prediction += ticks
        if not ticks or self.window_filled < self._min_filled or self._since_prediction < self._hop:
            return None
        self._since_prediction = 0
        return Prediction(
            labels=self._labels,
            probabilities=self._classifier.predict(self._full_window()),
            threshold=self._threshold,
            timestamp=self._timestamps[-1],
            start_timestamp=self._timestamps[0],
            window_filled=self.window_filled,
        )

    def reset(self) -> None:
        """Start a new scene: forget the window and the clock."""
        self._sampler.reset()
        self._window.reset()
        self._timestamps.clear()
        self._since_prediction = self._hop

    def _full_window(self) -> np.ndarray:
        view = self._window.view()
        if self._window.full:
            return view
        # A window that is not full is classified as a short clip is: its frames are repeated.
        return view[uniform_indices(len(view), self._window.size)]
