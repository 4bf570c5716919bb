"""A web page to watch streams on, and HTTP endpoints for programs. Needs the extra ``web``.

``WebServer`` is an :class:`~edgevid.runner.messages.Output`: it receives what happens in streams and shows it in browsers.

Endpoints (a server on a network needs the token: ``?token=TOKEN``, or the header ``Authorization: Bearer TOKEN``):

======================================  ==========================================================================
``GET /``                               the page; ``/?token=TOKEN`` keeps the token in a cookie
``GET /api/state``                      JSON: title, model, labels, machine (temperature_celsius of the CPU, load), sources (a
                                        list): each with its state, newest prediction, current events, rates and
                                        counters, and next_try_seconds if it is lost or waited for
``GET /api/picture/SOURCE.jpg``         the newest frame of a source: by its number, counted from 0, or its name
``POST /api/teach/COMMAND``             with a panel (`edgevid teach --live`): record, cancel, delete, learn, correct;
                                        JSON, such as ``{"label": "wave"}``
``GET /healthz``                        ``ok`` while the server runs; no token
``GET /ws``                             the page's WebSocket: at most ``max_clients``; further ones get 503
======================================  ==========================================================================

Errors below /api and /ws are JSON: ``{"error": "what is wrong and what to do"}``. Each connection carries one request.
429 and 503, with ``Retry-After``, go to an address that holds half of all connections or has sent ten wrong tokens in a
minute, and to everybody when all connections are taken.

With ``tls_cert`` the page is served over HTTPS. A reverse proxy in front must pass on ``Host`` and be listed in ``proxies``;
limits then apply to the clients behind it, by its ``X-Forwarded-For``.
"""

from .address import DEFAULT_ADDRESS, parse_address
from .server import WebServer

__all__ = ["DEFAULT_ADDRESS", "WebServer", "parse_address"]
