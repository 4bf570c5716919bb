"""A recogniser that learns incrementally: examples added while it runs, and the classifier fitted on them."""

from __future__ import annotations

import copy
import threading
import uuid
from pathlib import Path
from typing import Optional, Union

import numpy as np

from ..bundles import Bundle, open_bundle, sha256_of
from ..bundles.writing import check_output, copy_networks, new_bundle, write_card
from ..classifiers import StatisticsClassifier
from ..classifiers.ridge import Kernel
from ..embedders import Window
from ..errors import BundleError, OptionError
from ..recognizer import Recognizer
from ..sampling import Clip
from ..stream import Answering
from .examples import NONE, Example, Examples, windows_of
from .learning import Learnt, learn
from .teaching import embedded_window, is_none, kept_examples, write_learnt

# Up to this many windows, cross-validation takes about a tenth of a second.
_CHEAP = 600


class Learner:
    """The examples that a recogniser was taught, and those that are added now. Any thread may use it.

    Args:
        recognizer: one whose bundle keeps its examples.

    Raises:
        BundleError: it does not.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        bundle, classifier = recognizer.bundle, recognizer.classifier
        if bundle is None or not isinstance(classifier, StatisticsClassifier):
            raise BundleError(
                f"{recognizer.name} cannot learn more: it is not a bundle of statistics alone, as `edgevid teach` makes them "
                "without --gru. Teach one with --keep-embeddings, and load that."
            )
        self._examples = kept_examples(bundle)
        self._recognizer, self._bundle, self._statistics = recognizer, bundle, classifier.statistics
        self._penalty, self._sharpness = float(bundle.card["training"]["penalty"]), classifier.head.sharpness
        self._threshold = bundle.calibration.unknown_threshold
        self._keeps_threshold = recognizer.threshold != self._threshold  # the caller's own
        self._group = f"session {uuid.uuid4().hex[:8]}"
        # Changes to apply with the next fit
        self._added: list[Examples] = []
        self._removed: set[str] = set()
        self._changing, self._fitting = threading.Lock(), threading.Lock()
        self._learnt: Optional[Learnt] = None
        self._measured = False
        self._kernel: Optional[Kernel] = None

    def add(self, label: str, clip: Union[Clip, Window], group: Optional[str]) -> str:
        """See :meth:`edgevid.Recognizer.add_example`."""
        if not label.strip():
            raise OptionError("An example without a label was given; name the action that it shows, or 'none'.")
        recognizer = self._recognizer
        window = embedded_window(recognizer.embedders, clip, recognizer.spec)
        name = sha256_of(Path(clip)) if isinstance(clip, (str, Path)) else uuid.uuid4().hex
        example = Example(NONE if is_none(label) else label, self._group if group is None else group, name)
        examples = Examples.of([example], [windows_of(window.steps, recognizer.num_samples)], self._statistics)
        with self._changing:
            self._added.append(examples)
        return name

    def remove(self, name: str) -> None:
        """See :meth:`edgevid.Recognizer.remove_example`."""
        with self._changing:
            kept = [examples for examples in self._added if examples.clips[0].source != name]
            known = any(clip.source == name for clip in self._examples.clips)
            if not known and len(kept) == len(self._added):
                raise OptionError(f"No example is called {name!r}; give what add_example returned.")
            self._added = kept
            if known:
                self._removed.add(name)

    def refit(self, measure: Optional[bool]) -> Learnt:
        """See :meth:`edgevid.Recognizer.refit`."""
        with self._fitting:
            with self._changing:
                added, removed = list(self._added), set(self._removed)
            examples = self._examples.without(removed) if removed else self._examples
            kernel = None if removed else self._kernel
            examples = examples.joined(added) if added else examples
            if measure is None:
                measure = len(examples.owners) <= _CHEAP
            learnt = learn(examples) if measure else self._fit(examples, kernel)
            with self._changing:  # examples that came meanwhile are for the next one
                self._added = [one for one in self._added if one not in added]
                self._removed -= removed
                self._examples = examples
            self._learnt, self._measured, self._kernel = learnt, measure, learnt.fitted.kernel
            if measure:
                self._penalty, self._sharpness = learnt.fitted.penalty, learnt.fitted.head.sharpness
                self._threshold = learnt.threshold
            classifier = StatisticsClassifier(learnt.fitted.head, self._statistics, self._recognizer.num_samples)
            threshold = self._recognizer.threshold if self._keeps_threshold else learnt.threshold
            self._recognizer.answer_with(
                Answering(classifier, learnt.labels, threshold, NONE in learnt.examples.outputs)
            )
            return learnt

    def save(self, folder: Path, overwrite: bool) -> Bundle:
        """See :meth:`edgevid.Recognizer.save`."""
        check_output(folder, overwrite)
        with self._changing:
            changed = bool(self._added or self._removed)
        learnt = self._learnt if self._measured and not changed else None
        if learnt is None:
            learnt = self.refit(measure=True)
        card = copy.deepcopy(self._bundle.card)
        with new_bundle(folder) as partial:
            write_learnt(card, learnt, self._statistics, partial, keep=True)
            copy_networks(self._bundle.embedders, partial)
            write_card(partial, card)
        return open_bundle(folder)

    def _fit(self, examples: Examples, kernel: Optional[Kernel]) -> Learnt:
        """Fit with the penalty, the temperature and the threshold unchanged."""
        if kernel is None:
            kernel = Kernel.of(examples.features, examples.sizes)
        elif len(kernel.rows) < len(examples.owners):
            kernel = kernel.extended(examples.features[len(kernel.rows) :])
        examples.check()
        targets = np.eye(len(examples.outputs))[examples.classes]
        return Learnt(examples, kernel.fit(targets, self._penalty, self._sharpness), None, self._threshold)
