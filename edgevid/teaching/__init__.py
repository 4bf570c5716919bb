"""Learning a bundle in closed form: NumPy only, in seconds once clips are embedded; no Keras, on the device itself.

- ``teaching``: clips -> a bundle; ``learner``: a recogniser that learns incrementally
- ``examples``: windows of clips as features, and a file of them; ``learning``: fits a classifier on them
- ``held_out``: its accuracy, in figures and sentences; ``card``: the entries of the bundle's card
- ``lesson``, ``mixing``: a network beside it
"""

from __future__ import annotations

from .options import TeachOptions
from .teaching import Taught, teach, teach_clips

__all__ = ["Taught", "TeachOptions", "teach", "teach_clips"]
