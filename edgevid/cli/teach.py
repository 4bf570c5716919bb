"""``edgevid teach``: labelled clips -> a bundle, in closed form, with the core install only."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Optional

from ..bundles import Bundle, open_bundle
from ..datasets.reading import open_dataset
from ..embedders.opening import KINDS
from ..errors import OptionError
from ..events import EventOptions
from ..extraction import default_cache
from ..support.shares import Share
from ..teaching import Taught, TeachOptions, teach_clips
from ..teaching.lesson import NetworkTrainer
from .embedder_options import kinds
from .interrupts import interruptible
from .options import (
    DATA_HELP,
    add_ucf101_options,
    names,
    part,
    positive_int,
    positive_seconds,
    prepare_keras,
    repeatable_command,
    seconds,
    seed,
    without_place,
)
from .output import Progress, print_error, print_lines, print_note, table
from .teach_live import EPILOG, add_live_arguments, check_live, run_live

_EPILOG = """\
Fits a linear classifier on statistics of the last seconds: of the moving region's embeddings and of optical flow. Once the
clips are embedded, this takes seconds. It needs neither Keras nor TensorFlow; --gru adds a GRU and needs both.
`edgevid train` trains the thesis's recurrent networks, which is worth it with thousands of clips.

The accuracy that is printed was measured on held-out groups of clips (people, places), each held out in turn. The bundle
is then fitted on all clips that are not test clips.

{LIVE}
examples:
  edgevid teach --live 0 -o my_actions                     # with a camera: record, learn and stream
  edgevid teach my_clips/ -o my_actions --keep-embeddings
  edgevid teach more_clips/ --add my_actions               # add an action or clips; the old clips are not needed
  edgevid teach gestures/ -o robot --actions stop,left --none random
"""
_OF_THIS_PLACE = ("output", "cache", "jobs", "overwrite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG.replace("{LIVE}", EPILOG)
    default = TeachOptions()
    parser.add_argument("data", nargs="?", type=Path, metavar="DATA", help=DATA_HELP)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="BUNDLE",
        help="folder to write the bundle to; may be left out with --add, to extend the bundle in place",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing bundle")
    parser.add_argument("--actions", type=names, metavar="A,B,...", help="classes of DATA to learn (default: all)")
    parser.add_argument(
        "--none", type=names, default=(), metavar="A,B,...",
        help="classes of DATA that show none of the actions, in addition to a class named none",
    )  # fmt: skip
    parser.add_argument(
        "--outside", type=Path, metavar="FOLDER",
        help="clips of other actions, also learned as none of the actions; with three classes or more, each is held out in turn "
        "to measure",
    )  # fmt: skip
    parser.add_argument(
        "--keep-embeddings", action="store_true",
        help="keep the embeddings of the clips in the bundle (about 5 kB a window, at most five windows a clip), so that --add "
        "and edgevid.Recognizer.add_example can extend it without the clips",
    )  # fmt: skip
    parser.add_argument(
        "--add", type=Path, metavar="BUNDLE",
        help="learn DATA in addition to what this bundle learned (needs its --keep-embeddings); known clips are skipped, or "
        "relearned if their label has changed",
    )  # fmt: skip
    parser.add_argument(
        "--embedders", type=kinds, default=default.embedders, metavar="KIND,...",
        help=f"what to embed, concatenated, of: {', '.join(KINDS)} (default: {','.join(default.embedders)})",
    )  # fmt: skip
    parser.add_argument(
        "--extractor",
        metavar="NAME",
        help="extractor of the embedders; see `edgevid models` (default: the one for each kind)",
    )
    parser.add_argument(
        "--mirror", action="store_true",
        help="also learn mirror images: more training data, but left and right are no longer told apart",
    )  # fmt: skip
    parser.add_argument(
        "--gru", action="store_true",
        help="also train a GRU and mix its scores with those of the statistics; takes minutes more and needs the extra 'train'",
    )  # fmt: skip
    parser.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help="with --gru: maximum number of epochs; held-out groups decide how many (default: 40)",
    )
    parser.add_argument("--seed", type=seed, metavar="N", help="with --gru: random seed (default: 0)")
    parser.add_argument(
        "--window-seconds", type=positive_seconds, default=default.window_seconds, metavar="S",
        help="length of a stream's window, in seconds (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--evaluate-test", action="store_true",
        help="evaluate the finished bundle on the data's test clips; do this once, at the end",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="FOLDER", help="embedding cache (default: %(default)s)"
    )
    parser.add_argument(
        "-j", "--jobs", type=positive_int, metavar="N", help="embedding processes (default: number of CPUs)"
    )
    add_live_arguments(parser)
    add_ucf101_options(parser)
    card = parser.add_argument_group("card")
    card.add_argument("--name", metavar="NAME", help="name of the bundle (default: the folder's)")
    card.add_argument(
        "--description", default="", metavar="TEXT", help="description of the data (default: the folder's name)"
    )
    card.add_argument(
        "--licence", default="not stated", metavar="TEXT", help="licence of the weights (default: %(default)s)"
    )
    card.add_argument(
        "--enter", type=part, default=default.events.enter, metavar="P",
        help="minimum score for an action to begin in a stream (default: %(default)g)",
    )  # fmt: skip
    card.add_argument(
        "--min-seconds", type=seconds, default=default.events.min_seconds, metavar="S",
        help="an action begins when all predictions of S seconds reach --enter (default: %(default)g)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    if check_live(args):
        return run_live(args, _options(args))
    dataset = open_dataset(args.data, list_number=args.split_list, lists_folder=args.splits)
    labels = {clip.label for clip in dataset.clips}
    for option, given in (("--actions", args.actions or ()), ("--none", args.none)):
        unknown = [name for name in given if name not in labels]
        if unknown:
            raise OptionError(
                f"{option} names {', '.join(unknown)}; the classes of {args.data} are {', '.join(sorted(labels))}."
            )
    both = set(args.actions or ()) & set(args.none)
    if both:
        raise OptionError(f"--actions and --none both name {', '.join(sorted(both))}; name each class in one of them.")
    chosen = set(args.actions or labels) - set(args.none)
    clips = [clip for clip in dataset.clips if clip.split != "test" and clip.label in chosen]
    test = [clip for clip in dataset.clips if clip.split == "test" and clip.label in chosen]
    none = [clip for clip in dataset.clips if clip.split != "test" and clip.label in args.none]
    if args.outside:
        others = open_dataset(args.outside, ignore_splits=True).clips
        none += [clip for clip in others if clip.label not in chosen]
    added = _added(args)
    output: Optional[Path] = added.folder if args.output is None and added is not None else args.output
    if output is None:
        raise OptionError("Neither -o nor --add was given; name a folder for the bundle: -o my_actions.")
    words = ["teach", args.data.resolve().name, "-o", without_place(output)]
    options = replace(
        _options(args),
        keep_embeddings=args.keep_embeddings,
        add=added,
        events=EventOptions(enter=args.enter, min_seconds=args.min_seconds),
        network=_gru(args),
        none=none,
        test=test if args.evaluate_test else (),
        description=args.description or args.data.resolve().name,
        command=repeatable_command(words, args, add_arguments, _OF_THIS_PLACE),
    )
    mirrored = args.mirror if added is None else added.card["training"]["mirrored_too"]
    total = (len(clips) + len(none)) * (2 if mirrored else 1) + len(options.test)
    with interruptible(), Progress(total, "clips") as progress:
        taught = teach_clips(
            clips, output, options, overwrite=args.overwrite, progress=lambda done, total: progress.advance()
        )
    _print(taught)
    return 0


def _options(args: argparse.Namespace) -> TeachOptions:
    """The options that apply with and without --live."""
    return TeachOptions(
        embedders=args.embedders,
        extractor=args.extractor,
        window_seconds=args.window_seconds,
        mirror=args.mirror,
        cache=args.cache,
        jobs=args.jobs,
        name=args.name,
        description=args.description,
        licence=args.licence,
    )


def _added(args: argparse.Namespace) -> Optional[Bundle]:
    """The bundle that is extended."""
    if args.add is None:
        return None
    defaults = TeachOptions()
    for name in ("embedders", "extractor", "mirror", "window_seconds"):
        if getattr(args, name) != getattr(defaults, name):
            option = f"--{name.replace('_', '-')}"
            raise OptionError(
                f"{option} was given with --add; leave it out: it stays as it was when {args.add} was taught."
            )
    return open_bundle(args.add)


def _gru(args: argparse.Namespace) -> Optional[NetworkTrainer]:
    given = {name: getattr(args, name) for name in ("epochs", "seed") if getattr(args, name) is not None}
    if not args.gru:
        if given:
            raise OptionError(
                f"--{next(iter(given))} was given without --gru; give both: only the GRU is trained in epochs."
            )
        return None
    return gru_trainer(**given)


def gru_trainer(**options: int) -> NetworkTrainer:
    """A trainer of the GRU of ``--gru``. It reports progress on stderr. ``options``: of the training's ``StreamedOptions``.

    Raises:
        ExtraNotInstalledError: Keras is absent. OptionError: an option is out of range.
    """
    prepare_keras()
    from ..training.networks import load_keras
    from ..training.streamed import StreamedOptions, train_streamed

    load_keras()
    chosen = StreamedOptions(**options)
    return lambda lesson: train_streamed(lesson, chosen, print_note)


def _print(taught: Taught) -> None:
    for clip, reason in taught.skipped:
        print_error("teach", f"skipped {clip.path}: {reason}")
    print_lines(f"{taught.folder}: {len(taught.labels)} classes of {taught.clips} clips in {taught.groups} groups")
    if taught.known:
        print_lines(f"{taught.known} clips were known already")
    if taught.kept_bytes:
        print_lines(f"it keeps what it learned from: {taught.kept_bytes / 1000 / taught.clips:.0f} kB a clip")
    held_out = taught.held_out
    if held_out is None:
        print_lines(
            "not measured: that takes clips of each action in two groups or more, with other people or in other places"
        )
        return
    print_lines(f"accuracy, groups held out in turn: {_percent(held_out.accuracy)} (95 % Wilson interval)")
    if held_out.auroc is not None:
        rejected = Share.of(held_out.others < held_out.threshold)
        print_lines(
            f"other actions told as none of these, each held out in turn: {_percent(rejected)}; AUROC {held_out.auroc:.2f}"
        )
    rows = [("class", "clips", "right", "most often taken for")]
    for k, (label, row) in enumerate(zip(taught.labels, held_out.confusion)):
        others = row.copy()
        others[k] = 0
        wrong = f"{taught.labels[int(others.argmax())]} ({others.max()})" if others.any() else ""
        rows.append((label, str(row.sum()), str(row[k]), wrong))
    print_lines(*table(rows, right=(1, 2)), *held_out.advice())


def _percent(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} [{100 * low:.1f}, {100 * high:.1f}] of {share.n} clips"
