"""Cuts clips from a film: one action between two times, or many by a CSV file of intervals."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..datasets.clips import DatasetError
from ..errors import OptionError
from ..sources import Source
from ..support.files import open_table
from .folder import check_label
from .take import Take, Taking

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)")
# The last piece of an interval is kept if it has at least this fraction of the others' length.
_LEAST_PIECE = 0.5
_ROUNDING = 1e-6


class Interval(NamedTuple):
    """An action ``label`` from ``begin`` to ``end``, in seconds of the film; ``end`` infinite: to its end."""

    begin: float
    end: float
    label: str

    def __str__(self) -> str:
        end = "the end" if math.isinf(self.end) else f"{self.end:g} s"
        return f"{self.label} from {self.begin:g} s to {end}"


def parse_time(text: str) -> float:
    """Parse ``SECONDS``, ``M:SS`` or ``H:MM:SS``, each possibly with decimals, into seconds.

    >>> parse_time("75.5"), parse_time("1:15.5"), parse_time("1:01:15")
    (75.5, 75.5, 3675.0)

    Raises:
        OptionError: it is none of these.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[2] and (float(found[3]) >= 60 or (found[1] and int(found[2]) >= 60))):
        raise OptionError(
            f"The time {text!r} was given; expected seconds, minutes:seconds or hours:minutes:seconds, such as 1:02:03.5"
        )
    return 3600 * int(found[1] or 0) + 60 * int(found[2] or 0) + float(found[3])


def interval(begin: float, end: float, label: str) -> Interval:
    """Make a valid interval.

    Raises:
        OptionError: it ends before it begins, or the label cannot be the name of a folder.
    """
    if not begin < end:
        raise OptionError(f"An interval from {begin:g} s to {end:g} s was given; expected an end after its beginning.")
    return Interval(begin, end, check_label(label))


def read_intervals(path: Path) -> list[Interval]:
    """Read a CSV file with the columns ``begin``, ``end`` and ``label``; times as for :func:`parse_time`.

    Raises:
        DatasetError: it cannot be read, lacks a column, has no line, or has an invalid line.
    """
    found = []
    try:
        with open_table(path) as file:
            reader = csv.DictReader(file)
            if not {"begin", "end", "label"} <= set(reader.fieldnames or []):
                raise DatasetError(
                    f"{path} has the columns {', '.join(reader.fieldnames or []) or 'none'}; expected a first line such as: "
                    "begin,end,label"
                )
            for row in reader:
                try:
                    begin, end = (parse_time(row[name] or "") for name in ("begin", "end"))
                    found.append(interval(begin, end, (row["label"] or "").strip()))
                except OptionError as error:
                    raise DatasetError(f"{path}, line {reader.line_num}: {error}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected comma-separated text in UTF-8.") from error
    if not found:
        raise DatasetError(f"{path} names no intervals; expected a line for each.")
    return found


def cut(film: Source, intervals: Sequence[Interval], seconds: float) -> Iterator[tuple[Interval, Take]]:
    """Cut clips from a film, in one pass. They come in the order of their ends.

    An interval longer than ``seconds`` gives consecutive clips of that length; the rest at its end is a clip if
    it is at least half as long. A shorter interval gives one clip.

    Args:
        film: a source that is not live.
    """
    cuts = [_Cut(one, seconds) for one in intervals]
    last = max(one.end for one in intervals)
    for timestamp, frame in film.frames(lambda t: t >= last or any(one.wants(t) for one in cuts)):
        for one in cuts:
            yield from one.finished(timestamp)
            if one.wants(timestamp):
                one.taking.add(timestamp, frame)
        if timestamp >= last:
            break
    for one in cuts:
        yield from one.finished(math.inf)


class _Cut:
    """An interval, and its clip that is being taken."""

    def __init__(self, one: Interval, seconds: float) -> None:
        self.interval, self.seconds = one, seconds
        self.taking = Taking(one.label)
        self._number = 0.0

    def wants(self, timestamp: float) -> bool:
        inside = self.interval.begin - _ROUNDING <= timestamp < self.interval.end - _ROUNDING
        return inside and (self._number_at(timestamp) != self._number or self.taking.wants(timestamp))

    def finished(self, timestamp: float) -> Iterator[tuple[Interval, Take]]:
        """The clip that has ended before this time, if any."""
        number = self._number_at(timestamp)
        if timestamp < self.interval.end - _ROUNDING and number == self._number:
            return
        taken, first = self.taking, self._number == 0
        self.taking, self._number = Taking(self.interval.label), number
        if len(taken.timestamps) >= 2:
            take = taken.take()
            if first or take.seconds >= _LEAST_PIECE * self.seconds:
                yield self.interval, take

    def _number_at(self, timestamp: float) -> float:
        """The number of the clip that a time belongs to."""
        number = (timestamp - self.interval.begin + _ROUNDING) / self.seconds
        return number if math.isinf(number) else max(math.floor(number), 0)
