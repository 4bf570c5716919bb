"""Learning a bundle in closed form: NumPy only, in seconds once clips are embedded; no Keras, on the device itself.

- ``teaching``: clips -> a bundle; ``learner``: what a recogniser learns by and by
- ``examples``: windows of clips as features, and a file of them; ``learning``: these -> a classifier
- ``held_out``: how good it is, in figures and sentences; ``card``: what the bundle's card says of it
- ``lesson``, ``mixing``: a network beside it
"""

from __future__ import annotations

from .options import TeachOptions
from .teaching import Taught, teach, teach_clips

__all__ = ["Taught", "TeachOptions", "teach", "teach_clips"]
