"""Accuracy for actions taught with a few clips, compared with a GRU that `edgevid train` trains on the same clips.

    python benchmarks/few_clips.py DATA
    python benchmarks/few_clips.py DATA --gru 2 --test

DATA is a folder of clips with a ``clips.csv``. Each draw takes five groups of each class, and one training clip from each group.
It learns them as `edgevid teach` does, and classifies all training clips of the other groups, or the test clips with ``--test``.
The spread is the standard deviation over draws.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import environment, run, save
from numpy.typing import NDArray

from edgevid.cli import main as edgevid
from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import open_dataset
from edgevid.embedders.opening import entries_for
from edgevid.errors import EdgevidError
from edgevid.extraction import EmbeddingConfig, default_cache, embed_clips
from edgevid.teaching import TeachOptions
from edgevid.teaching.examples import NONE, Example, Examples, mean_by, windows_of
from edgevid.teaching.learning import learn
from edgevid.teaching.teaching import statistics_for


def embedded(clips: Sequence[Clip], options: TeachOptions, kinds: Sequence[str] = ()) -> tuple[list[Clip], Examples]:
    """The readable clips, and the examples made from them; clips labelled as one of ``kinds`` show none of the actions."""
    config = EmbeddingConfig.of(
        entries_for(options.embedders, options.extractor), interval_seconds=1 / options.samples_per_second
    )
    made = embed_clips(config, clips, options.cache)
    examples = [Example(NONE if clip.label in kinds else clip.label, clip.group) for clip in made.clips]
    cut = [windows_of(stream.steps, options.num_samples) for stream in made.windows]
    return list(made.clips), Examples.of(examples, cut, statistics_for(config))


def drawn(clips: Sequence[Clip], groups: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """Choose training clips: one from each of ``groups`` random groups of each class."""
    taken = np.zeros(len(clips), bool)
    for label in sorted({clip.label for clip in clips}):
        of_group: dict[str, list[int]] = {}
        for number, clip in enumerate(clips):
            if clip.label == label and clip.split == "train":
                of_group.setdefault(clip.group, []).append(number)
        for group in random.permutation(sorted(of_group))[:groups]:
            taken[random.choice(of_group[group])] = True
    return taken


def told_by_statistics(examples: Examples, taken: NDArray[np.bool_], shown: NDArray[np.bool_]) -> float:
    """The accuracy on the clips in ``shown``."""
    learnt = learn(examples.of_clips(taken))
    windows = shown[examples.owners] & ~examples.early
    numbers = np.unique(examples.owners[windows], return_inverse=True)[1]
    best = mean_by(numbers, learnt.fitted.head.probabilities(examples.features[windows])).argmax(axis=1)
    labels = [clip.label for clip, show in zip(examples.clips, shown) if show]
    return float(np.mean([learnt.examples.outputs[k] == label for k, label in zip(best, labels)]))


def told_by_gru(clips: Sequence[Clip], taken: NDArray[np.bool_], shown: NDArray[np.bool_], folder: Path) -> float:
    """The same for the GRU that `edgevid train` makes from the clips with its own choice of settings."""
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "split"])
        for clip, take, show in zip(clips, taken, shown):
            if take or show:
                writer.writerow([clip.path.resolve(), clip.label, clip.group, "train" if take else "test"])
    with contextlib.redirect_stdout(io.StringIO()):
        if edgevid(["train", str(folder), "-o", str(folder / "bundle"), "--evaluate-test"]):
            raise EdgevidError("edgevid train failed.")
    card = json.loads((folder / "bundle" / "card.json").read_text(encoding="utf-8"))
    return float(card["accuracy"]["test"]["accuracy"]["value"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of clips")
    parser.add_argument("--groups", type=int, default=5, metavar="N", help="groups per class (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=20, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--gru", type=int, default=0, metavar="N", help="train a GRU for the first N draws")
    parser.add_argument("--test", action="store_true", help="classify the test clips; do it once, at the end")
    parser.add_argument("--embedders", default=",".join(TeachOptions.embedders), metavar="KIND,...")
    parser.add_argument("--extractor", default=TeachOptions.extractor, metavar="NAME")
    parser.add_argument("--window-seconds", type=float, default=TeachOptions.window_seconds, metavar="S")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    options = TeachOptions(
        tuple(args.embedders.split(",")), args.extractor, window_seconds=args.window_seconds, cache=args.cache
    )
    wanted = ("train", "test") if args.test else ("train",)
    clips, examples = embedded([clip for clip in open_dataset(args.data).clips if clip.split in wanted], options)
    random = np.random.default_rng(0)
    found: dict[str, list[float]] = {"statistics": [], "gru": []}
    for number in range(args.draws):
        taken = drawn(clips, args.groups, random)
        known = {(clip.label, clip.group) for clip, take in zip(clips, taken) if take}
        shown = np.array(
            [clip.split == "test" if args.test else (clip.label, clip.group) not in known for clip in clips]
        )
        found["statistics"].append(told_by_statistics(examples, taken, shown))
        if number < args.gru:
            with tempfile.TemporaryDirectory() as folder:
                found["gru"].append(told_by_gru(clips, taken, shown, Path(folder)))
        print(
            f"draw {number + 1}: {', '.join(f'{k} {v[-1]:.3f}' for k, v in found.items() if len(v) > number)}",
            flush=True,
        )
    figures: dict[str, Any] = {}
    for name, values in found.items():
        if values:
            same = found["statistics"][: len(values)]
            figures[name] = {"mean": float(np.mean(values)), "std": float(np.std(values)), "draws": len(values)}
            lead = f", statistics lead by {np.mean(same) - np.mean(values):.3f}" if name == "gru" else ""
            print(
                f"{name}: {np.mean(values):.3f}, standard deviation {np.std(values):.3f}, over {len(values)} draws{lead}"
            )
    about = {
        "clips_of_a_class": args.groups, "clips": "test" if args.test else "training clips of other groups",
        "embedders": options.embedders, "extractor": options.extractor, "window_seconds": options.window_seconds,
    }  # fmt: skip
    save(
        {"benchmark": "few_clips", "environment": environment(), **about, "draws": found, "figures": figures}, args.json
    )
    return 0


if __name__ == "__main__":
    run(main)
