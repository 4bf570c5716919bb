"""Combines several visits to one combination of bundle, runtime and threads."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from ..bundles import Bundle, open_bundle
from .figures import halves, latency_fields, noisy_latency, noisy_median
from .tracing import FLOW, NETWORK, REGION, RESIZE
from .watch import Watch

STARTUP = ("python_ms", "import_ms", "import_all_ms", "load_ms", "first_embedding_ms", "first_prediction_ms")
_MOST_INTERVALS = 60
_NO_SUSTAINED = "only the fastest number of threads of each bundle and runtime runs for longer"
# Stages that not every bundle has
_ABSENT = {
    REGION: "no embedder of the bundle follows motion",
    FLOW: "no optical flow was computed",
    RESIZE: "the bundle has no network that takes pictures",
    NETWORK: "the bundle has no network",
}


def assembled_run(
    bundle: str, runtime: str, threads: int, answers: Sequence[dict[str, Any]], problem: Optional[str]
) -> dict[str, Any]:
    """The report's entry.

    Args:
        answers: results of the visits, see :mod:`~edgevid.benchmarking.visit`.
        problem: why there are no more of them; None: nothing went wrong.
    """
    named: dict[str, Any] = {"bundle": bundle, "runtime": runtime, "threads": threads, "opencv_threads": threads}
    if problem is not None or not answers:
        return {**named, "problem": problem or "it was not run"}
    opened = open_bundle(bundle)
    needed = opened.num_samples / opened.window_seconds
    runs = [answer["run"] for answer in answers]
    rates = [len(run["ended_ms"]) / run["ended_ms"][-1] * 1000 for run in runs]
    peaks = [answer["peak_bytes"] / 1e6 for answer in answers if answer["peak_bytes"] is not None]
    first_at = [answer["first_prediction_at"] for answer in answers]
    reasons = {"sustained": _NO_SUSTAINED}
    if not peaks:
        reasons["peak_memory_mb"] = "the system does not say"
    return {
        **named,
        "problem": None,
        "predictions_per_second": noisy_median(rates, [half for run in runs for half in _half_rates(run["ended_ms"])]),
        "needed_per_second": needed,
        "headroom": statistics.median(rates) / needed,
        "window_seconds": opened.window_seconds,
        "first_prediction_after_stream_seconds": statistics.median(first_at),
        "latency": noisy_latency([half for run in runs for half in halves(run["latency_ms"])]),
        "traced_ms_per_prediction": _whole([answer["trace"] for answer in answers]),
        "stages": _stages([answer["trace"] for answer in answers], in_turn=True),
        "networks": _networks([answer["networks"] for answer in answers], opened),
        "startup": {name: _of_rounds([answer["startup"][name] for answer in answers]) for name in STARTUP},
        "peak_memory_mb": _of_rounds(peaks) if peaks else None,
        "files_mb": _files(opened),
        "sustained": None,
        "reasons": reasons,
    }


def assembled_sustained(run: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """The entry of a long run, with the sensors during it."""
    ended, seconds = run["ended_ms"], run["ended_ms"][-1] / 1000
    intervals = min(max(int(seconds), 1), _MOST_INTERVALS)
    counts = [0] * intervals
    for time in ended:
        counts[min(int(time / 1000 / seconds * intervals), intervals - 1)] += 1
    rates = [count * intervals / seconds for count in counts]
    fifth = max(intervals // 5, 1)
    seen = watch.between(run["began"], run["began"] + seconds)
    lasted = sum(rates[-fifth:]) / sum(rates[:fifth]) if intervals > 1 and rates[0] else None
    if lasted is None:
        seen["reasons"] = {**seen["reasons"], "last_to_first": "it takes 2 s or more"}
    return {
        "seconds": seconds,
        "predictions": len(ended),
        "predictions_per_second": len(ended) / seconds,
        "interval_seconds": seconds / intervals,
        "predictions_per_second_of_intervals": rates,
        "last_to_first": lasted,
        "latency": latency_fields(run["latency_ms"]),
        **seen,
    }


def assembled_source(bundle: str, runtime: str, threads: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The entry of the user's camera or file."""
    trace, live = answer["trace"], answer["live"]
    times, seconds = trace["latency_ms"], (trace["ended_ms"] or [0.0])[-1] / 1000
    named = {"name": answer["name"], "live": live, "bundle": bundle, "runtime": runtime, "threads": threads}
    reasons = (
        {}
        if times
        else {"latency": "no prediction came: it ended before its window was full, or was cut again and again"}
    )
    return {
        **named,
        "predictions": len(times),
        "predictions_per_second": len(times) / seconds if seconds else 0.0,
        "latency": latency_fields(times) if times else None,
        "stages": _stages([trace], in_turn=not live) if times else {},
        "stats": {key: value for key, value in answer["stats"].items() if key != "age_seconds"},
        "reasons": reasons,
    }


def _of_rounds(values: Sequence[float]) -> dict[str, Any]:
    return noisy_median(values, [[value] for value in values])


def _half_rates(ended: Sequence[float]) -> list[list[float]]:
    """Predictions per second in the two halves of a run."""
    gaps = [max(after - before, 1e-6) for before, after in zip([0.0, *ended], ended)]
    return [[len(half) / sum(half)] for half in halves(gaps)]


def _whole(traces: Sequence[dict[str, Any]]) -> float:
    """Milliseconds from one prediction to the next."""
    times: float = sum(trace["ended_ms"][-1] for trace in traces) / sum(len(trace["ended_ms"]) for trace in traces)
    return times


def _stages(traces: Sequence[dict[str, Any]], *, in_turn: bool) -> dict[str, Any]:
    """For each stage its calls, its time per prediction, and the stages that it is part of.

    Args:
        in_turn: whether the stages follow one another, so that they add up to the whole; a camera is read in parallel.
    """
    predictions, whole = sum(len(trace["ended_ms"]) for trace in traces), _whole(traces)
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for trace in traces for name in trace["spans"]):
        blocks = [half for trace in traces for half in halves(trace["spans"].get(name, []))]
        times = [time for block in blocks for time in block]
        each = sum(times) / predictions
        found[name] = {
            "latency": noisy_latency(blocks),
            "calls_per_prediction": len(times) / predictions,
            "ms_per_prediction": each,
            "share": each / whole if in_turn else None,
            "part_of": sorted({parent for trace in traces for parent in trace["part_of"].get(name, [])}),
            **({} if in_turn else {"reasons": {"share": "a camera is read in a thread of its own"}}),
        }
    for name, reason in _ABSENT.items():
        if not any(known.startswith(name) for known in found):
            found[name] = {"latency": None, "part_of": [], "reasons": {"latency": reason}}
    if in_turn:
        others = sum(stage.get("ms_per_prediction", 0.0) for stage in found.values() if not stage["part_of"])
        found["other"] = {
            "latency": None,
            "ms_per_prediction": whole - others,
            "share": 1 - others / whole,
            "part_of": [],
            "reasons": {"latency": "the time between the stages, and of the timers around them"},
        }
    return found


def _networks(visits: Sequence[dict[str, Any]], bundle: Bundle) -> dict[str, Any]:
    """In the form of LiteRT's model benchmark."""
    sizes = _files(bundle)["files"]
    found = {}
    for name in visits[0]:
        visits_here = [visit[name] for visit in visits]
        blocks = [one["runs_ms"] for one in visits_here]
        found[name] = {
            "latency": {
                "init_ms": statistics.median(one["init_ms"] for one in visits_here),
                "warmup_first_ms": statistics.median(one["warm_up_ms"][0] for one in visits_here),
                "warmup_avg_ms": statistics.fmean(time for one in visits_here for time in one["warm_up_ms"]),
                **noisy_latency([half for block in blocks for half in halves(block)]),
            },
            "model_size_mb": next(size for file, size in sizes.items() if Path(file).stem == name),
            "delegated_parts": visits_here[0]["delegated_parts"],
        }
    return found


def _files(bundle: Bundle) -> dict[str, Any]:
    """Sizes in MB, of 10^6 bytes."""
    files = [*(network.path for network in bundle.networks), *bundle.classifier.files]
    sizes = {path.name: path.stat().st_size / 1e6 for path in files}
    return {"files": sizes, "total": sum(sizes.values())}
