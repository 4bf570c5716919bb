"""Commands, with unexpected options."""

from __future__ import annotations

import random
from pathlib import Path

from edgevid.cli import main

from .mutations import NUMBERS, TEXTS

_BUNDLE, _VIDEO, _CLIPS, _OUT = (
    "{corpus}/bundles/statistics",
    "{corpus}/media/clip.mp4",
    "{corpus}/clips",
    "{scratch}/out",
)
_MODEL = {"--bundle": _BUNDLE, "--threshold": "0.5", "--threads": "1", "--runtime": None}
# command -> its arguments, and its options, each with a valid value
COMMANDS: dict[str, tuple[list[str], dict[str, object]]] = {
    "classify": ([_VIDEO], {**_MODEL, "--top": "3", "--bundle": _BUNDLE}),
    "stream": ([_VIDEO], {
        **_MODEL, "--window-seconds": "0.4", "--hop": "1", "--min-filled": "0.5", "--smoothing": "mean:3",
        "--enter": "0.5", "--exit": "0.3",
        "--min-seconds": "0.1", "--cooldown": "0", "--max-seconds": "1", "--max-predictions": "3", "--top": "3",
        "--serve": None,
        "--mqtt": None, "--mqtt-name": None}),
    "demo": ([_VIDEO], {**_MODEL, "--output": _OUT, "--window-seconds": "0.4"}),
    "models": ([_BUNDLE], {}),
    "dataset": ([_CLIPS], {"--output": _OUT, "--split-list": "1", "--splits": None}),
    "extract": (["{corpus}/few"], {"--cache": _OUT, "--jobs": "1", "--extractor": None}),
    "teach": ([_CLIPS], {
        "--output": _OUT, "--window-seconds": "0.2", "--embedders": "flow-histogram",
        "--cache": "{scratch}/cache",
        "--enter": "0.5", "--min-seconds": "0.1"}),
    "evaluate": ([_BUNDLE, _CLIPS], {"--output": _OUT, "--bootstrap": "10", "--seed": "0", "--split": "test"}),
    "compare": (["{corpus}", "{corpus}/clips"], {"--bootstrap": "10"}),
    "import-extractor": (["{corpus}/bundles/statistics/tiny.tflite"], {"--output": _OUT, "--size": "32", "--name": "a",
    "--tensor": None}),
    "record": ([_VIDEO], {"--output": _OUT, "--label": "a", "--seconds": "0.1"}),
}  # fmt: skip


def command(rng: random.Random, corpus: Path, scratch: Path) -> object:
    """Run one of the commands; a refusal is no finding."""
    name = rng.choice(list(COMMANDS))
    positional, options = COMMANDS[name]
    words = list(positional)
    given = {option: value for option, value in options.items() if value is not None}
    for _ in range(rng.choice((1, 1, 2))):
        value = str(rng.choice(rng.choice((TEXTS, NUMBERS[:20], NUMBERS[20:-5]))))
        if options and rng.randrange(6):
            given[rng.choice(list(options))] = value
        else:
            words[rng.randrange(len(words))] = value
    line = [name, *(f"{option}={value}" for option, value in given.items()), "--", *words]
    line = [word.replace("{corpus}", str(corpus)).replace("{scratch}", str(scratch)) for word in line]
    try:
        return f"{main(line)} {line}"[:300].encode("ascii", "backslashreplace").decode()
    except SystemExit as error:
        return error.code
    except Exception as error:
        error.args = (f"{[word[:60] for word in line]}: {error}".encode("ascii", "backslashreplace").decode(),)
        raise
