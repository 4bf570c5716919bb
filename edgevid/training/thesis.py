"""The thesis's figures on UCF101 split 1, all 101 classes. They say nothing of other data and stand beside none."""

from __future__ import annotations

from typing import Optional

from .networks import GRU, LSTM, SINGLE_FRAME

# Accuracy, top-5 accuracy, precision, recall, F1; None where the thesis gives none
Figures = tuple[Optional[float], Optional[float], Optional[float], Optional[float], Optional[float]]
NO_FIGURES: Figures = (None, None, None, None, None)

_INCEPTION, _MOBILENET = "inception_v3", "mobilenet_v2_1.0_224"
# Beginning of the extractor's name, architecture
_PUBLISHED: dict[tuple[str, str], Figures] = {
    (_INCEPTION, LSTM): (0.7875, 0.9422, None, None, None),
    (_INCEPTION, GRU): (0.7961, 0.9469, 0.77, 0.77, 0.76),
    (_MOBILENET, LSTM): (0.7430, 0.9117, None, None, None),
    (_MOBILENET, GRU): (0.7594, 0.9297, 0.74, 0.73, 0.72),
    (_INCEPTION, SINGLE_FRAME): (0.6969, 0.8812, 0.67, 0.67, 0.66),
    (_MOBILENET, SINGLE_FRAME): (0.6425, 0.8473, 0.62, 0.61, 0.61),
}


def published(extractor: str, architecture: str) -> Figures:
    """The thesis's figures of an extractor, by its name, with a classifier.

    >>> published("inception_v3_float", "gru")[0]
    0.7961
    """
    for (beginning, known), figures in _PUBLISHED.items():
        if extractor.startswith(beginning) and architecture == known:
            return figures
    return NO_FIGURES
