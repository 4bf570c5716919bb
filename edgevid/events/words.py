"""What a model knows, and what an action takes to be recognised, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from .detector import EventOptions


def knows(model: str, labels: Sequence[str]) -> str:
    """A line that lists the actions a model knows."""
    return f"{model} knows {len(labels)} actions: {', '.join(labels)}"


def needs(options: EventOptions, certainty: Optional[float] = None) -> str:
    """What an action takes to be recognised.

    Args:
        options: of the events.
        certainty: the threshold of a model that has learned what is none of its actions.

    >>> needs(EventOptions(enter=0.3, min_seconds=1.5), 0.85)
    'a score of 30 % for 1.5 s and a certainty of 85 % that it is one of them'
    """
    return f"a score of {options}" + (
        f" and a certainty of {100 * certainty:.0f} % that it is one of them" if certainty else ""
    )
