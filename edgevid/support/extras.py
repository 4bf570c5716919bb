"""The packages of edgevid's extras, imported on demand: the rest works without them."""

from __future__ import annotations

import importlib
import json
import shlex
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import ExtraNotInstalledError


def install_command(extra: str) -> str:
    """The command that installs an extra: from the checkout, folder or repository of this edgevid, else from an index."""
    options, requirement = _origin()
    if requirement:
        return shlex.join(["pip", "install", *options, requirement.replace("{}", f"[{extra}]")])
    return f"pip install 'edgevid[{extra}]'"


@lru_cache(maxsize=1)
def _origin() -> tuple[list[str], str]:
    """The origin of this edgevid: options of pip, and a requirement with {} for extras; "" if it came from an index."""
    root = Path(__file__).resolve().parents[2]
    if (root / "setup.cfg").is_file():
        return ["-e"], f"{root}{{}}"
    try:
        noted = json.loads(distribution("edgevid").read_text("direct_url.json") or "{}")
        url = str(noted["url"])
    except (PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        return [], ""
    if "vcs_info" in noted:
        return [], f"edgevid{{}} @ {noted['vcs_info'].get('vcs', 'git')}+{url}"
    if url.startswith("file://"):
        folder = Path(url2pathname(urlsplit(url).path))
        return ([], f"{folder}{{}}") if folder.exists() else ([], "")
    return [], f"edgevid{{}} @ {url}"


def load_extra(module: str, purpose: str, extra: str = "evaluate") -> Any:
    """Import a module of an extra, such as ``sklearn.metrics``.

    Args:
        purpose: beginning of the message: "Plots need".

    Raises:
        ExtraNotInstalledError: it is absent.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraNotInstalledError(
            f"{purpose} {module.split('.')[0]}, which cannot be imported ({error}): {install_command(extra)}"
        ) from error


def load_scikit_learn() -> Any:
    """``sklearn.metrics``."""
    return load_extra("sklearn.metrics", "Precision, recall and F1 need")


def load_statistics() -> Any:
    """``scipy.stats``."""
    return load_extra("scipy.stats", "Intervals and tests need")


def load_matplotlib() -> tuple[Any, Any]:
    """``matplotlib``, with its colours, and its class of figures. Not pyplot, which keeps a global state and may open windows."""
    load_extra("matplotlib.colors", "Plots need")
    return load_extra("matplotlib", "Plots need"), load_extra("matplotlib.figure", "Plots need").Figure


def load_jinja2() -> Any:
    """``jinja2``."""
    return load_extra("jinja2", "Reports need")
