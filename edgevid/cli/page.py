"""Options of the web page, for all commands that serve one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from ..errors import OptionError
from ..support.files import read_text
from .options import Arguments

if TYPE_CHECKING:
    from ..outputs.web import WebServer

PAGE_OPTIONS = ("serve", "token", "tls_cert", "tls_key", "proxy")
_TOKEN_HELP = (
    "token that the page asks for, 8 characters or more, or @FILE to read it from a file and keep it out of process lists "
    "(default: the variable EDGEVID_TOKEN, else a random one)"
)


def add_page_options(group: Arguments, what: str) -> None:
    """--serve, with what it serves, and --token, --tls-cert, --tls-key, --proxy."""
    group.add_argument(
        "--serve", nargs="?", const="", metavar="HOST:PORT",
        help=f"serve {what} (default: at 127.0.0.1:8080, for browsers on this machine; 0.0.0.0:8080 is for your network "
        "and asks for a token; needs the extra 'web')",
    )  # fmt: skip
    group.add_argument("--token", metavar="TOKEN", help=_TOKEN_HELP)
    group.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="PEM file of a certificate; the page is then served over HTTPS"
    )
    group.add_argument(
        "--tls-key", type=Path, metavar="FILE",
        help="PEM file of the private key, without a password (default: it is in the --tls-cert file)",
    )  # fmt: skip
    group.add_argument(
        "--proxy", action="append", metavar="ADDRESS",
        help="address or network of a reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are trusted; the page "
        "then asks for a token; may be repeated",
    )  # fmt: skip


def check_page_options(args: argparse.Namespace) -> None:
    """Check them before anything is loaded, and read the token.

    Raises:
        EdgevidError: an option is wrong; the message says which.
    """
    if args.serve is None:
        given = next((name for name in PAGE_OPTIONS if getattr(args, name)), None)
        if given is not None:
            raise OptionError(f"--{given.replace('_', '-')} is for the page; give --serve too.")
        return
    from ..outputs.web.proxies import Proxies
    from ..outputs.web.tls import open_tls

    args.token = _token(args.token)
    open_tls(args.tls_cert, args.tls_key)
    Proxies(args.proxy or ())


def web_server(args: argparse.Namespace, labels: Sequence[str], **options: Any) -> WebServer:
    """The page's server, not started."""
    from ..outputs.web import DEFAULT_ADDRESS, WebServer, parse_address

    host, port = parse_address(args.serve or DEFAULT_ADDRESS)
    return WebServer(
        labels, host=host, port=port, token=args.token, tls_cert=args.tls_cert, tls_key=args.tls_key,
        proxies=args.proxy or (), **options,
    )  # fmt: skip


def _token(given: Optional[str]) -> Optional[str]:
    """The token: as given, from the file named after @, or from the variable. None: a random one is to be made."""
    if given is None:
        return os.environ.get("EDGEVID_TOKEN") or None
    if not given.startswith("@"):
        return given
    try:
        return read_text(Path(given[1:])).strip()
    except (OSError, ValueError) as error:
        raise OptionError(
            f"The token cannot be read from {given[1:]}: {getattr(error, 'strerror', None) or error}."
        ) from error
