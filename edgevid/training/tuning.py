"""Hyper-parameters for small data, chosen by validation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Optional

import numpy as np

from ..errors import OptionError
from .export import predict
from .fit import FitOptions, Labelled, fit
from .networks import NetworkOptions
from .progress import Reporter
from .run_folder import RunFolder

THESIS, AUTO = "thesis", "auto"
RECIPES = (THESIS, AUTO)
# The thesis's values are for 9,537 training clips.
SMALL = 2000
# Whole divisions to try each candidate on, while that takes minutes at most.
_DIVISIONS, _FEW_CLIPS = 3, 300
# (units, learning rate, decay). A decay of 1e-2 halves the learning rate after 100 steps.
_CANDIDATES = ((64, 1e-3, 1e-2), (64, 3e-4, 1e-6), (128, 3e-4, 1e-6))
# Early stopping waits for so many steps, for what batch normalisation has learned of the data takes about 100 to settle.
_PATIENT_STEPS, _MAX_STEPS = 100, 600


@dataclass(frozen=True)
class Settings:
    """All hyper-parameters of a training."""

    shape: NetworkOptions
    fit: FitOptions

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self.shape), **asdict(self.fit)}


HYPER_PARAMETERS = tuple(field.name for kind in (NetworkOptions, FitOptions) for field in fields(kind))
# Those that `auto` does not choose; to give them says nothing about the others.
_NOT_CHOSEN = {"architecture", "seed"}


def settings(given: Mapping[str, Any]) -> Settings:
    """The thesis's hyper-parameters, but for those given.

    Raises:
        OptionError: no such one, or a value out of range.
    """
    unknown = [name for name in given if name not in HYPER_PARAMETERS]
    if unknown:
        raise OptionError(f"{unknown[0]!r} was given; expected hyper-parameters of: {', '.join(HYPER_PARAMETERS)}.")
    return Settings(
        *(
            kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})
            for kind in (NetworkOptions, FitOptions)
        )  # type: ignore[arg-type]
    )


def recipe_for(recipe: Optional[str], given: Mapping[str, Any], num_training: int) -> tuple[str, str]:
    """Which recipe to use, and why. By itself it is "auto" for small data, unless hyper-parameters are given."""
    if recipe is not None:
        return recipe, "as asked for"
    named = sorted(given.keys() - _NOT_CHOSEN)
    if named:
        return THESIS, f"as {', '.join(named)} was given: what is not given is the thesis's"
    if num_training < SMALL:
        return AUTO, f"{num_training} training clips are fewer than {SMALL:,}; the thesis's values are for 9,537"
    return THESIS, f"{num_training:,} training clips are enough for the thesis's values"


def divisions_for(num_training: int) -> int:
    """On how many divisions into training and validation clips candidates are tried."""
    return _DIVISIONS if num_training < _FEW_CLIPS else 1


def candidates(given: Mapping[str, Any], num_training: int) -> list[Settings]:
    """What `auto` tries: a few sizes and learning rates, and a batch size and patience that suit so few clips."""
    batch_size = given.get("batch_size", 4 if num_training < 16 else 8 if num_training < 100 else 16)
    base = settings(given)
    steps = math.ceil(num_training * (1 if base.shape.recurrent else 25) / batch_size)
    fixed = {
        "batch_size": batch_size,
        "patience": max(10, math.ceil(_PATIENT_STEPS / steps)),
        "epochs": max(50, math.ceil(_MAX_STEPS / steps)),
        **given,
    }
    found: list[Settings] = []
    for units, rate, decay in _CANDIDATES:
        tried = {"units": units, "learning_rate": rate, "decay": decay}
        if not base.shape.recurrent:
            del tried["units"]
        if "learning_rate" in given or "decay" in given:  # the two belong together
            tried = {name: value for name, value in tried.items() if name == "units"}
        one = settings({**tried, **fixed})
        if one not in found:
            found.append(one)
    return found


def choose(
    candidates: Sequence[Settings],
    labelled: Labelled,
    divisions: Sequence[tuple[list[int], list[int]]],
    num_classes: int,
    run: RunFolder,
    reporter: Reporter,
) -> tuple[Settings, list[dict[str, Any]]]:
    """Train each candidate on each division; the one with the lowest mean validation loss is chosen.

    Candidates get half the epochs: enough to tell them apart, and the search takes most of the time.

    Returns:
        The chosen one, and for each candidate its settings, validation loss and hits of all divisions together, and whether
        it is the chosen one.
    """
    rows: list[dict[str, Any]] = []
    for number, candidate in enumerate(candidates, start=1):
        parts = []
        for index, (training, validation) in enumerate(divisions, start=1):
            where = f"candidate {number} of {len(candidates)}, division {index} of {len(divisions)}"

            def attempt(
                candidate: Settings = candidate,
                training: list[int] = training,
                validation: list[int] = validation,
                where: str = where,
            ) -> dict[str, Any]:
                return _attempt(candidate, labelled.at(training), labelled.at(validation), num_classes, where, reporter)

            parts.append(run.trial(f"candidate {number}, division {index}", attempt))
        clips = sum(part["clips"] for part in parts)
        rows.append(
            {
                **candidate.as_dict(),
                "validation_loss": sum(part["loss"] * part["clips"] for part in parts) / clips,
                "hits": sum(part["hits"] for part in parts),
                "clips": clips,
                "best_epoch": round(statistics.median(part["best_epoch"] for part in parts)),
                "chosen": False,
            }
        )
    best = min(range(len(rows)), key=lambda i: rows[i]["validation_loss"])
    rows[best]["chosen"] = True
    return candidates[best], rows


def _attempt(
    candidate: Settings, training: Labelled, validation: Labelled, num_classes: int, where: str, reporter: Reporter
) -> dict[str, Any]:
    def progress(epochs: Any) -> None:
        reporter.tick(f"{where}: epoch {len(epochs)}, validation loss {epochs[-1].val_loss:.4f}")

    options = replace(candidate.fit, epochs=(candidate.fit.epochs + 1) // 2)
    fitted = fit(training, validation, num_classes, candidate.shape, options, progress)
    probabilities = predict(fitted.network, validation.embeddings)
    of_truth = probabilities[np.arange(len(validation)), validation.classes]
    return {
        "clips": len(validation),
        "loss": float(-np.mean(np.log(np.maximum(of_truth, 1e-7)))),
        "hits": int(np.sum(probabilities.argmax(axis=1) == validation.classes)),
        "best_epoch": fitted.best_epoch,
    }
