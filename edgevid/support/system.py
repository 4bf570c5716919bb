"""Turns errors of the system into edgevid's: a folder that may not be entered, a full disk, lack of memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ..errors import EdgevidError


@contextmanager
def system_errors(kind: type[EdgevidError]) -> Iterator[None]:
    """Raise errors of the system in a ``with`` block, or in a decorated function, as ``kind``.

    For functions that work on the caller's paths. A broken pipe is not an error of theirs.
    """
    try:
        yield
    except (EdgevidError, BrokenPipeError):
        raise
    except Exception as error:
        reason = reason_of(error)
        if reason is None:
            raise
        raise kind(reason) from error


def reason_of(error: BaseException) -> Optional[str]:
    """An error of the system in a sentence or two; None: it is an error of another sort."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        if error.filename is None:
            return f"The system refused: {reason.rstrip('.')}."
        return f"{_shown(error.filename)}: {reason}. Check that it is there, and may be read and written."
    if isinstance(error, UnicodeError) or "embedded null" in str(error):
        return f"A name or a text cannot be encoded or decoded: {_shown(error)}. Use plain UTF-8."
    if "ymlink loop" in str(error):  # as Path.resolve says it
        return f"{_shown(error)}. Check that path."
    if isinstance(error, ImportError) and (error.name == "cv2" or "libGL" in str(error) or "cv2" in str(error)):
        return (
            f"OpenCV cannot be imported: {error}. To fix this: pip install --force-reinstall opencv-python-headless, or, for "
            "the one with windows, apt-get install libgl1 libglib2.0-0."
        )
    if isinstance(error, MemoryError):
        return f"There is not enough memory{': ' + str(error) if str(error) else ''}."
    if isinstance(error, RecursionError):
        return "Something is nested too deeply."
    return None


def _shown(name: object) -> str:
    """A name as text that any terminal can show."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    return text.encode("utf-8", "backslashreplace").decode()
