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
    """Open a bundle and return a recogniser for it.

    Args:
        bundle: name of a shipped bundle, path of a bundle's folder, or an opened :class:`~edgevid.Bundle`.
        num_threads: threads of each interpreter, and of OpenCV, whose number applies to the whole process. Default: the
            number of available CPUs, at most 4 (tflite-runtime on x86: 1); OpenCV's number is then not changed.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default: the variable ``EDGEVID_RUNTIME``, else the best one installed.
        threshold: minimum confidence that the action is one of the classes (:attr:`edgevid.Prediction.known`), for a
            prediction to count as accepted, 0 to 1; default: the bundle's, which 95 % of its validation clips reach
            (0 if its card has none).
        enter: minimum score of an action, above 0 and at most 1, in events and for
            :attr:`~edgevid.Prediction.accepted`; default: the bundle's, else 0.6.
        embedders: your own embedders, for bundles that were trained with them.
        classifier: your own classifier, instead of the bundle's.

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
    with ExitStack() as opening:  # objects from the caller stay open
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
