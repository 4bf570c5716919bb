"""Printing by the commands: lines, JSON lines, a table as wide as the terminal, a progress bar.

All text for the terminal goes through here and is made printable: a file name or a label may contain control sequences
of the terminal, or a line break that forges another row.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, Optional, TextIO

from ..prediction import NOTHING
from ..support.credentials import without_password
from ..support.printable import printable
from ..support.text import shorten as shorten

# Redrawing a bar more often than this costs time and shows nothing new.
_REDRAW_SECONDS = 0.1
_MIN_CELL = 12


def print_json_line(record: Any) -> None:
    """One JSON value on a line of stdout, flushed: a consumer sees it at once."""
    print(json.dumps(record), flush=True)


def print_lines(*lines: str) -> None:
    """Print lines on stdout and flush."""
    print("\n".join(map(printable, lines)), flush=True)


def print_fields(*fields: str) -> None:
    """Print one line of tab-separated fields on stdout and flush."""
    print("\t".join(map(printable, fields)), flush=True)


def print_error(command: str, message: str) -> None:
    """Print a message on stderr, in the format of all errors of the command line."""
    print_note(f"edgevid {command}: {message}")


def print_note(*lines: str) -> None:
    """Print lines on stderr, without passwords.

    If they cannot be written (a full disk) they are lost: that must not stop a command that works.
    """
    with contextlib.suppress(OSError):
        print("\n".join(printable(without_password(line)) for line in lines), file=sys.stderr, flush=True)


def prompt(text: str) -> None:
    """Print a question on stderr; the answer is typed after it."""
    print(printable(text), end="", file=sys.stderr, flush=True)


def rewrite(text: str, stream: Optional[TextIO] = None, *, bell: str = "") -> None:
    """Replace the terminal's last line, which stays open, by ``text``; "" erases it."""
    print(f"\r{printable(text)}\x1b[K{bell}", end="", file=sys.stderr if stream is None else stream, flush=True)


def is_terminal(stream: Optional[TextIO]) -> bool:
    """Whether ``stream`` is a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def terminal_width() -> int:
    """Columns of the terminal; 80 if unknown."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def line_width() -> Optional[int]:
    """Columns of a line of stdout; None if it is no terminal, where lines are whole."""
    return terminal_width() if is_terminal(sys.stdout) else None


def answer_width(labels: Sequence[str]) -> int:
    """Columns of the longest :meth:`~edgevid.Prediction.answer` with one of these labels."""
    return max(len(printable(label)) for label in labels) + len(f"{NOTHING} ()")


def fit_columns(widths: Sequence[int], total: int) -> list[int]:
    """Column widths that fit ``total`` columns with two between them: the widest shrink first, none below a readable minimum.

    >>> fit_columns([50, 10, 5], 40)
    [21, 10, 5]
    """
    fitted = list(widths)
    while sum(fitted) + 2 * (len(fitted) - 1) > total:
        widest = max(range(len(fitted)), key=lambda i: fitted[i])
        if fitted[widest] <= _MIN_CELL:
            break
        fitted[widest] -= 1
    return fitted


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), width: Optional[int] = None) -> list[str]:
    """Lines of an aligned table.

    Args:
        rows: the cells; the first row is the heading.
        right: indices of the columns to align on the right.
        width: maximum width in columns; default: as wide as needed.
    """
    rows = [[printable(cell) for cell in row] for row in rows]  # before measuring them
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if width is not None:
        widths = fit_columns(widths, width)
    lines = []
    for row in rows:
        cells = [shorten(cell, size) for cell, size in zip(row, widths)]
        aligned = [c.rjust(size) if i in right else c.ljust(size) for i, (c, size) in enumerate(zip(cells, widths))]
        lines.append("  ".join(aligned).rstrip())
    return lines


def duration(seconds: float) -> str:
    """A duration for people.

    >>> duration(7.25), duration(75), duration(3700)
    ('7.2 s', '1 min 15 s', '1 h 01 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """A progress bar on stderr: count, rate and time left. Shows nothing if stderr is not a terminal.

    Args:
        total: number of items; 0 if unknown.
        unit: plural name of the items.
    """

    def __init__(self, total: int, unit: str, *, stream: Optional[TextIO] = None) -> None:
        self.total = total
        self.unit = unit
        self.count = 0
        self._stream = sys.stderr if stream is None else stream
        self._enabled = is_terminal(self._stream)
        self._start = time.monotonic()
        self._drawn_at: Optional[float] = None  # None: it is not on the screen

    def advance(self, n: int = 1) -> None:
        """Count ``n`` more items and redraw if it is time to."""
        self.count += n
        due = self._drawn_at is None or time.monotonic() - self._drawn_at >= _REDRAW_SECONDS
        if due or self.count == self.total:
            self.draw()

    def draw(self) -> None:
        """Draw the bar as it stands."""
        if self._enabled:
            rewrite(self.line(terminal_width() - 1), self._stream)
            self._drawn_at = time.monotonic()

    def clear(self) -> None:
        """Erase the bar, so that a line can be printed in its place."""
        if self._drawn_at is not None:
            rewrite("", self._stream)
            self._drawn_at = None

    def line(self, width: int) -> str:
        """The bar as text of at most ``width`` columns."""
        rate = self.count / max(time.monotonic() - self._start, 1e-6)
        speed = f"{rate:.1f} {self.unit}/s" if rate >= 1 or not self.count else f"{1 / rate:.1f} s each"
        if not self.total:
            return shorten(f"{self.count} {self.unit}  {speed}", width)
        left = duration((self.total - self.count) / rate) if 0 < self.count <= self.total else "?"
        text = f" {self.count}/{self.total} {self.unit}  {speed}  {left} left"
        room = min(30, width - len(text) - 2)
        bar = "[" + ("#" * round(min(self.count / self.total, 1.0) * room)).ljust(room, ".") + "]" if room >= 5 else ""
        return shorten(bar + text, width)

    def __enter__(self) -> Progress:
        self.draw()
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
