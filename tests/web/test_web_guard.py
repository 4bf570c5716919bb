"""Who is kept from the page: endless connections and guesses, untrusted proxies; TLS."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

import pytest
from support.telling import Told
from support.waiting import wait_until
from web_client import Watching, get
from web_feed import observation

from edgevid import EdgevidError, OptionError
from edgevid.outputs.web import guesses
from edgevid.outputs.web.access import Access
from edgevid.outputs.web.guesses import Guesses
from edgevid.outputs.web.proxies import Proxies, party
from edgevid.outputs.web.tls import open_tls

Serve = Callable[..., Told]
TOKEN = "a-long-enough-token"
# All of 127.0.0.0/8 is this machine on Linux only
several_addresses = pytest.mark.skipif(sys.platform != "linux", reason="this system has one loopback address")


@contextlib.contextmanager
def silent(url: str, count: int, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Connections that send nothing."""
    where = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(where, timeout=20, source_address=(source, 0)))
            for _ in range(count)
        ]


class TestConnections:
    def test_one_address_gets_half_of_them_and_is_told_so(self, serve: Serve):
        url = serve(max_clients=1).url  # 20 in all
        with silent(url, 10):
            wait_until(lambda: get(url, "/healthz").status == 429)
            answer = get(url, "/healthz")
            assert answer.headers["Retry-After"] == "5"
            assert "connections from this address already" in answer.text
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Server"] == "edgevid"
        wait_until(lambda: get(url, "/healthz").status == 200)

    @several_addresses
    def test_eighty_that_say_nothing_lock_nobody_out(self, serve: Serve):
        url = serve(max_clients=1, host="0.0.0.0", token=TOKEN).url
        url = f"http://127.0.0.1:{urlsplit(url).port}/"
        with contextlib.ExitStack() as stack:
            for number in range(2, 6):
                stack.enter_context(silent(url, 20, f"127.0.0.{number}"))
            for _ in range(5):
                answer = get(url, source="127.0.0.9", Authorization=f"Bearer {TOKEN}")
                assert answer.status == 200

    @several_addresses
    def test_when_each_address_has_one_the_next_is_told_that_there_are_too_many(self, serve: Serve):
        url = serve(max_clients=1).url
        with contextlib.ExitStack() as stack:
            for number in range(2, 22):
                stack.enter_context(silent(url, 1, f"127.0.0.{number}"))
            wait_until(lambda: get(url, "/healthz").status == 503)
            assert "All connections to edgevid are taken" in get(url, "/healthz").text

    def test_who_watches_does_not_count_and_is_not_cut(self, serve: Serve):
        server = serve(max_clients=8)
        watching = [Watching(server.url) for _ in range(8)]
        with silent(server.url, 24):
            wait_until(lambda: get(server.url, "/healthz").status == 429)
            server.observe(observation())
            for one in watching:
                assert one.next()[0]["sources"]

    def test_proxy_may_have_as_many_as_there_are(self, serve: Serve):
        url = serve(max_clients=1, proxies=["127.0.0.1"]).url
        with silent(url, 12):
            assert get(url, "/healthz").status == 200


class TestGuesses:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [1000.0]
        monkeypatch.setattr(guesses.time, "monotonic", lambda: now[0])
        return now

    def test_ten_wrong_ones_a_minute(self, clock: list[float]):
        counted = Guesses()
        for i in range(10):
            assert counted.wait_seconds("a", [f"wrong {i}"]) == 0
            counted.note("a", [f"wrong {i}"])
            clock[0] += 1
        assert counted.wait_seconds("a", ["another"]) == 50
        assert counted.wait_seconds("b", ["another"]) == 0
        clock[0] += 50.1
        assert counted.wait_seconds("a", ["another"]) == 0

    def test_same_one_again_is_no_guess(self, clock: list[float]):
        counted = Guesses()
        for _ in range(100):
            counted.note("a", ["of the last run"])
        assert counted.wait_seconds("a", ["another"]) == 0

    def test_they_are_bounded(self, clock: list[float]):
        counted = Guesses()
        for i in range(10000):
            counted.note(f"{i}", ["wrong"])
        assert len(counted._wrong) < 5000

    def test_the_right_one_has_to_wait_too_and_each_address_for_itself(self):
        access = Access("0.0.0.0", TOKEN)

        def status(token: Optional[str], client: str = "192.168.1.9") -> int:
            refusal = access.refusal({"Host": "pi:8080"}, token, None, client)
            return 200 if refusal is None else refusal.status

        assert [status(f"wrong-{i}") for i in range(12)] == [403] * 10 + [429] * 2
        assert (status(TOKEN), status("wrong-3"), status(None)) == (429, 403, 401)
        assert status(TOKEN, "192.168.1.10") == 200

    def test_who_must_wait_is_told_for_how_long(self, serve: Serve):
        url = serve(token=TOKEN).url.partition("?")[0]
        assert [get(url, "/api/state", Authorization=f"Bearer {i}").status for i in range(10)] == [403] * 10
        answer = get(url, "/api/state", Authorization="Bearer another")
        assert answer.status == 429
        assert 50 <= int(answer.headers["Retry-After"]) <= 60
        assert "Too many wrong tokens came from 127.0.0.1" in answer.json()["error"]


class TestProxies:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "client"),
        [
            ("10.0.0.5", "203.0.113.7", "203.0.113.7"),
            ("10.0.0.5", "1.1.1.1, 203.0.113.7, 10.0.0.6", "203.0.113.7"),  # the client made up the first
            ("10.0.0.5", "", "10.0.0.5"),
            ("10.0.0.5", "203.0.113.7, unknown", "10.0.0.5"),
            ("::ffff:10.0.0.5", "2001:db8::7", "2001:db8::7"),
            ("192.0.2.1", "203.0.113.7", "192.0.2.1"),  # no proxy of ours
            ("", "203.0.113.7", ""),
        ],
    )
    def test_whose_word_is_taken_for_whom(self, peer: str, forwarded: str, client: str):
        assert Proxies(["10.0.0.0/24"]).client(peer, forwarded) == client

    def test_nobody_is_trusted_unless_named(self):
        assert not Proxies()
        assert Proxies().client("127.0.0.1", "203.0.113.7") == "127.0.0.1"

    @pytest.mark.parametrize("name", ["nginx", "", "10.0.0.0/33", "127.0.0.1:80", 1])
    def test_what_is_no_address_is_refused(self, name: Any):
        with pytest.raises(OptionError, match="expected its address or network"):
            Proxies([name])

    def test_neighbours_of_ipv6_count_as_one(self):
        assert party("2001:db8::1") == party("2001:db8::ffff:1") != party("2001:db8:0:1::1")
        assert party("::ffff:192.0.2.1") == party("192.0.2.1") != party("192.0.2.2")

    def test_behind_one_a_token_is_wanted_and_any_name_will_do(self, serve: Serve):
        server = serve(proxies=["127.0.0.1"])
        token = server.url.partition("?token=")[2]
        assert len(token) >= 20
        assert get(server.url, Host="pi.example.org").status == 401
        asked = {"Host": "pi.example.org", "X_Forwarded_For": "203.0.113.7", "X_Forwarded_Proto": "https"}
        answer = get(server.url, f"/?token={token}", **asked, Origin="https://pi.example.org")
        assert answer.status == 200
        assert "; secure" in answer.headers["Set-Cookie"].lower()

    def test_guesses_are_counted_for_each_who_asks_through_it(self, serve: Serve):
        server = serve(proxies=["127.0.0.1"], token=TOKEN)
        for i in range(10):
            get(server.url, X_Forwarded_For="203.0.113.7", Authorization=f"Bearer {i}")
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert get(server.url, X_Forwarded_For="203.0.113.7", **right).status == 429
        assert get(server.url, X_Forwarded_For="203.0.113.8", **right).status == 200

    def test_from_anybody_else_the_headers_count_for_nothing(self, serve: Serve):
        server = serve(token=TOKEN)
        url = server.url.partition("?")[0]
        for i in range(10):
            get(url, X_Forwarded_For=f"203.0.113.{i}", Authorization=f"Bearer {i}")
        assert get(url, X_Forwarded_For="203.0.113.99", Authorization=f"Bearer {TOKEN}").status == 429
        assert (
            "secure"
            not in get(serve(token=TOKEN).url, f"/?token={TOKEN}", X_Forwarded_Proto="https")
            .headers["Set-Cookie"]
            .lower()
        )


class TestTls:
    @pytest.mark.parametrize(("cert", "key"), [("cert.pem", "key.pem"), ("both.pem", None)])
    def test_page_is_served_by_https(self, serve: Serve, certificates: Path, cert: str, key: Optional[str]):
        server = serve(tls_cert=certificates / cert, tls_key=key and certificates / key, token=TOKEN)
        assert server.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(certificates / "cert.pem"))
        server.observe(observation())
        answer = get(server.url, f"/?token={TOKEN}", tls=trusted)
        assert answer.status == 200
        assert "; secure" in answer.headers["Set-Cookie"].lower()

    def test_who_speaks_no_tls_or_says_nothing_is_cut_and_harms_nobody(
        self, serve: Serve, certificates: Path, monkeypatch: pytest.MonkeyPatch
    ):
        from edgevid.outputs.web import connection

        monkeypatch.setattr(connection, "CONNECTION_SECONDS", 0.5)
        server = serve(tls_cert=certificates / "both.pem", max_clients=1)
        trusted = ssl.create_default_context(cafile=str(certificates / "cert.pem"))
        with silent(server.url, 10) as raws:
            raws[0].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while raws[0].recv(100):
                    pass
            for raw in raws[1:]:
                with contextlib.suppress(ConnectionError):
                    assert raw.recv(100) == b""
        assert get(server.url, "/healthz", tls=trusted).status == 200

    @pytest.mark.parametrize(
        ("cert", "key", "words"),
        [
            ("gone.pem", None, r"tls_cert=.*cannot be read: No such file"),
            (".", None, r"tls_cert=.*cannot be read: it is not a regular file"),
            ("pipe", None, r"tls_cert=.*cannot be read: it is not a regular file"),
            ("der.pem", "key.pem", r"tls_cert=.*holds no certificate in PEM form"),
            ("key.pem", "key.pem", r"tls_cert=.*holds no certificate in PEM form"),
            ("broken.pem", "key.pem", r"broken\.pem and .*cannot be used: .*copy them again"),
            ("cert.pem", None, r"tls_key=.*holds no key in PEM form"),
            ("cert.pem", "other.pem", r"other\.pem does not match the certificate .*cert\.pem"),
            ("cert.pem", "locked.pem", r"locked\.pem has a password.*openssl pkey"),
            ("a\0b", None, r"tls_cert=.*cannot be read"),
        ],
    )
    def test_files_that_will_not_do_are_named(self, certificates: Path, cert: str, key: Optional[str], words: str):
        if cert == "pipe":
            if not hasattr(os, "mkfifo"):
                pytest.skip("this system has no named pipes")
            os.mkfifo(certificates / "pipe")
        with pytest.raises(EdgevidError, match=words):
            open_tls(certificates / cert, key and certificates / key)

    def test_key_alone_is_refused(self):
        with pytest.raises(OptionError, match="give tls_cert too"):
            open_tls(None, "key.pem")
