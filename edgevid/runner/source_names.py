"""What sources are called before they are open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Union

import numpy as np

from ..errors import OptionError
from ..following import StreamSource
from ..sources import Source
from ..support.checks import check_type, shown
from ..support.credentials import without_credentials


def source_name(source: StreamSource) -> str:
    """What a source is called before it is open."""
    if isinstance(source, Source):
        return source.name
    if isinstance(source, int) or (isinstance(source, str) and source.isdecimal()):
        return f"camera {source}"
    if isinstance(source, (str, Path)):
        return without_credentials(str(source))
    return "source" if callable(source) else "iterable of frames"


def named_sources(sources: Union[Mapping[str, StreamSource], Iterable[StreamSource]]) -> dict[str, StreamSource]:
    """Each source by a name of its own: the caller's, or :func:`source_name` with a number where two have the same.

    >>> named_sources([0, "door.mp4", "door.mp4"])
    {'camera 0': 0, 'door.mp4': 'door.mp4', 'door.mp4 (2)': 'door.mp4'}
    """
    if isinstance(sources, (str, Path, int, Source)):  # a source can be iterated too, but gives frames
        raise OptionError(f"{sources!r} was given; expected several sources, a list or a dict of names: [{sources!r}].")
    if isinstance(sources, Mapping):
        for name in sources:
            check_type("sources", name, str, "names that are text")
        return dict(sources)
    if not isinstance(sources, Iterable) or isinstance(sources, np.ndarray):
        raise OptionError(f"sources={shown(sources)} was given; expected several sources, a list or a dict of names.")
    named: dict[str, StreamSource] = {}
    for source in sources:
        name, number = source_name(source), 1
        unique = name
        while unique in named:
            number += 1
            unique = f"{name} ({number})"
        named[unique] = source
    return named
