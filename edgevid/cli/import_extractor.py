"""``edgevid import-extractor``: make an extractor from a TFLite image classifier."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from ..bundles import MODELS_VARIABLE, user_models_folder
from ..bundles.importing import import_extractor, open_graph
from ..tflite.truncation import Graph
from .options import positive_int
from .output import print_lines, shorten

_UNKNOWN_LICENCE = "unknown: see the source file"
_MAX_SHOWN_NAME = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make an extractor from a TFLite image classifier: truncate it after its last feature map and write NAME.tflite "
        "and its card NAME.json. The weights before the feature map are not changed."
    )
    parser.epilog = (
        "Accepts uint8, int8 and float32 classifiers with one input [1, height, width, 3]. An int8 input or feature map "
        "becomes a uint8 one. Needs ai-edge-litert: for a 32-bit ARM device, run it on another machine and copy both files.\n\n"
        "examples:\n"
        "  edgevid import-extractor classifier.tflite --list\n"
        "  edgevid import-extractor classifier.tflite --name mine --licence Apache-2.0\n"
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the classifier's .tflite file")
    parser.add_argument(
        "--list", action="store_true", help="list the tensors where it can be truncated, and write nothing"
    )
    parser.add_argument(
        "--tensor", metavar="NAME_OR_INDEX", help="truncate at this tensor (default: the one that --list marks)"
    )
    parser.add_argument(
        "--size", metavar="PIXELS", type=positive_int,
        help="input size of the network in pixels, a multiple of 32; smaller is faster (default: the classifier's)",
    )  # fmt: skip
    group = parser.add_argument_group("result")
    group.add_argument("--name", help="name of the extractor (default: the name of FILE without .tflite)")
    group.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path,
        help=f"folder to write to (default: your models folder: the variable {MODELS_VARIABLE} if it is set, "
        "else edgevid/models in your data folder, such as ~/.local/share)",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace an extractor of this name in that folder")
    group.add_argument("--force", dest="overwrite", action="store_true", help=argparse.SUPPRESS)  # its former name
    group.add_argument(
        "--licence", metavar="TEXT", default=_UNKNOWN_LICENCE, help="licence of FILE, for the card (default: %(default)s)"
    )  # fmt: skip
    group.add_argument(
        "--input-range", nargs=2, type=float, metavar=("LOW", "HIGH"),
        help="float32 input only: the input values for black and for white (default: -1 1)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    graph = open_graph(args.file, args.size)
    if args.list:
        _print_tensors(graph)
        return 0
    name = args.file.stem if args.name is None else args.name
    command = ["edgevid", "import-extractor", args.file.name, "--name", name]
    if args.tensor is not None:
        command += ["--tensor", args.tensor]
    if args.size is not None:
        command += ["--size", str(args.size)]
    if args.input_range is not None:
        command += ["--input-range", *(f"{number:g}" for number in args.input_range)]
    tensor = graph.find(args.tensor)
    made = import_extractor(
        args.file, graph, tensor, args.output or user_models_folder(), name,
        licence=args.licence, command=shlex.join(command), input_range=args.input_range, overwrite=args.overwrite,
    )  # fmt: skip
    shown = shorten(tensor.name.split(";")[0], _MAX_SHOWN_NAME)
    height, width, dim = made.card["feature_map"]["shape"][1:]
    dtype = made.card["feature_map"]["dtype"]
    print_lines(
        f"{made.path}: feature map {height}x{width}x{dim} {dtype}, truncated at tensor {tensor.index} ({shown})"
    )
    sizes = f"{args.file.stat().st_size / 1e6:.2f} MB -> {made.card['bytes'] / 1e6:.2f} MB"
    print_lines(f"{sizes}; the card is {made.path.with_suffix('.json')}")
    return 0


def _print_tensors(graph: Graph) -> None:
    default = graph.find()
    print_lines(f"input  {graph.input.dtype} {list(graph.input.shape)} {graph.input.name}")
    for tensor in graph.spatial_tensors():
        default_mark = "  (default)" if tensor == default else ""
        print_lines(f"{tensor.index:5}  {tensor.dtype} {list(tensor.shape)} {tensor.name}{default_mark}")
