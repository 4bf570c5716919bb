"""Writing bundles: completely or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import BundleError
from ..support.system import system_errors
from .bundle import EmbedderEntry
from .cards import CARD_NAME
from .networks import ExtractorFile, models_folder

_STALE_SECONDS = 3600.0
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_HERE, _RENAME_EXCHANGE = -100, 2  # of <fcntl.h> and <linux/fs.h>


@system_errors(BundleError)
def check_output(output: Path, overwrite: bool) -> None:
    """Check before the work starts that a bundle can be written there.

    Raises:
        BundleError: something else is there, or a bundle and ``overwrite`` is false; or the folder cannot be created.
    """
    if output.name in ("", ".."):  # it could not be replaced
        raise BundleError(f"{output} is not a folder of its own; give a bundle's folder a name, such as my_actions.")
    if output.exists():
        is_empty = output.is_dir() and not any(output.iterdir())
        if not is_empty and not (output / CARD_NAME).is_file():
            raise BundleError(f"{output} exists and is not a bundle; name a folder that does not exist yet.")
        if not is_empty and not overwrite:
            raise BundleError(f"The bundle {output} exists; give --overwrite to replace it, or name another folder.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(f"The folder {output.parent} cannot be created: {error}.") from error
    if not os.access(output.parent, os.W_OK):
        raise BundleError(f"The folder {output.parent} cannot be written; name another place for the bundle.")


@contextlib.contextmanager
def new_bundle(output: Path) -> Iterator[Path]:
    """A temporary folder that replaces ``output`` if the block succeeds, and is removed if it does not.

    So there is either the whole bundle or none: an error or Ctrl-C leaves the previous state. Remains of earlier killed runs
    are removed after an hour.

    Raises:
        BundleError: there is no room for it.
    """
    for left in output.parent.iterdir():
        with contextlib.suppress(OSError):  # another process was faster
            if left.name.startswith(f".{output.name}.") and time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left)
    folder = output.with_name(f".{output.name}.{uuid.uuid4().hex}")
    folder.mkdir()  # not by tempfile: its folders are readable by their owner only
    try:
        yield folder
        _take_place(folder, output)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise BundleError(
            f"The bundle {output} cannot be written: {error.strerror}. Make room, or name another place for it."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write ``card.json`` into a bundle's folder."""
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CARD_NAME).write_text(text + "\n", encoding="utf-8")


def embedder_entries(entries: Sequence[EmbedderEntry]) -> list[dict[str, Any]]:
    """The embedders' entries for a card or a run folder."""
    return [_embedder_entry(entry) for entry in entries]


def _embedder_entry(entry: EmbedderEntry) -> dict[str, Any]:
    network = entry.network
    named = {} if network is None else {"network": {"name": network.name, "sha256": network.sha256}}
    return {"kind": entry.kind, **named, **entry.options}


def copy_networks(entries: Sequence[EmbedderEntry], folder: Path) -> None:
    """Copy the embedders' networks into a bundle's folder, except those that ship with edgevid: then nothing else is needed."""
    networks = {entry.network.sha256: entry.network for entry in entries if entry.network is not None}
    for network in networks.values():
        if network.path.parent.resolve() != models_folder().resolve():
            _copy_network(network, folder)


def _copy_network(extractor: ExtractorFile, folder: Path) -> None:
    name = extractor.path.stem
    if name == "classifier" or f"{name}.json" == CARD_NAME:
        name = "extractor"
    shutil.copyfile(extractor.path, folder / f"{name}.tflite")
    text = json.dumps({**extractor.card, "file": f"{name}.tflite"}, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _take_place(folder: Path, output: Path) -> None:
    if not output.exists():
        folder.rename(output)
        return
    if _exchange(folder, output):
        return  # the old one is removed like the remains of a failed new one
    # Elsewhere a non-empty folder cannot be replaced in one step: move it aside, and back if the second step fails.
    aside = folder.with_name(f"{folder.name}.old")
    output.rename(aside)
    try:
        folder.rename(output)
    except BaseException:
        aside.rename(output)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, so that a kill leaves one or the other; False: this system cannot."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2  # Linux 3.15, glibc 2.28
    except (OSError, TypeError, AttributeError):
        return False
    done: int = renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0
