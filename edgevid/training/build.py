"""The whole way from labelled clips to a bundle on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .. import __version__
from ..bundles.bundle import ExtractorFile, find_extractor
from ..errors import ExtraNotInstalledError
from . import advice
from .card import count_clips, group_names, versions
from .clips import Clip, DatasetError, check_classes, default_share, groups_in_both, validation_splits
from .curves import curves_plot
from .dataset import Dataset, open_dataset
from .division import Division, divide, with_splits
from .embedding import embed
from .export import check_output
from .features import FeatureSet
from .fit import Fitted, Labelled, fit
from .metrics import Metrics
from .networks import load_keras
from .packaging import Material, write_bundle
from .progress import Reporter, epoch_line
from .request import Request
from .run_files import locked
from .run_folder import PLOT_NAME, RUN_FORMAT, RunFolder, check_run_folder
from .tuning import AUTO, Settings, candidates, choose, divisions_for, recipe_for, settings
from .unit_comparison import Comparison, compare_units


@dataclass(frozen=True)
class Trained:
    """A bundle that was written, and what was measured."""

    folder: Path
    run_folder: Path
    card: dict[str, Any]
    validation: Metrics
    test: Optional[Metrics]
    comparison: Optional[Comparison]
    warnings: list[str]


def train_bundle(request: Request, reporter: Reporter) -> Trained:
    """Embed the clips, divide them, choose settings, train, export, measure, and write the bundle; all of it or nothing.

    What is trained is kept in the run folder as it goes; the same request goes on from there.

    Raises:
        EdgevidError: anything that went wrong; nothing is then left at ``output`` that was not there before.
    """
    check_output(request.output, request.overwrite)
    check_run_folder(request.run_folder)
    load_keras()
    extractor_file = find_extractor(request.extractor)
    dataset = open_dataset(request.data, split_list=request.split_list, splits=request.official_lists)
    check_classes(dataset.clips)
    for note in dataset.notes:
        reporter.say(f"note: {note}")
    named_test = [clip for clip in dataset.clips if clip.split == "test"]
    rest = [clip for clip in dataset.clips if clip.split != "test"]
    _check_test(request, rest, named_test)
    features = embed(rest, extractor_file, request, reporter)
    labels = check_classes([*features.clips, *named_test])
    recipe = recipe_for(request.recipe, request.hyper_parameters, len(features.clips))
    share = default_share(dataset.clips) if request.validation_share is None else request.validation_share
    seed = settings(request.hyper_parameters).fit.seed
    division = divide(
        features.clips, share, 0.0 if named_test else request.test_share, seed,
        divisions_for(len(features.clips)) if recipe[0] == AUTO else 1,
    )  # fmt: skip
    if request.evaluate_test and not named_test and not division.test:
        raise DatasetError(_no_test(request.data))
    _warn_of_shared_groups([*features.clips, *named_test], reporter)
    used = with_splits(features.clips, division)
    _say_decisions(advice.division_decisions(used, len(named_test), bool(division.test)), len(labels), reporter)
    config = _config(request, dataset, labels, features, division, recipe[0], share, extractor_file)
    classes = np.array([labels.index(clip.label) for clip in features.clips], dtype=np.int64)
    labelled = Labelled(features.embeddings, classes)
    with locked(request.run_folder):
        run = RunFolder.open(request.run_folder, config, [*used, *named_test], restart=request.restart)
        _say_where(run, reporter)
        tried = candidates(request.hyper_parameters, len(division.training)) if recipe[0] == AUTO else []
        chosen = settings(request.hyper_parameters)
        rows: list[dict[str, Any]] = []
        if tried:
            chosen, rows = choose(tried, labelled, division.others, len(labels), run, reporter)
            for line in advice.aligned(advice.candidate_table(rows)):
                reporter.say(line)
        _say_decisions(advice.settings_decisions(recipe, rows, len(division.others)), 0, reporter)
        _complete_config(run, chosen, labelled, labels)
        fitted = _fit(labelled, division, len(labels), chosen, run, reporter)
        told_recipe = {"name": recipe[0], "why": recipe[1], **({"candidates": rows} if rows else {})}
        result = {
            "epochs_run": fitted.epochs_run,
            "best_epoch": fitted.best_epoch,
            "best": asdict(fitted.history[fitted.best_epoch - 1]),
            "recipe": told_recipe,
        }
        run.write_result(result)
        material = Material(
            request=request, labels=labels, features=features, labelled=labelled, division=division, share=share,
            named_test=named_test, extractor=extractor_file, settings=chosen, recipe=told_recipe, fitted=fitted,
        )  # fmt: skip
        compare = partial(
            _compare, request, labelled, features.clips, division, share, len(labels), chosen, run, reporter
        )
        card, validation, test, comparison = write_bundle(material, compare, reporter)
        warnings = advice.warnings(used, labels, validation, test)
        run.write_result({**result, "accuracy": card["accuracy"], "warnings": warnings})
    return Trained(request.output, request.run_folder, card, validation, test, comparison, warnings)


def _fit(
    labelled: Labelled, division: Division, num_classes: int, chosen: Settings, run: RunFolder, reporter: Reporter
) -> Fitted:
    patience = chosen.fit.patience
    fitted = fit(
        labelled.at(division.training), labelled.at(division.validation), num_classes, chosen.shape, chosen.fit,
        lambda epochs: reporter.step(epoch_line(epochs, patience)), run,
    )  # fmt: skip
    reporter.say(f"trained {fitted.epochs_run} epochs; kept epoch {fitted.best_epoch}, of the lowest validation loss")
    try:
        plot = curves_plot(fitted.history, f"{chosen.shape.architecture}, {len(division.training)} training clips")
        (run.path / PLOT_NAME).write_bytes(plot)
    except ExtraNotInstalledError as error:
        reporter.say(f"no {PLOT_NAME}: {error}")
    return fitted


def _compare(
    request: Request,
    labelled: Labelled,
    clips: Sequence[Clip],
    division: Division,
    share: float,
    num_classes: int,
    chosen: Settings,
    run: RunFolder,
    reporter: Reporter,
) -> Optional[Comparison]:
    if not request.compare:
        return None
    splits = division.others[:1]
    if request.divisions > 1 or request.compare_share is not None:
        kept = sorted({*division.training, *division.validation})
        share = share if request.compare_share is None else request.compare_share
        drawn = validation_splits([clips[i] for i in kept], share, chosen.fit.seed, request.divisions)
        splits = [([kept[i] for i in training], [kept[i] for i in validation]) for training, validation in drawn]
    return compare_units(labelled, splits, num_classes, request.compare, chosen, run, reporter)


def _config(
    request: Request,
    dataset: Dataset,
    labels: list[str],
    features: FeatureSet,
    division: Division,
    recipe: str,
    share: float,
    extractor: ExtractorFile,
) -> dict[str, Any]:
    """What the run folder says of a training before its settings are chosen."""
    used = with_splits(features.clips, division)
    parts = {name: [clip for clip in used if clip.split == name] for name in ("train", "validation", "test")}
    hyper_parameters = dict(request.hyper_parameters)
    return {
        "format": RUN_FORMAT,
        "kind": "run",
        "name": request.bundle_name,
        "edgevid_version": __version__,
        "command": request.command,
        "working_folder": str(Path.cwd()),
        "source": {"path": str(request.data), "kind": dataset.kind, "description": request.data_description},
        "labels": labels,
        "request": {
            "recipe": recipe,
            "hyper_parameters": hyper_parameters,
            "validation_share": share,
            "test_share": request.test_share,
            **(
                {"candidates": [c.as_dict() for c in candidates(hyper_parameters, len(division.training))]}
                if recipe == AUTO
                else {}
            ),
        },
        "data": {
            "labels": labels,
            **{name: count_clips(clips) for name, clips in parts.items()},
            "validation_groups": group_names(parts["validation"]),
            "test_groups": group_names(parts["test"]),
            "clips_sha256": _digest(
                "\n".join(f"{c.label}\t{c.group}\t{c.split}\t{c.path.name}" for c in used).encode()
            ),
            "embeddings_sha256": _digest(features.embeddings),
        },
        "extractor": {"name": extractor.name, "sha256": extractor.sha256},
        "versions": versions(),
    }


def _complete_config(run: RunFolder, chosen: Settings, labelled: Labelled, labels: list[str]) -> None:
    if run.finished:
        return
    frames, dim = labelled.embeddings.shape[1:]
    units = (chosen.shape.units or dim) if chosen.shape.recurrent else None
    network = {**asdict(replace(chosen.shape, units=units)), "frames": frames, "dim": dim, "classes": len(labels)}
    run.write_config({**run.config, "network": network, "training": asdict(chosen.fit)})


def _digest(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_test(request: Request, rest: Sequence[Clip], named_test: Sequence[Clip]) -> None:
    if request.evaluate_test and not named_test and (request.test_share == 0 or not rest):
        raise DatasetError(_no_test(request.data))


def _no_test(data: Path) -> str:
    return (
        f"{data} names no test clips, and none can be held out: a class has too few groups. Name some in a clips.csv with a "
        "column 'split' and 'test' in it, or leave --evaluate-test out."
    )


def _warn_of_shared_groups(clips: Sequence[Clip], reporter: Reporter) -> None:
    shared = groups_in_both(*([c for c in clips if (c.split == "test") is is_test] for is_test in (False, True)))
    if shared:
        reporter.say(
            f"warning: groups with training and test clips: {', '.join(shared[:5])}; test accuracy will be too high"
        )


def _say_decisions(rows: Sequence[advice.Decision], num_classes: int, reporter: Reporter) -> None:
    if num_classes:
        rows = [("classes", str(num_classes), ""), *rows]
    for line in advice.aligned(rows):
        reporter.say(line)


def _say_where(run: RunFolder, reporter: Reporter) -> None:
    if run.finished:
        reporter.say(f"the training in {run.path} has ended: it is exported again, not trained")
    elif run.resumed:
        done = run.epochs_done()
        reporter.say(f"resuming the training in {run.path}" + (f" after epoch {done}" if done else ""))
    else:
        reporter.say(f"training in {run.path}; if it is interrupted, the same command goes on")
