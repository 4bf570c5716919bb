"""A training on disk: its configuration, the clips it used, its curves, its best weights, and its state for resuming.

    config.json       the whole configuration, versions, data, embedders
    clips.csv         path, label, group, split of each clip, as used
    curves.csv, .png  figures of each epoch
    last/state.npz    weights, the best ones, optimizer and epochs so far
    best.weights.h5   weights of the epoch with the lowest validation loss (Keras), once the training has ended
    trials.json       results of side trainings: candidates
    result.json       the final result; present once the training has ended

Each file is written under a temporary name and then renamed: after a kill at any point each is complete, old or new.
``curves.csv`` may be an epoch ahead of ``last/state.npz``; that epoch is then trained again with the same result, because its
random numbers depend only on the seed and its own number.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np

from ..datasets.clips import CSV_NAME, Clip
from ..datasets.reading import RUN_CONFIG_NAME
from ..errors import EdgevidError
from ..support import locks
from ..support.files import read_text, whole, write_whole
from .fit import Epoch, State

CONFIG_NAME, CLIPS_NAME, CURVES_NAME, RESULT_NAME = RUN_CONFIG_NAME, CSV_NAME, "curves.csv", "result.json"
BEST_NAME, PLOT_NAME, TRIALS_NAME, LOCK_NAME = "best.weights.h5", "curves.png", "trials.json", ".lock"
STATE_NAME = Path("last") / "state.npz"
RUN_FORMAT = 2
_ARRAYS = ("weights", "best", "optimizer")
# Settings that define a training; the others follow from them, or are informative.
_DECISIVE = ("request", "data", "embedders", "versions")
# In this order: the remains after a kill then look like a training that has not begun.
_REMOVED = (STATE_NAME, BEST_NAME, RESULT_NAME, TRIALS_NAME, CURVES_NAME, PLOT_NAME, CLIPS_NAME, CONFIG_NAME)
# Names of files that are being written, see `support.files`.
_UNFINISHED = ".partial-*"


class RunError(EdgevidError):
    """A run folder is damaged, in use, or of another training."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a run folder against other processes; it is made if absent.

    Raises:
        RunError: another process trains there.
    """
    with ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locks.locked(path / LOCK_NAME))
        except BlockingIOError as error:
            raise RunError(
                f"Another process trains in the run folder {path}; wait for it, or name another one with --run."
            ) from error
        except OSError as error:
            raise RunError(f"The run folder {path} cannot be used: {error}. Name another one with --run.") from error
        yield


class RunFolder:
    """The folder of one training, see :meth:`open`.

    Attributes:
        resumed: whether an earlier training is resumed.
        finished: whether that one had ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resumed = self.finished = False

    @classmethod
    def open(cls, path: Path, config: dict[str, Any], clips: Sequence[Clip], *, restart: bool = False) -> RunFolder:
        """Begin a training in ``path``, or resume the one there if it has the same configuration.

        Args:
            config: JSON; its parts "request", "data", "embedders" and "versions" decide whether it is the same.
            clips: the clips with the ``split`` that is used.
            restart: start anew, whatever is there.

        Raises:
            RunError: another training is there, or something that is not a training.
        """
        check_run_folder(path)
        run = cls(path)
        try:
            if restart:
                for name in _REMOVED:
                    (path / name).unlink(missing_ok=True)
            if (path / CONFIG_NAME).is_file():
                run.resumed, run.finished = True, (path / RESULT_NAME).is_file()
                _check_same(path, read_config(path), config, _DECISIVE[:-1] if run.finished else _DECISIVE)
            else:
                path.mkdir(parents=True, exist_ok=True)
                _write(path / CONFIG_NAME, _json_text(config))
            (path / STATE_NAME).parent.mkdir(exist_ok=True)
            for unfinished in path.glob(f"**/{_UNFINISHED}"):  # of a training that was killed
                unfinished.unlink()
            rows = ([str(c.path), c.label, c.group, c.split] for c in clips)
            _write(path / CLIPS_NAME, _csv_text(["path", "label", "group", "split"], rows))
        except OSError as error:
            raise RunError(f"The run folder {path} cannot be used: {error}. Name another one with --run.") from error
        return run

    def write_result(self, result: dict[str, Any]) -> None:
        """Write ``result.json``: the training has ended."""
        _write(self.path / RESULT_NAME, _json_text(result))

    def trial(self, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result (JSON) of the side training called ``name``: saved before, or from ``run()`` now."""
        path = self.path / TRIALS_NAME
        trials: dict[str, dict[str, Any]] = _read_json(path) if path.is_file() else {}
        if name not in trials:
            trials[name] = run()
            _write(path, _json_text(trials))
        return trials[name]

    def epochs_done(self) -> int:
        """Number of epochs trained already."""
        state = self.load()
        return 0 if state is None else len(state.epochs)

    def load(self) -> Optional[State]:
        """The state to resume from, None at the beginning. The curves are cut to it."""
        path = self.path / STATE_NAME
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                epochs = [Epoch(**epoch) for epoch in json.loads(str(file["about"]))["epochs"]]
                arrays = ([file[name] for name in file.files if name.startswith(f"{kind}_")] for kind in _ARRAYS)
                state = State(epochs, *arrays)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise _damaged(path, error) from error
        _write(self.path / CURVES_NAME, curves_text(state.epochs))
        return state

    def save(self, state: State) -> None:
        """Write the curves and the state."""
        _write(self.path / CURVES_NAME, curves_text(state.epochs))
        held = {"epochs": [asdict(epoch) for epoch in state.epochs]}
        arrays = {f"{kind}_{i}": array for kind in _ARRAYS for i, array in enumerate(getattr(state, kind))}
        content = io.BytesIO()
        np.savez(content, about=np.array(json.dumps(held)), **arrays)
        _write(self.path / STATE_NAME, content.getvalue())

    def save_best(self, network: Any) -> None:
        """Write the weights of the best epoch."""
        with whole(self.path / BEST_NAME) as partial:
            named = partial.with_suffix(".weights.h5")  # Keras requires this ending
            network.save_weights(named)
            named.replace(partial)


def default_run_folder(bundle: Path) -> Path:
    """The default folder of a training: beside the bundle."""
    return bundle.with_name(f"{bundle.name}-run")


def check_run_folder(path: Path) -> None:
    """Check before the work starts that a training can be saved there.

    Raises:
        RunError: something else is there.
    """
    if path.exists() and not (path / CONFIG_NAME).is_file() and not _is_unused(path):
        raise RunError(f"{path} exists and is not a run folder of `edgevid train`; name another one with --run.")
    if (path / CONFIG_NAME).is_file() and _read_json(path / CONFIG_NAME).get("kind") != "run":
        raise RunError(f"{path / CONFIG_NAME} is not of a training; name another folder with --run.")


def read_config(path: Path) -> dict[str, Any]:
    """``config.json`` of a run folder.

    Raises:
        RunError: it is missing, damaged, or of another version of edgevid.
    """
    if not (path / CONFIG_NAME).is_file():
        raise RunError(
            f"{path} is not a run folder; expected one that `edgevid train` wrote, with {CONFIG_NAME} in it."
        )
    config = _read_json(path / CONFIG_NAME)
    if (config.get("kind"), config.get("format")) != ("run", RUN_FORMAT):
        raise RunError(
            f"{path / CONFIG_NAME} is of kind {config.get('kind')!r} and format {config.get('format')!r}; this version of "
            f"edgevid reads 'run', {RUN_FORMAT}. Train again with --restart."
        )
    return config


def curves_text(epochs: Sequence[Epoch]) -> str:
    """``curves.csv``: a line for each epoch."""
    return _csv_text([field.name for field in fields(Epoch)], (list(asdict(epoch).values()) for epoch in epochs))


def _is_unused(path: Path) -> bool:
    """Whether the folder is empty, except for remains of a training killed at its very start."""
    return path.is_dir() and all(item.name == LOCK_NAME or item.match(_UNFINISHED) for item in path.iterdir())


def _check_same(path: Path, held: dict[str, Any], wanted: dict[str, Any], parts: Sequence[str]) -> None:
    before, now = ({k: v for part in parts for k, v in _flat(c.get(part), part)} for c in (held, wanted))
    other = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if other:
        told = "; ".join(
            f"{key} was {json.dumps(before.get(key))}, is now {json.dumps(now.get(key))}" for key in other[:5]
        )
        raise RunError(
            f"The run folder {path} holds a training that differs from this one: {told}{'; and more' if other[5:] else ''}. "
            "Give the same options and data to continue it, --restart to start anew, or name another folder with --run."
        )


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}")
    else:
        yield name, json.loads(json.dumps(value))  # tuples become lists, as in the file


def _write(path: Path, content: Union[str, bytes]) -> None:
    """Write completely or not at all, also in case of a power cut."""
    write_whole(path, content, sync=True)


def _csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    return value if isinstance(value, dict) else {}


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(f"{path} is damaged or missing: {error}. Begin anew with --restart.")
