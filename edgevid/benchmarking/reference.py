"""A table of boards and their results, as CSV: one line for each board, runtime, bundle and number of threads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..support.files import open_table
from .comparison import ReportError
from .machine import machine_name

COLUMNS = (
    "board", "cpu", "runtime", "bundle", "threads", "frame_size", "predictions_per_second", "capture_to_prediction_ms",
    "peak_memory_mb", "edgevid", "date",
)  # fmt: skip
# The columns that identify the line to compare a run with
_KEY = COLUMNS[:6]
# Below this fraction of the reference's rate, something is wrong with the board: power, cooling, other programs.
LEAST_PART = 0.75


class Checked(NamedTuple):
    """A run, and the table's line for it."""

    line: dict[str, str]
    reference: dict[str, str]

    @property
    def ratio(self) -> float:
        return float(self.line["predictions_per_second"]) / float(self.reference["predictions_per_second"])

    @property
    def good(self) -> bool:
        return self.ratio >= LEAST_PART


def read_boards(path: Path) -> list[dict[str, str]]:
    """The table's lines.

    Raises:
        ReportError: it cannot be read, or lacks columns or rates.
    """
    try:
        with open_table(path) as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else "it is not CSV"
        raise ReportError(
            f"{path} cannot be read: {reason}. Give the table benchmarks/reference/boards.csv."
        ) from error
    for number, line in enumerate(lines, 2):
        missing = [name for name in COLUMNS if not isinstance(line.get(name), str)]
        if missing:
            raise ReportError(
                f"{path}, line {number}: no {', '.join(missing)}; expected the columns {','.join(COLUMNS)}."
            )
        if not _is_rate(line["predictions_per_second"]):
            raise ReportError(
                f"{path}, line {number}: predictions_per_second is {line['predictions_per_second']!r}; expected a number above 0."
            )
    return lines


def lines_of(report: dict[str, Any]) -> list[dict[str, str]]:
    """A report as lines of the table."""
    machine = report["machine"]
    size = "x".join(map(str, report["settings"]["frame_size"]))
    return [
        {
            "board": machine_name(machine),
            "cpu": machine["cpu"] or "",
            "runtime": run["runtime"],
            "bundle": run["bundle"],
            "threads": str(run["threads"]),
            "frame_size": size,
            "predictions_per_second": f"{run['predictions_per_second']['median']:.3g}",
            "capture_to_prediction_ms": f"{run['latency']['median_ms']:.3g}",
            "peak_memory_mb": "" if run["peak_memory_mb"] is None else f"{run['peak_memory_mb']['median']:.0f}",
            "edgevid": report["versions"]["edgevid"],
            "date": report["began"][:10],
        }
        for run in report["runs"]
        if run["problem"] is None
    ]


def check(report: dict[str, Any], boards: Sequence[dict[str, str]]) -> tuple[list[Checked], list[dict[str, str]]]:
    """The runs with a line in the table, and new lines for the others."""
    known = {_key(line): line for line in boards}
    lines = lines_of(report)
    found = [Checked(line, known[_key(line)]) for line in lines if _key(line) in known]
    return found, [line for line in lines if _key(line) not in known]


def as_csv(lines: Sequence[dict[str, str]]) -> Iterator[str]:
    """Lines in the file's format, without the heading."""
    written = io.StringIO()
    csv.DictWriter(written, COLUMNS, lineterminator="\n").writerows(lines)
    yield from written.getvalue().splitlines()


def _key(line: dict[str, str]) -> tuple[str, ...]:
    return tuple(line[name].strip() for name in _KEY)


def _is_rate(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
