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

Of whole groups of clips (people, places, recordings), some are held out: about {DEFAULT_TEST_SHARE:.0%} of each class's
clips to test with, where the data names no test clips and each class has 5 groups or more; then 10 of 72 parts of the
rest to validate with, as in the thesis.

The validation clips, where they are {MIN_CLIPS} or more, also calibrate the scores: a temperature, and the score that 95 of 100
of them reach. --outside measures how well that works.

Below {SMALL:,} training clips, and unless hyper-parameters are given, size and learning rate are chosen by validation out
of a short list (--recipe auto). With --recipe thesis, what is not given is the thesis's.

The training is kept in the run folder as it goes. After an interruption the same command goes on and ends with the same
weights.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("data", type=Path, metavar="DATA", help=DATA_HELP)
    network, fit = NetworkOptions(), FitOptions()
    basic = parser.add_argument_group("basic")
    basic.add_argument(
        "-o", "--output", type=Path, required=True, metavar="BUNDLE", help="folder to write the bundle to"
    )
    basic.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    basic.add_argument("--restart", action="store_true", help="begin anew where the run folder holds a training")
    basic.add_argument(
        "--refit", action="store_true",
        help="when all is chosen and measured, train once more on all clips, also those that were held out: what ships has seen "
        "more, and the figures are of the one before",
    )  # fmt: skip
    _add(
        basic,
        ("outside", Path, "FOLDER", "clips of other actions, to measure how many the bundle rejects; not trained on"),
        ("epochs", int, "N", f"at most (default: {fit.epochs}; of few clips fewer)"),
        ("seed", int, "N", f"of all that is random (default: {fit.seed})"),
    )
    basic.add_argument(
        "-j", "--jobs", type=positive_int, metavar="N", help="processes that make the embeddings (default: CPUs)"
    )
    data = parser.add_argument_group("advanced: data")
    data.add_argument("--run", type=Path, metavar="FOLDER", help="run folder (default: BUNDLE-run)")
    _add_data_options(data)
    _add_hyper_parameters(
        parser.add_argument_group(
            "advanced: network and training",
            "The defaults are the thesis's, for about 10,000 clips; --recipe auto has others for few clips.",
        ),
        network,
        fit,
    )
    group = parser.add_argument_group("advanced: card")
    _add(
        group,
        ("name", str, "NAME", "of the bundle (default: the folder's)"),
        (
            "window-seconds",
            float,
            "S",
            "what a stream's window spans (default: the median duration of the training clips)",
        ),
    )
    group.add_argument(
        "--description", default="", metavar="TEXT", help="what the data are (default: the folder's name)"
    )
    group.add_argument(
        "--note", dest="notes", action="append", default=[], metavar="TEXT", help="a remark; may be repeated"
    )
    group.add_argument("--licence", default="not stated", metavar="TEXT", help="of the weights (default: %(default)s)")


def _add(group: Any, *rows: tuple[str, Any, str, str]) -> None:
    """Options without a default of their own: name, type, what stands for the value, help."""
    for name, kind, metavar, text in rows:
        group.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)


def _add_data_options(group: Any) -> None:
    add_embedder_options(group)
    add_ucf101_options(group)
    group.add_argument(
        "--cache", type=Path, default=default_cache(), metavar="FOLDER", help="where embeddings are kept (default: %(default)s)"
    )  # fmt: skip
    group.add_argument(
        "--validation", dest="validation_share", type=float, metavar="P",
        help="part of the training clips to hold out, in whole groups (default: 10 %% of all clips where the data names test "
        "clips, else 10/72)",
    )  # fmt: skip
    group.add_argument(
        "--test", dest="test_share", type=float, default=DEFAULT_TEST_SHARE, metavar="P",
        help="part of the clips to hold out for a test where the data names none; 0: none (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--evaluate-test", action="store_true",
        help="measure the finished bundle on the test clips that the data names; do it once, at the end",
    )  # fmt: skip


def _add_hyper_parameters(group: Any, network: NetworkOptions, fit: FitOptions) -> None:
    group.add_argument(
        "--recipe", dest="preset", choices=PRESETS,
        help=f"where values that are not given come from (default: auto below {SMALL:,} clips if none is given, else thesis)",
    )  # fmt: skip
    group.add_argument(
        "--architecture", choices=ARCHITECTURES,
        help="gru, lstm, or single-frame: frames one by one, a window's probabilities are their mean (default: gru)",
    )  # fmt: skip
    _add(
        group,
        ("units", int, "N", "size of the recurrent state (default: as many as an embedding has numbers)"),
        ("hidden-units", int, "N", f"of the dense layer before the last (default: {network.hidden_units})"),
        ("dropout", float, "P", f"part of an embedding hidden from the recurrent layer (default: {network.dropout})"),
        ("hidden-dropout", float, "P", f"the same for the last dense layer (default: {network.hidden_dropout})"),
        ("slope", float, "R", f"of the LeakyReLU below 0 (default: {network.slope})"),
        ("learning-rate", float, "R", f"of Adam (default: {fit.learning_rate})"),
        ("decay", float, "R", f"the learning rate is divided by 1 + R times the steps done (default: {fit.decay})"),
        ("patience", int, "N", f"stop after so many epochs without a lower validation loss (default: {fit.patience})"),
        ("batch-size", int, "N", f"clips, or frames for single-frame (default: {fit.batch_size})"),
    )
    group.add_argument(
        "--classifier-dtype", choices=tuple(PARITY_LIMITS), default=FLOAT32,
        help="how the classifier's weights are stored: float16 halves the file, int8 quarters it and is faster; the card says "
        "what it costs in accuracy (default: %(default)s)",
    )  # fmt: skip
