"""What ``edgevid stream`` says at its end."""

from __future__ import annotations

import time
from collections import Counter
from typing import Optional

from ..runner.messages import Observation
from ..runner.runner import RunnerStats
from ..runner.runner_group import RunnerGroup
from ..sources import SourceStatus
from .output import duration, print_note


class Summary:
    """What happened in a run. A :class:`~edgevid.runner.messages.Watcher`."""

    def __init__(self) -> None:
        self.window_seconds: Optional[float] = None
        self.group: Optional[RunnerGroup] = None
        self._started = time.monotonic()
        self._sources: dict[str, _Seen] = {}

    def begin(self, window_seconds: float) -> None:
        """The model is loaded."""
        self.window_seconds = window_seconds
        self._started = time.monotonic()

    def failed_sources(self) -> list[BaseException]:
        """Why sources could not be opened or broke off."""
        runners = [] if self.group is None else self.group.runners.values()
        return [runner.error for runner in runners if runner.error is not None and not runner.consumer_failed]

    def first_timestamp(self, name: str) -> float:
        """When the first frame of a source was taken."""
        return self._sources[name].first

    def observe(self, observation: Observation) -> None:
        seen = self._sources.get(observation.source)
        if seen is None:
            seen = self._sources[observation.source] = _Seen(observation.timestamp)
        seen.add(observation)

    def status(self, status: SourceStatus) -> None:
        pass

    def close(self) -> None:
        pass

    def print(self) -> None:
        """The summary of each source that was opened, on stderr."""
        stats = self._stats()
        for name, counts in stats.items():
            if counts.source.captured:
                prefix = f"{name}: " if len(stats) > 1 else ""
                for line in self._lines(self._sources.get(name) or _Seen(0.0), counts):
                    print_note(prefix + line)

    def _stats(self) -> dict[str, RunnerStats]:
        if self.group is not None:
            return self.group.stats()
        # ended while the group was being made: what its first runners told
        return {name: seen.stats for name, seen in list(self._sources.items())}

    def _lines(self, seen: _Seen, stats: RunnerStats) -> list[str]:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        source = stats.source
        captured = ""
        if source.age_seconds is not None:  # a camera
            captured = f" of {source.captured} captured ({source.dropped} dropped)"
        lines = [
            f"{seen.last - seen.first:.1f} s of video in {duration(elapsed)}, {seen.frames} frames used{captured}, "
            f"{stats.predictions} predictions, {stats.predictions / elapsed:.1f} predictions/s"
        ]
        if seen.frames:
            lines.append(f"mean latency {seen.latency_seconds / seen.frames * 1000:.1f} ms per sampled frame")
        notes = []
        if stats.events:
            notes.append(f"{stats.events} events")
        if source.restarts:
            notes.append(f"lost and opened again {source.restarts} times")
        if stats.passed_over:
            notes.append(f"{stats.passed_over} predictions not printed, for the output was slow")
        if notes:
            lines.append(", ".join(notes))
        if seen.labels:
            parts = (f"{label} {n / stats.predictions:.0%}" for label, n in seen.labels.most_common(3))
            lines.append(f"most frequent: {', '.join(parts)}")
        elif seen.frames and self.window_seconds is not None:
            lines.append(
                f"no prediction: the window spans {self.window_seconds:g} s; a shorter one (--window-seconds) or earlier "
                "predictions (--min-filled 0) may help, or edgevid classify for a finished clip"
            )
        return lines


class _Seen:
    """What was seen in one source; written by its thread only."""

    def __init__(self, first: float) -> None:
        self.first = self.last = first
        self.frames = 0
        self.latency_seconds = 0.0
        self.labels: Counter[str] = Counter()
        self.stats = RunnerStats()

    def add(self, observation: Observation) -> None:
        self.stats = RunnerStats(
            predictions=self.stats.predictions + (observation.prediction is not None),
            events=self.stats.events + len(observation.events),
            source=observation.stats,
        )
        if self.frames and observation.timestamp <= self.last:  # the last frame again, with what ended
            return
        self.last = observation.timestamp
        self.frames += 1
        self.latency_seconds += observation.latency_seconds
        if observation.prediction is not None:
            prediction = observation.prediction
            self.labels[prediction.label if prediction.accepted else "(below the threshold)"] += 1
