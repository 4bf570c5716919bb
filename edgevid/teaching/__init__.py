"""Learning a bundle in closed form: NumPy only, in seconds once clips are embedded; no Keras, on the device itself."""

from __future__ import annotations

from .options import TeachOptions
from .teaching import Taught, teach

__all__ = ["Taught", "TeachOptions", "teach"]
