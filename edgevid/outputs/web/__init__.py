"""A web page to watch a stream on, and plain endpoints for programs. Needs the extra ``web``.

``WebServer`` is an :class:`~edgevid.runner.messages.Output`: it is told what happens in streams and shows it to browsers.

What is served (a server bound to a network wants the token: ``?token=TOKEN``, or the header ``Authorization: Bearer TOKEN``):

======================================  ==========================================================================
``GET /``                               the page; ``/?token=TOKEN`` keeps the token in a cookie
``GET /api/state``                      JSON: title, model, labels, machine (temperature_celsius of the CPU, load), sources (a
                                        list): each with its state, newest prediction, the events that go on, rates and
                                        counters, and next_try_seconds where it is lost or waited for
``GET /api/picture/SOURCE.jpg``         the newest frame of a source: by its number, counted from 0, or its name
``POST /api/teach/COMMAND``             where a panel is shown (`edgevid teach --live`): record, cancel, delete, learn, correct;
                                        JSON, such as ``{"label": "wave"}``
``GET /healthz``                        ``ok`` while the server runs; no token
``GET /ws``                             the WebSocket of the page: at most ``max_clients``, the next one gets 503
======================================  ==========================================================================

An answer that is an error is JSON below /api and /ws: ``{"error": "what is wrong and what to do"}``. Each connection carries one
request. 429 and 503, with ``Retry-After``, are for an address that has half of all connections or has given ten wrong tokens in a
minute, and for everybody where all are taken.

With ``tls_cert`` the page is served by https. A reverse proxy in front passes on ``Host``, and is named (``proxies``), so that
limits are those of who asks through it, by its ``X-Forwarded-For``.
"""

from .address import DEFAULT_ADDRESS, parse_address
from .server import WebServer

__all__ = ["DEFAULT_ADDRESS", "WebServer", "parse_address"]
