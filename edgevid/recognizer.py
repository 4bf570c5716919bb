"""The pipeline that people call: clip -> prediction, stream -> predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Callable, Optional, Union

from .bundles.bundle import DEFAULT_BUNDLE, Bundle, open_bundle
from .classifiers.classifier import Classifier
from .clip import Clip, embed_clip
from .embedders.cnn import open_extractor
from .errors import BundleError
from .events import Event, EventOptions, Smoothing
from .prediction import Prediction, check_threshold
from .runner.delivery import Callbacks
from .runner.limits import Limits
from .runner.messages import Observation, Watcher
from .runner.runner import Runner
from .runner.runner_group import RunnerGroup
from .runner.starting import Plan, fresh_smoothing
from .runner.stream_source import StreamSource, named_sources, open_stream_source, source_name
from .runner.watching import observe
from .sources import SourceStatus
from .stream import Stream, StreamOptions


class Recognizer:
    """An extractor and a classifier, ready to classify clips and streams. Made by :func:`edgevid.load`.

    May be used from several threads at once, without a lock of the caller's: :meth:`classify` and :meth:`open_stream` in each
    thread, :meth:`start` for each source. The results are those of one thread alone. Each of the two networks takes one call
    at a time, in the order in which the calls came, so that no thread starves; everything else belongs to the call, or to the
    :class:`~edgevid.Stream`, which is one thread's at a time. Several sources on one recogniser so share the memory of one
    and its speed. Close it when no thread uses it any more.

    Args:
        bundle: what to run.
        num_threads: threads of each interpreter; default: the CPUs available, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the best one present.
        threshold: the score from which on a prediction counts as accepted, 0 to 1; default: the bundle's, which 95 % of its
            validation clips reach (0, so that all are accepted, where its card has none).
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        num_threads: Optional[int] = None,
        runtime: Optional[str] = None,
        threshold: Optional[float] = None,
    ) -> None:
        self.bundle = bundle
        self.threshold = bundle.calibration.unknown_threshold if threshold is None else check_threshold(threshold)
        self.extractor = open_extractor(bundle.extractor, num_threads=num_threads, runtime=runtime)
        self.classifier = Classifier(
            bundle.classifier_path,
            num_frames=bundle.num_frames,
            temperature=bundle.calibration.temperature,
            num_threads=num_threads,
            runtime=runtime,
        )
        self._check_fit()

    def _check_fit(self) -> None:
        bundle, classifier = self.bundle, self.classifier
        if classifier.num_classes != len(bundle.labels):
            raise BundleError(
                f"The bundle {bundle.folder} names {len(bundle.labels)} labels, but its classifier has "
                f"{classifier.num_classes} outputs; restore the card that belongs to it."
            )
        if classifier.dim != self.extractor.dim or classifier.num_frames != bundle.num_frames:
            raise BundleError(
                f"The bundle {bundle.folder} has a classifier for [{classifier.num_frames}, {classifier.dim}] embeddings; its "
                f"card and its extractor {bundle.extractor.name} give [{bundle.num_frames}, {self.extractor.dim}]. "
                "Train it again with that extractor."
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self.bundle.labels

    @property
    def num_frames(self) -> int:
        """Sampled frames that one prediction is made of."""
        return self.bundle.num_frames

    @property
    def window_seconds(self) -> float:
        """What a window of a stream spans, unless :meth:`open_stream` is told otherwise."""
        return self.bundle.window_seconds

    def classify(self, clip: Clip) -> Prediction:
        """Classify a finished clip by frames uniformly distributed over it.

        Args:
            clip: path of a video file, or its frames: uint8 ``[N, H, W, 3]`` RGB or a sequence of frames. Fewer frames than
                :attr:`num_frames` are repeated.

        Raises:
            SourceError: the file cannot be read. FrameError: the frames are not frames, or there is none.
        """
        embeddings, timestamps = embed_clip(self.extractor, clip, self.num_frames)
        return Prediction(
            labels=self.labels,
            probabilities=self.classifier.predict(embeddings),
            threshold=self.threshold,
            timestamp=timestamps[-1] if timestamps else None,
            start_timestamp=timestamps[0] if timestamps else None,
        )

    def open_stream(self, options: Optional[StreamOptions] = None) -> Stream:
        """A stream for a loop that owns its frames: call its ``push(frame, timestamp)``."""
        options = StreamOptions() if options is None else options
        return Stream(
            self.extractor,
            self.classifier,
            self.labels,
            window_seconds=self.window_seconds if options.window_seconds is None else options.window_seconds,
            hop=options.hop,
            min_filled=options.min_filled,
            threshold=self.threshold if options.threshold is None else options.threshold,
            reset_on_cut=options.reset_on_cut,
            rolling=options.rolling,
        )

    def stream(
        self,
        source: StreamSource,
        options: Optional[StreamOptions] = None,
        *,
        smoothing: Optional[Union[str, Smoothing]] = None,
    ) -> Iterator[Prediction]:
        """Rolling predictions over a camera, a file, a URL or an iterable of frames.

        From a file every frame that the sampling asks for is used, as fast as it goes; from a camera always the newest. Where a
        camera was lost and is back, the window starts anew.

        Args:
            source: see :func:`edgevid.open_source`, or a function that opens one. It is opened when the first prediction is
                asked for; one that this method opens, it closes. Frames without timestamps count as taken when they
                come: give recorded ones as (timestamp, frame).
            smoothing: see :func:`edgevid.events.open_smoothing`; default: none.

        Raises:
            SourceError: it does not open, or stops.
        """
        return _predictions(self.open_stream(options), source, fresh_smoothing(smoothing))

    def start(
        self,
        source: StreamSource,
        *,
        on_prediction: Optional[Callable[[Prediction], object]] = None,
        on_event: Optional[Callable[[Event], object]] = None,
        on_status: Optional[Callable[[SourceStatus], object]] = None,
        on_observation: Optional[Callable[[Observation], object]] = None,
        watchers: Sequence[Watcher] = (),
        smoothing: Optional[Union[str, Smoothing]] = None,
        events: Optional[EventOptions] = None,
        name: Optional[str] = None,
        max_seconds: Optional[float] = None,
        max_predictions: Optional[int] = None,
        stream: Optional[StreamOptions] = None,
    ) -> Runner:
        """Rolling predictions in a thread of their own; returns at once.

        The functions are called one at a time, in order, in one further thread. One that takes its time does not stop inference
        on a camera: ``on_prediction`` then gets the newest prediction, and those between are passed over. Of a file it gets each,
        and the reading waits. Events and changes of state are never lost. What a function raises stops the runner.

        >>> with recognizer.start(0, on_event=print) as runner:  # doctest: +SKIP
        ...     while runner.running:
        ...         print(runner.latest)
        ...         time.sleep(1)

        Args:
            source: as :meth:`stream` takes it. It is opened in the runner's thread; one that the runner opens, it closes.
            on_prediction, on_event, on_status: told of each prediction, of each action that began or ended, and when the
                source is opened, lost, reopened, has ended or failed.
            on_observation: told, with ``on_prediction``, of all that belongs to it: the picture, its age, the source's counts.
            watchers: told of every sampled frame, in the runner's own thread; they stay open.
            smoothing: see :func:`edgevid.events.open_smoothing`; default: none.
            events: when an action counts as begun and ended; default: ``EventOptions()``.
            name: what observations and statuses call the source; default: a name made of ``source``.
            max_seconds, max_predictions: end after so many seconds of video, or predictions; default: at the source's end.
            stream: how it is classified.

        Returns:
            A runner, for ``with``. Its ``wait()``, ``stop()`` and the end of the block raise the error that stopped it. One
            that nobody asks for, and that ``on_status`` was not told, is logged by ``logging.getLogger("edgevid")``.

        Raises:
            OptionError: an option is outside its range.
        """
        callbacks = Callbacks(on_prediction, on_event, on_status, on_observation)
        limits = Limits(max_seconds, max_predictions)
        plan = Plan(partial(self.open_stream, stream), callbacks, watchers, smoothing, events, limits)
        return plan.start(source, source_name(source) if name is None else name)

    def start_many(
        self,
        sources: Union[Mapping[str, StreamSource], Sequence[StreamSource]],
        *,
        on_prediction: Optional[Callable[[str, Prediction], object]] = None,
        on_event: Optional[Callable[[str, Event], object]] = None,
        on_status: Optional[Callable[[str, SourceStatus], object]] = None,
        on_observation: Optional[Callable[[str, Observation], object]] = None,
        watchers: Sequence[Watcher] = (),
        smoothing: Optional[str] = None,
        events: Optional[EventOptions] = None,
        max_seconds: Optional[float] = None,
        max_predictions: Optional[int] = None,
        stream: Optional[StreamOptions] = None,
    ) -> RunnerGroup:
        """Several sources at once, each with its own window, smoothing and events; they take turns on the networks.

        As :meth:`start` for each, but the functions are told the source's name first, and are called in a thread for each source,
        so several at once. A source that fails does not stop the others.

        >>> cameras = {"door": 0, "yard": "rtsp://yard/stream"}
        >>> with recognizer.start_many(cameras, on_event=print) as group:  # doctest: +SKIP
        ...     group.wait()

        Args:
            sources: name -> source; or sources, which are then named after what they are.

        Raises:
            OptionError: an option is outside its range, or there is no source.
        """
        callbacks = Callbacks(on_prediction, on_event, on_status, on_observation)
        limits = Limits(max_seconds, max_predictions)
        plan = Plan(partial(self.open_stream, stream), callbacks, watchers, smoothing, events, limits)
        return plan.start_many(named_sources(sources))

    def close(self) -> None:
        """Free the interpreters."""
        self.extractor.close()
        self.classifier.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def load(
    bundle: Union[str, Path, Bundle] = DEFAULT_BUNDLE,
    *,
    num_threads: Optional[int] = None,
    runtime: Optional[str] = None,
    threshold: Optional[float] = None,
) -> Recognizer:
    """Open a bundle and make a recogniser of it.

    Args:
        bundle: the name of a shipped bundle, a bundle's folder, or an opened :class:`~edgevid.Bundle`.
        num_threads: threads of each interpreter; default: the CPUs available, at most 4.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the variable ``EDGEVID_RUNTIME``, else the best present.
        threshold: the score from which on a prediction counts as accepted, 0 to 1; default: the bundle's, which 95 % of its
            validation clips reach (0, so that all are accepted, where its card has none).

    Raises:
        BundleError, ModelError, RuntimeNotAvailableError, OptionError.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    return Recognizer(opened, num_threads=num_threads, runtime=runtime, threshold=threshold)


def _predictions(stream: Stream, source: StreamSource, smoothing: Optional[Smoothing]) -> Iterator[Prediction]:
    # Opened on the first step, not before: a generator that nobody starts has no way to close it.
    opened = open_stream_source(source)
    try:
        for observation in observe(stream, opened, smoothing=smoothing):
            if observation.prediction is not None:
                yield observation.prediction
    finally:
        if opened is not source:
            opened.close()
