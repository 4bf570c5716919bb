"""Accuracy of gesture recognition for people who are not in the training set, with each set of embedders.

    python benchmarks/gestures.py DATA
    python benchmarks/gestures.py DATA --embedders region-difference,region-flow --embedders region-flow --samples 25

DATA is a folder of clips with a ``clips.csv`` that has the columns ``group`` (a person), ``place`` and ``distance_m``. Each
person is held out in turn. Clips from all other places are classified after learning those from the first place. Held-out clips
take no part in the choice of the penalty. Clips are learned and classified as in `edgevid teach` and `edgevid classify`; nothing
is saved. For a few gestures, each clip is also classified after learning the person's own clips from the other distances, two of
each gesture.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from measure import environment, over_groups, run, save
from numpy.typing import NDArray

from edgevid.bundles import DEFAULT_EXTRACTOR
from edgevid.classifiers import Statistics
from edgevid.datasets.clips import CSV_NAME, check_classes
from edgevid.datasets.reading import open_dataset
from edgevid.embedders.opening import entries_for
from edgevid.extraction import EmbeddedClips, EmbeddingConfig, default_cache, embed_clips
from edgevid.support.shares import Share
from edgevid.teaching.examples import Example, Examples, mean_by, windows_of
from edgevid.teaching.learning import learn
from edgevid.teaching.teaching import statistics_for


class Row(NamedTuple):
    """A set of embedders; the network of those that have one (None: the default); their statistics (None: the default)."""

    name: str
    kinds: tuple[str, ...]
    extractor: Optional[str] = None
    statistics: Optional[tuple[str, ...]] = None


ROWS = (
    Row("frame: mean, as in the thesis", ("cnn",), None, ("mean",)),
    Row("region's flow", ("region-flow",)),
    Row("region's difference and flow", ("region-difference", "region-flow")),
    Row("region's frame, difference and flow", ("motion-region", "region-difference", "region-flow")),
    Row("whole difference, region's difference and flow", ("frame-difference", "region-difference", "region-flow")),
    Row("region's difference, whole network, and flow", ("region-difference", "region-flow"), DEFAULT_EXTRACTOR),
    Row(
        "both differences, whole network, and flow",
        ("frame-difference", "region-difference", "region-flow"),
        DEFAULT_EXTRACTOR,
    ),
)
FEW = ("greeting", "stop", "attention", "left", "right", "static")
# Seconds between samples, as in a stream with the default window
INTERVAL = 0.2


class Gestures:
    """Clips of people, embedded.

    Attributes:
        examples: of all clips. truth: class of each clip. people, places, distances: of each clip.
    """

    def __init__(
        self, embedded: EmbeddedClips, about: dict[Path, dict[str, str]], statistics: list[Statistics], samples: int
    ) -> None:
        labels = check_classes(embedded.clips)
        cut = [windows_of(stream.steps, samples) for stream in embedded.windows]
        self.examples = Examples.of([Example(clip.label, clip.group) for clip in embedded.clips], cut, statistics)
        self.truth = np.array([labels.index(clip.label) for clip in embedded.clips])
        self.people = np.array([clip.group for clip in embedded.clips])
        self.places, self.distances = (
            np.array([about[clip.path][column] for clip in embedded.clips]) for column in ("place", "distance_m")
        )

    def told(self, held_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the held-out clips are classified correctly after learning the others."""
        data = self.examples
        head = learn(data.of_clips(~held_out)).fitted.head
        shown = held_out[data.owners] & ~data.early
        probabilities = mean_by(
            np.unique(data.owners[shown], return_inverse=True)[1], head.probabilities(data.features[shown])
        )
        right: NDArray[np.bool_] = probabilities.argmax(axis=1) == self.truth[held_out]
        return right

    def with_own(self, person: str) -> list[NDArray[np.bool_]]:
        """Which of a person's clips from each distance are classified correctly after learning those from the others too."""
        mine = self.people == person
        held_out = [mine & (self.distances == distance) for distance in sorted(set(self.distances[mine]))]
        return [self.told(one) for one in held_out]

    def figures(self, own: bool = False) -> dict[str, Any]:
        """Accuracy over clips: each person held out in turn; and clips from other places than the first clip's.

        Args:
            own: also with some of the person's own clips.
        """
        of_person = {person: self.told(self.people == person) for person in sorted(set(self.people))}
        result = {
            "people_held_out": Share.of(np.concatenate(list(of_person.values()))).as_dict(),
            "over_people": over_groups(list(of_person.values())),
            "of_person": {person: round(float(right.mean()), 4) for person, right in of_person.items()},
        }
        if own:
            told = [right for person in of_person for right in self.with_own(person)]
            result["with_own_clips"] = Share.of(np.concatenate(told)).as_dict()
        elsewhere = self.places != self.places[0]
        if elsewhere.any():
            result["other_place"] = Share.of(self.told(elsewhere)).as_dict()
        return result


def measured(row: Row, data: Path, samples: int, cache: Path) -> dict[str, Any]:
    """All figures of a row, for all classes and for a few that a person would choose."""
    config = EmbeddingConfig.of(entries_for(row.kinds, row.extractor), interval_seconds=INTERVAL)
    embedded = embed_clips(config, open_dataset(data, ignore_splits=True).clips, cache)
    statistics = statistics_for(config) if row.statistics is None else [Statistics(row.statistics)] * len(row.kinds)
    about = lines_of(data)
    few = [k for k, clip in enumerate(embedded.clips) if clip.label in FEW]
    of_few = EmbeddedClips([embedded.clips[k] for k in few], [embedded.windows[k] for k in few], [])
    return {
        "embedders": row.kinds,
        "extractor": row.extractor,
        "cnn_passes": sum(entry.network is not None for entry in config.entries),
        "all": Gestures(embedded, about, statistics, samples).figures(),
        **({"few": Gestures(of_few, about, statistics, samples).figures(own=True)} if few else {}),
    }


def lines_of(data: Path) -> dict[Path, dict[str, str]]:
    """The line of ``clips.csv`` for each clip."""
    with (data / CSV_NAME).open(newline="", encoding="utf-8") as file:
        return {data / line["path"]: line for line in csv.DictReader(file)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of clips")
    parser.add_argument(
        "--embedders", action="append", type=lambda text: tuple(text.split(",")), metavar="KIND,...",
        help="a row with these embedders; may be given more than once (default: seven rows)",
    )  # fmt: skip
    parser.add_argument("--extractor", metavar="NAME", help="network for --embedders (default: that of each kind)")
    parser.add_argument(
        "--samples", type=int, default=10, help="samples per window, every 0.2 s (default: %(default)s)"
    )
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="FOLDER", help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    rows = [Row(",".join(kinds), kinds, args.extractor) for kinds in args.embedders or ()] or ROWS
    result = {}
    print("| features | passes | people held out | over people | other place | few, people held out | few, own clips |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        figures = result[row.name] = measured(row, args.data, args.samples, args.cache)
        print(line(row.name, figures), flush=True)
    save(
        {
            "benchmark": "gestures", "environment": environment(), "samples": args.samples, "interval_seconds": INTERVAL,
            "few": FEW, "rows": result,
        },
        args.json,
    )  # fmt: skip
    return 0


def line(name: str, figures: dict[str, Any]) -> str:
    """A line of the Markdown table."""
    every = figures["all"]
    low, high = every["over_people"]
    cells = [
        name,
        str(figures["cnn_passes"]),
        share(every["people_held_out"]),
        f"{low:.2f} to {high:.2f}",
        share(every["other_place"]) if "other_place" in every else "-",
        share(figures["few"]["people_held_out"]) if "few" in figures else "-",
        share(figures["few"]["with_own_clips"]) if "few" in figures else "-",
    ]
    return f"| {' | '.join(cells)} |"


def share(one: dict[str, Any]) -> str:
    low, high = one["wilson_95"]
    return f"{one['value']:.3f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    run(main)
