"""Folders for a program's files: by the XDG base directory specification on Linux, in the system's places elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """For data that can be downloaded or made again. It need not exist.

    Raises:
        RuntimeError: the home folder is unknown.
    """
    return _base("XDG_CACHE_HOME", Path(".cache"), Path("Library", "Caches")) / "edgevid"


def data_folder() -> Path:
    """For data of the user. It need not exist.

    Raises:
        RuntimeError: the home folder is unknown.
    """
    return _base("XDG_DATA_HOME", Path(".local", "share"), Path("Library", "Application Support")) / "edgevid"


def _base(variable: str, on_linux: Path, on_macos: Path) -> Path:
    if sys.platform == "win32":
        named, below_home = os.environ.get("LOCALAPPDATA", ""), Path("AppData", "Local")
    elif sys.platform == "darwin":
        named, below_home = "", on_macos
    else:
        named, below_home = os.environ.get(variable, ""), on_linux
    # The specification says to ignore a relative path.
    return Path(named) if Path(named).is_absolute() else Path.home() / below_home
