"""Event defaults from a bundle's card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import BundleError, OptionError
from .detector import EventOptions
from .smoothing import open_smoothing


@dataclass(frozen=True)
class EventDefaults:
    """Event options and smoothing that apply unless the caller gives others.

    Attributes:
        options: when an action begins and ends.
        smoothing: smoothing of the predictions, as a string; see :func:`edgevid.events.open_smoothing`.
    """

    options: EventOptions = field(default_factory=EventOptions)
    smoothing: str = "none"

    @classmethod
    def of_card(cls, card: dict[str, Any]) -> EventDefaults:
        """Read them from a bundle's card: its field ``events``, with any attribute of :class:`EventOptions`, and ``smoothing``.

        Raises:
            BundleError: the field is invalid.
        """
        entry = card.get("events", {})
        try:
            given = dict(entry)
            smoothing = given.pop("smoothing", "none")
            open_smoothing(smoothing)
            return cls(EventOptions(**given), smoothing)
        except (TypeError, ValueError, AttributeError, OptionError) as error:
            raise BundleError(
                f"The card of {card.get('name')!r}: 'events' is {entry!r}: {error} Expected any of enter, exit, min_seconds, "
                "cooldown_seconds and smoothing, such as {'enter': 0.6, 'smoothing': 'mean:5'}; copy the bundle again, or remove "
                "the field."
            ) from error
