"""``edgevid models``: lists the bundles and extractors, and shows their cards."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

from ..bundles import (
    Bundle,
    EmbedderEntry,
    ExtractorFile,
    find_extractor,
    models_folder,
    open_bundle,
    shipped_bundles,
    shipped_extractors,
    user_bundles,
    user_extractors,
    user_models_folder,
)
from ..datasets.taught import FIELD
from ..errors import BundleError, OptionError
from .output import line_width, print_error, print_json_line, print_lines, table

Model = TypeVar("Model")

_MAX_LIST = 100  # characters of a list that is shown on one line

_EPILOG = """\
output:
  Without NAME: a table of the bundles and one of the extractors, those that came with edgevid and those in your models
  folder (see `edgevid import-extractor --help`). All files are verified.
  With NAME: what the model knows, its accuracy and what it costs. --card adds
  the rest of its card. With --json: one JSON object per line, each with kind,
  name, path and, for a model with NAME, card.

examples:
  edgevid models                      list all models
  edgevid models exercises10          one model in short
  edgevid models my_actions --card    its whole card

exit code:
  0 success, 1 a model is missing or damaged, 2 usage error
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "name", nargs="?", metavar="NAME",
        help="show this model: name or folder of a bundle, or name of an extractor (default: list all)",
    )  # fmt: skip
    parser.add_argument("--card", action="store_true", help="with NAME: print the whole card (default: a summary)")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line (default: text)")


def run(args: argparse.Namespace) -> int:
    if args.name is None:
        if args.card:
            raise OptionError("--card shows one model; name it: edgevid models NAME --card")
        return _list(args.json)
    return _show(args.name, args.json, args.card)


def _list(as_json: bool) -> int:
    folders = [(models_folder(), shipped_bundles()), (user_models_folder(), user_bundles())]
    to_open = [(name, partial(open_bundle, folder / name)) for folder, names in folders for name in names]
    bundles, some_failed = _verified("bundle", to_open, as_json)
    to_verify = [(extractor.name, extractor.verified) for extractor in [*shipped_extractors(), *user_extractors()]]
    extractors, others_failed = _verified("extractor", to_verify, as_json)
    if as_json:
        for record in [*map(_bundle_record, bundles), *map(_extractor_record, extractors)]:
            print_json_line(record)
    else:
        _print_tables(bundles, extractors)
    return int(some_failed or others_failed)


def _print_tables(bundles: Sequence[Bundle], extractors: Sequence[ExtractorFile]) -> None:
    width = line_width()
    rows = [("BUNDLE", "CLASSES", "ACCURACY [95 % interval]", "WINDOW", "SIZE", "EMBEDDERS")]
    for bundle in bundles:
        size, embedders = size_text(bundle.classifier.size), ", ".join(map(_embedder_text, bundle.embedders))
        window, accuracy = f"{bundle.window_seconds:g} s", _accuracy_text(bundle.card)
        rows.append((bundle.name, str(len(bundle.labels)), accuracy, window, size, embedders))
    files = [
        ("EXTRACTOR", "SIZE", "FILE"),
        *((e.name, size_text(e.path.stat().st_size), str(e.path)) for e in extractors),
    ]
    tables = *table(rows, right=(1, 3, 4), width=width), "", *table(files, right=(1,), width=width)
    print_lines(*tables, "", "`edgevid models NAME` shows one.")


def _verified(kind: str, models: Sequence[tuple[str, Callable[[], Model]]], as_json: bool) -> tuple[list[Model], bool]:
    """Open models, given their names and functions that open them. Errors are reported; True: there was one."""
    found, failed = [], False
    for name, verified in models:
        try:
            found.append(verified())
        except BundleError as error:
            failed = True
            print_error("models", str(error))
            if as_json:
                print_json_line({"kind": kind, "name": name, "error": str(error)})
    return found, failed


def _show(name: str, as_json: bool, whole: bool) -> int:
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
    if not whole:
        rows = [
            ("name", f"{record['name']}  ({record['kind']}, verified)"),
            ("path", record["path"]),
            *_in_short(record, card),
        ]
        print_lines(
            *(f"{name + ':':<13}{text}" for name, text in rows), "", f"all of its card: edgevid models {name} --card"
        )
        return 0
    print_lines(f"{record['name']}  ({record['kind']}, verified)", record["path"], "")
    # what most people look for comes first; name, kind and format are in the lines above
    first = [key for key in ("labels", "accuracy", "calibration", "unknown") if key in card]
    rest = [key for key in card if key not in (*first, "name", "kind", "format")]
    print_lines(*card_lines({key: card[key] for key in [*first, *rest]}))
    return 0


def _in_short(record: Mapping[str, Any], card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What most people ask about a model."""
    if record["kind"] == "extractor":
        shape = (card.get("feature_map") or {}).get("shape")
        yield "gives", f"a feature map {shape}" if shape else "a feature map"
    else:
        yield "knows", ", ".join(record["labels"]) + (", or that it is none of them" if card.get("none") else "")
        yield "accuracy", _accuracy_text(card)
        yield "window", f"{record['window_seconds']:g} s"
        yield "looks with", ", ".join(record["embedders"])
    for name in ("description", "licence"):
        if isinstance(card.get(name), str) and card[name]:
            yield name, card[name]
    yield "size", size_text(record["bytes"])


def _bundle_record(bundle: Bundle) -> dict[str, Any]:
    accuracy = headline_accuracy(bundle.card)
    return {
        "kind": "bundle",
        "name": bundle.name,
        "path": str(bundle.folder),
        "labels": list(bundle.labels),
        "window_seconds": bundle.window_seconds,
        "bytes": bundle.classifier.size,
        "embedders": [_embedder_text(entry) for entry in bundle.embedders],
        "accuracy": None if accuracy is None else {"measured_on": accuracy[0], **accuracy[1]},
    }


def _embedder_text(entry: EmbedderEntry) -> str:
    """A description of an embedder. For the most common kind, cnn, only the network's name."""
    if entry.network is None:
        return f"{entry.kind} ({entry.options['where']})" if "where" in entry.options else entry.kind
    return entry.network.name if entry.kind == "cnn" else f"{entry.kind} of {entry.network.name}"


def _extractor_record(extractor: ExtractorFile) -> dict[str, Any]:
    return {
        "kind": "extractor",
        "name": extractor.name,
        "path": str(extractor.path),
        "bytes": extractor.path.stat().st_size,
        "sha256": extractor.sha256,
    }


def headline_accuracy(card: Mapping[str, Any]) -> Optional[tuple[str, dict[str, Any]]]:
    """What a card's accuracy was measured on, and the figure; None if the card has none.

    Test clips are preferred to validation clips, and these to groups that were held out in turn.
    """
    measured = card.get("accuracy")
    for split in ("test", "validation", "cross-validation"):
        entry = measured.get(split) if isinstance(measured, dict) else None
        share = entry.get("accuracy") if isinstance(entry, dict) else None
        if isinstance(share, dict) and _is_share(share):
            return split, share
    return None


def _accuracy_text(card: Mapping[str, Any]) -> str:
    found = headline_accuracy(card)
    return "not measured" if found is None else f"{share_text(found[1])} {found[0]} clips"


def _is_share(value: Any) -> bool:
    return isinstance(value, dict) and {"value", "n", "wilson_95"} <= value.keys()


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
    """A file size for people."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def card_lines(card: Mapping[str, Any]) -> Iterator[str]:
    """A card as indented text, whatever its fields are."""
    for key, value in card.items():
        if key == FIELD and isinstance(value, dict):  # for `edgevid evaluate`, not for people
            value = {"clips": value.get("clips")}
        name, text = str(key).replace("_", " "), _one_line(value)
        if text is not None:
            yield f"{name}: {text}"
            continue
        lines: Iterable[str]
        if key == "confusion" and isinstance(value, list):
            name += " (a row for each true class, in the order of the labels)"
            lines = table([[str(cell) for cell in row] for row in value], right=range(len(value)))
        elif isinstance(value, list):
            lines = (line for item in value for line in (card_lines(item) if isinstance(item, dict) else [str(item)]))
        elif value and all(map(_is_share, value.values())):
            lines = table([(label, share_text(share)) for label, share in value.items()])
        else:
            lines = card_lines(value)
        yield f"{name}:"
        for line in lines:
            yield f"  {line}"


def _one_line(value: Any) -> Optional[str]:
    """A field's value if it fits on one line."""
    if _is_share(value):
        return f"{share_text(value)} (95 % interval)"
    if isinstance(value, dict):
        if value.keys() != {"value", "bootstrap_95"}:
            return None
        ends = value["bootstrap_95"]
        bounds = ", no interval" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}] (95 % interval)"
        return f"{value['value']:.3f}{bounds}"
    if isinstance(value, list):
        short = not any(isinstance(v, (dict, list)) for v in value) and sum(len(str(v)) for v in value) < _MAX_LIST
        return ", ".join(map(str, value)) if short else None
    return str(value)
