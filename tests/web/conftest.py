"""Fixtures for the tests of the web page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

import pytest
from web_feed import LABELS
from web_waiting import web_threads

from edgevid.outputs.web import WebServer


@pytest.fixture
def serve() -> Iterator[Callable[..., WebServer]]:
    """``serve(**options)`` starts a server on a free port. At the end all are closed, and no thread may be left."""
    pytest.importorskip("aiohttp", reason="the extra 'web' is not installed")
    servers: list[WebServer] = []

    def start(labels: Any = LABELS, **options: Any) -> WebServer:
        server = WebServer(labels, **{"port": 0, **options})
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()
    assert web_threads() == []
