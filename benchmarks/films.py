"""Accuracy of each bundle's events on films that mix known and unknown actions.

    python benchmarks/films.py BUNDLE... --data DATASET --outside DATASET --split test
    python benchmarks/films.py BUNDLE --data DATASET --outside DATASET --split train --folds 3 --sweep
    python benchmarks/films.py BUNDLE --data DATASET --outside DATASET --split test --halves

Clips are joined into films of 40 known clips, in a seeded random order and at their own frame rates. A clip of an unknown action
follows every two known ones. The films are streamed as in `edgevid stream`. Its options follow `--`, such as
`-- --enter 0.5 --reset-on-cut`. A segment is a clip, or consecutive clips of one class. A segment of 5 s or more is announced if
an event with its label begins between its start and its end. An event with another label than its segment's is false, even a
late one of the previous segment. Events that are late by a second at most are also counted separately.

A bundle that learned "none" from the other actions knows them. With --halves, its embedders, window, events and cuts are kept,
and two classifiers of statistics are taught (no network), each on all training clips and one half of the other actions. Its films
mix in the other half. --folds does the same for each of K parts of the groups, with the clips of the other parts. So no film
shows what its classifier was fitted on. --groups takes only training clips of these groups, for a bundle trained without them.
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
from measure import environment, run, save

import edgevid
from edgevid.bundles import open_bundle
from edgevid.cli import stream as stream_command
from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import open_dataset
from edgevid.embedders.opening import KINDS, entries_for
from edgevid.events import EventDefaults, EventDetector, EventOptions, fresh_smoothing
from edgevid.extraction import default_cache
from edgevid.following import follow
from edgevid.prediction import Prediction
from edgevid.sources import FrameIterable, VideoFile
from edgevid.stream import StreamOptions
from edgevid.teaching import TeachOptions, teach_clips

KNOWN_PER_FILM = 40
KNOWN_PER_UNKNOWN = 2
GRID = {
    "smoothing": ("none", "exponential:0.5", "exponential:1", "exponential:2"),
    "enter": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "min_seconds": (0.0, 0.5, 1.0, 1.5, 2.0),
}

Film = list[tuple[Optional[str], Path]]


class Streamed(NamedTuple):
    """A film's segments, and the stream's predictions for it; None marks the end of a scene."""

    segments: list[Segment]
    predictions: list[Optional[Prediction]]


def make_films(known: Sequence[Clip], unknown: Sequence[Clip], seed: int) -> list[Film]:
    """Clips in random order: (label, path), label None if unknown. Known clips appear once, unknown ones as often as needed."""
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
    """(timestamp, frame) of one clip after the other. After each clip, its segment is added to ``segments``."""
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
    """Predictions -> smoothing -> events, as in a runner, counted over films."""
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


class Lesson(NamedTuple):
    """The clips that a classifier learns, and the known clips that its films show."""

    learned: list[Clip]
    shown: list[Clip]


def lessons_by_groups(known: Sequence[Clip], folds: int) -> list[Lesson]:
    """One lesson for each part of the groups: that part is shown, the others are learned."""
    groups = sorted({clip.group for clip in known})
    parts = [set(groups[fold::folds]) for fold in range(folds)]
    return [Lesson([c for c in known if c.group not in own], [c for c in known if c.group in own]) for own in parts]


def taught_bundles(
    name: str, lessons: Sequence[Lesson], unknown: Sequence[Clip], cache: Path, folder: Path
) -> Iterator[tuple[Path, list[Clip], list[Clip]]]:
    """For each lesson: a bundle, the clips to show, and clips of unknown actions that the bundle has not seen."""
    bundle = open_bundle(name)
    kinds = tuple(
        kind for entry in bundle.embedders for kind in KINDS if entries_for([kind])[0].identity == entry.identity
    )
    if len(kinds) != len(bundle.embedders):
        sys.exit(
            f"{name} has embedders that `edgevid teach` does not know by name; give bundles with --groups instead."
        )
    classes = sorted({clip.label for clip in unknown})
    for number, lesson in enumerate(lessons):
        mixed_in = set(classes[number % 2 :: 2])
        options = TeachOptions(
            embedders=kinds,
            window_seconds=bundle.window_seconds,
            samples_per_second=bundle.num_samples / bundle.window_seconds,
            min_filled=bundle.min_filled,
            reset_on_cut=bundle.reset_on_cut,
            events=EventDefaults.of_card(bundle.card).options,
            mirror=bundle.card["training"].get("mirrored_too", False),
            none=[clip for clip in unknown if clip.label not in mixed_in],
            cache=cache,
        )
        path = folder / f"lesson{number}"
        teach_clips(lesson.learned, path, options)
        yield path, lesson.shown, [clip for clip in unknown if clip.label in mixed_in]


def sweep(streamed: Sequence[Streamed]) -> list[dict[str, Any]]:
    """Options from :data:`GRID` and their scores: only those that no others beat in both announced share and false events."""
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
        f"false events per minute {figures['false_events_a_minute']:.2f} "
        f"({figures['false_events_a_minute_but_for_late_ones']:.2f} without late ones)"
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
    parser.add_argument("--halves", action="store_true", help="teach a classifier for each half of the other actions")
    parser.add_argument("--groups", type=lambda text: set(text.split(",")), metavar="A,B,...", help="only these groups")
    parser.add_argument("--clips", type=int, metavar="N", help="use only N known clips, for a quick look")
    parser.add_argument("--sweep", action="store_true", help="try a grid of event options")
    parser.add_argument("--seed", type=int, default=0, help="order of clips (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args(words[:end])
    streaming = argparse.ArgumentParser()
    stream_command.add_arguments(streaming)
    options = streaming.parse_args(["film", *words[end + 1 :]])

    if args.halves and (args.folds or args.split != "test"):
        parser.error("--halves uses the test clips: give it with --split test and without --folds.")
    dataset = open_dataset(args.data).clips
    known = [clip for clip in dataset if clip.split == args.split]
    known = [clip for clip in known if args.groups is None or clip.group in args.groups]
    known = random.Random(args.seed).sample(known, min(args.clips or len(known), len(known)))
    unknown = open_dataset(args.outside, ignore_splits=True).clips
    result = {}
    for name in args.bundles:
        with tempfile.TemporaryDirectory() as folder:
            lessons = lessons_by_groups(known, args.folds)
            if args.halves:
                lessons = [Lesson([clip for clip in dataset if clip.split != "test"], known)] * 2
            parts = iter([(name, known, unknown)])
            if lessons:
                parts = taught_bundles(name, lessons, unknown, args.cache, Path(folder))
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
            "benchmark": "films", "environment": environment(), "split": args.split, "folds": args.folds,
            "halves": args.halves, "seed": args.seed, "known_clips": len(known), "stream": words[end + 1 :], "bundles": result,
        },
        args.json,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    run(main)
