"""Compares two reports: ratios, and whether they exceed the noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ..errors import EdgevidError
from ..support.files import read_text

FORMAT = 1  # of reports
# A smaller difference is not reported, however steady both machines were.
LEAST_NOISE = 0.05
_PARTS = {"benchmark", "format", "began", "headline", "machine", "versions", "settings", "noise", "runs", "source"}
_ABOUT_MACHINE = ("board", "cpu", "machine", "cpus_usable", "os", "kernel", "governor")


class ReportError(EdgevidError):
    """A file is not the report of a benchmark."""


class Quantity(NamedTuple):
    """A measured number.

    Attributes:
        run: bundle, runtime, threads. name: the measured quantity.
        spread: between parts of the measurement; None: unknown.
        more_is_better: True for rates; else less is.
    """

    run: tuple[str, str, int]
    name: str
    value: float
    spread: Optional[float]
    more_is_better: bool = False


class Ratio(NamedTuple):
    """A quantity now, divided by its earlier value."""

    now: Quantity
    before: Quantity
    ratio: float
    noise: float

    @property
    def verdict(self) -> str:
        """ "noise", "better" or "worse"."""
        if 1 / (1 + self.noise) <= self.ratio <= 1 + self.noise:
            return "noise"
        return "better" if (self.ratio > 1) == self.now.more_is_better else "worse"


def read_report(path: Path) -> dict[str, Any]:
    """Read a report that ``edgevid benchmark --json`` wrote.

    Raises:
        ReportError: it cannot be read, or is something else.
    """
    try:
        report: Any = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ReportError(
            f"{path} cannot be read: {reason}. Give a file that `edgevid benchmark --json FILE` wrote."
        ) from error
    is_report = isinstance(report, dict) and report.keys() >= _PARTS
    if not is_report or (report["benchmark"], report["format"]) != ("edgevid", FORMAT):
        raise ReportError(
            f"{path} is not a report of this edgevid's benchmark; give a file that `edgevid benchmark --json` wrote."
        )
    return dict(report)


def compare(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """For JSON: the ratios, other differences, and the noise of both.

    A ratio is noise if it is no further from 1 than the largest of these: the spreads of both measurements, those of both
    machines' calibration, the difference of the calibrations, the possible cost of other programs' share of the CPUs,
    and 5 %.
    """
    calibration = [report["noise"]["latency"]["median_ms"] for report in (now, before)]
    speed = calibration[0] / calibration[1]
    machine = max(_noise(now), _noise(before), speed - 1, 1 / speed - 1)
    earlier = {(one.run, one.name): one for one in quantities(before)}
    ratios = [
        _ratio(one, earlier[one.run, one.name], machine) for one in quantities(now) if (one.run, one.name) in earlier
    ]
    return {
        "before": before["began"],
        "differences": list(_differences(now, before)),
        "calibration_ratio": speed,
        "machine_noise": machine,
        "others_share": now["noise"]["others_share"],
        "others_share_before": before["noise"]["others_share"],
        "compared": len(ratios),
        "within_noise": sum(one.verdict == "noise" for one in ratios),
        "ratios": [
            {
                "bundle": one.now.run[0], "runtime": one.now.run[1], "threads": one.now.run[2], "quantity": one.now.name,
                "now": one.now.value, "before": one.before.value, "ratio": one.ratio, "noise": one.noise,
                "verdict": one.verdict,
            }
            for one in ratios
        ],
    }  # fmt: skip


def _noise(report: dict[str, Any]) -> float:
    """The noise of a report's machine: other programs with half of the CPUs may have doubled a time."""
    others = min(report["noise"]["others_share"] or 0.0, 0.99)
    return max(float(report["noise"]["spread"]), others / (1 - others), LEAST_NOISE)


def quantities(report: dict[str, Any]) -> Iterator[Quantity]:
    """All quantities to compare."""
    for run in report["runs"]:
        if run["problem"] is not None:
            continue
        key = (run["bundle"], run["runtime"], run["threads"])
        rate = run["predictions_per_second"]
        yield Quantity(key, "predictions/s", rate["median"], rate["spread"], more_is_better=True)
        timed = {"capture to prediction": run["latency"]}
        timed.update((name, stage["latency"]) for name, stage in run["stages"].items() if stage["latency"])
        timed.update((f"{name} by itself", network["latency"]) for name, network in run["networks"].items())
        for name, latency in timed.items():
            yield Quantity(key, f"{name}, ms", latency["median_ms"], latency["spread"])
        for name, startup in run["startup"].items():
            yield Quantity(key, f"{name[:-3].replace('_', ' ')}, ms", startup["median"], startup["spread"])
        peak = run["peak_memory_mb"]
        if peak is not None:
            yield Quantity(key, "peak memory, MB", peak["median"], peak["spread"])


def _ratio(now: Quantity, before: Quantity, machine: float) -> Ratio:
    noise = max(machine, now.spread or 0.0, before.spread or 0.0)
    return Ratio(now, before, now.value / before.value if before.value else 1.0, noise)


def _differences(now: dict[str, Any], before: dict[str, Any]) -> Iterator[str]:
    """Differences other than the code."""
    for part, names in (
        ("machine", _ABOUT_MACHINE),
        ("versions", [name for name in now["versions"] if name != "reasons"]),
        ("settings", list(now["settings"])),
    ):
        for name in names:
            old, new = before[part].get(name), now[part].get(name)
            if old != new:
                yield f"{name.replace('_', ' ')}: {new} now, {old} before"
