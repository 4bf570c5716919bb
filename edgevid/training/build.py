"""All steps from labelled clips to a bundle on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from .. import __version__
from ..bundles.writing import check_output, embedder_entries
from ..datasets.clips import SPLITS
from ..errors import ExtraNotInstalledError
from ..support.files import write_whole
from .advice import warnings
from .card import versions
from .curves import curves_plot
from .data import TrainingData, count_clips, group_names, prepare
from .fit import Fitted, fit
from .networks import load_keras
from .packaging import WrittenBundle, write_bundle
from .progress import Reporter, epoch_line
from .request import TrainingRequest
from .run_folder import PLOT_NAME, RUN_FORMAT, RunFolder, check_run_folder, locked
from .tuning import AUTO, HyperParameters, candidates, choose, hyper_parameters, say_choice


class TrainedBundle(NamedTuple):
    """A bundle that was written, and warnings about it."""

    folder: Path
    run_folder: Path
    written: WrittenBundle
    warnings: list[str]


def train_bundle(request: TrainingRequest, reporter: Reporter) -> TrainedBundle:
    """Embed the clips, split them, choose settings, train, export, measure, and write the bundle; all of it or nothing.

    Progress is saved in the run folder; the same request continues from there.

    Raises:
        EdgevidError: anything went wrong; ``output`` is then as it was before.
    """
    check_output(request.output, request.overwrite)
    check_run_folder(request.run_folder)
    load_keras()
    data, preset = prepare(request, reporter)
    given, folds = request.hyper_parameters, data.division.folds
    tried = candidates(given, len(data.division.training)) if preset.name == AUTO else []
    with locked(request.run_folder):
        config = _config(request, data, preset.name, tried)
        run = RunFolder.open(request.run_folder, config, [*data.clips, *data.named_test], restart=request.restart)
        _say_where(run, reporter)
        recipe: dict[str, Any] = preset._asdict()
        chosen = hyper_parameters(given)
        if tried:
            found = choose(tried, data.labelled, folds, len(data.labels), run, reporter)
            recipe["candidates"] = [candidate.as_dict() for candidate in found]
            chosen = next(candidate.settings for candidate in found if candidate.chosen)
            say_choice(found, len(folds), reporter)
        reporter.say(f"recipe {preset.name}: {preset.why}")
        fitted = _fit(data, chosen, run, reporter)
        result = {
            "epochs_run": fitted.epochs_run,
            "best_epoch": fitted.best_epoch,
            "best": asdict(fitted.history[fitted.best_epoch - 1]),
            "recipe": recipe,
            "options": chosen.as_dict(),
        }
        run.write_result(result)
        written = write_bundle(request, data, chosen, recipe, fitted, reporter)
        found_warnings = warnings(data, written.accuracy)
        accuracy = {name: measured.as_dict() for name, measured in written.accuracy.items()}
        run.write_result({**result, "accuracy": accuracy, "warnings": found_warnings})
    return TrainedBundle(request.output, request.run_folder, written, found_warnings)


def _fit(data: TrainingData, chosen: HyperParameters, run: RunFolder, reporter: Reporter) -> Fitted:
    training, validation = (data.labelled.at(part) for part in data.division.folds[0])
    fitted = fit(
        training, validation, len(data.labels), chosen.network, chosen.fit,
        lambda epochs: reporter.step(epoch_line(epochs)), run,
    )  # fmt: skip
    reporter.say(f"trained {fitted.epochs_run} epochs; kept epoch {fitted.best_epoch}, of the lowest validation loss")
    try:
        plot = curves_plot(fitted.history, f"{chosen.network.architecture}, {len(training)} training clips")
        write_whole(run.path / PLOT_NAME, plot)
    except ExtraNotInstalledError as error:
        reporter.say(f"no {PLOT_NAME}: {error}")
    return fitted


def _config(
    request: TrainingRequest, data: TrainingData, preset: str, tried: Sequence[HyperParameters]
) -> dict[str, Any]:
    """The configuration that the run folder records before settings are chosen."""
    digest = "\n".join(f"{clip.label}\t{clip.group}\t{clip.split}\t{clip.path.name}" for clip in data.clips)
    return {
        "format": RUN_FORMAT,
        "kind": "run",
        "name": request.bundle_name,
        "edgevid_version": __version__,
        "command": request.command,
        "working_folder": str(Path.cwd()),
        "source": {"path": str(request.data), "kind": data.dataset.kind, "description": request.data_description},
        "labels": data.labels,
        "request": {
            "recipe": preset,
            "hyper_parameters": dict(request.hyper_parameters),
            "validation_share": data.share,
            "test_share": request.test_share,
            **({"candidates": [one.as_dict() for one in tried]} if tried else {}),
        },
        "data": {
            "labels": data.labels,
            **{split: count_clips(data.of(split)) for split in SPLITS},
            "validation_groups": group_names(data.of("validation")),
            "test_groups": group_names(data.of("test")),
            "clips_sha256": hashlib.sha256(digest.encode()).hexdigest(),
            "embeddings_sha256": hashlib.sha256(data.labelled.embeddings.data).hexdigest(),
        },
        "embedders": embedder_entries(data.config.entries),
        "versions": versions(),
    }


def _say_where(run: RunFolder, reporter: Reporter) -> None:
    if run.finished:
        reporter.say(f"the training in {run.path} has ended: it is exported again, not trained")
    elif run.resumed:
        reporter.say(f"resuming the training in {run.path} after epoch {run.epochs_done()}")
    else:
        reporter.say(f"training in {run.path}; if it is interrupted, run the same command again to continue")
