"""How well a few clips teach what is none of the actions: the area under the ROC curve on held-out clips.

    python benchmarks/none_of_these.py GESTURES --actions greeting,stop,attention,left,right --none random,static \\
        --clips 8 --none-clips 10
    python benchmarks/none_of_these.py DATA --outside OUTSIDE --number 4 --clips 10 --none-clips 2

Each draw takes --clips clips of each action, and --none-clips clips of each class that is none of them, and learns them as
`edgevid teach` does. Groups are held out in turn; each class of --outside is held out completely. Only training clips are drawn.
With the numbers above, a draw has 60 clips. The score is 1 - the probability of none.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from few_clips import embedded
from measure import environment, run, save
from numpy.typing import NDArray

from edgevid.datasets.reading import open_dataset
from edgevid.errors import OptionError
from edgevid.extraction import default_cache
from edgevid.teaching import TeachOptions
from edgevid.teaching.examples import NONE
from edgevid.teaching.learning import learn


def drawn(labels: NDArray[np.str_], counts: dict[str, int], random: np.random.Generator) -> NDArray[np.bool_]:
    """Choose ``counts`` random clips of each label."""
    taken = np.zeros(len(labels), bool)
    for label, count in counts.items():
        taken[random.choice(np.flatnonzero(labels == label), count, replace=False)] = True
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of clips")
    parser.add_argument("--actions", type=_names, default=[], metavar="A,B,...", help="classes of DATA (default: all)")
    parser.add_argument(
        "--none", type=_names, default=[], metavar="A,B,...", help="classes of DATA that are none of them"
    )
    parser.add_argument("--outside", type=Path, metavar="FOLDER", help="clips of other actions")
    parser.add_argument("--number", type=int, metavar="N", help="actions per draw (default: all)")
    parser.add_argument("--clips", type=int, default=10, metavar="N", help="clips per action (default: %(default)s)")
    parser.add_argument(
        "--none-clips", type=int, default=2, metavar="N", help="clips per other class (default: %(default)s)"
    )
    parser.add_argument("--draws", type=int, default=20, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--extractor", metavar="NAME", help="(default: that of each embedder)")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    options = TeachOptions(extractor=args.extractor, cache=args.cache)
    clips = [clip for clip in open_dataset(args.data).clips if clip.split != "test"]
    actions = args.actions or sorted({clip.label for clip in clips} - set(args.none))
    clips = [clip for clip in clips if clip.label in {*actions, *args.none}]
    kinds = list(args.none)
    if args.outside:
        others = open_dataset(args.outside, ignore_splits=True).clips
        clips += [replace(clip, group=f"{NONE} {clip.label}") for clip in others]
        kinds += sorted({clip.label for clip in others})
    if not kinds:
        raise OptionError("No clip shows none of the actions; give --none or --outside.")
    clips, examples = embedded(clips, options, kinds)
    labels, random = np.array([clip.label for clip in clips]), np.random.default_rng(0)
    found = []
    for _ in range(args.draws):
        chosen = random.permutation(actions)[: args.number]
        counts = {**dict.fromkeys(chosen, args.clips), **dict.fromkeys(kinds, args.none_clips)}
        held_out = learn(examples.of_clips(drawn(labels, counts, random))).held_out
        if held_out is None or held_out.auroc is None:
            raise OptionError("The clips of a draw are all from one group; give data with several.")
        found.append(held_out.auroc)
    total = sum(counts.values())
    print(
        f"{total} clips: AUROC {np.mean(found):.3f}, standard deviation {np.std(found):.3f}, lowest {min(found):.3f}, over "
        f"{len(found)} draws"
    )
    figures = {"clips": total, "auroc": found, "extractor": args.extractor, "actions": actions, "none": kinds}
    save({"benchmark": "none_of_these", "environment": environment(), **figures}, args.json)
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    run(main)
