"""Recording clips of your own actions, to teach with.

- :class:`ClipFolder`: the folder of clips: ``wave/20261126-101500-3fa9.avi`` and so on, and a ``clips.csv`` that names them
- :class:`Recorder`: takes clips from a camera: countdown, record, keep or discard
- :class:`Take`: a clip that is in no folder yet; ``Take.of(frames, label)`` makes one from existing frames
- ``film``: cuts clips from a film
- ``preview``: shows a recorder's picture on the web page

>>> folder = ClipFolder("my_clips")  # doctest: +SKIP
>>> with Recorder(0, folder, seconds=5) as recorder:  # doctest: +SKIP
...     recorder.record_clip("wave")
...     recorder.keep()
"""

from .folder import ClipFolder, FolderClip
from .recorder import ClipLostError, Recorder, Recording
from .take import Take

__all__ = ["ClipFolder", "ClipLostError", "FolderClip", "Recorder", "Recording", "Take"]
