"""What the machine says of itself: how warm its CPU is, and how busy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional

_THERMAL = Path("/sys/class/thermal")
# What drivers call the sensor of the processor: Raspberry Pi, other ARM boards, PCs.
_CPU_ZONES = ("cpu", "soc", "x86_pkg")


def readings() -> dict[str, Any]:
    """For JSON: ``temperature_celsius`` of the CPU, and ``load``: the part of the CPUs that was asked for in the last minute.

    None stands for what this machine does not tell.
    """
    temperature = cpu_temperature()
    try:
        load: Optional[float] = round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except (OSError, AttributeError):  # Windows has none
        load = None
    return {"temperature_celsius": None if temperature is None else round(temperature, 1), "load": load}


def cpu_temperature() -> Optional[float]:
    """Degrees Celsius; of several sensors the hottest of the CPU's; None where there is none."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for zone in sorted(_THERMAL.glob("thermal_zone*")):
        try:
            kind = (zone / "type").read_text(encoding="ascii", errors="replace").lower()
            degrees = int((zone / "temp").read_text(encoding="ascii")) / 1000
        except (OSError, ValueError):  # a sensor that is switched off
            continue
        if -40 < degrees < 150 and degrees != 0:  # 0 is what an absent sensor says
            found[any(name in kind for name in _CPU_ZONES)].append(degrees)
    return max(found[True] or found[False], default=None)
