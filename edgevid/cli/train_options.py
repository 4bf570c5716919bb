"""The options of ``edgevid train``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..datasets.division import DEFAULT_TEST_SHARE
from ..extraction import default_cache
from ..training.calibration import MIN_CLIPS
from ..training.export import FLOAT32, PARITY_LIMITS
from ..training.fit import FitOptions
from ..training.networks import ARCHITECTURES, NetworkOptions
from ..training.tuning import PRESETS, SMALL
from .embedder_options import add_embedder_options
from .options import DATA_HELP, add_ucf101_options, positive_int

_EPILOG = f"""\
examples:
  edgevid train my_clips -o my_actions
  edgevid train my_clips -o my_actions --refit --overwrite
  edgevid train UCF101 -o thesis --recipe thesis

Whole groups of clips (people, places, recordings) are held out: about {DEFAULT_TEST_SHARE:.0%} of each class's clips for testing,
if the data names no test clips and each class has at least 5 groups; then 10/72 of the rest for validation, as in the thesis.

With at least {MIN_CLIPS} validation clips, the scores are also calibrated on them: a temperature, and the score that 95 % of
them reach. --outside measures how well this rejects other actions.

Below {SMALL:,} training clips, the network size and the learning rate are chosen by validation from a short list, unless
hyper-parameters are given (--recipe auto). With --recipe thesis, hyper-parameters that are not given are the thesis's.

Progress is saved in the run folder. After an interruption, run the same command again: it continues and ends with the
same weights.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("data", type=Path, metavar="DATA", help=DATA_HELP)
    network, fit = NetworkOptions(), FitOptions()
    basic = parser.add_argument_group("basic")
    basic.add_argument(
        "-o", "--output", type=Path, required=True, metavar="BUNDLE", help="folder to write the bundle to"
    )
    basic.add_argument("--overwrite", action="store_true", help="replace an existing bundle")
    basic.add_argument(
        "--restart", action="store_true", help="start from the beginning, not from the state in the run folder"
    )
    basic.add_argument(
        "--refit", action="store_true",
        help="after measuring, train once more on all clips, including the held-out ones: the shipped model has seen more data, "
        "and the figures are those of the model before",
    )  # fmt: skip
    _add(
        basic,
        ("outside", Path, "FOLDER", "clips of other actions, to measure how many the bundle rejects; not trained on"),
        ("epochs", int, "N", f"maximum number of epochs (default: {fit.epochs}; fewer for few clips)"),
        ("seed", int, "N", f"random seed (default: {fit.seed})"),
    )
    basic.add_argument(
        "-j", "--jobs", type=positive_int, metavar="N", help="embedding processes (default: number of CPUs)"
    )
    data = parser.add_argument_group("advanced: data")
    data.add_argument("--run", type=Path, metavar="FOLDER", help="run folder (default: BUNDLE-run)")
    _add_data_options(data)
    _add_hyper_parameters(
        parser.add_argument_group(
            "advanced: network and training",
            "The defaults are the thesis's, for about 10,000 clips; --recipe auto has others for small data sets.",
        ),
        network,
        fit,
    )
    group = parser.add_argument_group("advanced: card")
    _add(
        group,
        ("name", str, "NAME", "name of the bundle (default: the folder's)"),
        (
            "window-seconds",
            float,
            "S",
            "length of a stream's window, in seconds (default: the median duration of the training clips)",
        ),
    )
    group.add_argument(
        "--description", default="", metavar="TEXT", help="description of the data (default: the folder's name)"
    )
    group.add_argument(
        "--note", dest="notes", action="append", default=[], metavar="TEXT", help="a remark; may be repeated"
    )
    group.add_argument(
        "--licence", default="not stated", metavar="TEXT", help="licence of the weights (default: %(default)s)"
    )


def _add(group: Any, *rows: tuple[str, Any, str, str]) -> None:
    """Add options without a default of their own: name, type, metavar, help."""
    for name, kind, metavar, text in rows:
        group.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)


def _add_data_options(group: Any) -> None:
    add_embedder_options(group)
    add_ucf101_options(group)
    group.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="FOLDER", help="cache of the embeddings (default: %(default)s)"
    )  # fmt: skip
    group.add_argument(
        "--validation", dest="validation_share", type=float, metavar="P",
        help="fraction of the training clips to hold out for validation, in whole groups (default: 10 %% of all clips if the "
        "data names test clips, else 10/72)",
    )  # fmt: skip
    group.add_argument(
        "--test", dest="test_share", type=float, default=DEFAULT_TEST_SHARE, metavar="P",
        help="fraction of the clips to hold out for testing if the data names no test clips; 0: none (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--evaluate-test", action="store_true",
        help="evaluate the finished bundle on the data's test clips; do this once, at the end",
    )  # fmt: skip


def _add_hyper_parameters(group: Any, network: NetworkOptions, fit: FitOptions) -> None:
    group.add_argument(
        "--recipe", dest="preset", choices=PRESETS,
        help=f"source of hyper-parameters that are not given (default: auto below {SMALL:,} clips if none is given, else thesis)",
    )  # fmt: skip
    group.add_argument(
        "--architecture", choices=ARCHITECTURES,
        help="gru, lstm, or single-frame, which classifies each frame and averages over the window (default: gru)",
    )  # fmt: skip
    _add(
        group,
        ("units", int, "N", "size of the recurrent state (default: the size of an embedding)"),
        ("hidden-units", int, "N", f"size of the dense layer before the last (default: {network.hidden_units})"),
        ("dropout", float, "P", f"dropout rate before the recurrent layer (default: {network.dropout})"),
        ("hidden-dropout", float, "P", f"dropout rate before the last dense layer (default: {network.hidden_dropout})"),
        ("slope", float, "R", f"negative slope of the LeakyReLU (default: {network.slope})"),
        ("learning-rate", float, "R", f"learning rate of Adam (default: {fit.learning_rate})"),
        ("decay", float, "R", f"learning-rate decay: divide it by 1 + R * steps (default: {fit.decay})"),
        ("patience", int, "N", f"stop after N epochs without a lower validation loss (default: {fit.patience})"),
        ("batch-size", int, "N", f"batch size in clips, or in frames for single-frame (default: {fit.batch_size})"),
    )
    group.add_argument(
        "--classifier-dtype", choices=tuple(PARITY_LIMITS), default=FLOAT32,
        help="storage type of the classifier's weights: float16 halves the file, int8 quarters it and is faster; the card gives "
        "the loss of accuracy (default: %(default)s)",
    )  # fmt: skip
