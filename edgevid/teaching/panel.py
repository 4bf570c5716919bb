"""A teaching session on the page: its state as JSON, its commands by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Optional

from ..errors import EdgevidError, OptionError
from ..recording import FolderClip
from .examples import NONE
from .session import TeachingSession
from .session_state import check_action


class TeachPanel:
    """A panel for :class:`~edgevid.outputs.web.WebServer`: record, cancel, delete, learn, correct.

    Args:
        session: runs the commands.
        clips: ``record`` records clips in a row until its action has so many, because whoever stands before the camera cannot
            press a button for each. It records one clip if there are that many.
    """

    name = "teach"

    def __init__(self, session: TeachingSession, clips: int = 1) -> None:
        self._session, self._clips = session, clips
        self._series: Optional[str] = None  # the action that is recorded again and again
        self._changes = 0  # of that
        self._lock = threading.RLock()  # a press of Stop may come between two clips

    @property
    def version(self) -> int:
        return self._session.state.version + self._changes

    def state(self) -> dict[str, Any]:
        state = self._session.state
        clips: dict[str, list[str]] = {action: [] for action in state.actions}
        for clip in state.clips:
            clips[clip.label].append(clip.path)
        accuracy = None if state.held_out is None else state.held_out.accuracy.as_dict()
        recorded = sum(map(bool, clips.values()))
        return {
            "none": NONE,
            "recording": state.recording._asdict(),
            "series": self._series,
            "clips": self._clips,
            "streaming": state.streaming,
            "work": state.work,
            "actions": [{"label": label, "clips": paths} for label, paths in clips.items()],
            "learnt": list(state.labels),
            "unlearnt": state.unlearnt,
            "can_learn": recorded > 1,
            "accuracy": accuracy,
            "advice": [] if state.held_out is None else state.held_out.advice(),
            "error": state.error,
        }

    def do(self, command: str, arguments: Mapping[str, str]) -> None:
        session = self._session
        commands: dict[str, Callable[[], object]] = {
            "record": lambda: self._record(_argument(arguments, "label")),
            "cancel": self._cancel,
            "delete": lambda: session.delete(_argument(arguments, "path")),
            "learn": session.refit,
            "correct": lambda: session.correct(_argument(arguments, "label")),
        }
        commands[command]()

    def _record(self, label: str) -> None:
        label = check_action(label)
        with self._lock:
            future = self._session.record(label)
            self._set_series(label)
        future.add_done_callback(partial(self._recorded, label))

    def _recorded(self, label: str, future: Future[FolderClip]) -> None:
        with self._lock:
            kept = not future.cancelled() and future.exception() is None
            have = sum(clip.label == label for clip in self._session.state.clips)
            goes_on = kept and self._series is not None and have < self._clips
            self._set_series(None)
            if goes_on:
                with suppress(EdgevidError):  # the folder is full
                    self._record(label)

    def _cancel(self) -> None:
        with self._lock:
            self._set_series(None)
            self._session.cancel()

    def _set_series(self, label: Optional[str]) -> None:
        self._series = label
        self._changes += 1


def _argument(arguments: Mapping[str, str], name: str) -> str:
    if name not in arguments:
        raise OptionError(f'No "{name}" was given.')
    return arguments[name]
