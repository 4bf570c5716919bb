"""Reads the machine's sensors repeatedly while something runs."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, NamedTuple, Optional

from .machine import state_facts, with_reasons


class Reading(NamedTuple):
    """The sensors' values; ``at`` is on ``time.monotonic()``."""

    at: float
    state: dict[str, Any]


class Watch:
    """Reads the sensors in a thread of its own, within a ``with`` block.

    Args:
        period_seconds: time between two readings.
    """

    def __init__(self, period_seconds: float) -> None:
        self._period = period_seconds
        self._readings: list[Reading] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgevid benchmark sensors", daemon=True)

    def __enter__(self) -> Watch:
        self._read()
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._over.set()
        self._thread.join()
        self._read()

    def between(self, began: float, ended: float) -> dict[str, Any]:
        """The readings between two times, for JSON: the course, and its extremes; None values have a reason."""
        during = [reading for reading in self._readings if began <= reading.at <= ended] or self._readings[-1:]
        states = [reading.state for reading in during]
        slowed = (
            None if states[0]["throttling"] is None else sorted({w for state in states for w in state["throttling"]})
        )
        return {
            "temperature_celsius": _extremes([state["temperature_celsius"] for state in states]),
            "frequency_mhz": _extremes([state["frequency_mhz"] for state in states]),
            "throttling": slowed,
            "readings": [
                {"seconds": max(reading.at - began, 0.0), **{k: v for k, v in reading.state.items() if k != "reasons"}}
                for reading in during
            ],
            "reasons": states[0]["reasons"],
        }

    def _run(self) -> None:
        while not self._over.wait(self._period):
            self._read()

    def _read(self) -> None:
        self._readings.append(Reading(time.monotonic(), with_reasons(state_facts())))


def _extremes(values: list[Optional[float]]) -> Optional[dict[str, float]]:
    known = [value for value in values if value is not None]
    return {"first": known[0], "min": min(known), "max": max(known), "last": known[-1]} if known else None
