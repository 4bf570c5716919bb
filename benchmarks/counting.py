"""How accurately repetitions are counted, compared with manual counts.

    python benchmarks/counting.py DATASET [--bundle NAME] [--split test] [--json FILE]

DATASET is the folder of ten UCF101 classes that has the clips listed in benchmarks/counts.csv. Each clip runs through a stream of
the bundle. "counted" is the stream's count at the end of the clip, whatever action it recognises. "told" is the count in events
with their default options: the sum over the events with the clip's label. A clip whose action is never announced counts 0 there,
and is left out of "told_announced". "mean" and "median" always answer the mean or median of these clips' manual counts. Errors
are in repetitions.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from measure import environment, run, save

import edgevid
from edgevid.bundles import DEFAULT_BUNDLE
from edgevid.events import Ended, EventDetector, fresh_smoothing

COUNTS = Path(__file__).parent / "counts.csv"


class Measured(NamedTuple):
    """A clip: path in the dataset, label, and repetitions: manual count, stream's count, events' count (None: not announced)."""

    path: str
    label: str
    by_eye: float
    counted: float
    told: Optional[int]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET", help="the folder of the clips in benchmarks/counts.csv"
    )
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--split", default="test", choices=("train", "test"), help="default: %(default)s")
    parser.add_argument("--runtime", default=None, help="litert or tflite-runtime (default: the best installed)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result there")
    args = parser.parse_args()

    with COUNTS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == args.split]
    with edgevid.load(args.bundle, num_threads=1, runtime=args.runtime) as recognizer:
        clips = [measure(recognizer, args.dataset, row["path"], row["label"], float(row["count"])) for row in rows]
    for clip in clips:
        told = "-" if clip.told is None else clip.told
        print(f"{clip.path:60} by eye {clip.by_eye:5g}  counted {clip.counted:5g}  told {told}")
    result = {"split": args.split, "bundle": args.bundle, **figures(clips)}
    result["by_class"] = {
        label: figures([clip for clip in clips if clip.label == label]) for label in sorted({c.label for c in clips})
    }
    result["by_clip"] = [clip._asdict() for clip in clips]
    for name in ("counted", "told", "told_announced", "mean", "median"):
        print(f"{name:15} {result[name]}")
    print(f"announced       {result['announced']} of {result['clips']}")
    save({"benchmark": "counting", "environment": environment(args.runtime), **result}, args.json)
    return 0


def measure(recognizer: edgevid.Recognizer, dataset: Path, path: str, label: str, by_eye: float) -> Measured:
    """Run a clip, which is one scene, through a stream."""
    stream, ends = recognizer.open_stream(edgevid.StreamOptions(reset_on_cut=False)), []
    events, smoothing = EventDetector(recognizer.events.options), fresh_smoothing(recognizer.events.smoothing)
    with edgevid.VideoFile(dataset / path) as video:
        for timestamp, frame in video.frames(stream.wants):
            prediction = stream.push(frame, timestamp)
            if prediction is not None:
                ends += events.update(prediction if smoothing is None else smoothing.update(prediction))
    ends += events.finish()
    own = [event.count or 0 for event in ends if isinstance(event, Ended) and event.label == label]
    return Measured(path, label, by_eye, stream.cycles, sum(own) if own else None)


def figures(clips: Sequence[Measured]) -> dict[str, Any]:
    by_eye = [clip.by_eye for clip in clips]
    mean, median = statistics.fmean(by_eye), statistics.median(by_eye)
    announced = [clip for clip in clips if clip.told is not None]
    return {
        "clips": len(clips),
        "announced": len(announced),
        "counted": errors([clip.counted - clip.by_eye for clip in clips]),
        "told": errors([(clip.told or 0) - clip.by_eye for clip in clips]),
        "told_announced": errors([(clip.told or 0) - clip.by_eye for clip in announced]),
        "mean": errors([mean - count for count in by_eye]),
        "median": errors([median - count for count in by_eye]),
    }


def errors(differences: Sequence[float]) -> Optional[dict[str, float]]:
    if not differences:
        return None
    return {
        "mean_absolute_error": round(statistics.fmean(map(abs, differences)), 3),
        "within_one": round(statistics.fmean(abs(difference) <= 1 for difference in differences), 3),
    }


if __name__ == "__main__":
    run(main)
