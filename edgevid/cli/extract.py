"""``edgevid extract``: compute the embeddings of labelled clips and cache them for ``edgevid train``."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from pathlib import Path

from ..datasets.clips import SPLITS, Clip, DatasetError
from ..datasets.reading import read_dataset
from ..embedders.opening import entries_for
from ..errors import EdgevidError
from ..extraction import EmbeddingConfig, dask_executor, default_cache, extract, local_executor
from ..extraction.config import embedders_of_this_thread
from ..support.hardware import usable_cpus
from .embedder_options import add_embedder_options
from .interrupts import interruptible
from .options import add_ucf101_options, positive_int
from .output import Progress, duration, print_error, print_lines

_EPILOG = """\
The cache has one .npy file for each clip and embedder: float32 [25, D], readable with numpy.load. A file's name depends on
the embedder, the runtime, the sampling and the clip's content: clips that moved are found, clips that changed are embedded
again. The command can be interrupted or killed at any time; run it again to continue.

With --scheduler, the workers must see the clips and the cache under the paths given here (a shared folder), and have the
same version of edgevid installed.

examples:
  edgevid extract my_clips                 so that training starts at once
  edgevid extract my_clips -j 2 --cache embeddings

exit code:
  0 all clips are in the cache, 1 at least one cannot be read (the others are in the cache) or the work failed,
  2 usage error, 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "data", type=Path, metavar="DATA",
        help="folder with a folder of clips for each class; or a clips.csv, or a folder with one",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--cache", type=Path, default=default_cache(), metavar="FOLDER",
        help="folder to keep the embeddings in (default: %(default)s, where `edgevid train` looks)",
    )  # fmt: skip
    add_embedder_options(parser)
    parser.add_argument(
        "--split", type=_splits, default=SPLITS, metavar="NAME,...",
        help=f"use only the clips of these splits (default: {','.join(SPLITS)})",
    )  # fmt: skip
    add_ucf101_options(parser)
    parser.add_argument(
        "--runtime", default=None, metavar="NAME",
        help="litert or tflite-runtime (default: the variable EDGEVID_RUNTIME, else the best one installed)",
    )  # fmt: skip
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument(
        "-j", "--jobs", type=positive_int, default=None, metavar="N",
        help="worker processes of one thread each, about 150 MB each (default: number of CPUs)",
    )  # fmt: skip
    workers.add_argument(
        "--scheduler", default=None, metavar="ADDRESS",
        help="use a Dask cluster: the address of its scheduler, such as tcp://192.168.1.10:8786 (needs edgevid[dask])",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    clips = [
        clip
        for clip in read_dataset(args.data, list_number=args.split_list, lists_folder=args.splits)
        if clip.split in args.split
    ]
    if not clips:
        raise DatasetError(f"{args.data} has no clips of the split {' or '.join(args.split)}; see --split.")
    config = EmbeddingConfig.of(entries_for(args.embedders, args.extractor), runtime=args.runtime)
    started, counts = time.monotonic(), Counter[str]()
    try:
        with interruptible(), _workers(args, config, len(clips)) as executor:
            _extract(clips, config, args.cache, executor, counts)
    except KeyboardInterrupt:
        done = counts["embedded"] + counts["cached"]
        print_error("extract", f"interrupted; {done} of {len(clips)} clips are in the cache. Run it again to continue.")
        raise
    print_lines(_summary(counts, time.monotonic() - started), f"cache: {args.cache}")
    return 1 if counts["failed"] else 0


def _extract(clips: list[Clip], config: EmbeddingConfig, cache: Path, executor: Executor, counts: Counter[str]) -> None:
    paths = [clip.path for clip in clips]
    with Progress(len(clips), "clips") as progress, closing(extract(config, paths, cache, executor)) as extracting:
        for _, extracted in extracting:
            if extracted.problem:
                counts["failed"] += 1
                progress.clear()
                print_error("extract", f"skipped: {extracted.problem}")
            else:
                counts["cached" if extracted.in_cache else "embedded"] += 1
            if extracted.in_cache:
                progress.total -= 1  # it takes almost no time; counting it would distort the rate and the time left
                progress.advance(0)
            else:
                progress.advance()


def _workers(args: argparse.Namespace, config: EmbeddingConfig, num_clips: int) -> AbstractContextManager[Executor]:
    if args.scheduler is not None:
        return dask_executor(args.scheduler)
    return local_executor(min(args.jobs or usable_cpus(), num_clips), partial(_open_quietly, config))


def _open_quietly(config: EmbeddingConfig) -> None:
    """Open a worker's extractor as it starts. An error is kept and reported with the first clip."""
    with suppress(EdgevidError):
        embedders_of_this_thread(config)


def _summary(counts: Counter[str], seconds: float) -> str:
    embedded, parts = counts["embedded"], []
    if embedded:
        parts.append(f" ({embedded / seconds:.1f} clips/s)")
    if counts["cached"]:
        parts.append(f", {counts['cached']} were in the cache")
    if counts["failed"]:
        parts.append(f", {counts['failed']} skipped")
    return f"{embedded} clip{'' if embedded == 1 else 's'} embedded in {duration(seconds)}{''.join(parts)}"


def _splits(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(SPLITS):
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; expected names separated by commas, of: {', '.join(SPLITS)}"
        )
    return names
