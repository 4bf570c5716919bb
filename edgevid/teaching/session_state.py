"""What is known of a session of teaching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..errors import EdgevidError
from ..recording import FolderClip, Recording
from ..recording.folder import check_label
from .examples import NONE
from .held_out import HeldOut
from .teaching import is_none

_READY = Recording()


@dataclass(frozen=True)
class SessionState:
    """A session at one moment. Frozen: each change makes a new one, so any thread may read it.

    Attributes:
        version: grows with each change.
        recording: what the recorder does.
        streaming: whether the source is streamed with what was learnt.
        work: what is done meanwhile: ``"embedding"``, ``"learning"``, or "" for nothing.
        actions: what may be recorded: NONE first, those that were named, then as their clips came.
        clips: that are kept, the newest last.
        labels: the actions that were learnt.
        unlearnt: how many clips were added or deleted since.
        held_out: what was measured when that was learnt; None: an action has
            clips of one session only.
        error: why the last command failed; "": it did not.
    """

    version: int = 0
    recording: Recording = _READY
    streaming: bool = False
    work: str = ""
    actions: tuple[str, ...] = (NONE,)
    clips: tuple[FolderClip, ...] = ()
    labels: tuple[str, ...] = ()
    unlearnt: int = 0
    held_out: Optional[HeldOut] = None
    error: str = ""


class CancelledError(EdgevidError):
    """A clip was not recorded, because :meth:`TeachingSession.cancel` was called."""


def check_action(label: str) -> str:
    """``label`` if an action, or NONE, can be called so. Raises: OptionError: it cannot."""
    return NONE if is_none(label) else check_label(label)
