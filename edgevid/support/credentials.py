"""Hides credentials in addresses: the address of a network camera often contains its password.

Cameras have many names for it (``pwd``, ``psw``, ``loginpas``, ``key`` ...), so only values whose names are known to be
harmless are shown.
"""

from __future__ import annotations

import re

# Up to the last @ before the path, as FFmpeg reads it: a password may contain one.
_USER = re.compile(r"(?<=://)[^/\s]*@")
_PASSWORD = re.compile(r"(?<=://)([^/\s:]*):[^/\s]*@")
# A password with a slash or a space: then the port is not a number.
_ODD = re.compile(r"(?<=://)([^/\s:@\[]*):(?!\*\*\*@|\d{1,5}(?:[/?#\s.,:;)'\"]|$))[^\n]*@")
# Without a scheme, or with a slash too few
_BARE = re.compile(r"(?<![^\s/'\"(=:])([^\s/\\:@'\"(=]+):[^\s/\\@]+@(?=[\w\[])")
_ADDRESS = re.compile(r"(?<=://)\S*")
_ENDS = re.compile(r"([?&;#/])")
_PLAIN = re.compile(r"[\w.,:*+-]{0,40}")
_HARMLESS = frozenset(
    re.findall(
        r"\w+",
        """
        action bitrate brand camera channel channelid ch chn chnid cmd codec compression devicetype fps framerate height live mode
        multicast page profile proto protocol quality rate real_stream res resolution resolutionheight resolutionwidth size stream
        streamid streamtype substream subtype tcp track trackid transport type udp unicast url_type vcodec videocodec
        videocodectype width
        """,
    )
)


def without_password(text: str) -> str:
    """Replace the password in every URL of ``text``, and each value that may be one, by ``***``: for the owner.

    >>> without_password("camera rtsp://me:secret@10.0.0.2/live?channel=1&psw=secret")
    'camera rtsp://me:***@10.0.0.2/live?channel=1&psw=***'
    """
    return _ADDRESS.sub(_hide_values, _hide_users(text, r"\1:***@", _PASSWORD))


def without_credentials(text: str) -> str:
    """As :func:`without_password`, but without the user name too: for others to read.

    >>> without_credentials("camera rtsp://me:secret@10.0.0.2/live")
    'camera rtsp://10.0.0.2/live'
    """
    return _ADDRESS.sub(_hide_values, _hide_users(text, "", _USER))


def _hide_users(text: str, instead: str, usual: re.Pattern[str]) -> str:
    if "@" not in text:
        return text
    text = usual.sub(instead, text)
    return _BARE.sub(instead, _ODD.sub(instead, text))


def _hide_values(address: re.Match[str]) -> str:
    """In an address without its scheme: hide each ``key=value`` of path, query and fragment, and single values of the latter."""
    whole = address[0]
    text = whole.rstrip("'\"),.")
    host, *others = _ENDS.split(text)
    shown, in_query = [host], False
    for end, item in zip(others[::2], others[1::2]):
        in_query = in_query or end in "?#"
        name, equals, value = item.partition("=")
        harmless = name.lower() in _HARMLESS or (name.isdecimal() and len(name) < 4)
        if equals and not (harmless and _PLAIN.fullmatch(value)):
            item = f"{name}=***"
        elif in_query and item and not harmless:
            item = "***"
        shown += [end, item]
    return "".join(shown) + whole[len(text) :]
