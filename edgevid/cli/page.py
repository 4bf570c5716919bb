"""Options of the page, for all commands that serve one."""

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
    "what the page wants to be told, 8 characters or more, or @FILE that holds it, so that no list of processes shows it "
    "(default: the variable EDGEVID_TOKEN, else one is made)"
)


def add_page_options(group: Arguments, what: str) -> None:
    """--serve, with what it serves, and --token, --tls-cert, --tls-key, --proxy."""
    group.add_argument(
        "--serve", nargs="?", const="", metavar="HOST:PORT",
        help=f"serve {what} (default address: 127.0.0.1:8080, for browsers on this machine; 0.0.0.0:8080 for those on your "
        "network, with a token; needs the extra 'web')",
    )  # fmt: skip
    group.add_argument("--token", metavar="TOKEN", help=_TOKEN_HELP)
    group.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="PEM file of a certificate: the page is served by https"
    )
    group.add_argument(
        "--tls-key", type=Path, metavar="FILE",
        help="PEM file of its private key, without a password (default: it is in the file of --tls-cert)",
    )  # fmt: skip
    group.add_argument(
        "--proxy", action="append", metavar="ADDRESS",
        help="address or network of a reverse proxy in front, whose X-Forwarded-For and X-Forwarded-Proto are believed; the page "
        "wants a token then; may be given several times",
    )  # fmt: skip


def check_page_options(args: argparse.Namespace) -> None:
    """Refuse wrong ones before anything is loaded, and read the token.

    Raises:
        EdgevidError: what is wrong.
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
    """The page that was asked for, not started."""
    from ..outputs.web import DEFAULT_ADDRESS, WebServer, parse_address

    host, port = parse_address(args.serve or DEFAULT_ADDRESS)
    return WebServer(
        labels, host=host, port=port, token=args.token, tls_cert=args.tls_cert, tls_key=args.tls_key,
        proxies=args.proxy or (), **options,
    )  # fmt: skip


def _token(given: Optional[str]) -> Optional[str]:
    """What was given, what the file holds that was named, or the variable; None: one is to be made."""
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
