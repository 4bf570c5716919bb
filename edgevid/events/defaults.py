"""What a bundle's card says of events: how they are told where the caller does not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import BundleError, OptionError
from .detector import EventOptions
from .smoothing import open_smoothing


@dataclass(frozen=True)
class EventDefaults:
    """How events are told unless the caller says otherwise.

    Attributes:
        options: when an action counts as begun and as ended.
        smoothing: of the predictions before, in words; see :func:`edgevid.events.open_smoothing`.
    """

    options: EventOptions = field(default_factory=EventOptions)
    smoothing: str = "none"

    @classmethod
    def of_card(cls, card: dict[str, Any]) -> EventDefaults:
        """Those of a bundle's card: its field ``events``, with any of the attributes of :class:`EventOptions`, and ``smoothing``.

        Raises:
            BundleError: it is something else.
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
