"""``edgevid models``: which bundles and extractors there are, and what their cards say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

from ..bundles.bundle import (
    Bundle,
    ExtractorFile,
    find_extractor,
    open_bundle,
    shipped_bundles,
    shipped_extractors,
    user_bundles,
    user_extractors,
)
from ..errors import BundleError
from .output import is_terminal, print_error, print_json_line, table, terminal_width

Model = TypeVar("Model")

_EPILOG = """\
output:
  Without NAME: a table of the bundles and one of the extractors that came with edgevid or lie in your models folder
  (see `edgevid import-extractor --help`); all files are verified.
  With NAME: its card. With --json: one JSON object a line, each with kind, name, path and, for a model with NAME, card.

exit code:
  0 good, 1 a model is missing or damaged, 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "name", nargs="?", metavar="NAME",
        help="show the card of this one: a bundle's name or folder, or an extractor's name (default: list all)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object a line (default: text)")


def run(args: argparse.Namespace) -> int:
    return _list(args.json) if args.name is None else _show(args.name, args.json)


def _list(as_json: bool) -> int:
    bundles, failed = _verified("bundle", [*shipped_bundles(), *user_bundles()], open_bundle, as_json)
    names = [extractor.name for extractor in [*shipped_extractors(), *user_extractors()]]
    extractors, also_failed = _verified("extractor", names, find_extractor, as_json)
    failed = failed or also_failed
    if as_json:
        for bundle in bundles:
            print_json_line(_bundle_record(bundle))
        for extractor in extractors:
            print_json_line(_extractor_record(extractor))
        return int(failed)
    width = terminal_width() if is_terminal(sys.stdout) else None
    rows = [("BUNDLE", "CLASSES", "ACCURACY [95 % interval]", "WINDOW", "SIZE", "EXTRACTOR")]
    for bundle in bundles:
        rows.append(
            (
                bundle.name,
                str(len(bundle.labels)),
                _accuracy_text(bundle.card),
                f"{bundle.window_seconds:g} s",
                size_text(bundle.classifier_path.stat().st_size),
                bundle.extractor.name,
            )
        )
    print("\n".join(table(rows, right=(1, 3, 4), width=width)))
    print()
    files = [("EXTRACTOR", "SIZE", "FILE")]
    files += [(e.name, size_text(e.path.stat().st_size), str(e.path)) for e in extractors]
    print("\n".join(table(files, right=(1,), width=width)))
    print("\n`edgevid models NAME` shows a card.")
    return int(failed)


def _verified(kind: str, names: Sequence[str], find: Callable[[str], Model], as_json: bool) -> tuple[list[Model], bool]:
    """The models of these names that are whole, and whether one is not, which is then told."""
    found, failed = [], False
    for name in names:
        try:
            found.append(find(name))
        except BundleError as error:
            failed = True
            print_error("models", str(error))
            if as_json:
                print_json_line({"kind": kind, "name": name, "error": str(error)})
    return found, failed


def _show(name: str, as_json: bool) -> int:
    card: Mapping[str, Any]
    extractors = [*shipped_extractors(), *user_extractors()]
    if any(extractor.name == name for extractor in extractors) and not Path(name).exists():
        extractor = find_extractor(name)
        record, card = _extractor_record(extractor), extractor.card
    else:
        bundle = open_bundle(name)
        record, card = _bundle_record(bundle), bundle.card
    if as_json:
        print_json_line({**record, "card": card})
        return 0
    print(f"{record['name']}  ({record['kind']}, verified)\n{record['path']}\n")
    # what the two lines above say already; then what most people look for
    rest = {key: value for key, value in card.items() if key not in ("name", "kind", "format")}
    first: dict[str, Any] = {
        key: rest.pop(key) for key in ("labels", "accuracy", "calibration", "unknown") if key in rest
    }
    for line in card_lines({**first, **rest}):
        print(line)
    return 0


def _bundle_record(bundle: Bundle) -> dict[str, Any]:
    accuracy = headline_accuracy(bundle.card)
    return {
        "kind": "bundle",
        "name": bundle.name,
        "path": str(bundle.folder),
        "labels": list(bundle.labels),
        "window_seconds": bundle.window_seconds,
        "bytes": bundle.classifier_path.stat().st_size,
        "extractor": bundle.extractor.name,
        "accuracy": None if accuracy is None else {"measured_on": accuracy[0], **accuracy[1]},
    }


def _extractor_record(extractor: ExtractorFile) -> dict[str, Any]:
    return {
        "kind": "extractor",
        "name": extractor.name,
        "path": str(extractor.path),
        "bytes": extractor.path.stat().st_size,
        "sha256": extractor.sha256,
    }


def headline_accuracy(card: Mapping[str, Any]) -> Optional[tuple[str, dict[str, Any]]]:
    """What a card's accuracy was measured on, and the figure: test clips, else validation clips, else None."""
    measured = card.get("accuracy")
    for split in ("test", "validation"):
        entry = measured.get(split) if isinstance(measured, dict) else None
        share = entry.get("accuracy") if isinstance(entry, dict) else None
        if isinstance(share, dict) and _is_share(share):
            return split, share
    return None


def _accuracy_text(card: Mapping[str, Any]) -> str:
    found = headline_accuracy(card)
    return "not measured" if found is None else f"{share_text(found[1])} {found[0]} clips"


def _is_share(value: Mapping[str, Any]) -> bool:
    return {"value", "n", "wilson_95"} <= value.keys()


def share_text(share: Mapping[str, Any]) -> str:
    """A measured share of a card.

    >>> share_text({"value": 0.5, "hits": 2, "n": 4, "wilson_95": [0.15, 0.85]})
    '50.0 % [15.0, 85.0] of 4'
    """
    if share["value"] is None:
        return "none of 0"
    low, high = share["wilson_95"]
    return f"{share['value'] * 100:.1f} % [{low * 100:.1f}, {high * 100:.1f}] of {share['n']}"


def size_text(size: int) -> str:
    """A file's size as people read it."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def card_lines(card: Mapping[str, Any], indent: int = 0) -> Iterator[str]:
    """A card as indented text, whatever fields it has."""
    space = "  " * indent
    for key, value in card.items():
        name = str(key).replace("_", " ")
        if isinstance(value, dict) and _is_share(value):
            yield f"{space}{name}: {share_text(value)} (95 % interval)"
        elif isinstance(value, dict) and value.keys() == {"value", "bootstrap_95"}:
            ends = value["bootstrap_95"]
            bounds = ", no interval" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}] (95 % interval)"
            yield f"{space}{name}: {value['value']:.3f}{bounds}"
        elif isinstance(value, dict):
            yield f"{space}{name}:"
            if value and all(isinstance(v, dict) and _is_share(v) for v in value.values()):
                for line in table([(label, share_text(share)) for label, share in value.items()]):
                    yield f"{space}  {line}"
            else:
                yield from card_lines(value, indent + 1)
        elif key == "confusion" and isinstance(value, list):
            yield f"{space}{name} (a row for each true class, in the order of the labels):"
            rows = [[str(cell) for cell in row] for row in value]
            for line in table(rows, right=range(len(rows))) if rows else ():
                yield f"{space}  {line}"
        elif isinstance(value, list):
            scalars = not any(isinstance(v, (dict, list)) for v in value)
            if scalars and sum(len(str(v)) for v in value) < 100:
                yield f"{space}{name}: {', '.join(str(v) for v in value)}"
            else:
                yield f"{space}{name}:"
                for item in value:
                    yield from card_lines(item, indent + 1) if isinstance(item, dict) else (f"{space}  {item}",)
        else:
            yield f"{space}{name}: {value}"
