"""Fixtures for the tests of the web page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from web_feed import LABELS

from edgevid.web import WebServer


def web_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "edgevid web"]


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Return once ``true()`` is; fail after ``seconds``, far more than it takes."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


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
