"""The thesis's figures on UCF101 split 1, all 101 classes. They are not comparable with figures on other data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple, Optional

from ..datasets.clips import Clip

# Architectures, as cards name them
GRU, LSTM, SINGLE_FRAME = "gru", "lstm", "single-frame"
# Official UCF101 split 1: 3,783 test clips, groups 1 to 7 of each class; the class names in small letters, sorted
_TEST_CLIPS = 3783
_CLASSES_SHA256 = "ba5efe3c836f22f509531832bfbf1427af4b235bfffcb5a92309f60cb7cfd6ca"


class Published(NamedTuple):
    """The thesis's figures of an extractor with a classifier."""

    accuracy: Optional[float] = None
    top_5: Optional[float] = None
    precision: Optional[float] = None
    recall: Optional[float] = None
    f1: Optional[float] = None


_INCEPTION, _MOBILENET = "inception_v3", "mobilenet_v2_1.0_224"
# Prefix of the extractor's name, architecture
_PUBLISHED = {
    (_INCEPTION, LSTM): Published(0.7875, 0.9422),
    (_INCEPTION, GRU): Published(0.7961, 0.9469, 0.77, 0.77, 0.76),
    (_MOBILENET, LSTM): Published(0.7430, 0.9117),
    (_MOBILENET, GRU): Published(0.7594, 0.9297, 0.74, 0.73, 0.72),
    (_INCEPTION, SINGLE_FRAME): Published(0.6969, 0.8812, 0.67, 0.67, 0.66),
    (_MOBILENET, SINGLE_FRAME): Published(0.6425, 0.8473, 0.62, 0.61, 0.61),
}


def published(extractor: str, architecture: str) -> Published:
    """The thesis's figures of an extractor, by its name, with a classifier.

    >>> published("inception_v3_float", "gru").accuracy
    0.7961
    """
    for (beginning, known), figures in _PUBLISHED.items():
        if extractor.startswith(beginning) and " + " not in extractor and architecture == known:
            return figures
    return Published()


def is_ucf101_split_1(clips: Sequence[Clip], split: str) -> bool:
    """Whether these are all the test clips of UCF101's official split 1, on which the thesis's figures were measured."""
    classes = "\n".join(sorted({clip.label.lower() for clip in clips}))
    return (
        split == "test"
        and len(clips) == _TEST_CLIPS
        and hashlib.sha256(classes.encode()).hexdigest() == _CLASSES_SHA256
        and all(re.search(r"_g0[1-7]_c\d\d$", clip.path.stem) for clip in clips)
    )
