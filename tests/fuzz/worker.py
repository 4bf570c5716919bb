"""The process that runs cases: it reads names from stdin, and writes a line of JSON for each."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import re
import resource
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from edgevid.errors import EdgevidError

from .targets import KINDS


def main() -> None:
    corpus, scratch = Path(sys.argv[1]), Path(sys.argv[2]) / "case" / "inside"
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    names = os.fdopen(os.dup(0))
    errors = os.dup(2)
    faulthandler.enable(errors, all_threads=False)
    for handle in (0, 1, 2):  # a case prints, and may read its stdin
        os.dup2(nowhere, handle)
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in names:
        os.ftruncate(errors, 0)
        scratch.mkdir(parents=True)
        os.chdir(scratch)  # relative paths stay in the case's folder
        _forget_peak()
        try:
            result, detail = run_case(line.strip(), corpus, scratch)
        finally:
            os.chdir(corpus)
            shutil.rmtree(scratch.parent, ignore_errors=True)
        answers.write(json.dumps({"result": result, "detail": detail, "peak_bytes": _peak_bytes()}) + "\n")


def run_case(name: str, corpus: Path, scratch: Path) -> tuple[str, str]:
    """Run one case, by its name."""
    _, target = KINDS[name.partition(":")[0]]
    try:
        detail = target(random.Random(name), corpus, scratch)
    except EdgevidError as error:
        return "refused", f"{type(error).__name__}: {str(error)[:500]}"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if "/edgevid/" in frame.filename and "/tests/" not in frame.filename]
        where = "; ".join(f"{re.sub('.*/edgevid/', '', f.filename)}:{f.lineno}" for f in inside[-3:])
        return "error", f"{type(error).__name__} at {where}: {str(error)[:300]}"
    return "taken", str(detail)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # not on Linux
        Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    try:
        status: Any = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024  # type: ignore[index]
    except (OSError, TypeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
