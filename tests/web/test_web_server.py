"""edgevid.outputs.web.WebServer, asked by clients of all kinds."""

from __future__ import annotations

import builtins
import contextlib
import gc
import logging
import re
import socket
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from support.system import open_files, threads_named
from support.telling import Paced, Told
from support.waiting import wait_until
from web_client import Watching, connect, get
from web_feed import LABELS, observation, prediction, status

from edgevid import EdgevidError, ExtraNotInstalledError, OptionError
from edgevid.events import Began
from edgevid.frames import Region
from edgevid.outputs.web import WebServer

pytest.importorskip("aiohttp", reason="the extra 'web' is not installed")
from edgevid.outputs.web import clients, connection, site

Serve = Callable[..., Told]
TOKEN = "a-long-enough-token"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not wait long for browsers."""
    monkeypatch.setattr(clients, "HEARTBEAT_SECONDS", 1.0)
    monkeypatch.setattr(clients, "SEND_SECONDS", 1.0)
    monkeypatch.setattr(connection, "CONNECTION_SECONDS", 1.0)


class TestPageAndFiles:
    def test_page_names_the_title_as_text(self, serve: Serve):
        answer = get(serve(title="<script>alert(1)</script>").url)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
        assert "<script>alert" not in answer.text

    def test_every_file_that_the_page_asks_for_is_there(self, serve: Serve):
        server = serve()
        page = Path(site.__file__).parent / "page"
        for name in (path.name for path in page.iterdir() if path.suffix != ".html"):
            answer = get(server.url, f"/{name}")
            assert (answer.status, answer.body) == (200, (page / name).read_bytes()), name
            assert answer.headers.get_content_type() in ("text/css", "text/javascript", "image/svg+xml")

    @pytest.mark.parametrize(
        "path", ["/", "/page.js", "/api/state", "/nothing", "/api/picture/0.jpg", "/healthz", "/ws"]
    )
    def test_headers_that_keep_others_out(self, serve: Serve, path: str):
        headers = get(serve().url, path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "aiohttp" not in headers["Server"]

    @pytest.mark.parametrize(
        "path", ["/nothing", "/../server.py", "/..%2fserver.py", "/page/page.js", "/index.html", "/error.html"]
    )
    def test_nothing_else_is_served(self, serve: Serve, path: str):
        answer = get(serve().url, path)
        assert answer.status == 404
        assert "the page is at /" in answer.text

    def test_only_reading(self, serve: Serve):
        with connect(serve().url) as raw:
            raw.sendall(b"POST /api/state HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 405")


class TestEndpoints:
    def test_state_for_programs(self, serve: Serve):
        server = serve(title="Hall")
        predicted = prediction(2, 0.9, timestamp=7.0, region=Region(0.25, 0.5, 0.75, 1.0))
        server.status(status("opened", "Opened."))
        server.observe(observation(timestamp=7.0, predicted=predicted, events=[Began(LABELS[2], 7.0, 0.9)]))
        state = get(server.url, "/api/state").json()
        (source,) = state["sources"]
        assert (state["title"], state["labels"]) == ("Hall", list(LABELS))
        assert set(state["machine"]) == {"temperature_celsius", "load"}
        assert (source["name"], source["state"]) == ("camera 0", "running")
        assert source["prediction"]["label"] == LABELS[2]
        assert source["prediction"]["accepted"] is True
        assert source["prediction"]["region"] == [0.25, 0.5, 0.75, 1.0]
        assert len(source["prediction"]["top"]) == 5
        assert [event["label"] for event in source["events"]] == [LABELS[2]]
        assert get(server.url, source["picture"]).headers["Content-Type"] == "image/jpeg"

    @pytest.mark.parametrize("name", ["camera 0", "/dev/video0", "videos/a b.mp4", "ü?#%.jpg"])
    def test_picture_by_number_and_by_name(self, serve: Serve, name: str):
        server = serve()
        server.observe(observation(name, image=np.full((30, 40, 3), 200, np.uint8)))
        for path in ("/api/picture/0.jpg", f"/api/picture/{quote(name, safe='')}.jpg"):
            image = cv2.imdecode(np.frombuffer(get(server.url, path).body, np.uint8), 1)
            assert image.shape == (30, 40, 3)
            assert abs(int(image.mean()) - 200) < 3

    def test_picture_of_no_source_says_where_the_names_are(self, serve: Serve):
        server = serve()
        server.status(status("opened"))  # known, but without a frame
        for name in ("0", "7", "<b>"):
            answer = get(server.url, f"/api/picture/{quote(name)}.jpg")
            assert answer.status == 404
            assert "/api/state names the sources" in answer.json()["error"]

    def test_health(self, serve: Serve):
        assert get(serve(host="0.0.0.0").url, "/healthz", Host="localhost").text == "ok"

    def test_websocket_without_one(self, serve: Serve):
        answer = get(serve().url, "/ws")
        assert (answer.status, "open / instead" in answer.json()["error"]) == (426, True)


class TestToken:
    @pytest.fixture
    def url(self, serve: Serve) -> str:
        server = serve(host="0.0.0.0", token=TOKEN)
        server.observe(observation())
        return f"http://127.0.0.1:{server.url.split(':')[2]}"

    @pytest.mark.parametrize("path", ["/", "/api/state", "/api/picture/0.jpg", "/ws", "/nothing"])
    def test_without_it_words_say_what_to_do(self, url: str, path: str):
        missing, wrong = get(url, path), get(url, f"{path}?token=another-token")
        assert (missing.status, wrong.status) == (401, 403)
        assert missing.headers["WWW-Authenticate"] == "Bearer"
        for answer in (missing, wrong):
            text = answer.json()["error"] if path.startswith(("/api", "/ws")) else answer.text
            assert "Open the address that edgevid printed" in text
            assert TOKEN not in answer.text

    def test_page_asks_for_it(self, url: str):
        assert '<input id="token" name="token"' in get(url).text
        assert '<form action="/" method="get" >' in get(url).text

    def test_first_use_keeps_it_in_a_cookie_that_scripts_and_other_sites_do_not_get(self, url: str):
        answer = get(url, f"/?token={TOKEN}")
        cookie = answer.headers["Set-Cookie"]
        assert answer.status == 200
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert get(url, Cookie=cookie.split(";")[0]).status == 200
        assert get(url, "/api/state", Cookie=cookie.split(";")[0]).status == 200

    def test_no_cookie_without_the_token(self, url: str):
        assert "Set-Cookie" not in get(url, "/?token=another-token").headers
        assert "Set-Cookie" not in get(url, Authorization=f"Bearer {TOKEN}").headers

    def test_programs_send_it_in_a_header_or_the_address(self, url: str):
        assert get(url, "/api/state", Authorization=f"Bearer {TOKEN}").status == 200
        assert get(url, f"/api/state?token={TOKEN}").status == 200

    def test_websocket_wants_it_too(self, url: str):
        assert Watching(url).status == 401
        assert Watching(url, token="another-token").status == 403
        watching = Watching(url, token=TOKEN)
        assert watching.status == 101
        assert watching.next()[0]["sources"]

    def test_network_has_one_without_being_told(self, serve: Serve):
        server = serve(host="0.0.0.0")
        url, _, query = server.url.partition("?")
        assert query.startswith("token=")
        assert get(url).status == 401
        assert get(url, f"/?{query}").status == 200


class TestNamesAndOrigins:
    def test_name_that_another_site_pointed_here_is_refused(self, serve: Serve):
        url = serve().url
        for path in ("/", "/api/state", "/healthz", "/page.js"):
            assert get(url, path, Host="evil.example:8080").status == 403
            assert get(url, path, Host="localhost:8080").status == 200

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
    def test_websocket_of_another_page_is_refused(self, serve: Serve, origin: str):
        assert Watching(serve().url, Origin=origin).status == 403

    def test_websocket_of_its_own_page_is_open(self, serve: Serve):
        url = serve().url
        assert Watching(url, Origin=url.rstrip("/")).status == 101


class TestUpdates:
    def test_first_one_has_everything(self, serve: Serve):
        server = serve(title="Hall", history_seconds=300)
        server.observe(observation(timestamp=3.0, predicted=prediction(1, 0.8), events=[Began(LABELS[1], 3.0, 0.8)]))
        state, (jpeg,) = Watching(server.url).next()
        (source,) = state["sources"]
        assert (state["title"], state["labels"], state["history_seconds"]) == ("Hall", list(LABELS), 300)
        assert source["prediction"]["best"] == 1
        assert source["prediction"]["scores"][1] == pytest.approx(0.8)
        assert source["timeline"]["intervals"] == [[0, LABELS[1], 3.0, None, 0.8, None, None, "#0072b2"]]
        assert source["timeline"]["points"] == [[3.0, 1, 0.8, True]]
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).shape == (48, 64, 3)
        assert source["picture_size"] == [64, 48]

    def test_next_one_has_what_is_new(self, serve: Serve):
        server = serve()
        server.observe(observation(timestamp=3.0, predicted=prediction(1, 0.8)))
        watching = Watching(server.url)
        watching.next()
        server.observe(observation(timestamp=4.0, predicted=prediction(2, 0.9)))
        state, pictures = watching.next()
        assert "labels" not in state
        assert state["sources"][0]["timeline"]["points"] == [[4.0, 2, 0.9, False]]
        assert len(pictures) == 1

    def test_browser_that_was_slow_gets_the_newest_and_one_picture(self, serve: Serve):
        server = serve()
        watching = Watching(server.url)
        watching.next()
        for i in range(500):
            server.observe(observation(timestamp=i / 10, predicted=prediction(i % 10, 0.9)))
        state, pictures = watching.next()
        assert state["sources"][0]["timestamp"] == pytest.approx(49.9)
        assert len(pictures) == 1

    def test_quiet_source_does_not_look_like_a_dead_connection(self, serve: Serve, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(clients, "_KEEP_ALIVE_SECONDS", 0.2)
        watching = Watching(serve().url)
        watching.next()
        assert watching.next()[0]["sources"] == []

    def test_browser_that_does_not_ask_is_sent_nothing(self, serve: Serve):
        server = serve()
        watching = Watching(server.url)
        watching.next()
        for i in range(50):
            server.observe(observation(timestamp=i / 10))
        other = Watching(server.url)
        other.next()  # the server has had its turn
        watching.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            watching.socket.recv(1)

    def test_nothing_is_encoded_while_nobody_watches(self, serve: Serve):
        server = serve()
        for i in range(100):
            server.observe(observation(timestamp=i / 10))
        assert server._pictures.encoded == 0

    def test_event_of_a_kind_that_is_not_known_is_shown_by_its_kind(self, serve: Serve):
        server = serve()
        server.observe(observation(timestamp=3.0, predicted=prediction(1, 0.8), events=[Began(LABELS[1], 3.0, 0.8)]))
        server.events("camera 0", [Paced(LABELS[1], 3.0, 12, 31.25)])
        (source,) = Watching(server.url).next()[0]["sources"]
        assert source["timeline"]["intervals"] == [
            [0, LABELS[1], 3.0, None, 0.8, None, None, "#0072b2"], [1, LABELS[1], 3.0, 3.0, None, "paced", None, "#0072b2"],
        ]  # fmt: skip
        assert [event["label"] for event in get(server.url, "/api/state").json()["sources"][0]["events"]] == [LABELS[1]]

    def test_two_sources_have_two_pictures(self, serve: Serve):
        server = serve()
        for name, level in (("a", 30), ("b", 220)):
            server.observe(observation(name, image=np.full((20, 20, 3), level, np.uint8)))
        state, pictures = Watching(server.url).next()
        assert [source["name"] for source in state["sources"]] == ["a", "b"]
        means = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).mean() for jpeg in pictures]
        assert means == pytest.approx([30, 220], abs=3)


class TestBadClients:
    def test_next_browser_after_the_last_is_told_why(self, serve: Serve):
        url = serve(max_clients=2).url
        watching = [Watching(url) for _ in range(2)]
        assert [one.status for one in watching] == [101, 101]
        assert Watching(url).status == 503
        assert "2 browsers are connected already" in get(url, "/ws").json()["error"]
        assert get(url).status == 200
        watching[0].close()

        def free() -> bool:
            one = Watching(url)
            one.close()
            return one.status == 101

        wait_until(free)

    @pytest.mark.usefixtures("impatient")
    def test_hundred_browsers_that_stop_reading_cost_the_stream_nothing(self, serve: Serve):
        server = serve(max_clients=8)
        rng = np.random.default_rng(1)
        images = [rng.integers(0, 256, (480, 640, 3), np.uint8).astype(np.uint8) for _ in range(3)]  # large JPEGs
        browsers, refused = [], 0
        for i in range(100):
            browser = Watching(server.url)
            if browser.status == 101:
                with contextlib.suppress(OSError):
                    for _ in range(20):
                        browser.ask()  # more than it will read
                browsers.append(browser)
            else:
                assert browser.status == 503
                refused += 1
            server.observe(observation(timestamp=i / 10, image=images[i % 3], predicted=prediction()))
        assert len(browsers) + refused == 100
        assert refused > 0
        for browser in browsers:  # none of them continues to read: each one is cut off, whatever it asked for
            assert browser.is_cut()
        wait_until(lambda: Watching(server.url).status == 101)
        assert get(server.url, "/api/state").json()["sources"][0]["timestamp"] == pytest.approx(9.9)

    def test_what_waits_for_a_browser_that_does_not_read_is_bounded(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(clients, "SEND_SECONDS", 2.0)
        sent: list[int] = []
        real = clients.Client._update

        def counted(client: Any, first: bool) -> bytes:
            message = real(client, first)
            sent.append(len(message))
            return message

        monkeypatch.setattr(clients.Client, "_update", counted)
        server = serve(picture_fps=60)
        image = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8).astype(np.uint8)
        greedy = Watching(server.url)
        greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        stop = time.monotonic() + 30
        left = False
        while not left and time.monotonic() < stop:
            server.observe(observation(timestamp=time.monotonic(), image=image))
            try:
                greedy.ask()
            except OSError:
                left = True
            time.sleep(0.03)
        assert left, "a browser that does not read was not cut"
        assert sum(sent) < 5_000_000

    @pytest.mark.usefixtures("impatient")
    def test_browser_that_vanished_without_a_word_is_cut(self, serve: Serve):
        url = serve(max_clients=1).url
        gone = Watching(url)  # answers no ping
        gone.next()
        assert gone.is_cut()
        wait_until(lambda: Watching(url).status == 101)

    @pytest.mark.usefixtures("impatient")
    def test_connection_that_is_over_is_forgotten_at_once(self, serve: Serve, monkeypatch: pytest.MonkeyPatch):
        """Not when its time would be over: thousands a second came to hundreds of MB."""
        monkeypatch.setattr(connection, "CONNECTION_SECONDS", 3600.0)
        url = serve().url
        for _ in range(20):
            connect(url).close()

        def kept() -> int:
            gc.collect()
            return sum(isinstance(thing, connection.Connection) for thing in gc.get_objects())

        assert get(url, "/healthz").text == "ok"
        wait_until(lambda: kept() == 0)

    def test_connection_that_says_nothing_is_cut(self, serve: Serve):
        url = serve().url
        for words in (b"", b"GET / HTT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"):
            with connect(url) as raw:
                raw.sendall(words)
                with contextlib.suppress(ConnectionError):
                    while raw.recv(4096):
                        pass

    @pytest.mark.parametrize(
        "payload",
        [(b"\xff\xfe", 1), (b"next", 2), (b"x" * 100, 1), (b"", 3), (b"", 9), (b"", 8)],
        ids=str,
    )
    def test_rubbish_on_a_websocket_harms_only_the_one_who_sent_it(self, serve: Serve, payload: tuple[bytes, int]):
        server = serve()
        bad, good = Watching(server.url), Watching(server.url)
        bad.send(*payload)
        server.observe(observation())
        assert good.next()[0]["sources"]

    def test_flood_of_requests_is_cut(self, serve: Serve):
        flooding = Watching(serve().url)
        with contextlib.suppress(OSError):
            for _ in range(10**6):
                flooding.send(b"next" * 10)
        assert flooding.is_cut()

    def test_rubbish_instead_of_http_is_answered_or_cut_and_printed_nowhere(
        self, serve: Serve, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ):
        url = serve().url
        for words in (
            b"\x16\x03\x01\x02\x00\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: \xff\r\n\r\n",
        ):
            with connect(url) as raw:
                raw.sendall(words)
                answer = b"".join(iter(lambda: raw.recv(4096), b""))
                assert re.match(rb"HTTP/1.\d 4\d\d ", answer)
                assert b"Content-Security-Policy: default-src 'none'" in answer
                assert b"Server: edgevid\r\n" in answer
                assert not re.search(rb"aiohttp|python", answer, re.IGNORECASE)
        assert get(url, "/healthz").text == "ok"
        assert capfd.readouterr() == ("", "")
        assert all(
            record.name.startswith(("edgevid", "asyncio"))
            for record in caplog.records
            if record.levelno >= logging.ERROR
        )

    def test_picture_that_cannot_be_encoded_harms_nobody(self, serve: Serve):
        server = serve()
        server.observe(observation("bad", image=np.zeros((70000, 1, 3), np.uint8)))
        server.observe(observation("good"))
        state, pictures = Watching(server.url).next()
        assert [source["name"] for source in state["sources"]] == ["bad", "good"]
        assert len(pictures) == 1


class TestLife:
    def test_close_leaves_no_thread_and_no_socket(self):
        WebServer(LABELS, port=0).close()  # what the first import opens
        before = len(open_files())
        server = Told(WebServer(LABELS, port=0))
        with server:
            server.observe(observation())
            watching, idle = Watching(server.url), connect(server.url)
            watching.next()
        assert threads_named("edgevid web") == []
        watching.close()
        idle.close()
        assert len(open_files()) == before

    def test_what_it_has_shown_is_forgotten_with_it(self):
        server = WebServer(LABELS, port=0)
        with server:
            get(f"{server.url}api/state")
        shown = weakref.ref(server._board)
        del server
        gc.collect()
        assert shown() is None

    def test_browsers_are_told_that_it_stops(self, serve: Serve):
        server = serve()
        watching = Watching(server.url)
        watching.next()
        closer = threading.Thread(target=server.close)
        closer.start()
        while (frame := watching.receive())[0] != 8:
            pass
        assert frame[1] == b"\x03\xe9edgevid has stopped"  # 1001: going away
        closer.join()

    def test_the_last_state_reaches_who_watches(self, serve: Serve):
        server = serve()
        watching = Watching(server.url)
        watching.next()
        watching.ask()
        server.status(status("ended", "The file ended."))
        server.close()
        assert watching.update()[0]["sources"][0]["message"] == "The file ended."

    def test_close_does_not_wait_for_a_browser_that_does_not_read(self, serve: Serve):
        server = serve()
        watching = [Watching(server.url) for _ in range(8)]
        for one in watching:
            one.ask()
        server.close()
        assert threads_named("edgevid web") == []

    def test_same_port_again_at_once(self, serve: Serve):
        first = serve()
        port = int(first.url.rstrip("/").rsplit(":", 1)[1])
        watching = Watching(first.url)
        watching.next()
        first.close()
        assert Watching(serve(port=port).url).status == 101

    def test_port_in_use_is_said_by_start(self, serve: Serve):
        port = int(serve().url.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(EdgevidError, match=rf"{port}: another program uses this port"):
            serve(port=port)

    def test_closing_twice_and_before_the_start(self):
        server = WebServer(LABELS, port=0)
        server.close()
        server.close()
        with pytest.raises(EdgevidError, match="make a new WebServer for each run"):
            server.start()

    def test_starting_twice(self, serve: Serve):
        with pytest.raises(EdgevidError, match="make a new WebServer for each run"):
            serve().start()

    def test_telling_a_closed_server_does_nothing(self, serve: Serve):
        server = serve()
        server.close()
        server.observe(observation())
        server.status(status("ended"))

    def test_leaving_by_an_error_closes(self):
        with pytest.raises(KeyError), WebServer(LABELS, port=0):
            raise KeyError
        assert threads_named("edgevid web") == []

    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
    def test_ipv6(self, serve: Serve):
        server = serve(host="::1")
        assert server.url.startswith("http://[::1]:")
        assert get(server.url, "/healthz").text == "ok"


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "value"),
        [("port", -1), ("port", 65536), ("port", "8080"), ("port", True), ("max_clients", 0), ("max_clients", 1.5),
         ("picture_width", 0), ("picture_fps", 0), ("picture_fps", float("nan")), ("picture_fps", 1000), ("history_seconds", 0)],
    )  # fmt: skip
    def test_value_outside_its_range(self, option: str, value: object):
        with pytest.raises(OptionError, match=f"^{option}="):
            WebServer(LABELS, **{option: value})

    def test_without_aiohttp_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch):
        real = builtins.__import__

        def absent(name: str, *args: Any, **kwargs: Any) -> Any:
            if name == "aiohttp":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", absent)
        with pytest.raises(ExtraNotInstalledError, match=r"pip install -e .*\[web\]'"):
            WebServer(LABELS)

    def test_labels_of_another_recogniser(self, serve: Serve):
        with pytest.raises(OptionError, match="give WebServer the labels of the recogniser"):
            serve(("one", "two")).observe(observation(predicted=prediction()))
