"""Streams that run by themselves: a thread a source, one order of messages, and many sources on one recogniser.

Runners use a recogniser; it does not know of them until :meth:`edgevid.Recognizer.start` is called.
"""

from __future__ import annotations

from .options import RunOptions
from .runner import Runner
from .runner_group import RunnerGroup
from .running import RunnerStats

__all__ = ["RunOptions", "Runner", "RunnerGroup", "RunnerStats"]
