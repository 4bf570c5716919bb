"""``edgevid info``: facts for a bug report. It reports what is broken instead of failing on it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any, Optional

from .. import __version__
from ..bundles import models_folder, open_bundle, shipped_bundles, shipped_extractors
from ..errors import EdgevidError
from ..support.hardware import cpu_model, memory_gib, usable_cpus
from ..tflite.interpreter import ENVIRONMENT_VARIABLE, default_num_threads, runtimes, select_runtime
from ..tflite.probe import probe_runtime
from .output import print_json_line, print_lines

# module -> its distributions on PyPI
_LIBRARIES = {
    "numpy": ("numpy",),
    "PIL": ("pillow",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
}

_EPILOG = """\
The runtime in use runs the shipped extractor once, in a process of its own. "XNNPACK" says how many parts of the network
run on its accelerated kernels. A broken or missing part is reported and does not make this command fail.

examples:
  edgevid info            for a bug report
  edgevid info --json     for a program
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("--json", action="store_true", help="print one JSON object (default: text)")


def run(args: argparse.Namespace) -> int:
    facts = collect()
    if args.json:
        print_json_line(facts)
    else:
        for name, text in _lines(facts):
            print_lines(f"{name + ':' if name else '':<23} {text}")
    return 0


def collect() -> dict[str, Any]:
    """All facts, ready for JSON. Never raises on a broken install."""
    in_use = _runtime_in_use()
    return {
        "edgevid": __version__,
        "location": str(Path(__file__).parents[1]),
        "python": f"{platform.python_version()} ({sys.executable})",
        "os": platform.platform(),
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "cpu": cpu_model(),
        "cpus_usable": usable_cpus(),
        "default_threads": default_num_threads(in_use["name"] or "litert"),
        "memory_gib": memory_gib(),
        "libraries": {names[0]: _library(module, names) for module, names in _LIBRARIES.items()},
        "runtimes": [dataclasses.asdict(runtime) for runtime in runtimes()],
        "runtime_in_use": in_use,
        "models_folder": str(models_folder()),
        "models": _models(),
    }


def _runtime_in_use() -> dict[str, Any]:
    forced = os.environ.get(ENVIRONMENT_VARIABLE)
    why = f"{ENVIRONMENT_VARIABLE}={forced}" if forced else "the best usable one"
    try:
        name = select_runtime().name
        extractors = shipped_extractors()
    except EdgevidError as error:
        return {"name": None, "why": why, "problem": str(error)}
    tried = (
        probe_runtime(extractors[0].path) if extractors else {"problem": "no extractor to try it on: reinstall edgevid"}
    )
    return {"name": name, "why": why, **tried}


def _library(module: str, distributions: tuple[str, ...]) -> dict[str, Optional[str]]:
    """Version and distribution of a library, or what is wrong with it."""
    problem = None
    try:
        importlib.import_module(module)
    except Exception as error:  # reporting whatever a broken native library raises on import is the point
        problem = f"{type(error).__name__}: {error}"
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
            return {"version": version if name == distributions[0] else f"{version} ({name})", "problem": problem}
    unknown = None if problem else str(getattr(sys.modules[module], "__version__", "unknown"))
    return {"version": unknown, "problem": problem}


def _models() -> list[dict[str, Optional[str]]]:
    entries: list[dict[str, Optional[str]]] = []
    for name in shipped_bundles():
        problem = None
        try:
            open_bundle(name)
        except EdgevidError as error:
            problem = str(error)
        entries.append({"name": name, "problem": problem})
    return entries


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts as (name, text); a line without a name continues the one before."""
    lines = [
        ("edgevid", f"{facts['edgevid']} ({facts['location']})"),
        ("Python", facts["python"]),
        ("system", f"{facts['os']}, {facts['machine']}, {facts['bits']} bit"),
        ("CPU", facts["cpu"]),
        ("CPUs usable", f"{facts['cpus_usable']} (threads by default: {facts['default_threads']})"),
        ("memory", "unknown" if facts["memory_gib"] is None else f"{facts['memory_gib']:.1f} GiB"),
    ]
    lines += [(name, _state(**library)) for name, library in facts["libraries"].items()]
    used = facts["runtime_in_use"]
    for runtime in facts["runtimes"]:
        is_missed = runtime["version"] is not None or used["name"] is None
        lines.append((runtime["name"], _state(runtime["version"], runtime["problem"] if is_missed else None)))
    if used.get("problem"):
        lines.append(("runtime in use", f"{used['name'] or 'none'} ({used['why']}); PROBLEM: {used['problem']}"))
    else:
        parts = used["delegated_parts"]
        lines.append(("runtime in use", f"{used['name']} ({used['why']})"))
        xnnpack = f"active, {parts} part{'s' if parts != 1 else ''} of the network" if parts else "not active"
        lines.append(("XNNPACK", f"{xnnpack}; one frame: {used['invoke_ms']:.1f} ms"))
    lines.append(("models", facts["models_folder"]))
    for model in facts["models"] or [{"name": "no bundle", "problem": "reinstall edgevid"}]:
        state = "verified" if model["problem"] is None else f"PROBLEM: {model['problem']}"
        lines.append(("", f"{model['name']}: {state}"))
    return lines


def _state(version: Optional[str], problem: Optional[str]) -> str:
    if version is None:
        return f"not installed{'' if problem is None else ': ' + problem.replace('it is not installed. ', '')}"
    return version if problem is None else f"{version}, PROBLEM: {problem}"
