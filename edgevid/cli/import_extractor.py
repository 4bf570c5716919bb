"""``edgevid import-extractor``: make an extractor of a TFLite image classifier."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shlex
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .. import __version__
from ..bundles.bundle import CARD_FORMAT, CARD_NAME, MODELS_VARIABLE, sha256_of, shipped_extractors, user_models_folder
from ..errors import ModelError, OptionError
from ..tflite.interpreter import TensorSpec, TfliteModel
from ..tflite.truncation import Graph, GraphTensor

_UNKNOWN_LICENCE = "unknown: see the source file"
_DEFAULT_RANGE = [-1.0, 1.0]
_MAX_SHOWN_NAME = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make an extractor of a TFLite image classifier: cut its graph at the last feature map, drop what lies behind "
        "it, and write NAME.tflite and its card NAME.json. The network in front of the cut is not changed."
    )
    parser.epilog = (
        "Takes uint8, int8 and float32 classifiers with one input [1, height, width, 3]. An int8 input or feature map "
        "becomes a uint8 one. Needs ai-edge-litert: for a 32-bit ARM device, run it on another machine and copy both files."
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the classifier's .tflite file")
    parser.add_argument("--list", action="store_true", help="print the tensors where it can be cut, and write nothing")
    parser.add_argument(
        "--tensor", metavar="NAME_OR_INDEX", help="cut at this tensor (default: the one that --list marks)"
    )
    group = parser.add_argument_group("result")
    group.add_argument("--name", help="the extractor's name (default: the name of FILE without .tflite)")
    group.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path,
        help=f"folder to write to (default: the folder of your models: the variable {MODELS_VARIABLE} if it is set, "
        "else edgevid/models in your data folder, such as ~/.local/share)",
    )  # fmt: skip
    group.add_argument("--force", action="store_true", help="replace an extractor of this name in that folder")
    group.add_argument(
        "--licence",
        metavar="TEXT",
        default=_UNKNOWN_LICENCE,
        help="licence of FILE, for the card (default: %(default)s)",
    )
    group.add_argument(
        "--input-range", nargs=2, type=float, metavar=("LOW", "HIGH"),
        help="float32 input only: the numbers that it expects for black and for white (default: -1 1)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    graph = Graph(_read(args.file), str(args.file))
    if args.list:
        _print_tensors(graph)
        return 0
    value_range = _input_range(args.input_range, graph)
    name = _check_name(args.name if args.name is not None else args.file.stem)
    folder = args.output or user_models_folder()
    model_path, card_path = folder / f"{name}.tflite", folder / f"{name}.json"
    _check_targets(model_path, card_path, args)
    tensor = graph.find(args.tensor)
    content = graph.cut(tensor)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        card = _write(content, model_path, card_path, lambda path: _card(path, name, tensor, value_range, args))
    except OSError as error:
        raise OptionError(f"Cannot write to {folder}: {error}. Give a folder that can be written with -o.") from error
    height, width, dim = card["feature_map"]["shape"][1:]
    print(f"{model_path}: feature map {height}x{width}x{dim} {card['feature_map']['dtype']}, cut at {_shown(tensor)}")
    print(f"{args.file.stat().st_size / 1e6:.2f} MB -> {card['bytes'] / 1e6:.2f} MB; the card is {card_path}")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}. Give the path of a .tflite file."
        ) from error


def _print_tensors(graph: Graph) -> None:
    default = graph.find()
    print(f"input  {graph.input.dtype} {list(graph.input.shape)} {graph.input.name}")
    for tensor in graph.spatial_tensors():
        default_mark = "  (default)" if tensor == default else ""
        print(f"{tensor.index:5}  {tensor.dtype} {list(tensor.shape)} {tensor.name}{default_mark}")


def _shown(tensor: GraphTensor) -> str:
    name = tensor.name.split(";")[0]
    return f"tensor {tensor.index} ({name if len(name) <= _MAX_SHOWN_NAME else name[: _MAX_SHOWN_NAME - 3] + '...'})"


def _input_range(given: Optional[list[float]], graph: Graph) -> Optional[list[float]]:
    if graph.input.dtype != "float32":
        if given is not None:
            raise OptionError(
                f"--input-range is for float32 inputs; this one is {graph.input.dtype} and takes pictures as they are. "
                "Leave it out."
            )
        return None
    low, high = given or _DEFAULT_RANGE
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"--input-range {low:g} {high:g} was given; expected two numbers, the lower one first.")
    return [low, high]


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", name) or f"{name}.json" == CARD_NAME:
        raise OptionError(
            f"The name {name!r} cannot be used; expected letters, digits and . _ + - (not first, except _), and not "
            f"{Path(CARD_NAME).stem!r}. Give one with --name."
        )
    if any(name == extractor.name for extractor in shipped_extractors()):
        raise OptionError(
            f"The name {name!r} is that of an extractor that came with edgevid; give another with --name."
        )
    return name


def _check_targets(model_path: Path, card_path: Path, args: argparse.Namespace) -> None:
    if model_path.exists() and model_path.samefile(args.file):
        raise OptionError(f"{model_path} is the file to import itself; give another name or folder with --name or -o.")
    for path in (model_path, card_path):
        if path.exists() and not args.force:
            raise OptionError(f"{path} exists; replace it with --force, or give another name with --name.")


def _write(
    content: bytes, model_path: Path, card_path: Path, make_card: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """Both files under other names first, then renamed: a half-written one is never taken for a model."""
    with ExitStack() as leftovers:
        parts = []
        for path in (model_path, card_path):
            parts.append(path.with_name(f".{path.name}.{os.getpid()}.part"))
            leftovers.callback(parts[-1].unlink, missing_ok=True)
        parts[0].write_bytes(content)
        card = make_card(parts[0])
        parts[1].write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        card_path.unlink(missing_ok=True)  # an old card beside a new network would be called damaged
        parts[0].replace(model_path)
        parts[1].replace(card_path)
    return card


def _card(
    path: Path, name: str, tensor: GraphTensor, value_range: Optional[list[float]], args: argparse.Namespace
) -> dict[str, Any]:
    """The card of the cut network at ``path``, which is run once on a grey picture to see that it works."""
    try:
        with closing(TfliteModel(path, num_threads=1)) as model:
            picture, feature_map = model.inputs[0], model.outputs[0]
            grey = 128 if value_range is None else sum(value_range) / 2
            model.run(np.full(picture.shape, grey, picture.dtype))
    except (ModelError, RuntimeError, ValueError) as error:
        raise ModelError(f"The network cut out of {args.file} does not run, so nothing was written. {error}") from error
    command = ["edgevid", "import-extractor", args.file.name, "--name", name]
    if args.tensor is not None:
        command += ["--tensor", args.tensor]
    if args.input_range is not None:
        command += ["--input-range", *(f"{number:g}" for number in args.input_range)]
    formula = "mean over the h * w positions, in float32"
    card_input: dict[str, Any] = {
        "shape": list(picture.shape), "dtype": picture.dtype.name, "colour": "RGB", "resize": "Pillow bilinear",
    }  # fmt: skip
    if value_range is not None:
        card_input["range"] = value_range
    return {
        "format": CARD_FORMAT,
        "kind": "extractor",
        "name": name,
        "file": f"{name}.tflite",
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "licence": args.licence,
        "input": card_input,
        "feature_map": {
            "shape": list(feature_map.shape), "dtype": feature_map.dtype.name, **_quantisation(feature_map),
            "tensor": tensor.name,
        },
        "embedding": {
            "dim": feature_map.shape[3],
            "formula": f"{formula}, divided by 255" if feature_map.dtype == np.uint8 else formula,
        },
        "source": {"file": args.file.name, "bytes": args.file.stat().st_size, "sha256": sha256_of(args.file)},
        "command": shlex.join(command),
        "edgevid_version": __version__,
    }  # fmt: skip


def _quantisation(tensor: TensorSpec) -> dict[str, Any]:
    quantised = tensor.scale != 0
    return {"scale": tensor.scale if quantised else None, "zero_point": tensor.zero_point if quantised else None}
