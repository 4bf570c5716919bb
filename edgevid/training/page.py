"""A page of headings, sentences, tables and pictures, as Markdown or as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

_WIDE = 1250  # pixels; a wider picture is shown whole and scrolled, for its labels would be too small otherwise
_CSS = """
:root { color-scheme: light dark; --ink: #1f2328; --back: #ffffff; --line: #d0d7de; --band: #f6f8fa; --faint: #59636e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --back: #0d1117; --line: #3d444d; --band: #161b22; --faint: #9198a1; }
}
body { color: var(--ink); background: var(--back); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem;
  padding: 1.5rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.3rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
p, li { max-width: 52rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; white-space: nowrap; }
td.long { white-space: normal; min-width: 16rem; }
th { background: var(--band); } .right { text-align: right; }
figure { margin: 1rem 0; } figcaption { color: var(--faint); font-size: 0.92rem; }
img { background: #ffffff; border: 1px solid var(--line); border-radius: 4px; }
img.fit { max-width: 100%; height: auto; }
code { background: var(--band); padding: 0.1rem 0.3rem; border-radius: 3px; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class _Part:
    markdown: str
    html: str


@dataclass
class Page:
    """Built from top to bottom, then written in either form. Text given to it is text: nothing in it is markup.

    Attributes:
        pictures: file name -> PNG, as the Markdown refers to them.
    """

    title: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    _parts: list[_Part] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self._add(f"## {_plain(text)}", f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        self._add(_plain(text), f"<p>{html.escape(text)}</p>")

    def code(self, text: str) -> None:
        """A command, on a line of its own."""
        self._add(f"    {text}", f"<p><code>{html.escape(text)}</code></p>")

    def items(self, texts: Sequence[str]) -> None:
        if texts:
            lines = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
            self._add("\n".join(f"- {_plain(text)}" for text in texts), f"<ul>{lines}</ul>")

    def table(self, rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """A table; the first row is its heading, ``right`` the columns to align on the right."""
        rule = ["---:" if i in right else "---" for i in range(len(rows[0]))]
        lines = [[_cell(cell) for cell in rows[0]], rule, *([_cell(cell) for cell in row] for row in rows[1:])]
        markdown = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts = []
        for number, row in enumerate(rows):
            tag = "td" if number else "th"
            cells = (f"<{tag}{_class(i in right, cell)}>{html.escape(cell)}</{tag}>" for i, cell in enumerate(row))
            parts.append(f"<tr>{''.join(cells)}</tr>")
        self._add(markdown, f'<div class="wide"><table>{"".join(parts)}</table></div>')

    def picture(self, name: str, png: bytes, caption: str) -> None:
        """A PNG: inside the HTML, and beside the Markdown as the file ``name``."""
        self.pictures[name] = png
        width, height = struct.unpack(">II", png[16:24])
        look = ' class="fit"' if width <= _WIDE else ""
        data = base64.b64encode(png).decode("ascii")
        image = f'<img{look} width="{width}" height="{height}" alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
        figure = f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>"
        self._add(f"![{_plain(caption)}]({name})", f'<div class="wide">{figure}</div>')

    def markdown(self) -> str:
        return "\n\n".join([f"# {_plain(self.title)}", *(part.markdown for part in self._parts)]) + "\n"

    def html(self) -> str:
        title = html.escape(self.title)
        body = "\n".join(part.html for part in self._parts)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
        )

    def _add(self, markdown: str, html_text: str) -> None:
        self._parts.append(_Part(markdown, html_text))


def _class(right: bool, cell: str) -> str:
    return ' class="right"' if right else ' class="long"' if len(cell) > 60 else ""


def _plain(text: str) -> str:
    """Text that Markdown takes as it is; underscores inside words need no escape."""
    for mark in ("\\", "`", "*", "<", "[", "]"):
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
