"""The state of a teaching session."""

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
        recording: the recorder's state.
        streaming: whether the source is streamed with the learned bundle.
        work: the work in the background: ``"embedding"``, ``"learning"``, or "" for none.
        actions: actions to record: NONE first, then those named, then others in the order of their clips.
        clips: the clips that are kept, the newest last.
        labels: the actions that were learnt.
        unlearnt: number of clips added or deleted since.
        held_out: the results measured when learning; None: an action has
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
    """Return ``label`` if it is valid for an action, or is NONE. Raises: OptionError: it is not."""
    return NONE if is_none(label) else check_label(label)
