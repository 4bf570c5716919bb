"""Networks of several sizes, trained and validated in the same way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .export import predict
from .fit import Labelled, fit
from .metrics import Share
from .progress import Reporter
from .run_folder import RunFolder
from .tuning import Settings

_PROTOCOL = (
    "Each size was trained on the same divisions into training and validation clips (whole groups, none held out twice) "
    "with the same options. The accuracies are on the held-out clips, all divisions together, at the epoch of the lowest "
    "validation loss."
)


@dataclass(frozen=True)
class Row:
    """One size: trainable and other parameters, validation accuracy of each division, and of all together."""

    units: int
    parameters: int
    accuracy: Share
    each: tuple[Share, ...]
    best_epochs: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """Rows in the order asked for."""

    rows: tuple[Row, ...]

    def as_dict(self, chosen: int) -> dict[str, Any]:
        """What the card of a bundle with ``chosen`` units carries."""
        return {
            "protocol": _PROTOCOL,
            "units": [
                {
                    "units": row.units,
                    "parameters": row.parameters,
                    "accuracy": row.accuracy.as_dict(),
                    "each_division": [f"{share.hits}/{share.n}" for share in row.each],
                    "best_epochs": list(row.best_epochs),
                }
                for row in self.rows
            ],
            "in_words": self.in_words(chosen),
        }

    def in_words(self, chosen: int) -> list[str]:
        """What ``chosen`` units gain or lose against each other size; nothing where they were not compared."""
        mine = next((row for row in self.rows if row.units == chosen), None)
        return [_difference(mine, row) for row in self.rows if mine is not None and row is not mine]


def _difference(mine: Row, other: Row) -> str:
    points = 100 * (mine.accuracy.hits - other.accuracy.hits) / mine.accuracy.n
    outcome = f"{abs(points):.1f} points {'gained' if points > 0 else 'lost'}" if points else "the same"
    return (
        f"{mine.units} units: {mine.accuracy.hits} of {mine.accuracy.n} right; {other.units} units: "
        f"{other.accuracy.hits}; {outcome}, with {mine.parameters / other.parameters:.2g} times the parameters."
    )


def compare_units(
    labelled: Labelled,
    splits: Sequence[tuple[list[int], list[int]]],
    num_classes: int,
    units: Sequence[int],
    settings: Settings,
    run: RunFolder,
    reporter: Reporter,
) -> Comparison:
    """Train a network of each size on each division and measure it on the clips held out.

    Args:
        splits: indices to train on and to validate on, see :func:`edgevid.training.clips.validation_splits`.
        units: the sizes. settings: everything else.
        run: keeps what is done, should this be interrupted.
    """
    rows = []
    for size in units:
        sized = Settings(replace(settings.shape, units=size), settings.fit)
        parts = []
        for number, (training, validation) in enumerate(splits, start=1):

            def measure(
                sized: Settings = sized,
                training: list[int] = training,
                validation: list[int] = validation,
                where: str = f"{size} units, division {number} of {len(splits)}",
            ) -> dict[str, Any]:
                return _measure(sized, labelled.at(training), labelled.at(validation), num_classes, where, reporter)

            parts.append(run.trial(f"{size} units, division {number} ({_digest(validation)})", measure))
        each = tuple(Share(part["hits"], part["clips"]) for part in parts)
        together = Share(sum(share.hits for share in each), sum(share.n for share in each))
        rows.append(Row(size, parts[0]["parameters"], together, each, tuple(part["best_epoch"] for part in parts)))
        reporter.say(f"{size} units: validation accuracy {together}")
    return Comparison(tuple(rows))


def _measure(
    settings: Settings, training: Labelled, validation: Labelled, num_classes: int, where: str, reporter: Reporter
) -> dict[str, Any]:
    def progress(epochs: Any) -> None:
        reporter.tick(f"{where}: epoch {len(epochs)}, validation loss {epochs[-1].val_loss:.4f}")

    fitted = fit(training, validation, num_classes, settings.shape, settings.fit, progress)
    hits = predict(fitted.network, validation.embeddings).argmax(axis=1) == validation.classes
    return {
        "clips": len(validation),
        "hits": int(np.sum(hits)),
        "best_epoch": fitted.best_epoch,
        "parameters": int(fitted.network.count_params()),
    }


def _digest(indices: Sequence[int]) -> str:
    """Tells divisions apart that are called the same: the comparison may be asked for again with others."""
    return hashlib.sha256(json.dumps(list(indices)).encode()).hexdigest()[:8]
