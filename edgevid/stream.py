"""Rolling predictions over frames that arrive one by one: sampler -> embedders -> rolling classifier -> prediction."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Callable, NamedTuple, Optional

import numpy as np

from .classifiers import Classifier, Rolling, RollingWindow
from .embedders import Array, Embedder, Embedding, Window
from .embedders.repetitions import EmbedderCounter
from .embedders.scene_cut import SceneCutDetector
from .embedders.stream import StreamEmbedder
from .errors import OptionError
from .frames import RGB, Frame, check_colour, to_rgb
from .pace import ArrivalClock, PauseWatch
from .prediction import Prediction
from .sampling import SampleSpec, check_window_seconds
from .support.checks import check_int, check_number, check_type
from .support.text import brief


@dataclass(frozen=True)
class StreamOptions:
    """How to classify a stream.

    Attributes:
        window_seconds: length of the window; None: what the bundle was trained for.
        hop: predict at every hop-th sample, 1 or more; 1: at each.
        min_filled: part of the window, 0 to 1, that must be filled before the first prediction; None: the bundle's.
        threshold, enter: minimum confidence that the action is one of the classes, and minimum score of the class, for a
            prediction to count as :attr:`~edgevid.Prediction.accepted`, 0 to 1; None: the recogniser's.
        reset_on_cut: start a new scene, with an empty window, when the picture changes as at a cut; None: the bundle's.
        skip_still: skip the embedders when a picture looks like the one before, and reuse its embedding, for five seconds at
            most. An empty room then costs a third; benchmarks/README.md has the effect on results.
        rolling: with a recurrent classifier, advance all windows by one step per sample; False runs it over the whole
            window for each prediction, with the same results.

    Raises:
        OptionError: a value outside its range.
    """

    window_seconds: Optional[float] = None
    hop: int = 1
    min_filled: Optional[float] = None
    threshold: Optional[float] = None
    reset_on_cut: Optional[bool] = None
    rolling: bool = True
    skip_still: bool = False
    enter: Optional[float] = None

    def __post_init__(self) -> None:
        if self.window_seconds is not None:
            check_window_seconds(self.window_seconds)
        check_int("hop", self.hop, 1)
        if self.min_filled is not None:
            check_number("min_filled", self.min_filled, 0, 1)
        if self.threshold is not None:
            check_number("threshold", self.threshold, 0, 1)
        if self.enter is not None:
            check_number("enter", self.enter, 0, 1)
        if self.reset_on_cut is not None:
            check_type("reset_on_cut", self.reset_on_cut, bool)
        check_type("rolling", self.rolling, bool)


def given_options(options: Optional[StreamOptions]) -> StreamOptions:
    """``options``, or the defaults. Raises: OptionError: it is something else."""
    return StreamOptions() if options is None else check_type("stream", options, StreamOptions)


class Answering(NamedTuple):
    """The part of a recogniser that turns windows into answers. A recogniser that learns replaces it as a whole.

    Attributes:
        classifier: classifies windows. labels: the classes, in the order of its probabilities.
        threshold: minimum confidence that the action is one of them, for a prediction to count as accepted, 0 to 1.
        still_is_none: whether a window without motion is none of them, whatever the classifier says: it has not seen any.
    """

    classifier: Classifier
    labels: tuple[str, ...]
    threshold: float = 0.0
    still_is_none: bool = False

    def outputs(self, probabilities: Array, newest: Embedding) -> Array:
        """The classifier's probabilities of a window, float32 ``[K + 1]`` with none; none is certain if nothing moves."""
        if not (self.still_is_none and newest.still):
            return probabilities
        none = np.zeros_like(probabilities)
        none[-1] = 1.0
        return none


class Stream:
    """A window over one camera or one scene. Made by :meth:`edgevid.Recognizer.open_stream`.

    Frames are sampled by their timestamps, so that the window spans ``window_seconds`` whatever the camera's rate. One thread
    uses a stream at a time; several streams may share a recogniser from several threads.

    Args:
        embedders: each is asked for a new instance.
        answering: called at each sample for the classifier in use, in the same window; ignored if its labels have changed.
        spec: the samples.
        options: default: ``StreamOptions()``.
        colour: channel order of the pushed frames, "rgb" or "bgr".

    Attributes:
        scenes: number of scenes begun: 1, and one more after each :meth:`reset` and each detected cut.
        samples: number of samples taken.
        repeated: number of samples without a frame of their own, for which a later frame was used: the camera or the
            machine is too slow. The window still spans its time.
    """

    def __init__(
        self,
        embedders: Sequence[Embedder],
        answering: Callable[[], Answering],
        spec: SampleSpec,
        options: Optional[StreamOptions] = None,
        colour: str = RGB,
    ) -> None:
        self._colour = check_colour(colour)
        self._options = options = StreamOptions() if options is None else options
        self._ask, self._answering = answering, answering()
        self._embedder = StreamEmbedder(embedders, spec, cuts=bool(options.reset_on_cut), skip_still=options.skip_still)
        self._rolling = self._new_rolling(self._answering)
        # Embedders that follow motion detect cuts themselves.
        by_embeddings = options.reset_on_cut and all(embedder.cut is None for embedder in embedders)
        self._cuts = _Cuts(embedders) if by_embeddings else None
        self._repetitions = EmbedderCounter(embedders, self.samples_per_second)
        self._arrivals, self._pauses = ArrivalClock(), PauseWatch(spec.window_seconds)
        self.scenes = 1
        self.samples = self.repeated = 0

    def __repr__(self) -> str:
        window = f"window of {self.window_seconds:g} s {self.window_filled:.0%} filled"
        return brief(
            self, f"{len(self._answering.labels)} labels", window, f"{self.samples} samples", f"scene {self.scenes}"
        )

    @property
    def skipped(self) -> int:
        """Number of embeddings that were reused, see :attr:`StreamOptions.skip_still`."""
        return self._embedder.skipped

    @property
    def window_seconds(self) -> float:
        """Length of the window."""
        return self._embedder.spec.window_seconds

    @property
    def samples_per_second(self) -> float:
        """Samples per second of the window."""
        return 1.0 / self._embedder.spec.interval_seconds

    @property
    def window_filled(self) -> float:
        """How much of the window is filled, in [0, 1]."""
        return self._rolling.filled

    @property
    def window(self) -> Window:
        """The embeddings in the window now, to teach with: see :meth:`edgevid.Recognizer.add_example`.

        Callable from any thread. It does not change while the stream goes on.
        """
        return Window(self._rolling.steps)

    @property
    def cycles(self) -> float:
        """Repetitions of the motion since the scene began; see :class:`~edgevid.Prediction`."""
        return self._repetitions.cycles

    def wants(self, timestamp: float) -> bool:
        """Whether a frame taken at ``timestamp`` (seconds) would be used, for a sample now or later. Changes nothing.

        A loop for which frames are expensive (a capture, a conversion) can ask first.
        """
        return self._embedder.wants(timestamp)

    def push(self, frame: Frame, timestamp: Optional[float] = None) -> Optional[Prediction]:
        """Take a frame; if it completes a sample, embed it and classify the window.

        Args:
            frame: uint8 ``[H, W, 3]``, RGB; or BGR, if the stream was opened with ``colour="bgr"``.
            timestamp: seconds on any clock that does not run backwards; default ``time.monotonic()``.

        Returns:
            A prediction, or None: the frame lies between two samples, or the window is not full yet, or the hop is
            not over.

        Raises:
            FrameError: not a frame; TimestampError: not finite, or before the last one. The stream is unchanged.
        """
        timestamp = self._arrivals.now() if timestamp is None else timestamp
        if self._colour != RGB and self.wants(timestamp):
            frame = to_rgb(frame, self._colour)
        made = self._embedder.make(frame, timestamp)
        prediction = None
        if made.embeddings:
            self._follow()
            cuts, repetitions = copy.copy(self._cuts), copy.copy(self._repetitions)
            rolling = self._rolling
            if made.cut or (cuts is not None and cuts.lies_before(made.embeddings[0])):
                rolling = self._new_rolling(self._answering)
                repetitions.reset()
            for embedding in made.embeddings:
                repetitions.take(embedding.rows)
            # Counted once it has succeeded: if it raises, also by Ctrl-C, the stream is as it was before the frame.
            probabilities = rolling.push(*made.embeddings)
            if rolling is not self._rolling:
                self._rolling = rolling
                self.scenes += 1
            self._cuts, self._repetitions = cuts, repetitions
            prediction = self._prediction(probabilities, float(timestamp))
            self.samples += len(made.embeddings)
            self.repeated += len(made.embeddings) - 1
        self._embedder.take(made, timestamp)
        self._pauses.take(float(timestamp))
        return prediction

    def reset(self) -> None:
        """Start a new scene: forget the window and the clock."""
        self._embedder.reset()
        if self._cuts is not None:
            self._cuts.reset()
        self._rolling.reset()
        self._repetitions.reset()
        self._pauses.reset()
        self.scenes += 1

    def _new_rolling(self, answering: Answering) -> Rolling:
        classifier, options = answering.classifier, self._options
        form = classifier.rolling if options.rolling else partial(RollingWindow, classifier)
        return form(options.hop, 1.0 if options.min_filled is None else options.min_filled)

    def _follow(self) -> None:
        """Switch to the recogniser's current classifier, if it has learned."""
        answering = self._ask()
        if answering is self._answering or answering.labels != self._answering.labels:
            return
        if answering.classifier is not self._answering.classifier:
            rolling, steps = self._new_rolling(answering), self._rolling.steps
            if steps:
                rolling.push(*steps)
            self._rolling = rolling
        self._answering = answering

    def _prediction(self, probabilities: Optional[Array], timestamp: float) -> Optional[Prediction]:
        if probabilities is None:
            return None
        return Prediction.of_outputs(
            self._answering.labels,
            self._answering.outputs(probabilities, self._rolling.steps[-1]),
            threshold=self._answering.threshold if self._options.threshold is None else self._options.threshold,
            timestamp=timestamp,
            start_timestamp=self._rolling.steps[0].timestamp,
            window_filled=self._rolling.filled,
            region=self._embedder.region,
            cycles=self.cycles,
            enter=0.0 if self._options.enter is None else self._options.enter,
        )


class _Cuts:
    """Detects cuts in the embeddings of the first embedder that can."""

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        able = [(k, e.scene_cut_threshold) for k, e in enumerate(embedders) if e.scene_cut_threshold is not None]
        if not able:
            raise OptionError(
                "reset_on_cut was given, but no embedder of the bundle can detect a cut: the card of its network has no "
                "'scene_cut' with a threshold. benchmarks/scene_cut.py finds one."
            )
        self._number, threshold = able[0]
        self._detector = SceneCutDetector(threshold)

    def __copy__(self) -> _Cuts:
        new = object.__new__(_Cuts)
        new._number, new._detector = self._number, copy.deepcopy(self._detector)
        return new

    def lies_before(self, embedding: Embedding) -> bool:
        return self._detector.update(embedding.rows[self._number][-1])

    def reset(self) -> None:
        self._detector.reset()
