"""Keeps native libraries' small talk off stderr."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = (b"INFO:", b"OpenCV: FFMPEG: tag ")


@contextmanager
def without_chatter() -> Iterator[None]:
    """Within the block, lines like ``INFO: Created TensorFlow Lite XNNPACK delegate for CPU.`` do not reach stderr.

    TensorFlow Lite writes them whatever its log level is, and OpenCV a note on each codec that a container has no name for.
    Everything else comes through when the block ends.
    """
    try:
        saved, held = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:  # no stderr, or nowhere to keep what it gets: then it is not worth the trouble
        yield
        return
    sys.stderr.flush()
    os.dup2(held.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        held.seek(0)
        for line in held:
            if not line.startswith(_CHATTER):
                os.write(2, line)
        held.close()
