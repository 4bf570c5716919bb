"""Runs cases in worker processes, and reports the outcome of each."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Callable, NamedTuple, Optional

from .corpus import make_corpus
from .targets import KINDS

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS, LIMIT_BYTES = 20.0, 1_500_000_000
_POLL_SECONDS = 0.05
_START_SECONDS = 120.0
_MOST_CASES = 1000  # of one worker, so that leaks in libraries do not add up
GOOD = ("taken", "refused")


class Outcome(NamedTuple):
    """The outcome of a case: "taken", "refused" (an EdgevidError), "error", "signal", "hang" or "memory"."""

    name: str
    result: str
    detail: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0

    @property
    def good(self) -> bool:
        return self.result in GOOD


@dataclass
class Report:
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def findings(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.good]

    def lines(self) -> Iterator[str]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for outcome in self.outcomes:
            counts[outcome.name.split(":")[0]][outcome.result] += 1
        for kind in sorted(counts):
            yield f"{kind:10} {sum(counts[kind].values()):6}  " + ", ".join(
                f"{count} {result}" for result, count in counts[kind].most_common()
            )
        largest = max(self.outcomes, key=lambda outcome: outcome.peak_bytes)
        slowest = max(self.outcomes, key=lambda outcome: outcome.seconds)
        yield f"{len(self.outcomes)} cases; largest {largest.peak_bytes / 1e6:.0f} MB ({largest.name}), slowest " + (
            f"{slowest.seconds:.1f} s ({slowest.name}); {len(self.findings)} findings"
        )


def case_names(cases: int, seed: int, kinds: Sequence[str] = ()) -> Iterator[str]:
    """The names of ``cases`` cases: kind, seed, number."""
    for number in range(cases):
        draw = random.Random(f"{seed}:{number}")
        kind = (
            draw.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0] if not kinds else draw.choice(kinds)
        )
        yield f"{kind}:{seed}:{number}"


def run(
    names: Iterable[str], *, jobs: int = 1, on_outcome: Callable[[Outcome], object] = lambda outcome: None
) -> Report:
    """Run the cases in ``jobs`` parallel workers."""
    report, waiting, lock = Report(), SimpleQueue[str](), threading.Lock()
    for name in names:
        waiting.put(name)
    with tempfile.TemporaryDirectory(prefix="edgevid-fuzz-") as folder:
        corpus = make_corpus(Path(folder) / "corpus")

        def work(number: int) -> None:
            worker: Optional[_Worker] = None
            try:
                while True:
                    name = waiting.get_nowait()
                    if worker is None or worker.ended or worker.cases >= _MOST_CASES:
                        if worker is not None:
                            worker.end()
                        worker = _Worker(corpus, Path(folder) / f"worker-{number}")
                    outcome = worker.run(name)
                    with lock:
                        report.outcomes.append(outcome)
                        on_outcome(outcome)
            except Empty:
                pass
            finally:
                if worker is not None:
                    worker.end()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return report


class _Worker:
    """A process in its own session, with its own folders, that runs one case after the other."""

    def __init__(self, corpus: Path, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.cases, self.ended = 0, False
        self._errors = folder / "stderr"
        places = {name: str(folder) for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR")}
        environment = {
            **os.environ, **places, "EDGEVID_MODELS": str(folder / "models"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8", "TF_CPP_MIN_LOG_LEVEL": "3",
        }  # fmt: skip
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker", str(corpus), str(folder)], cwd=folder, env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
        began = time.monotonic()
        if self._answer(began + _START_SECONDS) != {"ready": True}:
            self.end()
            raise RuntimeError(f"A worker did not start: {self._errors.read_text(errors='replace')}")

    def run(self, name: str) -> Outcome:
        self.cases += 1
        assert self._process.stdin is not None
        began = time.monotonic()
        self._process.stdin.write(f"{name}\n".encode())
        self._process.stdin.flush()
        answer = self._answer(began + LIMIT_SECONDS)
        seconds = time.monotonic() - began
        if isinstance(answer, dict):
            peak = int(answer["peak_bytes"])
            result = "memory" if peak > LIMIT_BYTES else str(answer["result"])
            return Outcome(name, result, str(answer["detail"]), seconds, peak)
        self.end()
        return Outcome(name, *answer, seconds, 0)

    def end(self) -> None:
        """Kill the process and those that it started."""
        self.ended = True
        with_children = os.getpgid(self._process.pid) if self._process.poll() is None else self._process.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(with_children, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self, until: float) -> object:
        """The worker's answer, or, if it gives none, the result and its detail."""
        assert self._process.stdout is not None
        while time.monotonic() < until:
            if select.select([self._process.stdout], [], [], _POLL_SECONDS)[0]:
                line = self._process.stdout.readline()
                if line:
                    return json.loads(line)
                code = self._process.wait()
                return ("signal" if code < 0 else "error", f"exit code {code}: {self._said()}")
            if _resident_bytes(self._process.pid) > LIMIT_BYTES:
                return ("memory", "more than the limit")
        return ("hang", f"no answer after {LIMIT_SECONDS:g} s")

    def _said(self) -> str:
        """The Python frames in the worker's last output."""
        lines = self._errors.read_text(errors="replace").splitlines()
        frames = [line.strip() for line in lines if line.strip().startswith("File ")]
        return "; ".join(frames[:4]) or " ".join(lines[-3:])


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
