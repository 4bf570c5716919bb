"""What the figures depend on: board, CPU, system, versions. Unknown values are None, with the reason."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..support.hardware import board, memory_gib, processor, usable_cpus
from ..support.sensors import cpu_frequency, cpu_governors, cpu_temperature, highest_cpu_frequency, readings, throttling
from ..tflite.interpreter import runtimes

_RELEASE = Path("/etc/os-release")
_PERFORMANCE = "performance"
_NO_FREQUENCY = "no /sys/devices/system/cpu/cpu*/cpufreq: the system does not say, as in most virtual machines"
_NO_TEMPERATURE = "no sensor of the CPU in /sys/class/thermal"
_NO_THROTTLING = "neither vcgencmd nor a cooling device of the CPU in /sys/class/thermal"


def with_reasons(facts: dict[str, tuple[Any, str]]) -> dict[str, Any]:
    """Facts, from name -> (value, reason), as a JSON object: name -> value; ``reasons`` says why values are None."""
    missing = {name: reason for name, (value, reason) in facts.items() if value is None}
    return {**{name: value for name, (value, _) in facts.items()}, "reasons": missing}


def describe_machine() -> dict[str, Any]:
    """The machine as it is now."""
    here = readings()
    return with_reasons(
        {
            "board": (board() or None, "no /proc/device-tree/model: not a board that names itself"),
            "cpu": (processor() or None, "the system gives no name"),
            "machine": (platform.machine() or None, "Python does not say"),
            "bits": (64 if sys.maxsize > 2**32 else 32, ""),
            "cpus_usable": (usable_cpus(), ""),
            "memory_gib": (memory_gib(), "the system does not say"),
            "os": (_system(), ""),
            "kernel": (platform.release() or None, "Python does not say"),
            "governor": (", ".join(cpu_governors()) or None, _NO_FREQUENCY),
            "highest_frequency_mhz": (highest_cpu_frequency(), _NO_FREQUENCY),
            "load_before": (here["load"], "the system has no load average"),
            **state_facts(),
        }
    )


def state_facts() -> dict[str, tuple[Any, str]]:
    """Facts that change during the work, for :func:`with_reasons`."""
    return {
        "temperature_celsius": (cpu_temperature(), _NO_TEMPERATURE),
        "frequency_mhz": (cpu_frequency(), _NO_FREQUENCY),
        "throttling": (throttling(), _NO_THROTTLING),
    }


def describe_versions() -> dict[str, Any]:
    """Versions of edgevid and of its dependencies."""
    import cv2
    import PIL

    found = {info.name: (info.version if info.usable else None, str(info.problem)) for info in runtimes()}
    return with_reasons(
        {
            "edgevid": (__version__, ""),
            "python": (platform.python_version(), ""),
            "numpy": (np.__version__, ""),
            "opencv": (cv2.__version__, ""),
            "pillow": (PIL.__version__, ""),
            **found,
        }
    )


def machine_name(machine: dict[str, Any]) -> str:
    """The name in a table of references: the board's, else kind and number of its CPUs."""
    return machine["board"] or f"{machine['machine']}, {machine['cpus_usable']} CPUs"


def warnings_about(machine: dict[str, Any]) -> list[str]:
    """Conditions of the machine that distort a measurement."""
    found = []
    if machine["governor"] not in (None, _PERFORMANCE):
        found.append(
            f"The CPU governor is {machine['governor']}, not {_PERFORMANCE}: the first predictions are slow until the frequency "
            f"is up. For figures that can be compared: sudo cpupower frequency-set -g {_PERFORMANCE}"
        )
    if machine["throttling"]:
        found.append(
            f"The CPU is slowed down, or was: {', '.join(machine['throttling'])}. Check power supply and cooling."
        )
    if machine["load_before"] is not None and machine["load_before"] > 0.25:
        found.append(
            f"Other programs were busy: in the minute before, {machine['load_before']:.0%} of the CPUs were in use."
        )
    return found


def _system() -> str:
    try:
        lines = _RELEASE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    name = next((line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "")
    return name or f"{platform.system()} {platform.release()}"
