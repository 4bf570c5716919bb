"""What of an address may be shown: the address of a network camera often holds its password."""

from __future__ import annotations

import re

# Up to the last @ before the path, as FFmpeg reads it: a password may hold one.
_USER = re.compile(r"(?<=://)[^/\s]*@")
_PASSWORD = re.compile(r"(?<=://)([^/\s:]*):[^/\s]*@")
_SECRET = re.compile(r"(?<=[?&])((?:password|passwd|passwort|pwd|pass|token|secret)=)[^&\s]*", re.IGNORECASE)


def without_password(text: str) -> str:
    """``text`` with ``***`` for the password of every URL in it: for the messages that its owner reads.

    >>> without_password("camera rtsp://me:secret@10.0.0.2/live?password=secret")
    'camera rtsp://me:***@10.0.0.2/live?password=***'
    """
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def without_credentials(text: str) -> str:
    """As :func:`without_password`, and without the user: for what others may read.

    >>> without_credentials("camera rtsp://me:secret@10.0.0.2/live")
    'camera rtsp://10.0.0.2/live'
    """
    return _SECRET.sub(r"\1***", _USER.sub("", text))
