"""Hyper-parameters: the thesis's, or, for small data, some that are chosen by validation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any, NamedTuple, Optional

import numpy as np

from ..datasets.division import Fold
from ..errors import OptionError
from .export import predict
from .fit import FitOptions, LabelledEmbeddings, fit
from .networks import NetworkOptions
from .progress import Reporter
from .run_folder import RunFolder

THESIS, AUTO = "thesis", "auto"
PRESETS = (THESIS, AUTO)
# The thesis's values are for 9,537 training clips.
SMALL = 2000
# Number of folds for trying each candidate, as long as that takes minutes at most.
_FOLDS, _FEW_CLIPS = 3, 300
# (units, learning rate, decay). A decay of 1e-2 halves the learning rate after 100 steps.
_CANDIDATES = ((64, 1e-3, 1e-2), (64, 3e-4, 1e-6), (128, 3e-4, 1e-6))
# Early stopping waits for at least so many steps, because batch normalisation needs about 100 to settle.
_PATIENT_STEPS, _MAX_STEPS = 100, 600
# With few clips an epoch has two steps: after this many epochs the loss still falls, but predictions no longer change.
_MOST_EPOCHS = 150


@dataclass(frozen=True)
class HyperParameters:
    """All hyper-parameters of a training."""

    network: NetworkOptions
    fit: FitOptions

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self.network), **asdict(self.fit)}


class Preset(NamedTuple):
    """The source of hyper-parameters that are not given, "thesis" or "auto", and the reason."""

    name: str
    why: str


class Candidate(NamedTuple):
    """Hyper-parameters that were tried, and their results on the validation clips of all folds together."""

    settings: HyperParameters
    validation_loss: float
    hits: int
    clips: int
    best_epoch: int
    chosen: bool = False

    @classmethod
    def of(cls, settings: HyperParameters, trials: Sequence[Mapping[str, Any]]) -> Candidate:
        """From the results of :func:`_try` on each fold."""
        clips, hits, losses = (sum(trial[name] for trial in trials) for name in ("clips", "hits", "summed_loss"))
        return cls(settings, losses / clips, hits, clips, round(statistics.median(t["best_epoch"] for t in trials)))

    def as_dict(self) -> dict[str, Any]:
        """The card's entry."""
        result = self._asdict()
        return {**result.pop("settings").as_dict(), **result}


NAMES = tuple(field.name for kind in (NetworkOptions, FitOptions) for field in fields(kind))
# Hyper-parameters that are no choice of network or rate; giving them does not affect the others.
_NOT_CHOSEN = {"architecture", "epochs", "seed"}


def hyper_parameters(given: Mapping[str, Any]) -> HyperParameters:
    """The thesis's hyper-parameters, with the given ones replaced.

    Raises:
        OptionError: an unknown name, or a value out of range.
    """
    unknown = [name for name in given if name not in NAMES]
    if unknown:
        raise OptionError(f"{unknown[0]!r} was given; expected hyper-parameters of: {', '.join(NAMES)}.")
    network, fitting = (
        {field.name: given[field.name] for field in fields(kind) if field.name in given}
        for kind in (NetworkOptions, FitOptions)
    )
    return HyperParameters(NetworkOptions(**network), FitOptions(**fitting))


def preset_for(asked: Optional[str], given: Mapping[str, Any], num_training: int) -> Preset:
    """The preset to use. By default it is "auto" for small data, unless hyper-parameters are given."""
    if asked is not None:
        return Preset(asked, "as requested")
    named = sorted(given.keys() - _NOT_CHOSEN)
    if named:
        return Preset(THESIS, f"because {', '.join(named)} was given: the others are the thesis's")
    if num_training < SMALL:
        why = f"{num_training} training clips are fewer than {SMALL:,}; the thesis's values are for 9,537"
        return Preset(AUTO, why)
    return Preset(THESIS, f"{num_training:,} training clips are enough for the thesis's values")


def num_folds_for(num_training: int) -> int:
    """Number of folds on which candidates are tried."""
    return _FOLDS if num_training < _FEW_CLIPS else 1


def candidates(given: Mapping[str, Any], num_training: int) -> list[HyperParameters]:
    """The candidates of `auto`: a few sizes and learning rates, with a batch size and patience suited to few clips."""
    batch_size = given.get("batch_size", 4 if num_training < 16 else 8 if num_training < 100 else 16)
    recurrent = hyper_parameters(given).network.recurrent
    steps = math.ceil(num_training * (1 if recurrent else 25) / batch_size)
    fixed = {
        "batch_size": batch_size,
        "patience": max(10, math.ceil(_PATIENT_STEPS / steps)),
        "epochs": min(max(50, math.ceil(_MAX_STEPS / steps)), _MOST_EPOCHS),
        **given,
    }
    found: list[HyperParameters] = []
    for units, rate, decay in _CANDIDATES:
        tried: dict[str, Any] = {"units": units} if recurrent else {}
        if "learning_rate" not in given and "decay" not in given:  # the two belong together
            tried.update(learning_rate=rate, decay=decay)
        one = hyper_parameters({**tried, **fixed})
        if one not in found:
            found.append(one)
    return found


def choose(
    candidates: Sequence[HyperParameters],
    labelled: LabelledEmbeddings,
    folds: Sequence[Fold],
    num_classes: int,
    run: RunFolder,
    reporter: Reporter,
) -> list[Candidate]:
    """Train each candidate on each fold, and choose the one with the lowest mean validation loss.

    Candidates get half the epochs: enough to tell them apart, and the search takes most of the time.
    """
    tried = []
    for number, candidate in enumerate(candidates, start=1):
        trials = []
        for index, fold in enumerate(folds, start=1):
            reporter.tick(f"candidate {number} of {len(candidates)}, division {index} of {len(folds)}")
            training, validation = labelled.at(fold.training), labelled.at(fold.validation)
            attempt = partial(_try, candidate, training, validation, num_classes)
            trials.append(run.trial(f"candidate {number}, division {index}", attempt))
        tried.append(Candidate.of(candidate, trials))
    best = min(tried, key=lambda candidate: candidate.validation_loss)
    return [candidate._replace(chosen=candidate is best) for candidate in tried]


def say_choice(tried: Sequence[Candidate], num_folds: int, reporter: Reporter) -> None:
    """Report each candidate's results, and the choice."""
    rows: list[tuple[str, ...]] = [("units", "learning rate", "decay", "validation loss", "accuracy", "")]
    for one in tried:
        network, fitting = one.settings.network, one.settings.fit
        given = (str(network.units or "-"), f"{fitting.learning_rate:g}", f"{fitting.decay:g}")
        accuracy = f"{100 * one.hits / one.clips:.0f} % of {one.clips}"
        rows.append((*given, f"{one.validation_loss:.3f}", accuracy, "chosen" if one.chosen else ""))
    reporter.table(rows)
    divisions = f"{num_folds} division{'s' if num_folds > 1 else ''} of the clips"
    reporter.say(f"chosen: the lowest validation loss of {len(tried)} candidates on {divisions}")


def _try(
    candidate: HyperParameters, training: LabelledEmbeddings, validation: LabelledEmbeddings, num_classes: int
) -> dict[str, Any]:
    options = replace(candidate.fit, epochs=(candidate.fit.epochs + 1) // 2)
    fitted = fit(training, validation, num_classes, candidate.network, options)
    probabilities = predict(fitted.network, validation.embeddings)
    of_truth = probabilities[np.arange(len(validation)), validation.classes]
    return {
        "clips": len(validation),
        "summed_loss": float(-np.sum(np.log(np.maximum(of_truth, 1e-7)))),
        "hits": int(np.sum(probabilities.argmax(axis=1) == validation.classes)),
        "best_epoch": fitted.best_epoch,
    }
