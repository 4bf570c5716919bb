"""What a classifier costs on this machine: time and memory, measured in a process of its own.

``python -m edgevid.training.footprint FILE`` prints it as JSON.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np

from ..errors import ModelError

_CLIPS, _FRAMES, _WARM_UP = 20, 200, 3


def measure_footprint(path: Path, num_frames: int) -> dict[str, Any]:
    """Time and memory of a classifier's file, on one thread of the runtime that is in use.

    Returns:
        ``clip_ms``: median of one run over a window; ``rolling_ms``: median for one more frame of a stream (recurrent networks
        only); ``memory_mb``: what the runtime's library, opening and running it added to the process's peak memory, in 10^6
        bytes (Linux only); ``runtime``, ``machine``, ``threads``.

    Raises:
        ModelError: it cannot be run.
    """
    command = [sys.executable, "-m", __name__, str(path), str(num_frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()
        raise ModelError(
            f"{path} could not be measured: the process that ran it exited with {done.returncode}"
            f"{': ' + said[-1] if said else ''}. Export it again."
        ) from None
    return result


def _measure(path: Path, num_frames: int) -> dict[str, Any]:
    from ..classifiers.classifier import Classifier
    from ..classifiers.rolling import RollingClassifier

    before = peak_bytes()
    classifier = Classifier(path, num_frames=num_frames, num_threads=1)
    embeddings = np.random.default_rng(0).random((classifier.num_frames, classifier.dim), np.float32)
    result: dict[str, Any] = {}
    if classifier.recurrent:
        # first, so that the memory is that of a stream
        rolling = RollingClassifier(classifier, hop=1)
        result["rolling_ms"] = _median_ms(lambda: rolling.push(embeddings[0]), _FRAMES)
    result["clip_ms"] = _median_ms(lambda: classifier.predict(embeddings), _CLIPS)
    after = peak_bytes()
    if before is not None and after is not None:
        result["memory_mb"] = round((after - before) / 1e6, 1)
    info = classifier.model.runtime
    return {**result, "threads": 1, "runtime": f"{info.name} {info.version}", "machine": platform.machine()}


def _median_ms(call: Callable[[], Any], times: int) -> float:
    seconds = []
    for _ in range(_WARM_UP + times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return round(statistics.median(seconds[_WARM_UP:]) * 1000, 3)


def peak_bytes() -> Optional[int]:
    """The most memory that this process has had so far; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2]))))
