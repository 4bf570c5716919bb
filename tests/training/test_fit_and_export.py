"""Training, its curves and choice of settings, and the bundle's folder."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Optional

import numpy as np
import pytest
from training_data import LABELS, Said, require_training_extra, synthetic

from edgevid.bundles.writing import check_output, new_bundle
from edgevid.datasets.division import Fold
from edgevid.errors import BundleError, OptionError
from edgevid.training import tuning
from edgevid.training.curves import curves_plot
from edgevid.training.export import predict
from edgevid.training.fit import Epoch, FitOptions, Fitted, LabelledEmbeddings, TrainingError, fit
from edgevid.training.networks import NetworkOptions
from edgevid.training.progress import epoch_line
from edgevid.training.run_folder import RunFolder
from edgevid.training.tuning import HyperParameters, candidates, choose, hyper_parameters, preset_for

require_training_extra()

SMALL = NetworkOptions(units=8)
QUICK = FitOptions(learning_rate=1e-2, epochs=30, patience=30, batch_size=16)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(synthetic(), synthetic(30, seed=1), len(LABELS), SMALL, QUICK)


def test_training_learns_the_order_of_time(fitted):
    unseen = synthetic(30, seed=2)
    accuracy = np.mean(predict(fitted.network, unseen.embeddings).argmax(1) == unseen.classes)
    assert accuracy > 0.9
    assert [epoch.epoch for epoch in fitted.history] == list(range(1, fitted.epochs_run + 1))
    losses = [epoch.val_loss for epoch in fitted.history]
    assert losses[fitted.best_epoch - 1] == min(losses)


def test_the_best_weights_are_kept(fitted):
    held_out = synthetic(30, seed=1)
    probabilities = predict(fitted.network, held_out.embeddings)
    loss = -np.mean(np.log(probabilities[np.arange(30), held_out.classes]))
    assert loss == pytest.approx(min(epoch.val_loss for epoch in fitted.history), rel=1e-3)


def test_the_figures_of_an_epoch(fitted):
    last = fitted.history[-1]
    steps = 4 * last.epoch  # 60 clips in batches of at most 16
    assert last.learning_rate == pytest.approx(QUICK.learning_rate / (1 + QUICK.decay * steps))
    assert 0 <= last.accuracy <= 1
    assert last.seconds >= 0


def test_training_stops_when_the_validation_loss_no_longer_falls():
    options = replace(QUICK, learning_rate=0.5, epochs=50, patience=2)
    fitted = fit(synthetic(), synthetic(30, seed=1), len(LABELS), SMALL, options)
    assert fitted.epochs_run == fitted.best_epoch + 2 < 50


def test_the_same_seed_gives_the_same_weights():
    def weights(seed: int) -> np.ndarray:
        options = replace(QUICK, epochs=2, seed=seed)
        network = fit(synthetic(), synthetic(30, seed=1), len(LABELS), SMALL, options).network
        return np.concatenate([array.ravel() for array in network.get_weights()])

    first = weights(5)
    np.testing.assert_array_equal(first, weights(5))
    assert np.abs(first - weights(6)).max() > 0.01


def test_a_single_frame_network_is_trained_on_frames():
    rng = np.random.default_rng(0)
    classes = (np.arange(12) % 3).astype(np.int64)
    embeddings = rng.normal(0, 0.1, (12, 25, 12)).astype(np.float32) + np.eye(12, dtype=np.float32)[classes][:, None]
    data, shape = LabelledEmbeddings(embeddings, classes), NetworkOptions("single-frame")
    fitted = fit(data, data, 3, shape, replace(QUICK, epochs=4, batch_size=30))
    assert fitted.history[-1].learning_rate == pytest.approx(1e-2 / (1 + 1e-6 * 4 * 10)), (
        "300 frames: 10 steps an epoch"
    )
    assert (predict(fitted.network, embeddings).argmax(1) == classes).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_a_number():
    training = synthetic()
    training.embeddings[0] = np.nan
    with pytest.raises(TrainingError, match="give a lower one"):
        fit(training, synthetic(30, seed=1), len(LABELS), SMALL, FitOptions(epochs=1))


@pytest.mark.parametrize(
    "options",
    [{"epochs": 0}, {"batch_size": True}, {"learning_rate": 0.0}, {"decay": -1.0}, {"seed": -1}, {"patience": 0}],
)
def test_options_out_of_range(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        FitOptions(**options)


def test_the_defaults_are_the_thesiss():
    shape, options = hyper_parameters({}).network, hyper_parameters({}).fit
    assert (shape.architecture, shape.units, shape.hidden_units) == ("gru", None, 512)
    assert (shape.dropout, shape.hidden_dropout, shape.slope) == (0.5, 0.5, 0.3)
    assert (options.learning_rate, options.decay) == (1e-5, 1e-6)
    with pytest.raises(OptionError, match="'unit' was given"):
        hyper_parameters({"unit": 3})


@pytest.mark.parametrize(
    ("asked", "given", "clips", "expected"),
    [
        (None, {}, 60, "auto"),
        (None, {}, 9537, "thesis"),
        (None, {"units": 8}, 60, "thesis"),
        (None, {"architecture": "lstm", "epochs": 3, "seed": 3}, 60, "auto"),
        ("thesis", {}, 60, "thesis"),
        ("auto", {"units": 8}, 9537, "auto"),
    ],
)
def test_which_preset(asked, given, clips, expected):
    preset = preset_for(asked, given, clips)
    assert preset.name == expected
    assert preset.why


def test_candidates_leave_alone_what_is_given():
    free = candidates({}, 60)
    assert len({(c.network.units, c.fit.learning_rate) for c in free}) == len(free) > 1
    assert max(one.fit.epochs for one in candidates({}, 6)) == 150, "an epoch of a few clips is one step or two"
    sized = candidates({"units": 7}, 60)
    assert {c.network.units for c in sized} == {7}
    assert len(sized) > 1
    (one,) = candidates({"units": 7, "learning_rate": 1e-2, "batch_size": 5}, 60)
    assert (one.fit.learning_rate, one.fit.decay, one.fit.batch_size) == (1e-2, 1e-6, 5)
    assert all(c.network.units is None for c in candidates({"architecture": "single-frame"}, 60))


def test_the_candidate_with_the_lowest_validation_loss_is_chosen(tmp_path, monkeypatch):
    labelled = synthetic(30)
    folds = [Fold(list(range(20)), list(range(20, 30))), Fold(list(range(10, 30)), list(range(10)))]
    good = HyperParameters(SMALL, replace(QUICK, epochs=16))
    bad = HyperParameters(SMALL, replace(QUICK, epochs=1, learning_rate=1e-6))
    run = RunFolder.open(tmp_path / "run", {"format": 2, "kind": "run"}, [])
    tried = choose([bad, good], labelled, folds, 3, run, Said())
    assert [candidate.settings for candidate in tried] == [bad, good]
    assert [candidate.chosen for candidate in tried] == [False, True]
    assert tried[1].clips == 20
    assert tried[1].validation_loss < tried[0].validation_loss

    monkeypatch.setattr(tuning, "fit", None)  # what is done is not done again
    assert choose([bad, good], labelled, folds, 3, run, Said()) == tried


def test_curves_and_the_line_of_an_epoch():
    epochs = [Epoch(i, 1 / i, 0.5, [9.0, 1.0, 2.0][i - 1], 0.25, 1e-3, 30.0) for i in (1, 2, 3)]
    assert curves_plot(epochs, "a title").startswith(b"\x89PNG")
    line = epoch_line(epochs)
    assert "epoch 3" in line
    assert "best epoch 2" in line


def test_labelled_at():
    picked = LabelledEmbeddings(np.zeros((3, 25, 2), np.float32), np.array([5, 6, 7])).at([2, 0])
    assert picked.classes.tolist() == [7, 5]
    assert len(picked) == 2


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_bundle_appears_whole_or_not_at_all(tmp_path, monkeypatch, in_one_step):
    if not in_one_step:
        monkeypatch.setattr("edgevid.bundles.writing._exchange", lambda one, other: False)
    output = tmp_path / "bundle"

    def write(text: str, failure: Optional[type[BaseException]] = None) -> None:
        with new_bundle(output) as folder:
            (folder / "card.json").write_text(text)
            if failure is not None:
                raise failure

    with pytest.raises(KeyboardInterrupt):
        write("half", KeyboardInterrupt)
    assert list(tmp_path.iterdir()) == []
    write("first")
    with pytest.raises(ValueError):  # noqa: PT011 - raised above
        write("second", ValueError)
    assert (output / "card.json").read_text() == "first"
    (tmp_path / ".bundle.left").mkdir()
    os.utime(tmp_path / ".bundle.left", (0, 0))
    write("third")
    assert (output / "card.json").read_text() == "third"
    assert list(tmp_path.iterdir()) == [output]
    (tmp_path / "plain").mkdir()
    assert output.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_places_where_a_bundle_cannot_go(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(BundleError, match="not a bundle"):
        check_output(tmp_path / "photos", overwrite=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "card.json").touch()
    with pytest.raises(BundleError, match="--overwrite"):
        check_output(tmp_path / "old", overwrite=False)
    check_output(tmp_path / "old", overwrite=True)
    check_output(tmp_path / "new" / "deep", overwrite=False)
    with pytest.raises(BundleError, match="cannot be created"):
        check_output(tmp_path / "photos" / "a.jpg" / "bundle", overwrite=False)
