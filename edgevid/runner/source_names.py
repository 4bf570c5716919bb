"""Names of sources before they are open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Optional, Union

import numpy as np

from ..errors import OptionError
from ..following import StreamSource
from ..sources import Source
from ..support.checks import check_type, is_text, shown
from ..support.credentials import without_credentials

_NAMED = re.compile(r"(\s*[^\s=/\\:?&@][^=/\\:?&@]*)=(.*)", re.DOTALL)


def source_name(source: StreamSource) -> str:
    """The name of a source before it is open."""
    if isinstance(source, Source):
        return source.name
    if isinstance(source, int) or (isinstance(source, str) and source.isdecimal()):
        return f"camera {source}"
    if isinstance(source, (str, Path)):
        return without_credentials(str(source))
    return "source" if callable(source) else "iterable of frames"


def split_names(texts: Sequence[str]) -> tuple[list[str], list[Optional[str]]]:
    """Parse SOURCE or NAME=SOURCE from a command line -> the sources, and the name of each or None.

    A name has none of the characters of paths and URLs, which may contain "=" too; so may an existing file.

    >>> split_names(["door=0", "rtsp://yard/live?channel=1"])
    (['0', 'rtsp://yard/live?channel=1'], ['door', None])

    Raises:
        OptionError: no source follows a name, or two have the same name.
    """
    sources: list[str] = []
    names: list[Optional[str]] = []
    for text in texts:
        named = _NAMED.fullmatch(text)
        is_file = named is not None and is_text(text) and Path(text).exists()
        name, source = (None, text) if named is None or is_file else (named[1].strip(), named[2])
        if source == "" and name is not None:
            raise OptionError(f"The source {text!r} was given; expected SOURCE or NAME=SOURCE, such as {name}=0.")
        if name is not None and name in names:
            raise OptionError(f"Two sources are named {name!r}; give each a name of its own.")
        sources.append(source)
        names.append(name)
    return sources, names


def named_sources(
    sources: Union[Mapping[str, StreamSource], Iterable[StreamSource]], names: Sequence[Optional[str]] = ()
) -> dict[str, StreamSource]:
    """Give each source a unique name: the caller's, or :func:`source_name`, with a number if two are the same.

    Args:
        sources: a dict with names, or a list.
        names: the name of each source in a list, or None.

    >>> named_sources([0, "door.mp4", "door.mp4"])
    {'camera 0': 0, 'door.mp4': 'door.mp4', 'door.mp4 (2)': 'door.mp4'}
    """
    if isinstance(sources, (str, Path, int, Source)):  # a source is iterable too, but yields frames
        raise OptionError(f"{sources!r} was given; expected several sources, a list or a dict of names: [{sources!r}].")
    if isinstance(sources, Mapping):
        for name in sources:
            check_type("sources", name, str, "names that are text")
        return dict(sources)
    if not isinstance(sources, Iterable) or isinstance(sources, np.ndarray):
        raise OptionError(f"sources={shown(sources)} was given; expected several sources, a list or a dict of names.")
    named: dict[str, StreamSource] = {}
    for source, given in zip_longest(sources, names):
        name, number = source_name(source) if given is None else given, 1
        unique = name
        while unique in named or (given is None and unique in names):
            number += 1
            unique = f"{name} ({number})"
        named[unique] = source
    return named
