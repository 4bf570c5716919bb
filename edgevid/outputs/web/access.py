"""Access control: the token, the host name in the request, and the page that makes it."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple, Optional

from ...errors import OptionError
from .address import is_loopback
from .guesses import Guesses
from .proxies import party

COOKIE_SECONDS = 30 * 24 * 3600
_MIN_TOKEN_LENGTH = 8
_LOOPBACK_NAME = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?")
_WHERE = "Open the address that edgevid printed at its start, including ?token=..., or enter the token."
# Nothing from other sites, no inline code; no framing, no referrer; no copy in any cache.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "edgevid",
}


class Refusal(NamedTuple):
    """An HTTP status and a message that says what to do.

    Attributes:
        wants_token: whether a token would help.
        retry_seconds: when to try again; 0: unspecified.
    """

    status: int
    words: str
    wants_token: bool = False
    retry_seconds: int = 0


class Access:
    """The rules of one server.

    Args:
        host: the address that the server is bound to. Unless it is loopback, a token is needed; one is made if none is given.
        token: at least 8 characters from "!" to "~"; None: none, or a random one.
        behind_proxy: treat a server on loopback as public, because a proxy makes it so.

    Raises:
        OptionError: the token is too short or has other characters.
    """

    def __init__(self, host: str, token: Optional[str], *, behind_proxy: bool = False) -> None:
        if token is not None and not (
            isinstance(token, str) and len(token) >= _MIN_TOKEN_LENGTH and all("!" <= c <= "~" for c in token)
        ):
            length = f"of {len(token)} characters " if isinstance(token, str) else ""
            raise OptionError(
                f"A token {length}was given; expected at least {_MIN_TOKEN_LENGTH} letters, digits and signs without spaces. "
                "Leave it out for a random one."
            )
        self._loopback = is_loopback(host) and not behind_proxy
        self._guesses = Guesses()
        self.token = secrets.token_urlsafe(16) if token is None and not self._loopback else token

    def refusal(
        self, headers: Mapping[str, str], query_token: Optional[str], cookie: Optional[str], client: str
    ) -> Optional[Refusal]:
        """Why a request is refused; None: it is not.

        Args:
            headers: headers of the request: Host, Origin and Authorization are used.
            query_token: the token in its address.
            cookie: the cookie that keeps the token.
            client: the client's address. After ten wrong tokens, it must wait until a minute after the first of them.
        """
        refusal = self.refusal_of_page(headers)
        if refusal is not None or self.token is None:
            return refusal
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        given = [query_token, bearer.strip() if scheme.lower() == "bearer" else None, cookie]
        tokens, who = [token for token in given if token], party(client)
        if not tokens:
            return Refusal(401, f"A token is needed to watch. {_WHERE}", True)
        seconds = self._guesses.wait_seconds(who, tokens)
        if seconds:
            words = f"Too many wrong tokens came from {client}. Try again in {seconds} s."
            return Refusal(429, words, retry_seconds=seconds)
        # All are compared, so that the time reveals nothing.
        if any([_same(token, self.token) for token in tokens]):
            return None
        self._guesses.note(who, tokens)
        return Refusal(403, f"The token is wrong; edgevid makes a new one at each start. {_WHERE}", True)

    def refusal_of_page(self, headers: Mapping[str, str]) -> Optional[Refusal]:
        """Why a request is refused, whatever its token: it comes from a page of another site."""
        host = headers.get("Host", "").lower()
        # DNS rebinding: another site may have pointed its own name at 127.0.0.1.
        if self._loopback and not _LOOPBACK_NAME.fullmatch(host):
            return Refusal(
                403,
                "This page is for browsers on this machine; it only answers to the names localhost, 127.0.0.1 and [::1]. "
                "To reach it from elsewhere, start edgevid with --serve 0.0.0.0:8080, or name the proxy: --proxy ADDRESS.",
            )
        origin = headers.get("Origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return Refusal(
                403,
                "The request came from a page of another site. Open edgevid's own page. (A proxy must pass on the header Host.)",
            )
        return None

    def keeps(self, query_token: Optional[str]) -> bool:
        """Whether the address contains the right token, to be kept in a cookie."""
        return self.token is not None and query_token is not None and _same(query_token, self.token)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
