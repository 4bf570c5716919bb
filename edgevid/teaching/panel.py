"""A teaching session on the page: its state as JSON, its commands by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ..errors import OptionError
from .examples import NONE
from .session import TeachingSession


class TeachPanel:
    """A panel for :class:`~edgevid.outputs.web.WebServer`: record, cancel, delete, learn, correct."""

    name = "teach"

    def __init__(self, session: TeachingSession) -> None:
        self._session = session

    @property
    def version(self) -> int:
        return self._session.state.version

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
            "record": lambda: session.record(_argument(arguments, "label")),
            "cancel": session.cancel,
            "delete": lambda: session.delete(_argument(arguments, "path")),
            "learn": session.refit,
            "correct": lambda: session.correct(_argument(arguments, "label")),
        }
        commands[command]()


def _argument(arguments: Mapping[str, str], name: str) -> str:
    if name not in arguments:
        raise OptionError(f'No "{name}" was given.')
    return arguments[name]
