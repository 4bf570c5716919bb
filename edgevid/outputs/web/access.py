"""Who may look: the token, the name by which the server was called, and the page that asks."""

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
_WHERE = "Open the address that edgevid printed when it started, with all that follows ?token=, or enter the token."
# Nothing from elsewhere, nothing written into the page; nobody may frame it or learn its address; no copy stays anywhere.
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
    """An HTTP status and words that say what to do.

    Attributes:
        wants_token: a token would help.
        retry_seconds: when it may be tried again; 0: that is not said.
    """

    status: int
    words: str
    wants_token: bool = False
    retry_seconds: int = 0


class Access:
    """The rules of one server.

    Args:
        host: what it is bound to. On anything but loopback a token is needed: one is made where none is given.
        token: at least 8 characters from "!" to "~"; None: none, or one that is made.
        behind_proxy: a proxy makes a server on loopback one for everybody.

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
                "Leave it out to have one made."
            )
        self._loopback = is_loopback(host) and not behind_proxy
        self._guesses = Guesses()
        self.token = secrets.token_urlsafe(16) if token is None and not self._loopback else token

    def refusal(
        self, headers: Mapping[str, str], query_token: Optional[str], cookie: Optional[str], client: str
    ) -> Optional[Refusal]:
        """Why a request is not answered; None: it is.

        Args:
            headers: of the request: Host, Origin and Authorization count.
            query_token: of its address.
            cookie: that keeps the token.
            client: the address of who asks. One who has given ten wrong tokens waits until a minute after the first of them.
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
        # All of them are compared, so that the time tells nothing.
        if any([_same(token, self.token) for token in tokens]):
            return None
        self._guesses.note(who, tokens)
        return Refusal(403, f"The token is not the right one; edgevid makes a new one at each start. {_WHERE}", True)

    def refusal_of_page(self, headers: Mapping[str, str]) -> Optional[Refusal]:
        """Why a request is not answered, whatever its token: it comes from a page of somebody else."""
        host = headers.get("Host", "").lower()
        # Another name may have been pointed at 127.0.0.1 by the site that owns it.
        if self._loopback and not _LOOPBACK_NAME.fullmatch(host):
            return Refusal(
                403,
                "This page is for browsers on the same machine and answers to the names localhost, 127.0.0.1 and [::1] only. "
                "To reach it from elsewhere, start edgevid with --serve 0.0.0.0:8080, or name the proxy: --proxy ADDRESS.",
            )
        origin = headers.get("Origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return Refusal(
                403,
                "A page of another site asked. Open edgevid's own page instead. (A proxy must pass on the header Host.)",
            )
        return None

    def keeps(self, query_token: Optional[str]) -> bool:
        """Whether the address holds the right token, to be kept in a cookie."""
        return self.token is not None and query_token is not None and _same(query_token, self.token)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
