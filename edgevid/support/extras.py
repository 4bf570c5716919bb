"""The packages of edgevid's extras, imported when they are needed: the rest works without them."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import ExtraNotInstalledError


def load_extra(module: str, purpose: str, extra: str = "evaluate") -> Any:
    """A module of an extra, such as ``sklearn.metrics``.

    Args:
        purpose: what needs it, for the message: "Plots need".

    Raises:
        ExtraNotInstalledError: it is absent.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"{purpose} {module.split('.')[0]}, which cannot be imported ({error}): pip install 'edgevid[{extra}]'"
        ) from error


def load_scikit_learn() -> Any:
    """``sklearn.metrics``."""
    return load_extra("sklearn.metrics", "Precision, recall and F1 need")


def load_statistics() -> Any:
    """``scipy.stats``."""
    return load_extra("scipy.stats", "Intervals and tests need")


def load_matplotlib() -> tuple[Any, Any]:
    """``matplotlib``, with its colours, and its class of figures. Not pyplot: that keeps a global state and may open windows."""
    load_extra("matplotlib.colors", "Plots need")
    return load_extra("matplotlib", "Plots need"), load_extra("matplotlib.figure", "Plots need").Figure


def load_jinja2() -> Any:
    """``jinja2``."""
    return load_extra("jinja2", "Reports need")
