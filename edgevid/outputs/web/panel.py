"""An additional section of the page: a program's own state and commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from ...errors import OptionError


class Panel(Protocol):
    """A section of the page for interaction. Its methods are called from threads of the server.

    Attributes:
        name: name of the section; its commands are at ``/api/NAME/COMMAND``.
        version: grows with each change of :meth:`state`.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    def state(self) -> dict[str, Any]:
        """The state to show, for JSON."""

    def do(self, command: str, arguments: Mapping[str, str]) -> None:
        """Start a command; its progress is shown by :meth:`state`.

        Raises:
            EdgevidError: it cannot be done; the message is for the user. KeyError: there is no such command.
        """


def arguments_of(body: bytes) -> dict[str, str]:
    """The arguments of a command: a JSON object of strings.

    Raises:
        OptionError: it is not one.
    """
    try:
        arguments = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        arguments = None
    if isinstance(arguments, dict) and all(isinstance(value, str) for value in arguments.values()):
        return arguments
    raise OptionError('Expected a JSON object of strings, such as {"label": "wave"}.')
