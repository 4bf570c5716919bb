"""The page through a real nginx and a real Caddy, configured as examples/security.md says."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, NamedTuple
from urllib.parse import urlsplit

import pytest
from support.mosquitto import wait_for
from support.system import free_port
from support.telling import Told
from web_browser import Page
from web_client import Watching, get
from web_feed import observation, prediction

TOKEN = "a-long-enough-token"
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CADDY = shutil.which("caddy")


def nginx(guide: str, ports: tuple[int, int], certificate: Path, folder: Path) -> list[str]:
    """Write the configuration of the guide, and return the command that runs it."""
    assert NGINX is not None
    location = re.search(r"^    location / \{\n.*?^    \}\n", guide, re.DOTALL | re.MULTILINE)
    assert location is not None
    temporary = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; events {{}}\n"
        + ("user root;\n" if folder.owner() == "root" else "")
        + f"http {{ access_log off; {temporary} server {{\n"
        f"listen 127.0.0.1:{ports[0]}; listen 127.0.0.1:{ports[1]} ssl;\n"
        f"ssl_certificate {certificate}; ssl_certificate_key {certificate};\n{location[0]}}} }}\n"
    )
    return [NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]


def caddy(guide: str, ports: tuple[int, int], certificate: Path, folder: Path) -> list[str]:
    assert CADDY is not None
    directive = re.search(r"`(reverse_proxy \S+)`", guide)
    assert directive is not None
    (folder / "Caddyfile").write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"http://127.0.0.1:{ports[0]} {{\n {directive[1]}\n}}\n"
        f"https://127.0.0.1:{ports[1]} {{\n tls {certificate} {certificate}\n {directive[1]}\n}}\n"
    )
    return [CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES = [
    pytest.param(nginx, id="nginx", marks=pytest.mark.skipif(NGINX is None, reason="nginx is not installed")),
    pytest.param(caddy, id="caddy", marks=pytest.mark.skipif(CADDY is None, reason="caddy is not installed")),
]


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        )

    def answers() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        try:
            return get(f"http://127.0.0.1:{port}", "/healthz").status == 200
        except OSError:
            return False

    try:
        wait_for(answers, "the proxy passes on what is asked")
        yield
    finally:
        process.terminate()
        process.wait(20)


class Front(NamedTuple):
    """A server, the addresses of the proxy in front of it, and a context that trusts its certificate."""

    server: Told
    http: str
    https: str
    tls: ssl.SSLContext


@pytest.fixture(params=PROXIES)
def front(
    request: pytest.FixtureRequest,
    serve: Callable[..., Told],
    certificates: Path,
    repository: Path,
    tmp_path: Path,
) -> Iterator[Front]:
    server = serve(token=TOKEN, proxies=["127.0.0.1"])
    guide = (repository / "examples" / "security.md").read_text(encoding="utf-8")
    assert guide.count("127.0.0.1:8080") == 2
    guide = guide.replace("127.0.0.1:8080", f"127.0.0.1:{urlsplit(server.url).port}")
    ports = free_port(), free_port()
    with running(request.param(guide, ports, certificates / "both.pem", tmp_path), ports[0], tmp_path):
        yield Front(
            server,
            f"http://127.0.0.1:{ports[0]}",
            f"https://127.0.0.1:{ports[1]}",
            ssl.create_default_context(cafile=str(certificates / "cert.pem")),
        )


def test_page_and_its_updates_come_through(front: Front):
    assert get(front.http).status == 401
    assert get(front.http, f"/?token={TOKEN}").status == 200
    watching = Watching(front.http, token=TOKEN, Origin=front.http)
    assert watching.status == 101
    front.server.observe(observation())
    state, pictures = watching.next()
    assert [source["name"] for source in state["sources"]] == ["camera 0"]
    assert pictures[0].startswith(b"\xff\xd8")
    watching.close()


def test_what_the_browser_keeps_is_sent_by_https_only_where_it_came_by_https(front: Front):
    answer = get(front.https, f"/?token={TOKEN}", tls=front.tls, Origin=front.https)
    assert answer.status == 200
    assert "; secure" in answer.headers["Set-Cookie"].lower()
    assert "; secure" not in get(front.http, f"/?token={TOKEN}").headers["Set-Cookie"].lower()


def test_page_of_another_site_may_not_watch(front: Front):
    assert Watching(front.http, token=TOKEN, Origin="http://evil.example").status == 403


@pytest.mark.skipif(sys.platform != "linux", reason="this system has one loopback address")
def test_guesses_are_counted_by_who_makes_them_and_not_by_what_they_say(front: Front):
    for number in range(10):
        guess = {"Authorization": f"Bearer {number}", "X_Forwarded_For": f"203.0.113.{number}"}
        assert get(front.http, source="127.0.0.2", **guess).status == 403
    right = {"Authorization": f"Bearer {TOKEN}", "X_Forwarded_For": "203.0.113.99"}
    assert get(front.http, source="127.0.0.2", **right).status == 429
    assert get(front.http, source="127.0.0.3", **right).status == 200


def test_page_lives_in_a_browser(front: Front, page: Page):
    page.open(f"{front.http}/?token={TOKEN}")
    for label, name in enumerate(("JumpingJack", "Lunges")):
        best = label * 3
        front.server.observe(observation(timestamp=label + 1.0, predicted=prediction(best, timestamp=label + 1.0)))
        page.shows(".detail", name)
