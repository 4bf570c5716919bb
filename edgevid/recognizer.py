"""The pipeline that people call: clip -> prediction, stream -> predictions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union

import numpy as np

from .bundles import DEFAULT_BUNDLE, UNIFORM, Bundle, open_bundle
from .classifiers import Classifier
from .classifiers.opening import open_classifier
from .embedders import Embedder, Window, embed_clip, spec_for
from .embedders.opening import open_embedders
from .embedders.stream import cut_windows, embed_as_stream
from .errors import BundleError, OptionError
from .events import EventDefaults, Smoothing, fresh_smoothing
from .following import StreamSource, follow, open_stream_source
from .prediction import Prediction, check_threshold
from .sampling import Clip
from .stream import Answering, Stream, StreamOptions
from .support.checks import check_int, check_type, shown
from .support.system import system_errors
from .tflite.interpreter import MOST_THREADS, select_runtime

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .runner import Runner, RunnerGroup, RunOptions
    from .teaching.learner import Learner
    from .teaching.learning import Learnt


class Recognizer:
    """Embedders and a classifier, ready to classify clips and streams. Made by :func:`edgevid.load`, or of parts of your own.

    May be used from several threads at once, without a lock of the caller's: :meth:`classify` and :meth:`open_stream` in each
    thread, :meth:`start` for each source. The results are those of one thread alone. Each network takes one call at a time;
    everything else belongs to the call, or to the :class:`~edgevid.Stream`, which is one thread's at a time. Several sources on
    one recogniser so share the memory of one and its speed. Close it when no thread uses it any more.

    Args:
        embedders: side by side; their embeddings are concatenated.
        classifier: takes windows of them.
        labels: the classes, in the order of the classifier's probabilities.
        window_seconds: what a window of a stream spans.
        threshold: how sure it must be that it is one of the classes for a prediction to count as accepted, 0 to 1.
        bundle: where they come from; None: they are the caller's own.
        runtime: name of the TFLite runtime in use; "" of parts of the caller's own.

    Attributes:
        spec: the samples that a window is made of.
        events: how :meth:`start` and :func:`edgevid.find_events` tell events unless the caller says otherwise: as the bundle's
            card says.

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
        self.embedders = tuple(embedders)
        still_is_none = bundle is not None and bundle.none
        self._answering = Answering(classifier, tuple(labels), check_threshold(threshold), still_is_none)
        self._learner: Optional[Learner] = None
        self._learning = threading.Lock()
        self.bundle, self.runtime = bundle, runtime
        self.events = EventDefaults() if bundle is None else EventDefaults.of_card(bundle.card)
        self._opened = ExitStack()  # what is this recogniser's to close
        self.spec = spec_for(self.embedders, classifier.num_samples, window_seconds)
        self._check_fit()

    def _check_fit(self) -> None:
        name = "The recogniser" if self.bundle is None else f"The bundle {self.bundle.folder}"
        if not self.embedders:
            raise OptionError("A recogniser without embedders was asked for; give one or more.")
        none = self.bundle is not None and self.bundle.none
        if self.classifier.num_classes != len(self.labels) + none:
            raise BundleError(
                f"{name} names {len(self.labels)} labels{' and none' if none else ''}, but its classifier has "
                f"{self.classifier.num_classes} outputs; restore the card that belongs to it."
            )
        dim, wanted = sum(embedder.dim for embedder in self.embedders), self.classifier.dim
        samples = self.classifier.num_samples if self.bundle is None else self.bundle.num_samples
        if (wanted is not None and wanted != dim) or samples != self.classifier.num_samples:
            raise BundleError(
                f"{name} has a classifier for [{self.classifier.num_samples}, {wanted}] embeddings; its card and its embedders "
                f"give [{samples}, {dim}]. Train it again with these embedders."
            )

    @property
    def name(self) -> str:
        """The bundle's; "recogniser" of parts of the caller's own."""
        return "recogniser" if self.bundle is None else self.bundle.name

    @property
    def classifier(self) -> Classifier:
        """What answers now; :meth:`refit` replaces it."""
        return self._answering.classifier

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the classifier's probabilities."""
        return self._answering.labels

    @property
    def threshold(self) -> float:
        """How sure it must be that it is one of the classes for a prediction to count as accepted, 0 to 1."""
        return self._answering.threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._answering = self._answering._replace(threshold=check_threshold(threshold))

    @property
    def num_samples(self) -> int:
        """Samples that one prediction is made of."""
        return self.spec.num_samples

    @property
    def window_seconds(self) -> float:
        """What a window of a stream spans, unless :meth:`open_stream` is told otherwise."""
        return self.spec.window_seconds

    def classify(self, clip: Clip) -> Prediction:
        """Classify a finished clip: by samples uniformly distributed over it, or window by window, as the bundle was trained.

        Args:
            clip: path of a video file, or its frames: uint8 ``[N, H, W, 3]`` RGB or a sequence of frames. Of fewer frames than
                :attr:`num_samples` some are sampled several times.

        Raises:
            SourceError: the file cannot be read. FrameError: the frames are not frames, or there is none.
        """
        answering = self._answering
        if self.bundle is None or self.bundle.clips == UNIFORM:
            windows = [embed_clip(self.embedders, clip, self.spec)]
        else:
            steps = embed_as_stream(self.embedders, clip, self.spec)
            windows = cut_windows(steps, self.num_samples, max(1, self.num_samples // 5))
        each = [answering.outputs(answering.classifier.predict(window), window.steps[-1]) for window in windows]
        outputs = np.stack(each).mean(axis=0, dtype=np.float32)
        return Prediction.of_outputs(
            answering.labels,
            outputs,
            threshold=answering.threshold,
            timestamp=windows[-1].steps[-1].timestamp,
            start_timestamp=windows[0].steps[0].timestamp,
        )

    def open_stream(self, options: Optional[StreamOptions] = None) -> Stream:
        """A stream for a loop that owns its frames: call its ``push(frame, timestamp)``.

        It answers with what :meth:`refit` learned from the next sample on, as long as the labels stay the same.
        """
        options = StreamOptions() if options is None else check_type("options", options, StreamOptions)
        spec = (
            self.spec if options.window_seconds is None else replace(self.spec, window_seconds=options.window_seconds)
        )
        if self.bundle is not None:
            early = self.bundle.min_filled if options.min_filled is None else options.min_filled
            cuts = self.bundle.reset_on_cut if options.reset_on_cut is None else options.reset_on_cut
            options = replace(options, min_filled=early, reset_on_cut=cuts)
        return Stream(self.embedders, lambda: self._answering, spec, options)

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

    def start(self, source: StreamSource, *, name: Optional[str] = None, **options: Unpack[RunOptions]) -> Runner:
        """Rolling predictions in a thread of their own; returns at once. See :class:`edgevid.Runner`.

        >>> with recognizer.start(0, on_event=print) as runner:  # doctest: +SKIP
        ...     while runner.running:
        ...         print(runner.latest)
        ...         time.sleep(1)
        """
        from .runner import Runner

        return Runner(self, source, options, name)

    def start_many(
        self, sources: Union[Mapping[str, StreamSource], Sequence[StreamSource]], **options: Unpack[RunOptions]
    ) -> RunnerGroup:
        """Several sources at once; they take turns on the networks. See :class:`edgevid.RunnerGroup`.

        >>> cameras = {"door": 0, "yard": "rtsp://yard/stream"}
        >>> with recognizer.start_many(cameras, on_event=print) as group:  # doctest: +SKIP
        ...     group.wait()
        """
        from .runner import RunnerGroup

        return RunnerGroup(self, sources, options)

    def add_example(self, label: str, clip: Union[Clip, Window], *, group: Optional[str] = None) -> str:
        """Show it an action, to be learned with the next :meth:`refit`. Any thread may call this while streams run.

        >>> stream = recognizer.open_stream()                       # doctest: +SKIP
        >>> recognizer.add_example("wave", stream.window)           # somebody has just waved  # doctest: +SKIP
        >>> recognizer.add_example("none", "doing_nothing.mp4")     # doctest: +SKIP
        >>> recognizer.refit()                                      # doctest: +SKIP
        >>> recognizer.save("my_actions_2")                         # doctest: +SKIP

        Args:
            label: what it shows: an action, known or new; or ``none``: something that is no action.
            clip: the window of a stream, :attr:`edgevid.Stream.window` or :attr:`edgevid.Runner.window`; or a clip as
                :meth:`classify` takes it (frames: 25 a second), which is embedded first.
            group: examples with the same one resemble each other (a person, a place), and are held out together when it is
                measured. Default: all that this recogniser is shown are one group.

        Returns:
            A name for :meth:`remove_example`.

        Raises:
            BundleError: the recogniser's bundle does not keep what it was taught (``edgevid teach --keep-embeddings``).
            OptionError: a window without samples, or of other embedders. SourceError, FrameError: the clip cannot be read.
        """
        return self._taught().add(label, clip, group)

    def remove_example(self, name: str) -> None:
        """Forget an example, one that :meth:`add_example` named, with the next :meth:`refit`.

        Raises:
            OptionError: there is none of this name. BundleError: as :meth:`add_example`.
        """
        self._taught().remove(name)

    def refit(self, *, measure: Optional[bool] = None) -> Learnt:
        """Learn the examples that were added. Any thread may call this while streams run.

        Streams that are open answer with it from their next sample on, as long as the labels stay the same; after a new
        action's first example they answer as before, and new streams know it.

        Args:
            measure: hold out groups in turn, to choose the penalty, make scores likely, set the threshold and measure; False:
                keep these as they are, which takes a fraction of the time. Default: where there are few examples.

        Returns:
            What was learned: ``labels``; ``held_out.accuracy``, and ``held_out.advice()``, where it was measured.

        Raises:
            BundleError: as :meth:`add_example`. DatasetError: fewer than two actions, and not one and ``none``.
        """
        return self._taught().refit(measure)

    def save(self, folder: Union[str, Path], *, overwrite: bool = False) -> Bundle:
        """Write a bundle of what was learned, measured; all of it or nothing.

        Args:
            overwrite: replace a bundle that is there, such as the recogniser's own.

        Raises:
            BundleError: as :meth:`add_example`, or something is there.
        """
        return self._taught().save(Path(folder), overwrite)

    def answer_with(self, answering: Answering) -> None:
        """Let something else answer, from now on; any thread. What was there stays open."""
        self._answering = answering

    def _taught(self) -> Learner:
        from .teaching.learner import Learner

        with self._learning:
            if self._learner is None:
                self._learner = Learner(self)
            return self._learner

    def close(self) -> None:
        """Free the networks that :func:`edgevid.load` opened; parts of the caller's own stay open. A second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


@system_errors(BundleError)
def load(
    bundle: Union[str, Path, Bundle] = DEFAULT_BUNDLE,
    *,
    num_threads: Optional[int] = None,
    runtime: Optional[str] = None,
    threshold: Optional[float] = None,
    embedders: Sequence[Embedder] = (),
    classifier: Optional[Classifier] = None,
) -> Recognizer:
    """Open a bundle and make a recogniser of it.

    Args:
        bundle: the name of a shipped bundle, a bundle's folder, or an opened :class:`~edgevid.Bundle`.
        num_threads: threads of each interpreter, and of OpenCV, whose number is one for the whole process. Default: the CPUs
            available, at most 4 (tflite-runtime on x86: 1); OpenCV's number stays what it is.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the variable ``EDGEVID_RUNTIME``, else the best present.
        threshold: how sure it must be that it is one of the classes for a prediction to count as accepted
            (:attr:`edgevid.Prediction.known`), 0 to 1; default: the bundle's, which 95 % of its validation clips reach
            (0, so that all are accepted, where its card has none).
        embedders: your own, for bundles that were trained with them.
        classifier: your own, in place of the bundle's.

    Raises:
        BundleError, ModelError, RuntimeNotAvailableError, OptionError.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    if not (isinstance(embedders, (tuple, list)) and all(isinstance(embedder, Embedder) for embedder in embedders)):
        raise OptionError(f"embedders={shown(embedders)} was given; expected a list of embedders of your own.")
    if classifier is not None:
        check_type("classifier", classifier, Classifier)
    if num_threads is not None:
        num_threads = check_int("num_threads", num_threads, 1, MOST_THREADS)
    threshold = opened.calibration.unknown_threshold if threshold is None else check_threshold(threshold)
    with ExitStack() as opening:  # what the caller gave stays open
        made = open_embedders(opened.embedders, embedders, num_threads=num_threads, runtime=runtime)
        for embedder in made:
            if embedder not in embedders:
                opening.callback(embedder.close)
        if classifier is None:
            classifier = open_classifier(opened, num_threads=num_threads, runtime=runtime)
            opening.callback(classifier.close)
        recognizer = Recognizer(
            made,
            classifier,
            opened.labels,
            window_seconds=opened.window_seconds,
            threshold=threshold,
            bundle=opened,
            runtime=select_runtime(runtime).name,
        )
        recognizer._opened = opening.pop_all()
    if num_threads is not None:
        import cv2

        cv2.setNumThreads(num_threads)
    return recognizer


def _predictions(stream: Stream, source: StreamSource, smoothing: Optional[Smoothing]) -> Iterator[Prediction]:
    # Opened on the first step, not before: a generator that nobody starts has no way to close it.
    opened = open_stream_source(source)
    try:
        for followed in follow(stream, opened, smoothing=smoothing):
            if followed is not None and followed.prediction is not None:
                yield followed.prediction
    finally:
        if opened is not source:
            opened.close()
