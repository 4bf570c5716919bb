"""Replays clips as streams, prediction by prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.clips import Clip
from ..errors import EdgevidError
from ..recognizer import Recognizer
from ..sources import VideoFile
from ..stream import StreamOptions
from ..support.shares import Share
from .figures import number
from .predictions import Predictions, Track, without_progress
from .report_format import Rows

# Upper limits of the fill levels of a window for which accuracy is given
_FILLS = (0.25, 0.5, 0.75, 0.999, 1.0)
_FILL_NAMES = ("up to 25 %", "25 to 50 %", "50 to 75 %", "75 % to not quite full", "full")


class StreamPrediction(NamedTuple):
    """One prediction of a stream over a clip; ``label`` is the true one."""

    path: str
    label: str
    timestamp: float
    window_filled: float
    predicted: str
    score: float


class Replay(NamedTuple):
    """A stream's predictions over clips.

    Attributes:
        shortened: clips shorter than the bundle's window, for which the window was as long as the clip.
    """

    predictions: list[StreamPrediction]
    shortened: int


def replay_clips(
    recognizer: Recognizer, clips: Sequence[Clip], names: dict[Path, str], track: Track = without_progress
) -> Replay:
    """Stream over each clip from its first frame on, with a prediction at each sampled frame.

    Predictions start with the first frame, when the window is nearly empty. For a clip shorter than the bundle's
    window, the window is the clip, so that it fills in every clip. Clips that cannot be read are left out.
    """
    predictions: list[StreamPrediction] = []
    shortened = 0
    for clip in track(clips, "clips streamed"):
        try:
            with VideoFile(clip.path) as video:
                seconds = video.declared_frames / video.fps or recognizer.window_seconds
            options = StreamOptions(window_seconds=min(seconds, recognizer.window_seconds), min_filled=0.0)
            said = list(recognizer.stream(clip.path, options))
        except EdgevidError:  # reported already, when it was classified
            continue
        shortened += seconds < recognizer.window_seconds
        for p in said:
            when, filled = round(p.timestamp or 0.0, 3), round(p.window_filled, 3)
            predictions.append(StreamPrediction(names[clip.path], clip.label, when, filled, p.label, round(p.score, 6)))
    return Replay(predictions, shortened)


def measure_replay(replay: Replay, classified: Predictions, window_seconds: float) -> dict[str, Any]:
    """Accuracy by how full the window was, and of each clip's last prediction, compared with ``classify`` on the clip.

    Returns:
        The entry "streaming" of ``metrics.json``. By how full the window was there are no intervals, because predictions of
        one clip are far from independent.
    """
    correct = np.array([p.predicted == p.label for p in replay.predictions], dtype=bool)
    fill = np.searchsorted(_FILLS, np.array([p.window_filled for p in replay.predictions]))
    final = {p.path: p for p in replay.predictions}  # keeps the last one of each clip
    whole = {clip.path: classified.labels[i] for clip, i in zip(classified.clips, classified.predicted)}
    both = [path for path in whole if path in final]
    right = Share(sum(p.predicted == p.label for p in final.values()), len(final))
    same = Share(sum(final[p].predicted == whole[p] for p in both), len(both))
    return {
        "window_seconds": window_seconds,
        "hop": 1,
        "clips": len(final),
        "clips_shorter_than_window": replay.shortened,
        "predictions": len(replay.predictions),
        "by_window_filled": {name: Share.of(correct[fill == i]).plain_dict() for i, name in enumerate(_FILL_NAMES)},
        "final": right.as_dict(),
        "final_is_what_classify_says": same.as_dict(),
    }


def streaming_rows(figures: dict[str, Any]) -> Rows:
    """The figures as a table, heading first."""
    shares = {f"window {name}": share for name, share in figures["by_window_filled"].items() if share["n"]}
    shares["last of each clip"] = figures["final"]
    shares["last = classify"] = figures["final_is_what_classify_says"]
    rows: Rows = [("streaming", "right", "of", "accuracy")]
    return rows + [(name, str(s["hits"]), str(s["n"]), number(s["value"])) for name, s in shares.items()]
