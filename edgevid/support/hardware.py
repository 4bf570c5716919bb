"""The hardware: board, CPU, number of CPUs, memory. Needs only Python."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Optional

_BOARD = Path("/proc/device-tree/model")
_CPUINFO = Path("/proc/cpuinfo")


def cpu_model() -> str:
    """The board, if the system names one (Raspberry Pi and the like), and the CPU."""
    parts = [part for part in (board(), processor()) if part]
    return ", ".join(dict.fromkeys(parts)) or "unknown"


def usable_cpus() -> int:
    """CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def memory_gib() -> Optional[float]:
    """Memory of the machine, None if the system does not say."""
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 2)
    return None


def board() -> str:
    """The board's name, such as "Raspberry Pi 4 Model B Rev 1.4"; "" if the system gives none."""
    with contextlib.suppress(OSError):
        return _BOARD.read_bytes().rstrip(b"\0").decode("utf-8", "replace").strip()
    return ""


def processor() -> str:
    """The CPU's name; "" if the system gives none."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    with contextlib.suppress(OSError):
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
        # "model name" on x86 and 32-bit ARM, "Hardware" on older ARM kernels; 64-bit ARM gives numbers only
        for field in ("model name", "Hardware"):
            found = re.search(rf"^{field}\s*:\s*(.+)$", text, re.MULTILINE)
            if found:
                return found.group(1).strip()
    return platform.processor()
