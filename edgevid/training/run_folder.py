"""A training on disk: what was asked for, the clips it used, its curves, its best weights, and all that it needs to go on.

    config.json       the whole configuration, versions, data, extractor
    clips.csv         path, label, group, split of each clip: the division that was used
    curves.csv, .png  figures of each epoch
    best.weights.h5   weights of the epoch with the lowest validation loss (Keras)
    last/state.npz    weights, optimizer and epochs so far
    trials.json       what trainings on the side gave: candidates, sizes compared
    result.json       what came of it; there once the training has ended

Each file is written under another name and then takes its place: after a kill at any point each is whole, old or new.
``curves.csv`` and ``best.weights.h5`` may be ahead of ``last/state.npz``; the epochs between are then trained again, and give the
same, for they draw their random numbers from the seed and their own number alone.
"""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np

from .clips import Clip
from .fit import Epoch, State
from .networks import NetworkOptions, make_network
from .run_files import LOCK_NAME, NEW, RunError, csv_text, damaged, json_text, read_json, replace

CONFIG_NAME, CLIPS_NAME, CURVES_NAME, RESULT_NAME = "config.json", "clips.csv", "curves.csv", "result.json"
BEST_NAME, PLOT_NAME, TRIALS_NAME = "best.weights.h5", "curves.png", "trials.json"
STATE_NAME = Path("last") / "state.npz"
RUN_FORMAT = 1
# What another value of makes another training; the rest follows from it, or is only told.
_DECISIVE = ("request", "data", "extractor", "versions")
# In this order: what is left after a kill is a training that has not begun.
_REMOVED = (STATE_NAME, BEST_NAME, RESULT_NAME, TRIALS_NAME, CURVES_NAME, PLOT_NAME, CLIPS_NAME, CONFIG_NAME)
# The state of a large network is not written after each epoch: writing takes at most this part of the time.
_WRITING_SHARE = 0.05


class RunFolder:
    """The folder of one training, see :meth:`open`.

    Attributes:
        resumed: whether an earlier training is gone on with.
        finished: whether that one had ended.
    """

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path = path
        self.config = config
        self.resumed = self.finished = False
        self._not_before = 0.0

    @classmethod
    def open(cls, path: Path, config: dict[str, Any], clips: Sequence[Clip], *, restart: bool = False) -> RunFolder:
        """Begin a training in ``path``, or go on with the one that is there if it has the same configuration.

        Args:
            config: JSON; its parts "request", "data", "extractor" and "versions" decide whether it is the same.
            clips: those used, their ``split`` as they were used.
            restart: begin anew, whatever is there.

        Raises:
            RunError: another training is there, or something that is no training.
        """
        check_run_folder(path)
        run = cls(path, config)
        try:
            if restart:
                for name in _REMOVED:
                    (path / name).unlink(missing_ok=True)
            if (path / CONFIG_NAME).is_file():
                run.resumed, run.finished = True, (path / RESULT_NAME).is_file()
                held = read_config(path)
                _check_same(path, held, config, _DECISIVE[:-1] if run.finished else _DECISIVE)
                run.config = held
            else:
                path.mkdir(parents=True, exist_ok=True)
                run.write_config(config)
            (path / STATE_NAME).parent.mkdir(exist_ok=True)
            replace(path / CLIPS_NAME, _clips_text(clips))
        except OSError as error:
            raise RunError(f"The run folder {path} cannot be used: {error}. Name another one with --run.") from error
        return run

    def write_config(self, config: dict[str, Any]) -> None:
        """Write ``config.json``."""
        self.config = config
        replace(self.path / CONFIG_NAME, json_text(config))

    def write_result(self, result: dict[str, Any]) -> None:
        """Write ``result.json``: the training has ended."""
        replace(self.path / RESULT_NAME, json_text(result))

    def trial(self, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the training on the side called ``name`` gave, JSON: kept from before, or by ``run()`` now."""
        path = self.path / TRIALS_NAME
        trials: dict[str, dict[str, Any]] = read_json(path) if path.is_file() else {}
        if name not in trials:
            trials[name] = run()
            replace(path, json_text(trials))
        return trials[name]

    def epochs_done(self) -> int:
        """How many epochs are trained already."""
        state = self.load()
        return 0 if state is None else len(state.epochs)

    # What follows makes it a `fit.Store`.

    def load(self) -> Optional[State]:
        """The state to go on from, None at the beginning. The curves are cut to it."""
        path = self.path / STATE_NAME
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                held = json.loads(str(file["about"]))
                state = State(
                    [Epoch(**epoch) for epoch in held["epochs"]],
                    [file[f"weights_{i}"] for i in range(held["weights"])],
                    [file[f"optimizer_{i}"] for i in range(held["optimizer"])],
                )
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise damaged(path, error) from error
        replace(self.path / CURVES_NAME, curves_text(state.epochs))
        return state

    def load_best(self, network: Any) -> None:
        """Load the weights of the best epoch."""
        load_best_weights(self.path, network)

    def save(self, epochs: Sequence[Epoch], state: Callable[[], State], *, last: bool) -> None:
        """Write the curves, and the state if it is time to or the training ends."""
        replace(self.path / CURVES_NAME, curves_text(epochs))
        start = time.monotonic()
        if start < self._not_before and not last:
            return
        now = state()
        about = json.dumps(
            {"epochs": [asdict(e) for e in now.epochs], "weights": len(now.weights), "optimizer": len(now.optimizer)}
        )
        arrays = {f"weights_{i}": array for i, array in enumerate(now.weights)}
        arrays.update({f"optimizer_{i}": array for i, array in enumerate(now.optimizer)})
        content = io.BytesIO()
        np.savez(content, about=np.array(about), **arrays)  # type: ignore[arg-type]
        replace(self.path / STATE_NAME, content.getvalue())
        end = time.monotonic()
        self._not_before = end + (end - start) * (1 / _WRITING_SHARE - 1)

    def save_best(self, network: Any) -> None:
        """Write the weights of the best epoch."""
        path = self.path / BEST_NAME
        temporary = path.with_name(f"{NEW}{BEST_NAME}")  # Keras wants this ending
        network.save_weights(temporary)
        temporary.replace(path)


def default_run_folder(bundle: Path) -> Path:
    """Where a training is kept unless the caller says otherwise: beside the bundle."""
    return bundle.with_name(f"{bundle.name}-run")


def check_run_folder(path: Path) -> None:
    """Say before the work starts that a training cannot be kept there.

    Raises:
        RunError: something is there that is no run folder.
    """
    if path.exists() and not (path / CONFIG_NAME).is_file() and not _is_unused(path):
        raise RunError(f"{path} exists and is no run folder of `edgevid train`; name another one with --run.")
    if (path / CONFIG_NAME).is_file() and read_json(path / CONFIG_NAME).get("kind") != "run":
        raise RunError(f"{path / CONFIG_NAME} is not of a training; name another folder with --run.")


def read_config(path: Path) -> dict[str, Any]:
    """``config.json`` of a run folder.

    Raises:
        RunError: not there, damaged, or of another version of edgevid.
    """
    if not (path / CONFIG_NAME).is_file():
        raise RunError(f"{path} is no run folder; expected one that `edgevid train` wrote, with {CONFIG_NAME} in it.")
    config = read_json(path / CONFIG_NAME)
    if (config.get("kind"), config.get("format")) != ("run", RUN_FORMAT):
        raise RunError(
            f"{path / CONFIG_NAME} is of kind {config.get('kind')!r} and format {config.get('format')!r}; this version of "
            f"edgevid reads 'run', {RUN_FORMAT}. Train again with --restart."
        )
    return config


def read_clips(path: Path) -> list[Clip]:
    """The clips that a run used; ``split`` is how. Their paths are as given then, relative to that working folder maybe."""
    try:
        with (path / CLIPS_NAME).open(newline="", encoding="utf-8") as file:
            return [Clip(Path(row["path"]), row["label"], row["group"], row["split"]) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise damaged(path / CLIPS_NAME, error) from error


def load_network(path: Path) -> Any:
    """The Keras network of a run folder, with its best weights."""
    shape = dict(read_config(path).get("network") or {})
    try:
        known = {field.name for field in fields(NetworkOptions)}
        options = NetworkOptions(**{key: value for key, value in shape.items() if key in known})
        network = make_network(shape["dim"], shape["classes"], options, shape["frames"])
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{path / CONFIG_NAME} does not describe the network: {error}. Let the training end first."
        ) from error
    load_best_weights(path, network)
    return network


def load_best_weights(path: Path, network: Any) -> None:
    """Load ``best.weights.h5`` of a run folder into a network of its shape."""
    try:
        network.load_weights(path / BEST_NAME)
    except (OSError, ValueError, KeyError) as error:
        raise damaged(path / BEST_NAME, error) from error


def curves_text(epochs: Sequence[Epoch]) -> str:
    """``curves.csv``: a line for each epoch."""
    return csv_text([field.name for field in fields(Epoch)], (list(asdict(epoch).values()) for epoch in epochs))


def _is_unused(path: Path) -> bool:
    """Whether the folder is empty, but for what a training that was killed at its very start may leave."""
    return path.is_dir() and all(item.name == LOCK_NAME or item.name.startswith(NEW) for item in path.iterdir())


def _check_same(path: Path, held: dict[str, Any], wanted: dict[str, Any], parts: Sequence[str]) -> None:
    before, now = ({k: v for part in parts for k, v in _flat(c.get(part), part)} for c in (held, wanted))
    other = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if other:
        told = "; ".join(
            f"{key} was {json.dumps(before.get(key))}, is now {json.dumps(now.get(key))}" for key in other[:5]
        )
        raise RunError(
            f"The run folder {path} holds a training that differs from this one: {told}{'; and more' if other[5:] else ''}. "
            "Give the same options and data to go on with it, --restart to begin anew, or name another folder with --run."
        )


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}")
    else:
        yield name, json.loads(json.dumps(value))  # tuples become lists, as in the file


def _clips_text(clips: Sequence[Clip]) -> str:
    return csv_text(["path", "label", "group", "split"], ([str(c.path), c.label, c.group, c.split] for c in clips))
