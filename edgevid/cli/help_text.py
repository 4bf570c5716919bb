"""Layout of the help of all commands, within 80 columns."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

from .output import terminal_width

_COLUMNS = re.compile(r"(?<=\S) {2,}(?=\S)")  # separates the columns of a line


class HelpFormatter(argparse.HelpFormatter):
    """Fills paragraphs and keeps text in columns, such as examples.

    In a description or an epilog, consecutive lines with the same indent are a paragraph. A line with two or more spaces
    inside it is in columns, and so is a command: if it is too long, its last column goes below.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=min(terminal_width(), 80) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(_set(text, width)) + "\n"


def _set(text: str, width: int) -> Iterator[str]:
    def kind(line: str) -> tuple[int, bool]:
        return len(line) - len(line.lstrip()), bool(_COLUMNS.search(line) or line.lstrip().startswith("edgevid "))

    for (spaces, has_columns), lines in groupby(text.strip("\n").splitlines(), kind):
        margin = " " * spaces
        if has_columns:
            for line in lines:
                yield from _columns(line, width, margin)
        else:
            for ends, paragraph in groupby(lines, lambda line: line.endswith(":") or not line.strip()):
                if ends:
                    yield from paragraph
                else:
                    words = " ".join(line.strip() for line in paragraph)
                    yield from _filled(words, width, margin)


def _columns(line: str, width: int, margin: str) -> Iterator[str]:
    if len(line) <= width:
        yield line
        return
    gaps = list(_COLUMNS.finditer(line))
    if not gaps:
        yield line
        return
    last = gaps[-1]
    yield line[: last.start()]
    yield from _filled(line[last.end() :].lstrip("# "), width, f"{margin}    ")


def _filled(words: str, width: int, margin: str) -> list[str]:
    return textwrap.wrap(
        words, width, initial_indent=margin, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
