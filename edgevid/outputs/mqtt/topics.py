"""Topic names, without characters that have a meaning in MQTT."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Container, Iterable
from dataclasses import dataclass

from ...errors import OptionError
from ...support.checks import is_text, shown

_MAX_SLUG = 48


@dataclass(frozen=True)
class Topics:
    """The topics of one program.

    Attributes:
        prefix: prefix of all programs' topics.
        node_id: name of the program.
    """

    prefix: str
    node_id: str

    @property
    def availability(self) -> str:
        return f"{self.prefix}/{self.node_id}/availability"

    @property
    def hello(self) -> str:
        """Where a program announces itself, so that another one of the same name notices."""
        return f"{self.prefix}/{self.node_id}/hello"

    def of_source(self, slug: str, leaf: str) -> str:
        """``leaf`` is "state", "event" or "stats"; the slug "+" is every source."""
        return f"{self.prefix}/{self.node_id}/{slug}/{leaf}"


def slug(name: str, taken: Container[str] = ()) -> str:
    """A name as one level of a topic: a-z, 0-9 and _, and none of those ``taken``.

    >>> slug("camera rtsp://10.0.0.2/live")
    'camera_rtsp_10_0_0_2_live'
    >>> slug("Küche #1", taken={"kuche_1"})
    'kuche_1_2'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    base = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:_MAX_SLUG].strip("_")
    if not base:  # a name in another script: use a number that is the same each time
        base = f"x{zlib.crc32(name.encode(errors='replace')):08x}"
    result, number = base, 1
    while result in taken:
        number += 1
        result = f"{base}_{number}"
    return result


def default_node_id(host: str, sources: Iterable[str]) -> str:
    """The node of a program without a name: the same at each start, but different for other sources.

    >>> default_node_id("raspberrypi", ["camera 0"]), default_node_id("raspberrypi", ["door", "yard"])
    ('raspberrypi_camera_0', 'raspberrypi_door_yard')
    """
    name = " ".join((host, *sources))
    node = slug(name)
    # a name that is cut off may collide with another
    return (
        node
        if len(node) < _MAX_SLUG - 1
        else f"{node[: _MAX_SLUG - 9]}_{zlib.crc32(name.encode(errors='replace')):08x}"
    )


def check_node_id(node_id: str) -> str:
    if isinstance(node_id, str) and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", node_id):
        return node_id
    raise OptionError(f"node_id={node_id!r} was given; expected 1 to 64 of the characters a-z, A-Z, 0-9, _ and -.")


def check_prefix(name: str, prefix: str) -> str:
    """Check a topic prefix; its levels may be separated by "/"."""
    pattern = r"[^+#/$\s\x00-\x1f\x7f]([^+#\s\x00-\x1f\x7f]{0,198}[^+#/\s\x00-\x1f\x7f])?"
    if isinstance(prefix, str) and re.fullmatch(pattern, prefix) and is_text(prefix):
        return prefix
    raise OptionError(
        f"{name}={shown(prefix)} was given; expected a topic such as 'edgevid' or 'home/edgevid': no +, # or white space, "
        "no / at its ends, no $ at its beginning."
    )
