"""edgevid.outputs.web.address and edgevid.outputs.web.access: where the page is, and who may look."""

from __future__ import annotations

import socket

import pytest

from edgevid import EdgevidError, OptionError
from edgevid.outputs.web import DEFAULT_ADDRESS, parse_address
from edgevid.outputs.web.access import Access
from edgevid.outputs.web.address import is_loopback, listen, page_url


class TestParseAddress:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0.0.0.0:9000", ("0.0.0.0", 9000)),
            ("9000", ("127.0.0.1", 9000)),
            ("0", ("127.0.0.1", 0)),
            (":8081", ("127.0.0.1", 8081)),
            ("0.0.0.0", ("0.0.0.0", 8080)),
            ("localhost", ("localhost", 8080)),
            ("pi-4.local:80", ("pi-4.local", 80)),
            ("[::1]:8081", ("::1", 8081)),
            ("[::]", ("::", 8080)),
            ("::1", ("::1", 8080)),
            ("::1:8080", ("::1:8080", 8080)),  # an address of IPv6: brackets tell it from a port
            (" 127.0.0.1:65535 ", ("127.0.0.1", 65535)),
            (DEFAULT_ADDRESS, ("127.0.0.1", 8080)),
        ],
    )
    def test_host_port_and_what_is_left_out(self, text: str, expected: tuple[str, int]):
        assert parse_address(text) == expected

    @pytest.mark.parametrize(
        "text",
        ["", " ", ":", "host:", "65536", "host:65536", "host:-1", "host:x", "a b", "http://host:80", "[::1", "[::1]80",
         "[host]:1", "-h", "host:80:80", "²", "host:٣", "user@host", "host/x", "1" * 400],
    )  # fmt: skip
    def test_anything_else_is_refused_with_an_example(self, text: str):
        with pytest.raises(OptionError, match=r"expected HOST:PORT, HOST or PORT.*0\.0\.0\.0:8080"):
            parse_address(text)


class TestListen:
    def test_port_in_use_names_another_one(self):
        with listen("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(EdgevidError, match=rf"{port}: another program uses this port.*{port + 1}, or port 0"):
                listen("127.0.0.1", port)

    @pytest.mark.parametrize("host", ["192.0.2.77", "no-such-host.invalid"])
    def test_address_of_another_machine_says_what_to_use(self, host: str):
        with pytest.raises(EdgevidError, match=r"not an address of this machine. Use 127\.0\.0\.1.*or 0\.0\.0\.0"):
            listen(host, 0)

    def test_localhost_is_ipv4(self):
        with listen("localhost", 0) as listener:
            assert listener.getsockname()[0] == "127.0.0.1"

    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
    def test_all_networks_of_ipv6_are_those_of_ipv4_too(self):
        with listen("::", 0) as listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5):
            pass

    @pytest.mark.parametrize(
        ("host", "expected"),
        [("127.0.0.1", True), ("127.0.0.2", True), ("::1", True), ("localhost", True), ("LOCALHOST.", True), ("0.0.0.0", False),
         ("::", False), ("192.168.1.4", False), ("pi.local", False), ("localhost.evil.com", False)],
    )  # fmt: skip
    def test_what_only_this_machine_reaches(self, host: str, expected: bool):
        assert is_loopback(host) is expected

    def test_url_has_brackets_and_the_token_quoted(self):
        assert page_url("::1", 80, "a+b/c&d=") == "http://[::1]:80/?token=a%2Bb%2Fc%26d%3D"
        assert page_url("127.0.0.1", 8080, None) == "http://127.0.0.1:8080/"

    def test_url_of_all_networks_is_one_that_can_be_opened(self):
        assert "0.0.0.0" not in page_url("0.0.0.0", 8080, None)
        assert "[::]" not in page_url("::", 8080, None)


CLIENT = "192.168.1.9"
LOCAL = {"Host": "127.0.0.1:8080"}
NETWORK = {"Host": "192.168.1.4:8080"}


class TestAccess:
    def test_this_machine_needs_no_token(self):
        access = Access("127.0.0.1", None)
        assert access.token is None
        assert access.refusal(LOCAL, None, None, CLIENT) is None

    def test_network_gets_a_token_that_nobody_guesses(self):
        tokens = {Access("0.0.0.0", None).token for _ in range(50)}
        assert len(tokens) == 50
        assert all(len(token or "") >= 20 for token in tokens)

    def test_token_by_address_header_or_cookie(self):
        access = Access("0.0.0.0", "a-long-token")
        bearer = {**NETWORK, "Authorization": "Bearer a-long-token"}
        assert access.refusal(NETWORK, "a-long-token", None, CLIENT) is None
        assert access.refusal(NETWORK, None, "a-long-token", CLIENT) is None
        assert access.refusal(bearer, None, None, CLIENT) is None

    def test_missing_token_is_401_and_a_wrong_one_403(self):
        access = Access("0.0.0.0", "a-long-token")
        missing = access.refusal(NETWORK, None, None, CLIENT)
        wrong = access.refusal(NETWORK, "a-long-tokeN", None, CLIENT)
        assert missing is not None
        assert wrong is not None
        assert (missing.status, wrong.status) == (401, 403)
        assert "address that edgevid printed" in missing.words
        assert "a new one at each start" in wrong.words

    @pytest.mark.parametrize("token", ["ü" * 12, "\udcff", "a" * 10000])
    def test_strange_tokens_are_just_wrong(self, token: str):
        refusal = Access("0.0.0.0", "a-long-token").refusal(NETWORK, token, None, CLIENT)
        assert refusal is not None
        assert refusal.status == 403

    @pytest.mark.parametrize("token", ["short", "", "with a space", "línea-larga", 12345678])
    def test_token_that_is_none_is_refused(self, token: object):
        with pytest.raises(OptionError, match="expected at least 8 letters"):
            Access("127.0.0.1", token)  # type: ignore[arg-type]

    @pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080", "LocalHost:80"])
    def test_names_of_this_machine(self, host: str):
        assert Access("127.0.0.1", None).refusal({"Host": host}, None, None, CLIENT) is None

    @pytest.mark.parametrize(
        "host",
        ["evil.com", "evil.com:8080", "localhost.evil.com", "127.0.0.1.evil.com", "evil@localhost", "", "192.168.1.4"],
    )
    def test_names_that_were_pointed_at_this_machine(self, host: str):
        for token in (None, "a-long-token"):
            refusal = Access("127.0.0.1", token).refusal({"Host": host}, "a-long-token", None, CLIENT)
            assert refusal is not None
            assert refusal.status == 403
            assert "only answers to the names localhost, 127.0.0.1 and [::1]" in refusal.words

    @pytest.mark.parametrize(
        "origin", ["http://evil.com", "http://127.0.0.1:3000", "null", "http://127.0.0.1", "", "http://[::1"]
    )
    def test_pages_of_others(self, origin: str):
        refusal = Access("127.0.0.1", None).refusal({**LOCAL, "Origin": origin}, None, None, CLIENT)
        assert refusal is not None
        assert refusal.status == 403

    def test_its_own_page(self):
        assert (
            Access("127.0.0.1", None).refusal({**LOCAL, "Origin": "http://127.0.0.1:8080"}, None, None, CLIENT) is None
        )
