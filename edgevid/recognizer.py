"""The pipeline that people call: clip -> prediction, stream -> predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Union

from .bundle import DEFAULT_BUNDLE, Bundle, open_bundle
from .classifier import Classifier
from .clip import Clip, embed_clip
from .errors import BundleError
from .extractor import open_extractor
from .prediction import Prediction, check_threshold
from .sampling import check_window_seconds
from .sources import Source, open_source
from .stream import Stream


class Recognizer:
    """An extractor and a classifier, ready to classify clips and streams. Made by :func:`edgevid.load`.

    May be shared by several threads: the two networks take one call at a time, everything else belongs to the call or to
    the :class:`~edgevid.Stream`.

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

    def open_stream(
        self,
        *,
        window_seconds: Optional[float] = None,
        hop: int = 1,
        min_filled: float = 1.0,
        threshold: Optional[float] = None,
        reset_on_cut: bool = False,
        rolling: bool = True,
    ) -> Stream:
        """A stream for a loop that owns its frames: call its ``push(frame, timestamp)``.

        Args:
            window_seconds: what the window spans; default: what the bundle was trained for.
            hop: sampled frames between two predictions; 1 = a prediction at each.
            min_filled: the part of the window, 0 to 1, that must hold frames before the first prediction.
            threshold: default: the recogniser's.
            reset_on_cut: start a new scene, with an empty window, where the picture changes as it does at a cut.
            rolling: classify windows side by side, one step a sampled frame, where the classifier is recurrent; False runs it
                over the whole window for each prediction, with the same results.
        """
        return Stream(
            self.extractor,
            self.classifier,
            self.labels,
            window_seconds=self.window_seconds if window_seconds is None else check_window_seconds(window_seconds),
            hop=hop,
            min_filled=min_filled,
            threshold=self.threshold if threshold is None else check_threshold(threshold),
            reset_on_cut=reset_on_cut,
            rolling=rolling,
        )

    def stream(self, source: Union[int, str, Path, Source, Iterable[Any]], **options: Any) -> Iterator[Prediction]:
        """Rolling predictions over a camera, a file, a URL or an iterable of frames.

        From a file every frame that the sampling asks for is used, as fast as it goes; from a camera always the newest.

        Args:
            source: see :func:`edgevid.open_source`. It is opened when the first prediction is asked for; one that this
                method opens, it closes. Frames without timestamps count as taken when they come: give recorded ones as
                (timestamp, frame).
            options: see :meth:`open_stream`.

        Raises:
            SourceError: it does not open, or stops.
        """
        return _predictions(self.open_stream(**options), source)

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


def _predictions(stream: Stream, source: Union[int, str, Path, Source, Iterable[Any]]) -> Iterator[Prediction]:
    # Opened on the first step, not before: a generator that nobody starts has no way to close it.
    opened = open_source(source)
    try:
        for timestamp, image in opened.frames(stream.wants):
            prediction = stream.push(image, timestamp)
            if prediction is not None:
                yield prediction
    finally:
        if opened is not source:
            opened.close()
