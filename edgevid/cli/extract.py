"""``edgevid extract``: labelled clips -> files of embeddings, kept for ``edgevid train``."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from ..bundles.bundle import find_extractor
from ..errors import EdgevidError
from ..training.dataset import SPLITS, Clip, DatasetError, read_dataset
from ..training.executors import dask_executor, local_executor
from ..training.extraction import Recipe, extract, open_extractor_of
from ..training.features import default_cache
from .interrupts import interruptible
from .machine import usable_cpus
from .native_log import without_chatter
from .options import add_ucf101_options, positive_int
from .output import Progress, duration, print_error

_EPILOG = """\
The cache has a folder for each extractor and in it a .npy file for each clip: float32 [25, D], which numpy.load reads.
A file's name follows from the extractor, the runtime, the sampling and the clip's content: clips that moved are found,
clips that changed are embedded again. It may be interrupted or killed at any time; the same command goes on.

With --scheduler, the workers must see clips and cache under the paths given here (a shared folder), and have the same
edgevid installed.

exit code:
  0 all clips are in the cache, 1 at least one cannot be read (the others are in the cache) or the work failed,
  2 wrong use, 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="folder with a folder of clips for each class; or folder with clips.csv, or such a file",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--cache", type=Path, default=default_cache(), metavar="FOLDER",
        help="where embeddings are kept (default: %(default)s, where `edgevid train` looks)",
    )  # fmt: skip
    parser.add_argument(
        "--extractor",
        metavar="NAME",
        help="a feature extractor; see `edgevid models` (default: that of the shipped bundle)",
    )
    parser.add_argument(
        "--split", type=_splits, default=SPLITS, metavar="NAME,...",
        help=f"clips of these splits only (default: {','.join(SPLITS)})",
    )  # fmt: skip
    add_ucf101_options(parser)
    parser.add_argument(
        "--runtime", default=None, metavar="NAME",
        help="litert or tflite-runtime (default: the variable EDGEVID_RUNTIME, else the best present)",
    )  # fmt: skip
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument(
        "-j", "--jobs", type=positive_int, default=None, metavar="N",
        help="worker processes, of one thread each; each takes about 150 MB (default: CPUs)",
    )  # fmt: skip
    workers.add_argument(
        "--scheduler", default=None, metavar="ADDRESS",
        help="let a Dask cluster work: address of its scheduler, such as tcp://192.168.1.10:8786 (needs edgevid[dask])",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    clips = [
        clip
        for clip in read_dataset(args.data, split_list=args.split_list, splits=args.splits)
        if clip.split in args.split
    ]
    if not clips:
        raise DatasetError(f"{args.data} names no clips of the split {' or '.join(args.split)}; see --split.")
    recipe = Recipe.of(find_extractor(args.extractor), args.runtime)
    started, counts = time.monotonic(), Counter[str]()
    try:
        with interruptible(), _workers(args, recipe, len(clips)) as executor:
            _extract(clips, recipe, args.cache, executor, counts)
    except KeyboardInterrupt:
        done = counts["embedded"] + counts["cached"]
        print_error("extract", f"interrupted; {done} of {len(clips)} clips are in the cache. The same command goes on.")
        raise
    print(_summary(counts, time.monotonic() - started))
    print(f"cache: {args.cache}")
    return 1 if counts["failed"] else 0


def _extract(clips: list[Clip], recipe: Recipe, cache: Path, executor: Executor, counts: Counter[str]) -> None:
    paths = [clip.path for clip in clips]
    with Progress(len(clips), "clips") as progress, closing(extract(recipe, paths, cache, executor)) as extracting:
        for _, extracted in extracting:
            if extracted.file is None:
                counts["failed"] += 1
                progress.clear()
                print_error("extract", f"skipped: {extracted.problem}")
            else:
                counts["cached" if extracted.in_cache else "embedded"] += 1
            if extracted.in_cache:
                progress.total -= 1  # takes no time to speak of: counted, it would spoil rate and time left
                progress.advance(0)
            else:
                progress.advance()


@contextmanager
def _workers(args: argparse.Namespace, recipe: Recipe, num_clips: int) -> Iterator[Executor]:
    if args.scheduler is not None:
        with dask_executor(args.scheduler) as cluster:
            yield cluster
    else:
        jobs = min(args.jobs or usable_cpus(), num_clips)
        with local_executor(jobs, partial(_open_quietly, recipe)) as processes:
            yield processes


def _open_quietly(recipe: Recipe) -> None:
    """Open a worker's extractor as it starts. An error is kept for the first clip, whose caller hears of it."""
    with without_chatter(), suppress(EdgevidError):
        open_extractor_of(recipe)


def _summary(counts: Counter[str], seconds: float) -> str:
    embedded = counts["embedded"]
    text = f"{embedded} {'clip' if embedded == 1 else 'clips'} embedded in {duration(seconds)}"
    if embedded:
        text += f" ({embedded / seconds:.1f} clips/s)"
    if counts["cached"]:
        text += f", {counts['cached']} were in the cache"
    if counts["failed"]:
        text += f", {counts['failed']} skipped"
    return text


def _splits(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(SPLITS):
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; expected names parted by commas, of: {', '.join(SPLITS)}"
        )
    return names
