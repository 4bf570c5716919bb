"""The files of a run folder: written whole or not at all, and by one process at a time."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

from ..errors import EdgevidError

LOCK_NAME = ".lock"
# Files that are being written are called so: the rest of the name follows.
NEW = ".new."


class RunError(EdgevidError):
    """A run folder is damaged, in use, or of another training."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out of a run folder, which is made if absent. (Windows: nobody is kept out.)

    Raises:
        RunError: another process trains there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / LOCK_NAME).open("w")
    except OSError as error:
        raise RunError(f"The run folder {path} cannot be used: {error}. Name another one with --run.") from error
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"Another process trains in the run folder {path}; wait for it, or name another one with --run."
            ) from error
        except (ImportError, OSError):  # Windows; a file system without locks
            pass
        yield


def csv_text(header: list[str], rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    return value if isinstance(value, dict) else {}


def replace(path: Path, content: Union[str, bytes]) -> None:
    """Write a file whole: under another name, then in its place."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{NEW}{path.name}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def damaged(path: Path, error: Exception) -> RunError:
    return RunError(f"{path} is damaged or missing: {error}. Begin anew with --restart.")
