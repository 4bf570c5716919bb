"""edgevid.support.credentials: which parts of an address may be shown."""

from __future__ import annotations

import pytest

from edgevid.support.credentials import without_credentials, without_password

# address -> for its owner, for everybody
ADDRESSES = {
    "rtsp://me:p@ss@h/live": ("rtsp://me:***@h/live", "rtsp://h/live"),
    "rtsp://me:a:b@h:554/live": ("rtsp://me:***@h:554/live", "rtsp://h:554/live"),
    "rtsp://me@h/live": ("rtsp://me@h/live", "rtsp://h/live"),
    "rtsp://h/user@1": ("rtsp://h/user@1", "rtsp://h/user@1"),
    "http://h/v?user=me&password=s3@&x=1": ("http://h/v?user=***&password=***&x=***",) * 2,
    "http://h/v?PWD=a": ("http://h/v?PWD=***",) * 2,
    "a@b.mp4": ("a@b.mp4",) * 2,
    # addresses of real cameras
    "rtsp://h:554/user=admin_password=tl_Jwp_channel=1_stream=0.sdp?real_stream": (
        "rtsp://h:554/user=***?real_stream",
    ) * 2,
    "rtsp://h/user=admin&password=&channel=1&stream=0.sdp?": (
        "rtsp://h/user=***&password=***&channel=1&stream=0.sdp?",
    ) * 2,
    "http://h/videostream.cgi?loginuse=admin&loginpas=a%40b&resolution=32&rate=0": (
        "http://h/videostream.cgi?loginuse=***&loginpas=***&resolution=32&rate=0",
    ) * 2,
    "rtsp://h/cam/realmonitor?channel=1&subtype=0&authbasic=YWRtaW4=": (
        "rtsp://h/cam/realmonitor?channel=1&subtype=0&authbasic=***",
    ) * 2,
    "http://h/cgi-bin/api.cgi?cmd=Snap&channel=0&rs=x&user=a&psw=b": (
        "http://h/cgi-bin/api.cgi?cmd=Snap&channel=0&rs=***&user=***&psw=***",
    ) * 2,
    "rtsp://h/live?channel=1&channel=1_password=x;key=y#token=z": (
        "rtsp://h/live?channel=1&channel=***;key=***#token=***",
    ) * 2,
    "http://h:8080/s3cret?s3cret&path=/a/s3cret": ("http://h:8080/s3cret?***&path=***/***/***",) * 2,
    "http://h/mjpg/video.mjpg?action=stream&camera=2&1": ("http://h/mjpg/video.mjpg?action=stream&camera=2&1",) * 2,
    "rtsp://h?x=1": ("rtsp://h?x=***",) * 2,
    # a password that breaks the address, and addresses that are invalid anyway
    "rtsp://me:p/w@h/live": ("rtsp://me:***@h/live", "rtsp://h/live"),
    "rtsp://me:my pass@h/live": ("rtsp://me:***@h/live", "rtsp://h/live"),
    "rtsp:/me:pw@h/live": ("rtsp:/me:***@h/live", "rtsp:/h/live"),
    "me:pw@h/live": ("me:***@h/live", "h/live"),
    "No such file: 'me:pw@h/live?'.": ("No such file: 'me:***@h/live?'.", "No such file: 'h/live?'."),
    "rtsp://[::1]:554/a@b:c": ("rtsp://[::1]:554/a@b:c",) * 2,
    "It is at rtsp://h:554: write to a@b.": ("It is at rtsp://h:554: write to a@b.",) * 2,
    "(http://h/?psw=a), 'http://h/?psw=b'.": ("(http://h/?psw=***), 'http://h/?psw=***'.",) * 2,
    "The camera rtsp://a:b@h/1 and rtsp://c:d@h/2": (
        "The camera rtsp://a:***@h/1 and rtsp://c:***@h/2", "The camera rtsp://h/1 and rtsp://h/2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_password_is_shown(address: str):
    shown = (without_password(address), without_credentials(address))
    assert shown == ADDRESSES[address]
    assert (without_password(shown[0]), without_credentials(shown[1])) == shown
