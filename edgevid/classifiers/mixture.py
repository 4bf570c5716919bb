"""Mixtures of classifiers on the same windows: a recurrent network and statistics err on different clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from ..calibration import calibrated, log_probabilities
from ..embedders.base import Array
from ..embedders.window import Embedding, Window
from ..errors import OptionError
from ..support.checks import check_number, shown
from .base import Classifier, Now, Rolling, RollingWindow
from .statistics import softmax


class MixtureClassifier(Classifier):
    """The weighted geometric mean of the probabilities of several classifiers, normalised. As thread-safe as they are.

    Args:
        parts: one or more, for the same windows and classes.
        weights: one for each part, 0 or more; they are divided by their sum.
        temperature: calibrates the mixed probabilities.

    Raises:
        OptionError: the parts do not fit together, or the weights are invalid.
    """

    def __init__(self, parts: Sequence[Classifier], weights: Sequence[float], temperature: float = 1.0) -> None:
        if not (
            isinstance(weights, Sequence)
            and isinstance(parts, Sequence)
            and all(isinstance(p, Classifier) for p in parts)
        ):
            raise OptionError(
                f"parts={shown(parts)}, weights={shown(weights)} were given; expected classifiers, and numbers."
            )
        checked = [check_number("weight", weight, 0) for weight in weights]
        if not parts or len(parts) != len(checked) or sum(checked) <= 0:
            raise OptionError(
                f"{len(parts)} classifiers with weights {list(weights)} were given; expected one or more, each with a weight, "
                "not all of them 0."
            )
        forms = [(part.num_samples, part.num_classes) for part in parts]
        dims = {part.dim for part in parts if part.dim is not None}
        if len(set(forms)) > 1 or len(dims) > 1:
            raise OptionError(
                f"Classifiers of {forms} (samples, classes) and {sorted(dims)} numbers a sample were given; expected the same of "
                "all: train them on the same clips and embedders."
            )
        self.parts, self.temperature = tuple(parts), temperature
        self.weights = tuple(weight / sum(checked) for weight in checked)
        self.num_samples, self.num_classes = forms[0]
        self.dim = dims.pop() if dims else None

    def predict(self, window: Window) -> Array:
        """Class probabilities, float32 ``[num_classes]``."""
        return self.mixed([part.predict(window) for part in self.parts])

    def mixed(self, probabilities: Sequence[Array]) -> Array:
        """Calibrated probabilities, float32 ``[..., num_classes]``, from those of each part."""
        return calibrated(mix(probabilities, self.weights), self.temperature)

    def rolling(self, hop: int = 1, min_filled: float = 1.0) -> Rolling:
        return RollingMixture(self, hop, min_filled)

    def close(self) -> None:
        for part in self.parts:
            part.close()


class RollingMixture(RollingWindow):
    """Each part's own rolling state, pushed once per sample: a recurrent part takes one step."""

    def __init__(self, classifier: MixtureClassifier, hop: int, min_filled: float) -> None:
        self._mixture = classifier
        self._parts: list[RollingWindow] = []
        for part in classifier.parts:
            rolling = part.rolling(hop, min_filled)
            # A classifier of the caller's own cannot be rolled back if another part fails: its windows are classified whole.
            if not isinstance(rolling, RollingWindow):
                rolling = RollingWindow(part, hop, min_filled)
            self._parts.append(rolling)
        super().__init__(classifier, hop, min_filled)

    def begin(self) -> Now:
        return Now(carried=tuple(part.begin() for part in self._parts))

    def classify(self, now: Now, embeddings: tuple[Embedding, ...], due: int) -> tuple[Optional[Array], Any]:
        advanced = [part.advance(of_part, embeddings) for part, of_part in zip(self._parts, now.carried)]
        given = [probabilities for probabilities, _ in advanced if probabilities is not None]
        return self._mixture.mixed(given) if due else None, tuple(after for _, after in advanced)


def mix(probabilities: Sequence[Array], weights: Sequence[float]) -> Array:
    """The weighted geometric mean, normalised, float32 ``[..., K]``, of probabilities ``[..., K]``; the weights sum to 1."""
    logits = sum(weight * log_probabilities(one) for weight, one in zip(weights, probabilities))
    return softmax(np.asarray(logits))
