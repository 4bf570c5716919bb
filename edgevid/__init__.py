"""Recognition of human actions in live video, on small computers.

>>> import edgevid
>>> recognizer = edgevid.load()
>>> prediction = recognizer.classify("clip.mp4")  # doctest: +SKIP
>>> prediction.label, prediction.score            # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import pathlib
import re

__version__ = "0.1.0"

# The public names and their modules: __init__.pyi, which type checkers read, is the only list of them.
_HOME_OF = {
    name: module
    for module, name in re.findall(
        r"^from (\.[\w.]+) import (\w+) as \2$",
        pathlib.Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use: `import edgevid` loads no model and no OpenCV."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, without the modules that this one imports."""
    return sorted([*__all__, "__all__", "__doc__", "__version__"])
