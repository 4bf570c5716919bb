"""Where a user's programs keep files: by the XDG base directory specification on Linux, in the system's places elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """For what can be fetched or made again. It need not exist.

    Raises:
        RuntimeError: no home folder is known.
    """
    return _base("XDG_CACHE_HOME", Path(".cache"), Path("Library", "Caches")) / "edgevid"


def data_folder() -> Path:
    """For what the user made, and wants to keep. It need not exist.

    Raises:
        RuntimeError: no home folder is known.
    """
    return _base("XDG_DATA_HOME", Path(".local", "share"), Path("Library", "Application Support")) / "edgevid"


def _base(variable: str, on_linux: Path, on_macos: Path) -> Path:
    if sys.platform == "win32":
        named, below_home = os.environ.get("LOCALAPPDATA", ""), Path("AppData", "Local")
    elif sys.platform == "darwin":
        named, below_home = "", on_macos
    else:
        named, below_home = os.environ.get(variable, ""), on_linux
    # A relative path there is to be ignored, says the specification.
    return Path(named) if Path(named).is_absolute() else Path.home() / below_home
