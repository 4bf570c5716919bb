"""How many cuts the scene cut detector finds, and how often it mistakes motion for a cut.

    python benchmarks/scene_cut.py DATASET [--bundle NAME] [--json FILE]

DATASET is a dataset for `edgevid train` with numbered groups in its clips.csv, such as UCF101. Only its training clips are used.
They are sampled and embedded as in a stream. A cut found within a clip is false (the clips of UCF101 are single shots). True cuts
are made by joining the end of one clip to the start of another, of the same class but another group (hard) or of another class
(easy).

The threshold is chosen on even-numbered groups: the lowest one with fewer than --false-cuts per minute. The figures are measured
with it on odd-numbered groups. Intervals: 95 %, bootstrap over groups.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import environment, run, save

import edgevid
from edgevid.bundles import DEFAULT_BUNDLE
from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import open_dataset
from edgevid.embedders import Embedder
from edgevid.embedders.scene_cut import SceneCutDetector
from edgevid.sampling import SampleSpec, StreamSampler
from edgevid.sources import VideoFile

THRESHOLDS = [round(0.005 * k, 3) for k in range(4, 92)]
RESAMPLES = 2000
# More than the detector remembers: earlier embeddings change nothing.
TAIL = 8


class Embedded(NamedTuple):
    """A clip's embeddings at the ticks of a stream, float32 ``[N, D]``."""

    clip: Clip
    embeddings: np.ndarray

    @property
    def group(self) -> tuple[str, str]:
        return self.clip.label, self.clip.group


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET", help="a folder or CSV file that `edgevid train` can read"
    )
    parser.add_argument(
        "--bundle", default=DEFAULT_BUNDLE, metavar="NAME", help="use its extractor (default: %(default)s)"
    )
    parser.add_argument(
        "--false-cuts", type=float, default=0.5, metavar="N", help="limit per minute (default: %(default)s)"
    )
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    args = parser.parse_args()

    clips = [clip for clip in open_dataset(args.dataset).clips if clip.split == "train"]
    if not all(clip.group.isdecimal() for clip in clips):
        sys.exit(
            "The groups of this dataset are not numbers; give one with numbered groups in its clips.csv, such as UCF101."
        )
    with edgevid.load(args.bundle, num_threads=1, runtime=args.runtime) as recognizer:
        embedder = recognizer.embedders[0]
        spec = SampleSpec(recognizer.num_samples, recognizer.window_seconds, (embedder.track,))
        embedded = [Embedded(clip, embed(embedder, spec, clip.path)) for clip in clips]
        interval_seconds, on_card = spec.interval_seconds, embedder.scene_cut_threshold
    choosing = [item for item in embedded if int(item.clip.group) % 2 == 0]
    reporting = [item for item in embedded if int(item.clip.group) % 2 == 1]

    false_cuts = {t: sum(count_cuts(item.embeddings, t) for item in choosing) for t in THRESHOLDS}
    allowed = args.false_cuts * minutes(choosing, interval_seconds)
    threshold = next(t for t in THRESHOLDS if false_cuts[t] < allowed)
    result = {
        "interval_seconds": round(interval_seconds, 4),
        "threshold": threshold,
        "chosen_on": figures(choosing, threshold, interval_seconds),
        "measured_on": figures(reporting, threshold, interval_seconds),
    }
    said = "has none" if on_card is None else f"has {on_card:g}"
    print(f"chosen threshold: {threshold:g}; the network's card {said}. For the card:")
    print(json.dumps({"scene_cut": {"threshold": threshold, "seconds_apart": round(interval_seconds, 2)}}, indent=2))
    for name in ("chosen_on", "measured_on"):
        print_figures(name, result[name])
    save({"benchmark": "scene_cut", "environment": environment(args.runtime), **result}, args.json)
    return 0


def embed(embedder: Embedder, spec: SampleSpec, path: Path) -> np.ndarray:
    """The embeddings at the ticks of a stream, float32 ``[N, D]``."""
    sampler, embedder, made = StreamSampler(spec), embedder.fresh(), []
    with VideoFile(path) as video:
        for timestamp, image in video.frames(sampler.wants):
            (due,) = sampler.due(image, timestamp)
            if due is not None:
                made.append(embedder.embed(due.sample))
            sampler.advance(image, timestamp)
    return np.stack(made)


def count_cuts(embeddings: np.ndarray, threshold: float) -> int:
    detector = SceneCutDetector(threshold)
    return sum(detector.update(embedding) for embedding in embeddings)


def finds_splice(before: np.ndarray, after: np.ndarray, threshold: float) -> bool:
    """Whether the detector reports a cut at the first embedding of ``after``."""
    detector = SceneCutDetector(threshold)
    for embedding in before[-TAIL:]:
        detector.update(embedding)
    return detector.update(after[0])


def minutes(items: Sequence[Embedded], interval_seconds: float) -> float:
    """Minutes of video between successive samples."""
    return sum(len(item.embeddings) - 1 for item in items) * interval_seconds / 60


def figures(items: Sequence[Embedded], threshold: float, interval_seconds: float) -> dict[str, Any]:
    groups = sorted({item.group for item in items})
    index = {group: k for k, group in enumerate(groups)}
    draws = np.random.default_rng(0).multinomial(len(groups), [1 / len(groups)] * len(groups), size=RESAMPLES)
    draws = draws.astype(float)

    cuts, time = np.zeros(len(groups)), np.zeros(len(groups))
    for item in items:
        cuts[index[item.group]] += count_cuts(item.embeddings, threshold)
        time[index[item.group]] += minutes([item], interval_seconds)
    with_cut = sum(count_cuts(item.embeddings, threshold) > 0 for item in items)
    result: dict[str, Any] = {
        "groups": len(groups), "clips": len(items), "minutes": round(time.sum(), 2), "false_cuts": int(cuts.sum()),
        "clips_with_false_cut": with_cut,
        "false_cuts_per_minute": with_interval(cuts.sum() / time.sum(), (draws @ cuts) / (draws @ time)),
    }  # fmt: skip
    for name, pairs in splices(items).items():
        found, made = np.zeros((len(groups),) * 2), np.zeros((len(groups),) * 2)
        for first, second in pairs:
            where = index[first.group], index[second.group]
            found[where] += finds_splice(first.embeddings, second.embeddings, threshold)
            made[where] += 1
        drawn = [np.einsum("rg,gh,rh->r", draws, values, draws, optimize=True) for values in (found, made)]
        result[f"{name}_splices"] = int(made.sum())
        result[f"{name}_found"] = with_interval(found.sum() / made.sum(), drawn[0] / drawn[1])
    return result


def splices(items: Sequence[Embedded]) -> dict[str, list[tuple[Embedded, Embedded]]]:
    """Pairs of clips to join: each clip with all others of its class, and one pair for every two groups of different classes."""
    pairs = [(a, b) for a, b in itertools.permutations(items, 2) if a.group != b.group]
    hard = [(a, b) for a, b in pairs if a.clip.label == b.clip.label]
    easy = {(a.group, b.group): (a, b) for a, b in pairs if a.clip.label != b.clip.label}
    return {"hard": hard, "easy": list(easy.values())}


def with_interval(value: float, drawn: np.ndarray) -> dict[str, Any]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"value": round(float(value), 4), "bootstrap_95": [round(float(low), 4), round(float(high), 4)]}


def print_figures(name: str, result: dict[str, Any]) -> None:
    print(f"{name}: {result['clips']} clips of {result['groups']} groups, {result['minutes']} minutes")
    for key in ("false_cuts_per_minute", "hard_found", "easy_found"):
        low, high = result[key]["bootstrap_95"]
        print(f"  {key:22} {result[key]['value']:.3f}  [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    run(main)
