"""The summary that ``edgevid stream`` prints at its end."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import Optional

from ..runner import RunnerGroup
from ..runner.messages import Message, Sampled
from ..runner.state import SourceState
from .output import duration, print_note


class Summary:
    """What happened in a run. An :class:`~edgevid.Output`."""

    def __init__(self) -> None:
        self.group: Optional[RunnerGroup] = None
        self._window_seconds = 0.0
        self._prints_predictions = True
        self._started = time.monotonic()
        self._printed = False
        self._states: dict[str, SourceState] = {}
        self._told_slow: set[str] = set()
        self._labels: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def begin(self, window_seconds: float, *, prints_predictions: bool) -> None:
        """The model is loaded."""
        self._window_seconds, self._prints_predictions = window_seconds, prints_predictions
        self._started = time.monotonic()

    def failed_sources(self) -> list[BaseException]:
        """Why sources could not be opened or broke off."""
        runners = [] if self.group is None else self.group.runners.values()
        return [runner.error for runner in runners if runner.error is not None and not runner.consumer_failed]

    def take(self, message: Message, state: SourceState) -> None:
        self._states[state.source] = state
        if state.too_slow and state.source not in self._told_slow:
            self._told_slow.add(state.source)
            print_note(f"{state.name}: {_slow(state)}")
        if isinstance(message, Sampled) and message.answer is not None:
            self._labels[state.source][message.answer.verdict] += 1

    def close(self) -> None:
        pass

    def print(self) -> None:
        """The summary of each source that was opened, on stderr; once."""
        states = {} if self._printed else dict(self._states)
        self._printed = True
        for name, state in states.items():
            if state.frames:
                prefix = f"{name}: " if len(states) > 1 else ""
                for line in self._lines(state):
                    print_note(prefix + line)

    def _lines(self, state: SourceState) -> list[str]:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        video = (state.timestamp or 0.0) - (state.first_timestamp or 0.0)
        captured = f" of {state.stats.captured} captured ({state.stats.dropped} dropped)" if state.live else ""
        lines = [
            f"{video:.1f} s of video in {duration(elapsed)}, {state.frames} frames used{captured}, "
            f"{state.predictions} predictions, {state.predictions / elapsed:.1f} predictions/s",
            f"mean latency {(state.mean_latency_seconds or 0.0) * 1000:.1f} ms per sampled frame",
        ]
        passed_over = 0 if self.group is None else self.group.runners[state.source].stats().passed_over
        notes = {
            f"{state.events} events": state.events,
            f"lost and opened again {state.stats.restarts} times": state.stats.restarts,
            f"{passed_over} predictions not printed, because the output was slow": passed_over
            and self._prints_predictions,
        }
        if any(notes.values()):
            lines.append(", ".join(note for note, is_said in notes.items() if is_said))
        labels = self._labels[state.source]
        if labels:
            parts = (f"{label} {n / sum(labels.values()):.0%}" for label, n in labels.most_common(3))
            lines.append(f"most frequent: {', '.join(parts)}")
        else:
            lines.append(
                f"no prediction: the window spans {self._window_seconds:g} s; a shorter one (--window-seconds) or earlier "
                "predictions (--min-filled 0) may help, or edgevid classify for a finished clip"
            )
        return lines


def _slow(state: SourceState) -> str:
    """What to know and do if the frames are fewer than the samples."""
    sampled, captured, needed = (
        state.frames_per_second or 0.0,
        state.captured_per_second or 0.0,
        state.needed_per_second,
    )
    if state.too_slow == "camera":
        return (
            f"the camera gives {captured:.1f} pictures a second, but the model needs {needed:.1f}: each is used several times, "
            "and answers may be worse. Cameras are slower in the dark, and network cameras slower than wired ones."
        )
    return (
        f"this machine processes {sampled:.1f} of the {needed:.1f} pictures a second that the model needs: each is used "
        "several times, and answers may be worse. Smaller pictures and the bundles exercises10-light and -motion cost less; "
        "'edgevid benchmark' shows what takes the time."
    )
