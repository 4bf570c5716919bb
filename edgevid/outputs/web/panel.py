"""What else a page shows and asks for, beside the sources: a program's own state and commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from ...errors import OptionError


class Panel(Protocol):
    """Something that a person works with on the page. Its methods are called from threads of the server.

    Attributes:
        name: the page shows the section of this name, and the commands are at ``/api/NAME/COMMAND``.
        version: grows with each change of :meth:`state`.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def state(self) -> dict[str, Any]:
        """All that is shown, for JSON."""

    def do(self, command: str, arguments: Mapping[str, str]) -> None:
        """Begin what was asked for; how it goes on shows in :meth:`state`.

        Raises:
            EdgevidError: it cannot be done, in words for the one who asked. KeyError: there is no such command.
        """


def arguments_of(body: bytes) -> dict[str, str]:
    """What came with a command: a JSON object of texts.

    Raises:
        OptionError: it is none.
    """
    try:
        arguments = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        arguments = None
    if isinstance(arguments, dict) and all(isinstance(value, str) for value in arguments.values()):
        return arguments
    raise OptionError('Expected a JSON object of texts, such as {"label": "wave"}.')
