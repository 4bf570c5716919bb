"""Opening a bundle as a recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Optional, Union

from .bundles import DEFAULT_BUNDLE, Bundle, open_bundle
from .classifiers import Classifier
from .classifiers.opening import open_classifier
from .embedders import Embedder
from .embedders.opening import open_embedders
from .errors import BundleError, OptionError
from .prediction import check_threshold
from .recognizer import Recognizer
from .support.checks import check_int, check_type, shown
from .support.system import system_errors
from .tflite.interpreter import MOST_THREADS, select_runtime


@system_errors(BundleError)
def load(
    bundle: Union[str, Path, Bundle] = DEFAULT_BUNDLE,
    *,
    num_threads: Optional[int] = None,
    runtime: Optional[str] = None,
    threshold: Optional[float] = None,
    enter: Optional[float] = None,
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
            (0 where its card has none).
        enter: the score from which on an action counts, above 0 and at most 1, in events and as
            :attr:`~edgevid.Prediction.accepted`; default: the bundle's, else 0.6.
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
        if enter is not None:  # the bundle's exit goes with its own enter
            events = recognizer.events
            recognizer.events = replace(events, options=replace(events.options, enter=enter, exit=None))
        recognizer._opened = opening.pop_all()
    if num_threads is not None:
        import cv2

        cv2.setNumThreads(num_threads)
    return recognizer
