"""Streams that run by themselves: one thread per source, ordered messages, and several sources on one recogniser.

Runners use a recogniser; it does not know them until :meth:`edgevid.Recognizer.start` is called.
"""

from __future__ import annotations

from .options import RunOptions
from .runner import Runner
from .runner_group import RunnerGroup
from .running import RunnerStats

__all__ = ["RunOptions", "Runner", "RunnerGroup", "RunnerStats"]
