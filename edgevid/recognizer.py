"""The main API: clip -> prediction, stream -> predictions."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from .bundles import UNIFORM, Bundle
from .classifiers import Classifier
from .classifiers.opening import check_fit
from .embedders import Embedder, embed_clip, spec_for
from .embedders.stream import cut_windows, embed_as_stream
from .events import EventDefaults, Smoothing, fresh_smoothing
from .following import StreamSource, follow_async, predictions
from .frames import RGB, check_colour
from .prediction import Prediction, check_threshold
from .sampling import Clip
from .sampling.colour import clip_in_rgb
from .sampling.picture import picture_of
from .sources import check_finished
from .stream import Answering, Stream, StreamOptions, given_options
from .support.text import brief
from .teachable import Teachable

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .runner import Runner, RunnerGroup, RunOptions


class Recognizer(Teachable):
    """Embedders and a classifier, ready to classify clips and streams. Made by :func:`edgevid.load`, or from your own parts.

    It may be used from several threads at once without locking: :meth:`classify` and :meth:`open_stream` in each thread,
    :meth:`start` for each source. The results are the same as from one thread. Each network takes one call at a time; all
    other state belongs to the call, or to the :class:`~edgevid.Stream`, which one thread uses at a time. So several sources on
    one recogniser share its memory and its speed. Close it when no thread uses it any more.

    Args:
        embedders: their embeddings are concatenated.
        classifier: classifies windows of embeddings.
        labels: the classes, in the order of the classifier's probabilities.
        window_seconds: length of a stream's window.
        threshold: minimum confidence that the action is one of the classes, for a prediction to count as accepted, 0 to 1.
        bundle: the bundle that the parts come from; None: they are the caller's own.
        runtime: name of the TFLite runtime in use; "" for the caller's own parts.

    Attributes:
        spec: the samples of a window.
        events: default event options of :meth:`start` and :func:`edgevid.find_events`, from the bundle's
            card. The score of a prediction must reach their ``enter`` to count as accepted.

    Raises:
        BundleError: the parts do not fit together.
    """

    def __init__(
        self,
        embedders: Sequence[Embedder],
        classifier: Classifier,
        labels: Sequence[str],
        *,
        window_seconds: float,
        threshold: float = 0.0,
        bundle: Optional[Bundle] = None,
        runtime: str = "",
    ) -> None:
        super().__init__()
        self.embedders = tuple(embedders)
        still_is_none = bundle is not None and bundle.none
        self._answering = Answering(classifier, tuple(labels), check_threshold(threshold), still_is_none)
        self.bundle, self.runtime = bundle, runtime
        self.events = EventDefaults() if bundle is None else EventDefaults.of_card(bundle.card)
        self._opened = ExitStack()  # what this recogniser must close
        self.spec = spec_for(self.embedders, classifier.num_samples, window_seconds)
        check_fit(self.embedders, classifier, self.labels, bundle)

    def __repr__(self) -> str:
        window = f"{self.num_samples} samples in {self.window_seconds:g} s"
        return brief(
            self, repr(self.name), f"{len(self.labels)} labels", window, f"threshold {self.threshold:.2f}", self.runtime
        )

    @property
    def name(self) -> str:
        """The bundle's name; "recogniser" for the caller's own parts."""
        return "recogniser" if self.bundle is None else self.bundle.name

    @property
    def classifier(self) -> Classifier:
        """The classifier in use; :meth:`refit` replaces it."""
        return self._answering.classifier

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the classifier's probabilities."""
        return self._answering.labels

    @property
    def threshold(self) -> float:
        """Minimum confidence that the action is one of the classes, for a prediction to count as accepted, 0 to 1."""
        return self._answering.threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._answering = self._answering._replace(threshold=check_threshold(threshold))

    @property
    def num_samples(self) -> int:
        """Number of samples in a window."""
        return self.spec.num_samples

    @property
    def window_seconds(self) -> float:
        """Length of a stream's window, unless :meth:`open_stream` is told otherwise."""
        return self.spec.window_seconds

    def classify(self, clip: Clip, *, colour: str = RGB) -> Prediction:
        """Classify a finished clip: with samples uniformly distributed over it, or window by window, as the bundle was trained.

        Args:
            clip: path of a video file, or its frames: uint8 ``[N, H, W, 3]`` RGB or a sequence of frames. With fewer frames
                than :attr:`num_samples`, some are sampled several times.
            colour: channel order of the frames: "rgb", or "bgr" as OpenCV gives them.

        Raises:
            SourceError: the file cannot be read, or is the address of a camera or stream. FrameError: the frames are
                invalid, or there are none.
        """
        check_finished(clip)
        answering, clip = self._answering, clip_in_rgb(clip, colour)
        if self.bundle is None or self.bundle.clips == UNIFORM:
            windows = [embed_clip(self.embedders, clip, self.spec)]
        else:
            steps = embed_as_stream(self.embedders, clip, self.spec)
            windows = cut_windows(steps, self.num_samples, max(1, self.num_samples // 5))
        each = [answering.outputs(answering.classifier.predict(window), window.steps[-1]) for window in windows]
        outputs = np.stack(each).mean(axis=0, dtype=np.float32)
        first, last = windows[0].steps[0].timestamp, windows[-1].steps[-1].timestamp
        return Prediction.of_outputs(
            answering.labels,
            outputs,
            threshold=answering.threshold,
            enter=self.events.options.enter,
            timestamp=last,
            start_timestamp=first,
            picture=picture_of(clip, first, last),
        )

    def open_stream(self, options: Optional[StreamOptions] = None, *, colour: str = RGB) -> Stream:
        """A stream for a loop that owns its frames: call its ``push(frame, timestamp)``.

        After :meth:`refit`, it uses what was learned from its next sample on, unless the labels have changed.

        Args:
            colour: channel order of the pushed frames: "rgb", or "bgr" as OpenCV gives them.
        """
        options = given_options(options)
        spec = (
            self.spec if options.window_seconds is None else replace(self.spec, window_seconds=options.window_seconds)
        )
        if options.enter is None:
            options = replace(options, enter=self.events.options.enter)
        if self.bundle is not None:
            early = self.bundle.min_filled if options.min_filled is None else options.min_filled
            cuts = self.bundle.reset_on_cut if options.reset_on_cut is None else options.reset_on_cut
            options = replace(options, min_filled=early, reset_on_cut=cuts)
        return Stream(self.embedders, lambda: self._answering, spec, options, colour)

    def stream(
        self,
        source: StreamSource,
        options: Optional[StreamOptions] = None,
        *,
        smoothing: Optional[Union[str, Smoothing]] = None,
        colour: str = RGB,
    ) -> Iterator[Prediction]:
        """Rolling predictions over a camera, a file, a URL or an iterable of frames.

        From a file, every frame that the sampling needs is used, as fast as possible; from a camera, always the newest. When a
        lost camera is back, the window starts anew.

        Args:
            source: see :func:`edgevid.open_source`, or a function that opens one. It is opened when the first prediction is
                requested, and closed if this method opened it. Frames without timestamps get their arrival time:
                give recorded frames as (timestamp, frame).
            smoothing: see :func:`edgevid.events.open_smoothing`; default: none.
            colour: channel order of an iterable's frames: "rgb", or "bgr" as OpenCV gives them.

        Raises:
            SourceError: the source cannot be opened, or breaks off.
        """
        return predictions(self.open_stream(options), source, fresh_smoothing(smoothing), check_colour(colour))

    def astream(
        self,
        frames: AsyncIterable[Any],
        options: Optional[StreamOptions] = None,
        *,
        smoothing: Optional[Union[str, Smoothing]] = None,
        colour: str = RGB,
    ) -> AsyncIterator[Prediction]:
        """As :meth:`stream`, for an async iterable of frames. The networks run in a thread, not in the event loop.

        >>> async for prediction in recognizer.astream(frames()):  # doctest: +SKIP
        ...     print(prediction)

        For other sources use ``async for prediction in runner``; see :meth:`start`.

        Args:
            frames: an async iterable of frames, or of (timestamp, frame) pairs. The next one is awaited when the last one has
                been used: an iterable that never waits, such as a camera's, should give its newest frame.
        """
        return follow_async(self.open_stream(options), frames, fresh_smoothing(smoothing), check_colour(colour))

    def start(self, source: StreamSource, *, name: Optional[str] = None, **options: Unpack[RunOptions]) -> Runner:
        """Rolling predictions in a thread of their own; returns at once. See :class:`edgevid.Runner`.

        >>> with recognizer.start(0, on_event=print) as runner:  # doctest: +SKIP
        ...     for prediction in runner:
        ...         print(prediction)
        """
        from .runner import Runner

        return Runner(self, source, options, name)

    def start_many(
        self, sources: Union[Mapping[str, StreamSource], Sequence[StreamSource]], **options: Unpack[RunOptions]
    ) -> RunnerGroup:
        """Rolling predictions over several sources at once, which take turns on the networks. See :class:`edgevid.RunnerGroup`.

        >>> cameras = {"door": 0, "yard": "rtsp://yard/stream"}
        >>> with recognizer.start_many(cameras, on_event=print) as group:  # doctest: +SKIP
        ...     group.wait()
        """
        from .runner import RunnerGroup

        return RunnerGroup(self, sources, options)

    def answer_with(self, answering: Answering) -> None:
        """Replace the classifier and labels, from now on; callable from any thread. The old classifier stays open."""
        self._answering = answering

    def close(self) -> None:
        """Free the networks that :func:`edgevid.load` opened; the caller's own parts stay open. A second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
