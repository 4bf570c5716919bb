"""How well a stream tells what happens: films of known and unknown actions, and the events of each bundle.

    python benchmarks/films.py BUNDLE... --data DATASET --outside DATASET --split test
    python benchmarks/films.py BUNDLE --data DATASET --outside DATASET --split train --folds 3 --sweep

Clips are joined in a seeded random order, one of an unknown action after every two of known ones, at their own frame rates, into
films of 40 known clips. They are streamed as `edgevid stream` does; what follows `--` are its options, such as
`-- --enter 0.5 --reset-on-cut`. A segment is a clip, or clips of one class in a row. One of 5 s or more is announced when an
event with its label begins between its start and its end. An event with another label than its segment's is false, late ones of
the segment before too; how many are late by a second at most is stated beside it.

With --folds the bundle's embedders and window are kept, and a classifier of statistics is taught for each fold, on the training
clips of the other folds' groups; films hold the fold's clips and the unknown actions of one half. So no film shows what its
classifier was fitted on. --groups takes training clips of these groups only, for a bundle that was trained without them.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Optional

from film_scores import Score, Segment, merged
from measure import environment, save

import edgevid
from edgevid.bundles import open_bundle
from edgevid.cli import stream as stream_command
from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import open_dataset
from edgevid.embedders.opening import KINDS, entries_for
from edgevid.errors import EdgevidError
from edgevid.events import EventDetector, EventOptions, fresh_smoothing
from edgevid.extraction import default_cache
from edgevid.following import follow
from edgevid.prediction import Prediction
from edgevid.sources import FrameIterable, VideoFile
from edgevid.stream import StreamOptions
from edgevid.teach import TeachOptions, teach

KNOWN_PER_FILM = 40
KNOWN_PER_UNKNOWN = 2
GRID = {
    "smoothing": ("none", "exponential:0.5", "exponential:1", "exponential:2"),
    "enter": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "min_seconds": (0.0, 0.5, 1.0, 1.5, 2.0),
}

Film = list[tuple[Optional[str], Path]]


class Streamed(NamedTuple):
    """A film's segments, and the predictions of the stream over it; None where a scene ended."""

    segments: list[Segment]
    predictions: list[Optional[Prediction]]


def make_films(known: Sequence[Clip], unknown: Sequence[Clip], seed: int) -> list[Film]:
    """Clips in random order: (label, path), label None of an unknown action. Known ones once, unknown ones as often as needed."""
    rng = random.Random(seed)
    order, others, films = rng.sample(known, len(known)), [], []
    count = max(1, round(len(order) / KNOWN_PER_FILM))
    for number in range(count):
        film: Film = []
        for place, clip in enumerate(order[number::count], 1):
            film.append((clip.label, clip.path))
            if place % KNOWN_PER_UNKNOWN == 0 and unknown:
                others = others or rng.sample(unknown, len(unknown))
                film.append((None, others.pop().path))
        films.append(film)
    return films


def frames_of(film: Film, segments: list[Segment]) -> Iterator[tuple[float, Any]]:
    """(timestamp, frame) of one clip after the other. A segment for each is added to ``segments`` when the clip is over."""
    start = 0.0
    for label, path in film:
        with VideoFile(path) as video:
            for timestamp, frame in video.frames():
                yield start + timestamp, frame
            end = start + timestamp + 1 / video.fps
        segments.append(Segment(label, start, end))
        start = end


def stream_film(recognizer: edgevid.Recognizer, film: Film, options: StreamOptions) -> Streamed:
    segments: list[Segment] = []
    source = FrameIterable(frames_of(film, segments))
    predictions = [
        None if followed is None else followed.prediction
        for followed in follow(recognizer.open_stream(options), source)
        if followed is None or followed.prediction is not None
    ]
    return Streamed(merged(segments), predictions)


def score(streamed: Sequence[Streamed], events: EventOptions, smoothing: str) -> Score:
    """Predictions -> smoothing -> events, as a runner does it, counted over films."""
    result = Score()
    for segments, predictions in streamed:
        detector, smoother, found = EventDetector(events), fresh_smoothing(smoothing), []
        for prediction in predictions:
            if prediction is None:
                found += detector.finish()
                if smoother is not None:
                    smoother.reset()
            else:
                found += detector.update(prediction if smoother is None else smoother.update(prediction))
        result.add(segments, found)
    return result


def fold_bundles(
    name: str, known: Sequence[Clip], unknown: Sequence[Clip], folds: int, cache: Path, folder: Path
) -> Iterator[tuple[Path, list[Clip], list[Clip]]]:
    """For each fold a bundle that was not fitted on its groups, the fold's clips, and unknown clips that it has not seen."""
    bundle, groups = open_bundle(name), sorted({clip.group for clip in known})
    kinds = tuple(kind for entry in bundle.embedders for kind in KINDS if entries_for([kind]) == [entry])
    if len(kinds) != len(bundle.embedders):
        sys.exit(
            f"{name} has embedders that `edgevid teach` does not know by name; give bundles with --groups instead."
        )
    options = TeachOptions(
        embedders=kinds,
        num_samples=bundle.num_samples,
        window_seconds=bundle.window_seconds,
        min_filled=bundle.min_filled,
        mirror=bundle.card["training"].get("mirrored_too", False),
        cache=cache,
    )
    classes = sorted({clip.label for clip in unknown})
    for fold in range(folds):
        own = set(groups[fold::folds])
        # The other half, classes[1 - fold % 2 :: 2], is for teaching what none of the actions looks like.
        mixed_in = set(classes[fold % 2 :: 2])
        path = folder / f"fold{fold}"
        teach([clip for clip in known if clip.group not in own], path, options)
        yield path, [c for c in known if c.group in own], [c for c in unknown if c.label in mixed_in]


def sweep(streamed: Sequence[Streamed]) -> list[dict[str, Any]]:
    """Options and what they give, over :data:`GRID`: only those that no other beats in both shares and false events."""
    rows = []
    for smoothing, enter, seconds in product(*GRID.values()):
        options = {"enter": enter, "min_seconds": seconds}
        rows.append(({**options, "smoothing": smoothing}, score(streamed, EventOptions(**options), smoothing)))
    rows.sort(key=lambda row: (row[1].false_a_minute, -row[1].share))
    best, front = -1.0, []
    for options, one in rows:
        if one.share > best:
            best = one.share
            front.append({"options": options, **one.as_dict()})
    return front


def line(name: str, figures: dict[str, Any]) -> str:
    announced, delay = figures["announced"], figures["median_delay_seconds"]
    return (
        f"{name:34} announced {announced['hits']:3} of {announced['n']:3} ({announced['value']:.1%}), "
        f"median delay {'-' if delay is None else f'{delay:.1f} s'}, "
        f"false events a minute {figures['false_events_a_minute']:.2f} "
        f"({figures['false_events_a_minute_but_for_late_ones']:.2f} but for late ones)"
    )


def main() -> int:
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="names or folders of bundles")
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET", help="clips of the bundles' actions")
    parser.add_argument("--outside", type=Path, required=True, metavar="DATASET", help="clips of other actions")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="train", help="(default: train)")
    parser.add_argument("--folds", type=int, default=0, metavar="K", help="teach a classifier for each of K folds")
    parser.add_argument("--groups", type=lambda text: set(text.split(",")), metavar="A,B,...", help="only these groups")
    parser.add_argument("--clips", type=int, metavar="N", help="only so many known clips, for a quick look")
    parser.add_argument("--sweep", action="store_true", help="try a grid of options for events")
    parser.add_argument("--seed", type=int, default=0, help="of the order of clips (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args(words[:end])
    streaming = argparse.ArgumentParser()
    stream_command.add_arguments(streaming)
    options = streaming.parse_args(["film", *words[end + 1 :]])

    known = [clip for clip in open_dataset(args.data).clips if clip.split == args.split]
    known = [clip for clip in known if args.groups is None or clip.group in args.groups]
    known = random.Random(args.seed).sample(known, min(args.clips or len(known), len(known)))
    unknown = open_dataset(args.outside, ignore_splits=True).clips
    result = {}
    for name in args.bundles:
        with tempfile.TemporaryDirectory() as folder:
            if args.folds:
                parts = fold_bundles(name, known, unknown, args.folds, args.cache, Path(folder))
            else:
                parts = iter([(name, known, unknown)])
            streamed = []
            for bundle, clips, others in parts:
                with edgevid.load(bundle, num_threads=1, threshold=options.threshold) as recognizer:
                    stream = stream_command.stream_options(options)
                    streamed += [stream_film(recognizer, f, stream) for f in make_films(clips, others, args.seed)]
                    events = stream_command.event_options(options, recognizer.events.options)
                    smoothing = options.smoothing or recognizer.events.smoothing
            figures = score(streamed, events, smoothing).as_dict()
            print(line(name, figures), flush=True)
            result[name] = {"films": len(streamed), "smoothing": smoothing, "events": vars(events), **figures}
            if args.sweep:
                result[name]["sweep"] = sweep(streamed)
                for row in result[name]["sweep"]:
                    said = row["options"]
                    print(line(f"  {said['smoothing']}, {said['enter']:g}, {said['min_seconds']:g} s", row))
    save(
        {
            "benchmark": "films", "environment": environment(), "split": args.split, "folds": args.folds, "seed": args.seed,
            "known_clips": len(known), "stream": words[end + 1 :], "bundles": result,
        },
        args.json,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EdgevidError as error:
        sys.exit(str(error))
