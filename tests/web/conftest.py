"""Fixtures for the tests of the web page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable, Optional

import pytest
from support.telling import Told
from web_feed import LABELS
from web_waiting import web_threads

from edgevid.outputs.web import WebServer


@pytest.fixture
def serve() -> Iterator[Callable[..., Told]]:
    """``serve(**options)`` starts a server on a free port. At the end all are closed, and no thread may be left."""
    pytest.importorskip("aiohttp", reason="the extra 'web' is not installed")
    servers: list[Told] = []

    def start(labels: Any = LABELS, *, window_seconds: Optional[float] = None, **options: Any) -> Told:
        server = Told(WebServer(labels, **{"port": 0, **options}), window_seconds)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()
    assert web_threads() == []
