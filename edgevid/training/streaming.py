"""Clips replayed through a bundle's streaming path, prediction by prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np

from ..errors import EdgevidError
from ..recognizer import Recognizer
from ..sources import VideoFile
from ..stream import StreamOptions
from .dataset import Clip
from .evaluation import Predictions
from .metrics import Share

# Upper ends of the parts of a window's filling that accuracy is given for
_FILLS = (0.25, 0.5, 0.75, 0.999, 1.0)
_FILL_NAMES = ("up to 25 %", "25 to 50 %", "50 to 75 %", "75 % to not quite full", "full")


@dataclass(frozen=True)
class StreamPrediction:
    """One prediction of a stream over a clip."""

    path: str
    label: str
    timestamp: float
    window_filled: float
    predicted: str
    score: float


@dataclass(frozen=True)
class Replay:
    """What a stream said of clips.

    Attributes:
        shortened: clips shorter than the bundle's window, for which the window was as long as the clip.
    """

    predictions: list[StreamPrediction]
    shortened: int


def replay_clips(
    recognizer: Recognizer, clips: Sequence[Clip], names: dict[Path, str], tick: Callable[[], None] = lambda: None
) -> Replay:
    """Stream over each clip from its first frame on, with a prediction at each sampled frame.

    Predictions start with the first frame, when the window is nearly empty. Of a clip that is shorter than the bundle's
    window the window is the clip, so that it fills in every clip. Clips that cannot be read are left out.
    """
    predictions: list[StreamPrediction] = []
    shortened = 0
    for clip in clips:
        try:
            window, is_shorter = _window_seconds(recognizer, clip.path)
            said = [
                StreamPrediction(
                    names[clip.path], clip.label, p.timestamp or 0.0, p.window_filled, p.label, round(p.score, 6)
                )
                for p in recognizer.stream(clip.path, StreamOptions(window_seconds=window, min_filled=0.0))
            ]
        except EdgevidError:  # named already, when it was classified
            said, is_shorter = [], False
        predictions += said
        shortened += is_shorter
        tick()
    return Replay(predictions, shortened)


def streaming_figures(replay: Replay, classified: Predictions, window_seconds: float) -> dict[str, Any]:
    """Accuracy by how full the window was, and of each clip's last prediction, beside what ``classify`` said of the clip."""
    filled = np.array([p.window_filled for p in replay.predictions])
    correct = np.array([p.predicted == p.label for p in replay.predictions], dtype=bool)
    part = np.searchsorted(_FILLS, filled)
    final = {p.path: p for p in replay.predictions}  # the last one of each clip stays
    whole = {clip.path: classified.labels[i] for clip, i in zip(classified.clips, classified.predicted)}
    both = [path for path in whole if path in final]
    return {
        "window_seconds": window_seconds,
        "hop": 1,
        "clips": len(final),
        "clips_shorter_than_window": replay.shortened,
        "predictions": len(replay.predictions),
        "by_window_filled": {
            name: _plain(int(np.sum(correct[part == i])), int(np.sum(part == i))) for i, name in enumerate(_FILL_NAMES)
        },
        "final": Share(sum(p.predicted == p.label for p in final.values()), len(final)).as_dict(),
        "final_is_what_classify_says": Share(sum(final[p].predicted == whole[p] for p in both), len(both)).as_dict(),
    }


def _plain(hits: int, n: int) -> dict[str, Any]:
    # No interval: predictions of one clip are far from independent.
    return {"value": round(hits / n, 4) if n else None, "hits": hits, "n": n}


def _window_seconds(recognizer: Recognizer, path: Path) -> tuple[float, bool]:
    with VideoFile(path) as video:
        seconds = video.declared_frames / video.fps
    is_shorter = 0 < seconds < recognizer.window_seconds
    return (seconds if is_shorter else recognizer.window_seconds), is_shorter
