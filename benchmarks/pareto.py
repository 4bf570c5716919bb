"""What each step gains and costs: accuracy on held-out groups, network passes, time in bare runs of the network, size.

    python benchmarks/pareto.py DATA --outside OUTSIDE --gru --bundles THESIS exercises10 --json pareto.json --markdown pareto.md

Each step is taught as in `edgevid teach`, on the training clips of DATA, into a temporary folder. Each clip is classified by a
classifier that was not fitted on its group (six folds of whole groups). The interval resamples whole groups. Costs are those of
`benchmarks/rolling.py`: what a 25 fps camera needs between two samples, compared with one bare run of the whole network, in turn
in one process. Memory is the peak of a process that only streams. --bundles adds finished bundles; their accuracy, also on test
clips, is read from their cards.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from measure import environment, latency_fields, over_groups, peak_bytes, run, save, time_in_turn
from rolling import moving_scene, sampler

from edgevid.bundles import find_extractor, open_bundle
from edgevid.cli.teach import gru_trainer
from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import open_dataset
from edgevid.embedders.opening import open_cnn
from edgevid.extraction import default_cache
from edgevid.loading import load
from edgevid.teaching import TeachOptions, teach_clips


class Step(NamedTuple):
    """What is taught: the embedders, and whether mirror images, clips of other actions and a GRU are used too."""

    name: str
    embedders: tuple[str, ...]
    mirror: bool = False
    none: bool = False
    gru: bool = False


_MOTION = ("region-flow-coarse",)
_LIGHT = ("region-difference", "region-flow")
_BOTH = ("motion-region", *_LIGHT)
STEPS = (
    Step("frame", ("cnn",)),
    Step("region's flow, coarse", _MOTION),
    Step("region's flow, coarse, mirror images, none", _MOTION, True, True),
    Step("region's flow", ("region-flow",)),
    Step("region's frame and flow", ("motion-region", "region-flow")),
    Step("region's difference and flow", _LIGHT),
    Step("region's difference and flow, mirror images, none", _LIGHT, True, True),
    Step("region's frame, difference and flow", _BOTH),
    Step("the same, mirror images", _BOTH, True),
    Step("the same, mirror images, none", _BOTH, True, True),
    Step("the same, mirror images, none, GRU", _BOTH, True, True, True),
)


def learn(step: Step, clips: Sequence[Clip], options: TeachOptions, folder: Path) -> dict[str, Any]:
    """Teach a step into ``folder``; return its accuracy on held-out groups."""
    options = replace(
        options,
        embedders=step.embedders,
        mirror=step.mirror,
        none=options.none if step.none else (),
        network=gru_trainer() if step.gru else None,
        name=step.name,
    )
    taught = teach_clips(clips, folder, options)
    if taught.held_out is None:
        sys.exit("All clips are from one group; give data with several.")
    skipped = {clip.path for clip, _ in taught.skipped}
    # Groups are numbered per class: the same number means other people and places in another class.
    groups: dict[tuple[str, str], list[bool]] = {}
    for clip, right in zip((clip for clip in clips if clip.path not in skipped), taught.held_out.right):
        groups.setdefault((clip.label, clip.group), []).append(bool(right))
    interval = over_groups([np.array(right) for right in groups.values()])
    result = {"held_out": taught.held_out.accuracy.as_dict(), "over_groups": interval, "groups": len(groups)}
    tried = open_bundle(folder).card["training"].get("weights_tried")
    return {**result, "weights_tried": tried} if tried else result


def finished(name: str) -> dict[str, Any]:
    """The accuracy on the card of a finished bundle."""
    accuracy = open_bundle(name).card["accuracy"]
    known = {key: accuracy[key]["accuracy"] for key in ("cross-validation", "validation", "test") if key in accuracy}
    held_out = known.get("cross-validation", known.get("validation"))
    return {"held_out": held_out, **({"test": known["test"]} if "test" in known else {})}


def shipped(name: str) -> dict[str, Any]:
    """Network passes per sample; bytes of the classifier and the networks."""
    bundle = open_bundle(name)
    passes = sum(entry.network is not None for entry in bundle.embedders)
    return {
        "passes": passes,
        "bytes": bundle.classifier.size + sum(network.path.stat().st_size for network in bundle.networks),
    }


def add_costs(rows: dict[str, dict[str, Any]], bundles: dict[str, str], samples: int) -> None:
    """Time a sample of a stream with each bundle, in turn with a bare run of the whole network.

    One bundle at a time: on a board, no other networks evict its weights from the caches.
    """
    import cv2

    cv2.setNumThreads(1)
    frames = moving_scene(320, 240)
    cnn = open_cnn(find_extractor(), num_threads=1)
    cnn.embed_picture(frames[0])
    for name, bundle in bundles.items():
        recognizer = load(bundle, num_threads=1)
        calls = {"invoke": cnn.model._interpreter.invoke, "sample": sampler(recognizer.open_stream(), frames)}
        times = time_in_turn(calls, samples, 2 * recognizer.num_samples)
        latency = {key: latency_fields(of_call) for key, of_call in times.items()}
        recognizer.close()
        command = [sys.executable, __file__, "--memory-of", bundle, "."]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows[name]["peak_memory_mb"] = float(said)
        ratio = latency["sample"]["median_ms"] / latency["invoke"]["median_ms"]
        rows[name].update(latency=latency, invokes=round(ratio, 2))


def memory_of(bundle: str) -> float:
    """Peak memory of this process, in 10^6 bytes, after a stream with a bundle."""
    with load(bundle, num_threads=1) as recognizer:
        next_sample = sampler(recognizer.open_stream(), moving_scene(320, 240))
        for _ in range(2 * recognizer.num_samples):
            next_sample()
    return (peak_bytes() or 0) / 1e6


def line(name: str, row: dict[str, Any]) -> str:
    """A line of the Markdown table."""
    low, high = row.get("over_groups", row["held_out"]["wilson_95"])
    test: Optional[dict[str, Any]] = row.get("test")
    cells = [
        name,
        f"{row['held_out']['value']:.3f} [{low:.2f}, {high:.2f}]",
        "" if test is None else "{:.3f} [{:.2f}, {:.2f}]".format(test["value"], *test["wilson_95"]),
        str(row["passes"]),
        f"{row['invokes']:.2f}",
        f"{row['bytes'] / 1e6:.1f}",
        f"{row['peak_memory_mb']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="clips of the actions, with their split")
    parser.add_argument(
        "--outside", type=Path, metavar="DATA", help="clips of other actions, for the steps that learn none"
    )
    parser.add_argument("--gru", action="store_true", help="include steps with a GRU (minutes each; needs Keras)")
    parser.add_argument("--bundles", nargs="+", default=[], metavar="BUNDLE", help="add these finished bundles")
    parser.add_argument("--samples", type=int, default=300, help="timed samples per row (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there")
    parser.add_argument("--memory-of", metavar="BUNDLE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        print(memory_of(args.memory_of))
        return 0
    clips = [clip for clip in open_dataset(args.data).clips if clip.split != "test"]
    none = open_dataset(args.outside, ignore_splits=True).clips if args.outside else []
    options = TeachOptions(window_seconds=5.0, cache=args.cache, none=none)
    steps = [step for step in STEPS if (args.gru or not step.gru) and (none or not step.none)]
    rows: dict[str, dict[str, Any]] = {}
    bundles: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, step in enumerate(steps):
            bundles[step.name] = str(Path(folder) / str(number))
            rows[step.name] = {**step._asdict(), **learn(step, clips, options, Path(bundles[step.name]))}
            print(step.name, rows[step.name]["held_out"]["value"], flush=True)
        for bundle in args.bundles:
            name = f"bundle {open_bundle(bundle).card['name']}"
            bundles[name], rows[name] = bundle, finished(bundle)
        for name, bundle in bundles.items():
            rows[name].update(shipped(bundle))
        add_costs(rows, bundles, args.samples)
    table = [
        "| step | groups held out | test | passes | invokes a sample | MB | memory, MB |",
        "|---|---|---|---|---|---|---|",
        *(line(name, row) for name, row in rows.items()),
    ]
    print("\n".join(table))
    if args.markdown is not None:
        args.markdown.write_text("\n".join(table) + "\n", encoding="utf-8")
    save(
        {
            "benchmark": "pareto", "environment": environment(), "clips": len(clips), "frame": [320, 240], "threads": 1,
            "steps": rows,
        },
        args.json,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    run(main)
