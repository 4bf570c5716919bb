"""Sensors of the machine: temperature, frequency and load of its CPU, and throttling."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

_THERMAL = Path("/sys/class/thermal")
_CPUS = Path("/sys/devices/system/cpu")
# Where a Raspberry Pi's kernel gives what its program vcgencmd asks the firmware for.
_FIRMWARE = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_STAT = Path("/proc/stat")
_VCGENCMD_SECONDS = 2.0
# Names of the CPU's temperature sensor in drivers: Raspberry Pi, other ARM boards, PCs.
_CPU_ZONES = ("cpu", "soc", "x86_pkg")
# Names of cooling devices that slow the CPU down.
_CPU_COOLING = ("cpu", "processor")
# Bits of the firmware's answer; 16 bits higher: since it was started.
_THROTTLED = ((0, "under-voltage"), (1, "frequency capped"), (2, "throttled"), (3, "soft temperature limit"))


def readings() -> dict[str, Any]:
    """For JSON: ``temperature_celsius`` of the CPU, and ``load``: the fraction of the CPUs in demand in the last minute.

    None: unknown.
    """
    temperature = cpu_temperature()
    try:
        load: Optional[float] = round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except (OSError, AttributeError):  # Windows has none
        load = None
    return {"temperature_celsius": None if temperature is None else round(temperature, 1), "load": load}


def cpu_temperature() -> Optional[float]:
    """Degrees Celsius, of the hottest CPU sensor; None if there is none."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for zone in sorted(_THERMAL.glob("thermal_zone*")):
        kind, degrees = _text(zone / "type").lower(), _number(zone / "temp") / 1000
        if -40 < degrees < 150 and degrees != 0:  # 0 is what an absent sensor says
            found[any(name in kind for name in _CPU_ZONES)].append(degrees)
    return max(found[True] or found[False], default=None)


def cpu_frequency() -> Optional[float]:
    """Current mean of all cores in MHz; None if the system does not say."""
    found = [number / 1000 for number in _of_each_cpu("scaling_cur_freq")]
    return sum(found) / len(found) if found else None


def highest_cpu_frequency() -> Optional[float]:
    """Maximum of the fastest core in MHz; None if the system does not say."""
    return max((number / 1000 for number in _of_each_cpu("cpuinfo_max_freq")), default=None)


def cpu_governors() -> list[str]:
    """The frequency governors, such as "ondemand" or "performance"; empty if the system does not say."""
    return sorted({_text(path) for path in _CPUS.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""})


def throttling() -> Optional[list[str]]:
    """What slows the CPU down, or has done so, in words; empty: nothing; None if the system does not say.

    On a Raspberry Pi the firmware reports it; elsewhere it is the state of cooling devices that slow the CPU down.
    """
    said = _firmware_bits()
    if said is not None:
        now = [f"{name} now" for bit, name in _THROTTLED if said >> bit & 1]
        return now + [f"{name} since it was started" for bit, name in _THROTTLED if said >> (bit + 16) & 1]
    cooling = [path for path in sorted(_THERMAL.glob("cooling_device*")) if _cools_cpu(path)]
    if not cooling:
        return None
    states = [
        (_text(path / "type"), _number(path / "cur_state", 0), _number(path / "max_state", 0)) for path in cooling
    ]
    return [f"{kind} at {state:.0f} of {most:.0f}" for kind, state, most in states if state > 0]


def cpu_seconds() -> Optional[tuple[float, float]]:
    """Busy time and total time of all CPUs together since the system's start, in seconds; None if unknown."""
    parts = _text(_STAT).partition("\n")[0].split()
    if len(parts) < 9 or parts[0] != "cpu":
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    user, nice, system, idle, waiting, *others = (
        int(part) / ticks for part in parts[1:9]
    )  # guest time is included in user time
    busy = user + nice + system + sum(others)
    return busy, busy + idle + waiting


def _firmware_bits() -> Optional[int]:
    text = _text(_FIRMWARE)
    program = None if text else shutil.which("vcgencmd")
    if program is not None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            text = subprocess.run(
                [program, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_SECONDS, check=True
            ).stdout
    with contextlib.suppress(ValueError):
        return int(text.strip().rpartition("=")[2], 16)
    return None


def _cools_cpu(device: Path) -> bool:
    kind = _text(device / "type").lower()
    return any(name in kind for name in _CPU_COOLING)


def _of_each_cpu(name: str) -> Iterator[float]:
    for path in sorted(_CPUS.glob(f"cpu[0-9]*/cpufreq/{name}")):
        number = _number(path, 0)
        if number > 0:
            yield number


def _text(path: Path) -> str:
    """A file's text; "" if it is missing or cannot be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # a sensor that is switched off
        return ""


def _number(path: Path, otherwise: float = float("nan")) -> float:
    try:
        return int(_text(path))
    except ValueError:
        return otherwise
