"""Reports as Markdown and as a single HTML file: each is one Jinja template, rendered in two layouts.

A template in ``templates/`` has the content of a report, in macros of ``markdown.j2`` or ``html.j2``. Inserted text is
escaped, so that nothing in it is markup.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..support.extras import load_jinja2
from .figures import bounds, number

# A table: its cells, the heading first.
Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class RenderedReport:
    """A report in both formats, and its pictures: file name, as in the Markdown -> PNG."""

    markdown: str
    html: str
    pictures: Mapping[str, bytes]


def render(template: str, pictures: Mapping[str, bytes], **values: Any) -> RenderedReport:
    """A report.

    Args:
        template: its name without ``.j2``.
        values: variables of the template.

    Raises:
        ExtraNotInstalledError: Jinja is absent.
    """
    texts = {}
    for layout in ("markdown", "html"):
        environment = _environment(layout == "markdown")
        shown = {name: base64.b64encode(png).decode("ascii") for name, png in pictures.items()}
        page = environment.get_template(f"{template}.j2")
        texts[layout] = page.render(layout=f"{layout}.j2", pictures=shown, **values)
    markdown = re.sub(r"\n{3,}", "\n\n", texts["markdown"]).strip() + "\n"
    return RenderedReport(markdown, texts["html"].strip() + "\n", pictures)


def _environment(is_markdown: bool) -> Any:
    jinja2 = load_jinja2()
    from markupsafe import Markup  # of Jinja

    def flat(text: Any) -> Any:
        return Markup(" ".join(str(text).split()))

    def escape_markdown(value: Any) -> Any:
        """Escape text for Markdown; underscores inside words need no escape."""
        if hasattr(value, "__html__"):  # from the template itself, or escaped already
            return value
        return flat(re.sub(r"([\\`*<\[\]|])", r"\\\1", str(value)))

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=escape_markdown if is_markdown else None,
    )  # fmt: skip
    environment.filters.update(flat=flat, figure=number, bounds=bounds)
    return environment
