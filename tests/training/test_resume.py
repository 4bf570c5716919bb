"""Interrupted training ends like uninterrupted training."""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from training_data import LABELS, require_training_extra, synthetic

from edgevid.datasets.clips import Clip
from edgevid.datasets.reading import read_used_clips
from edgevid.training import run_folder
from edgevid.training.fit import FitOptions, fit
from edgevid.training.networks import ARCHITECTURES, NetworkOptions
from edgevid.training.run_folder import RunError, RunFolder, locked, read_config

require_training_extra()

CLIPS = [Clip(Path("data/a.mp4"), "early", "1", "train"), Clip(Path("data/b.mp4"), "late", "2", "validation")]
CONFIG = {
    "format": 2,
    "kind": "run",
    "request": {"hyper_parameters": {"learning_rate": 0.01}},
    "data": {"labels": LABELS},
    "extractor": {"name": "x", "sha256": "0"},
    "versions": {"python": "3"},
}


KILLS = int(os.environ.get("KILLS", "1"))
EPOCHS = 60 * (KILLS + 1)


class KilledError(BaseException):
    """Stands for a kill: nothing in edgevid catches it."""


def train(
    path: Path, architecture: str = "gru", epochs: int = 6
) -> tuple[list[np.ndarray], list[np.ndarray], list[list[str]]]:
    """Start or resume training in ``path``: best weights, last state, curves (without the seconds)."""
    shape = NetworkOptions(architecture, None if architecture == "single-frame" else 8)
    options = FitOptions(learning_rate=1e-2, epochs=epochs, patience=epochs, batch_size=16)
    run = RunFolder.open(path, CONFIG, CLIPS)
    network = fit(synthetic(30), synthetic(12, seed=1), len(LABELS), shape, options, store=run).network
    state = run.load()
    assert state is not None
    with (path / "curves.csv").open() as file:
        curves = [row[:-1] for row in csv.reader(file)]
    return network.get_weights(), [*state.weights, *state.best, *state.optimizer], curves


def assert_same(first, second) -> None:
    for one, other in zip(first[0] + first[1], second[0] + second[1]):
        np.testing.assert_array_equal(one, other)
    assert first[2] == second[2]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_killed_at_a_write_it_ends_with_the_same_weights(tmp_path, monkeypatch, architecture):
    whole = train(tmp_path / "whole", architecture)
    write_whole = run_folder.write_whole
    for kill_at, before in ((4, True), (7, False), (99, False)):
        writes = itertools.count(1)

        def write_or_die(path, content, writes=writes, kill_at=kill_at, before=before, **options):
            number = next(writes)
            if number != kill_at or not before:
                write_whole(path, content, **options)
            if number == kill_at:
                raise KilledError

        monkeypatch.setattr(run_folder, "write_whole", write_or_die)
        if kill_at == 99:
            resumed = train(tmp_path / "killed", architecture)
        else:
            with pytest.raises(KilledError):
                train(tmp_path / "killed", architecture)
    assert_same(whole, resumed)


def test_sigkill(tmp_path):
    """A real kill, of a process that another continues. (`KILLS=10 pytest -k sigkill` does it ten times.)"""
    draw = random.Random(0)
    for _ in range(KILLS):
        state = tmp_path / "killed" / "last" / "state.npz"
        before = state.stat().st_mtime_ns if state.exists() else 0
        with subprocess.Popen(_train_command(tmp_path / "killed"), stderr=subprocess.PIPE, text=True) as process:
            end = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < end:
                if state.exists() and state.stat().st_mtime_ns != before:
                    break
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.5))
            assert process.poll() is None, process.communicate()[1]
            process.send_signal(signal.SIGKILL)
    # Both end in processes of their own, like the killed ones: this one may have set up TensorFlow differently.
    for name in ("whole", "killed"):
        subprocess.run(_train_command(tmp_path / name), check=True, capture_output=True, timeout=300)
    assert_same(train(tmp_path / "whole", epochs=EPOCHS), train(tmp_path / "killed", epochs=EPOCHS))


def _train_command(path: Path) -> list[str]:
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; from test_resume import train; "
        f"train(Path({str(path)!r}), epochs={EPOCHS})"
    )
    return [sys.executable, "-c", script]


def test_what_a_run_folder_holds(tmp_path):
    whole = train(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "best.weights.h5", "clips.csv", "config.json", "curves.csv", "last",
    ]  # fmt: skip
    assert whole[2][0] == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert len(whole[2]) == 7
    assert read_used_clips(tmp_path / "run") == CLIPS


def test_a_finished_training_is_not_trained_again(tmp_path, monkeypatch):
    whole = train(tmp_path / "run")
    monkeypatch.setattr("edgevid.training.fit._Trainer.run_epoch", None)
    assert_same(whole, train(tmp_path / "run"))


def test_another_configuration_is_refused_and_named(tmp_path):
    run = RunFolder.open(tmp_path / "run", CONFIG, CLIPS)
    assert not run.resumed
    assert RunFolder.open(tmp_path / "run", CONFIG, CLIPS).resumed
    other = {**CONFIG, "request": {"hyper_parameters": {"learning_rate": 0.001}}}
    with pytest.raises(RunError, match=r"learning_rate was 0.01, is now 0.001.*--restart"):
        RunFolder.open(tmp_path / "run", other, CLIPS)
    newer = {**CONFIG, "versions": {"python": "4"}}
    with pytest.raises(RunError, match=r"versions\.python"):
        RunFolder.open(tmp_path / "run", newer, CLIPS)
    run.write_result({})  # only resumed training needs the same versions
    assert RunFolder.open(tmp_path / "run", newer, CLIPS).finished
    restarted = RunFolder.open(tmp_path / "run", other, CLIPS, restart=True)
    assert not restarted.resumed
    assert read_config(tmp_path / "run") == other
    assert not (tmp_path / "run" / "result.json").exists()


def test_places_that_are_no_run_folder(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(tmp_path / "photos", CONFIG, CLIPS, restart=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    with pytest.raises(RunError, match="not of a training"):
        RunFolder.open(tmp_path / "other", CONFIG, CLIPS, restart=True)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.json").write_text(json.dumps({"kind": "run", "format": 99}))
    with pytest.raises(RunError, match="format 99"):
        RunFolder.open(tmp_path / "new", CONFIG, CLIPS)
    with pytest.raises(RunError, match="cannot be used"), locked(tmp_path / "photos" / "a.jpg" / "run"):
        pass
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / ".partial-0.json").write_text("{")  # killed at the very start
    assert not RunFolder.open(tmp_path / "begun", CONFIG, CLIPS).resumed
    assert not (tmp_path / "begun" / ".partial-0.json").exists(), "what a killed training left is removed"


def test_damaged_files_are_named(tmp_path):
    train(tmp_path / "run", epochs=1)
    state = tmp_path / "run" / "last" / "state.npz"
    state.write_bytes(state.read_bytes()[:-300])
    with pytest.raises(RunError, match=r"state\.npz is damaged.*--restart"):
        train(tmp_path / "run", epochs=2)


@pytest.mark.skipif(sys.platform == "win32", reason="no lock there")
def test_one_process_at_a_time(tmp_path):
    with locked(tmp_path / "run"), pytest.raises(RunError, match="Another process"), locked(tmp_path / "run"):
        pass
