"""edgevid.support.credentials: what of an address may be shown."""

from __future__ import annotations

import pytest

from edgevid.support.credentials import without_credentials, without_password

# address -> for its owner, for everybody
ADDRESSES = {
    "rtsp://me:p@ss@h/live": ("rtsp://me:***@h/live", "rtsp://h/live"),
    "rtsp://me:a:b@h:554/live": ("rtsp://me:***@h:554/live", "rtsp://h:554/live"),
    "rtsp://me@h/live": ("rtsp://me@h/live", "rtsp://h/live"),
    "rtsp://h/user@1": ("rtsp://h/user@1", "rtsp://h/user@1"),
    "http://h/v?user=me&password=s3@&x=1": ("http://h/v?user=me&password=***&x=1",) * 2,
    "http://h/v?PWD=a": ("http://h/v?PWD=***",) * 2,
    "a@b.mp4": ("a@b.mp4",) * 2,
    "The camera rtsp://a:b@h/1 and rtsp://c:d@h/2": (
        "The camera rtsp://a:***@h/1 and rtsp://c:***@h/2", "The camera rtsp://h/1 and rtsp://h/2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_password_is_shown(address: str):
    assert (without_password(address), without_credentials(address)) == ADDRESSES[address]
