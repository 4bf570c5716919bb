"""What a camera's driver must offer."""

from __future__ import annotations

from typing import Optional, Protocol

from ..frames import Frame


class Capture(Protocol):
    """An open camera. All its methods are called by one thread."""

    def grab(self) -> Optional[float]:
        """Wait for the next frame; its time on ``time.monotonic()``, or None: there came none."""

    def retrieve(self) -> Optional[Frame]:
        """The frame that was grabbed last, uint8 ``[H, W, 3]`` RGB; None: it cannot be decoded."""

    def release(self) -> None:
        """Free the camera."""
