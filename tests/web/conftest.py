"""Fixtures for the tests of the web page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from support.system import threads_named
from support.telling import Told
from web_browser import DESK, Page, open_browser
from web_feed import LABELS

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
    assert threads_named("edgevid web") == []


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = open_browser(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    """The browser, with a desktop screen. At the end, the page must have logged no error and contacted nobody else."""
    chromium.get("about:blank")
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    yield Page(chromium).look(*DESK)
    asked = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    requests = [a["params"]["request"]["url"] for a in asked if a["method"] == "Network.requestWillBeSent"]
    requests += [a["params"]["url"] for a in asked if a["method"] == "Network.webSocketCreated"]
    assert requests, "the log of requests is empty"
    assert [
        url
        for url in requests
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "blob:http://127.0.0.1:"))
    ] == []
    # A server that a test stopped cannot be reached: that is no error of the page.
    complaints = [
        entry["message"] for entry in chromium.get_log("browser") if "ERR_CONNECTION_REFUSED" not in entry["message"]
    ]
    assert complaints == []
    chromium.get("about:blank")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, its key, that key with a password, another key, and both in one file."""
    openssl, folder = shutil.which("openssl"), tmp_path_factory.mktemp("tls")
    if openssl is None:
        pytest.skip("openssl is not installed")
    curve = "ec -pkeyopt ec_paramgen_curve:prime256v1"
    for command in (
        f"req -x509 -newkey {curve} -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=here "
        "-addext subjectAltName=IP:127.0.0.1",
        "pkey -in key.pem -aes256 -passout pass:secret -out locked.pem",
        "ecparam -name prime256v1 -genkey -noout -out other.pem",
    ):
        subprocess.run([openssl, *command.split()], cwd=folder, check=True, capture_output=True)
    (folder / "both.pem").write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    (folder / "der.pem").write_bytes(b"\x30\x82\x01\x0a")
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return folder
