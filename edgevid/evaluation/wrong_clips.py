"""Wrongly classified clips, as small pictures for the report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from ..datasets.clips import Clip
from ..errors import EdgevidError
from ..sampling.picture import jpeg_at
from ..sources import VideoFile
from .predictions import Predictions, clip_names

_MOST = 24  # pictures of about 5 kB each


class WrongClip(NamedTuple):
    """A clip by its name in the data set, its label, the wrong answer and its score, and a JPEG in base64."""

    path: str
    label: str
    predicted: str
    score: float
    picture: str


def wrong_clips(predictions: Predictions, clips: Sequence[Clip]) -> list[WrongClip]:
    """The wrong answers with the highest scores, with the picture in the middle of each.

    Args:
        clips: of the data set, as given to :func:`edgevid.evaluation.evaluation.evaluate`.
    """
    paths = {name: path for path, name in clip_names(clips).items()}
    scores = predictions.probabilities.max(axis=1)
    found = []
    for number in np.argsort(-scores, kind="stable"):
        clip = predictions.clips[number]
        if predictions.correct[number] or clip.path not in paths:
            continue
        picture = _picture(paths[clip.path])
        if picture is not None:
            label = predictions.labels[int(predictions.predicted[number])]
            found.append(WrongClip(clip.path, clip.label, label, float(scores[number]), picture))
        if len(found) == _MOST:
            break
    return found


def _picture(path: Path) -> Optional[str]:
    """The frame in the middle; None if it cannot be read any more."""
    try:
        with VideoFile(path) as video:
            jpeg = jpeg_at(video, video.declared_frames // 2 / video.fps)
    except EdgevidError:
        return None
    return None if jpeg is None else base64.b64encode(jpeg).decode("ascii")
