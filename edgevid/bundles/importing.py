"""Makes extractors from TFLite image classifiers: the network up to its last feature map, and a card."""

from __future__ import annotations

import json
import math
import re
from contextlib import closing
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .. import __version__
from ..errors import ModelError, OptionError
from ..support.files import read_content, whole
from ..support.system import system_errors
from ..tflite.interpreter import TfliteModel
from ..tflite.truncation import Graph, GraphTensor
from .cards import CARD_NAME, EXTRACTOR_FORMAT, sha256_of
from .networks import ExtractorFile, shipped_extractors

_DEFAULT_RANGE = (-1.0, 1.0)


@system_errors(OptionError)
def open_graph(file: Path, size: Optional[int] = None) -> Graph:
    """The graph of a ``.tflite`` file, for pictures of its own size or of ``size`` x ``size`` pixels.

    Raises:
        ModelError: it cannot be read, or is not an image classifier. OptionError: see :class:`Graph`.
    """
    try:
        return Graph(read_content(file), str(file), size)
    except OSError as error:
        raise ModelError(
            f"{file} cannot be read: {error.strerror or error}. Give the path of a .tflite file."
        ) from error


@system_errors(OptionError)
def import_extractor(
    file: Path,
    graph: Graph,
    tensor: GraphTensor,
    folder: Path,
    name: str,
    *,
    licence: str,
    command: str,
    input_range: Optional[tuple[float, float]] = None,
    overwrite: bool = False,
) -> ExtractorFile:
    """Write ``NAME.tflite``, the network of ``file`` truncated at ``tensor``, and its card ``NAME.json`` into ``folder``.

    The network is run once before either file gets its name, so that a network that does not work never becomes a model.

    Args:
        graph: of ``file``. tensor: one of its feature maps.
        licence, command: for the card: the licence of ``file``, and the command that was called.
        input_range: the values of black and white for a float32 input; default: -1 and 1.
        overwrite: replace an extractor of this name.

    Raises:
        OptionError: the name or the range cannot be used, or the folder cannot be written.
        ModelError: the truncated network does not run.
    """
    card_input: dict[str, Any] = {"colour": "RGB", "resize": "Pillow bilinear"}
    if graph.input.dtype == "float32":
        card_input["range"] = _checked_range(input_range or _DEFAULT_RANGE)
    elif input_range is not None:
        raise OptionError(
            f"--input-range is for float32 inputs; this one is {graph.input.dtype} and takes pictures as they are. "
            "Leave it out."
        )
    model_path, card_path = folder / f"{name}.tflite", folder / f"{name}.json"
    _check_name(name)
    _check_targets(file, model_path, card_path, overwrite)
    content = graph.truncate(tensor)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole(card_path) as card_part, whole(model_path) as model_part:
            model_part.write_bytes(content)
            card = {
                "format": EXTRACTOR_FORMAT, "kind": "extractor", "name": name, **_facts(model_path.name, model_part),
                "licence": licence, **_tried(model_part, file, card_input, tensor.name), "source": _facts(file.name, file),
                "command": command, "edgevid_version": __version__,
            }  # fmt: skip
            card_part.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            card_path.unlink(missing_ok=True)  # an old card beside a new network would be reported as damaged
    except OSError as error:
        raise OptionError(f"Cannot write to {folder}: {error}. Give a folder that can be written with -o.") from error
    return ExtractorFile(name, model_path, card["sha256"], card)


def _checked_range(ends: tuple[float, float]) -> list[float]:
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"--input-range {low:g} {high:g} was given; expected two numbers, the lower one first.")
    return [low, high]


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", name) or f"{name}.json" == CARD_NAME:
        raise OptionError(
            f"The name {name!r} cannot be used; expected letters, digits and . _ + - (not first, except _), and not "
            f"{Path(CARD_NAME).stem!r}. Give one with --name."
        )
    if any(name == extractor.name for extractor in shipped_extractors()):
        raise OptionError(
            f"The name {name!r} is that of an extractor that came with edgevid; give another with --name."
        )


def _check_targets(file: Path, model_path: Path, card_path: Path, overwrite: bool) -> None:
    if model_path.exists() and model_path.samefile(file):
        raise OptionError(f"{model_path} is the file to import itself; give another name or folder with --name or -o.")
    for path in (model_path, card_path):
        if path.exists() and not overwrite:
            raise OptionError(f"{path} exists; replace it with --overwrite, or give another name with --name.")


def _facts(name: str, path: Path) -> dict[str, Any]:
    return {"file": name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _tried(path: Path, file: Path, card_input: dict[str, Any], tensor_name: str) -> dict[str, Any]:
    """Run the network on a grey picture to see that it works; the card's description of its input and output."""
    try:
        with closing(TfliteModel(path, num_threads=1)) as model:
            picture, feature_map = model.inputs[0], model.outputs[0]
            grey = sum(card_input["range"]) / 2 if "range" in card_input else 128
            model.run(np.full(picture.shape, grey, picture.dtype))
    except (ModelError, RuntimeError, ValueError) as error:
        raise ModelError(f"The truncated network of {file} does not run, so nothing was written. {error}") from error
    scale, zero_point = (feature_map.scale, feature_map.zero_point) if feature_map.scale else (None, None)
    formula = "mean over the h * w positions, in float32"
    return {
        "input": {"shape": list(picture.shape), "dtype": picture.dtype.name, **card_input},
        "feature_map": {
            "shape": list(feature_map.shape), "dtype": feature_map.dtype.name, "scale": scale, "zero_point": zero_point,
            "tensor": tensor_name,
        },
        "embedding": {
            "dim": feature_map.shape[3],
            "formula": f"{formula}, divided by 255" if feature_map.dtype == np.uint8 else formula,
        },
    }  # fmt: skip
