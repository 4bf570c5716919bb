"""``edgevid train``, from clips on disk to a bundle that opens."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from training_data import require_training_extra

import edgevid
from edgevid.bundles import shipped_extractors
from edgevid.cli import main
from edgevid.datasets.reading import open_dataset, read_used_clips
from edgevid.datasets.taught import FIELD, among, seen_of
from edgevid.errors import EdgevidError
from edgevid.training import run_folder
from edgevid.training.fit import Epoch, Fitted, fit_all
from edgevid.training.networks import make_network

require_training_extra()

pytestmark = pytest.mark.skipif(
    not shipped_extractors(), reason="no feature extractor is in models/ yet: build it first"
)

QUICK = ["--units", "8", "--learning-rate", "1e-2", "--epochs", "3", "--batch-size", "4", "--validation", "0.3"]


def moving_square(to_the_right: bool, seed: int) -> np.ndarray:
    frames = np.random.default_rng(seed).integers(0, 40, (12, 48, 64, 3), dtype=np.uint8)
    for i, frame in enumerate(frames):
        x = 4 * i if to_the_right else 44 - 4 * i
        frame[16:32, x : x + 16] = (220, 60, 30)
    return frames


@pytest.fixture
def data(make_video, tmp_path) -> Path:
    """Two classes of five clips: four to train on, one to test with; one clip more is broken."""
    lines = ["path,label,group,split"]
    for label in ("left", "right"):
        for i in range(5):
            make_video(f"data/{label}/{i}.mp4", moving_square(label == "right", seed=i))
            lines.append(f"{label}/{i}.mp4,{label},{label}{i},{'test' if i == 4 else 'train'}")
    (tmp_path / "data" / "left" / "broken.mp4").write_bytes(b"this is no video")
    lines.append("left/broken.mp4,left,x,train")
    (tmp_path / "data" / "clips.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


def train(data: Path, output: Path, *options: str) -> int:
    return main(["train", str(data), "-o", str(output), "--cache", str(data.parent / "cache"), *QUICK, *options])


@pytest.fixture
def no_training(monkeypatch):
    """Return an untrained network at once."""

    def untrained(training, validation, num_classes, shape, options, progress=None, store=None) -> Fitted:
        epoch = Epoch(1, 1.0, 0.5, 1.0, 0.5, options.learning_rate, 0.1)
        network = make_network(training.embeddings.shape[2], num_classes, shape)
        if store is not None:
            store.save_best(network)
        return Fitted(network, [epoch])

    for module in ("build", "tuning"):
        monkeypatch.setattr(f"edgevid.training.{module}.fit", untrained)


def card_of(bundle: Path) -> dict:
    return json.loads((bundle / "card.json").read_text(encoding="utf-8"))


def test_from_clips_to_a_bundle(data, tmp_path, capsys):
    output = tmp_path / "my_actions"
    options = [
        "--evaluate-test",
        "--licence",
        "CC0-1.0",
        "--note",
        "a note",
    ]
    assert train(data, output, *options) == 0
    printed, progress = capsys.readouterr()
    assert str(output) in printed
    assert "test" in printed
    assert "broken.mp4" in progress
    assert sorted(path.name for path in output.iterdir()) == ["card.json", "classifier.tflite"]

    card = json.loads((output / "card.json").read_text(encoding="utf-8"))
    assert (card["format"], card["kind"], card["name"]) == (2, "bundle", "my_actions")
    assert card["labels"] == ["left", "right"]
    assert card["sampling"] == {"samples": 25, "window_seconds": 0.48}
    assert card["classifier"]["parity_max_abs_difference"] < 1e-5
    (embedder,) = card["embedders"]
    assert (embedder["kind"], set(embedder["network"])) == ("cnn", {"name", "sha256"})
    assert (card["classifier"]["kind"], card["classifier"]["architecture"]) == ("recurrent", "gru")
    assert card["classifier"]["units"] == 8
    assert card["accuracy"]["test"]["accuracy"]["n"] == 2
    assert card["accuracy"]["validation"]["accuracy"]["n"] == card["training"]["validation"]["clips"] == 2
    assert card["training"]["training"]["clips"] == 6
    assert card["training"]["clips_skipped"] == 1
    assert card["training"]["options"]["learning_rate"] == 1e-2
    assert card["training"]["epochs_run"] == 3
    assert card["training"]["versions"]["keras"]
    assert card["training"]["recipe"]["name"] == "thesis"
    seen = seen_of(card)
    assert seen is not None
    known = {clip.path.name for clip in open_dataset(data).clips if among([clip], seen)[0] and clip.label == "left"}
    assert known == {"0.avi", "1.avi", "2.avi", "3.avi"} or known == {f"{i}.mp4" for i in range(4)}, "not the test clip"
    assert (card["licence"], card["notes"]) == ("CC0-1.0", ["a note"])
    assert str(tmp_path) not in json.dumps(card), "no path of the machine that trained"

    command = shlex.split(card["training"]["command"])
    assert command[:5] == ["edgevid", "train", "data", "-o", "my_actions"]
    assert " ".join(command[5:]).startswith(
        "--epochs 3 --validation 0.3 --evaluate-test --units 8 --learning-rate 0.01"
    )
    assert command[-2:] == ["--licence", "CC0-1.0"]

    run = tmp_path / "my_actions-run"
    assert {path.name for path in run.iterdir()} >= {
        "config.json", "clips.csv", "curves.csv", "curves.png", "best.weights.h5", "last", "result.json",
    }  # fmt: skip
    assert Counter(clip.split for clip in read_used_clips(run)) == {"train": 6, "validation": 2, "test": 2}
    config = run_folder.read_config(run)
    assert config["embedders"] == card["embedders"]
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert result["best_epoch"] == card["training"]["best_epoch"]
    assert (result["options"]["units"], result["options"]["learning_rate"]) == (8, 1e-2)

    with edgevid.load(output) as recognizer:
        prediction = recognizer.classify(data / "left" / "4.mp4")
    assert prediction.label in ("left", "right")
    assert prediction.probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_test_clips_are_not_looked_at_unless_asked(data, tmp_path, no_training):
    for label in ("left", "right"):
        (data / label / "4.mp4").unlink()
    assert train(data, tmp_path / "bundle", "--name", "mine", "--window-seconds", "2.5") == 0
    card = json.loads((tmp_path / "bundle" / "card.json").read_text(encoding="utf-8"))
    assert list(card["accuracy"]) == ["validation"]
    assert (card["name"], card["sampling"]["window_seconds"]) == ("mine", 2.5)


def test_test_clips_that_cannot_be_read_are_skipped(data, tmp_path, capsys, no_training):
    (data / "left" / "4.mp4").unlink()
    assert train(data, tmp_path / "bundle", "--evaluate-test") == 0
    assert "skipped: No such file" in capsys.readouterr().err
    card = json.loads((tmp_path / "bundle" / "card.json").read_text(encoding="utf-8"))
    assert card["accuracy"]["test"]["accuracy"]["n"] == 1


@pytest.fixture
def outside(make_video, tmp_path) -> Path:
    """Three clips of two other actions, one of a known one, and one that is broken."""
    for i, name in enumerate(("up/1", "up/2", "down/1", "Left/1")):
        make_video(f"outside/{name}.mp4", moving_square(True, seed=90 + i))
    (tmp_path / "outside" / "up" / "broken.mp4").write_bytes(b"this is no video")
    return tmp_path / "outside"


def test_of_few_validation_clips_scores_are_not_calibrated(data, tmp_path, capsys, no_training):
    assert train(data, tmp_path / "bundle") == 0
    card = card_of(tmp_path / "bundle")
    assert "Not calibrated: 2 validation clips are fewer than 20" in capsys.readouterr().err
    assert "2 validation clips are fewer than 20" in card["calibration"].pop("note")
    assert card["calibration"] == {"temperature": 1.0, "unknown_threshold": 0.0}
    assert "unknown" not in card


def test_clips_of_other_actions_are_measured_and_change_nothing(
    data, outside, tmp_path, capsys, monkeypatch, no_training
):
    import keras

    monkeypatch.setattr("edgevid.training.calibration.MIN_CLIPS", 2)
    cards = []
    for name, options in (("without", []), ("with", ["--outside", str(outside)])):
        keras.utils.set_random_seed(0)
        assert train(data, tmp_path / name, *options) == 0
        cards.append(card_of(tmp_path / name))
        printed, progress = capsys.readouterr()
    without, card = cards
    assert card["classifier"]["sha256"] == without["classifier"]["sha256"]
    assert card["calibration"] == without["calibration"]
    assert card["calibration"]["unknown_threshold"] > 0
    assert card["calibration"]["fitted_on"] == {"split": "validation", "clips": 2, "groups": 2}
    assert "unknown" not in without

    unknown = card["unknown"]
    assert unknown["threshold"] == card["calibration"]["unknown_threshold"]
    assert (unknown["known"]["split"], unknown["enter"]) == ("validation", edgevid.EventOptions().enter)
    assert unknown["known"]["accepted"]["hits"] <= card["calibration"]["known_accepted"]["hits"]
    assert (unknown["outside"]["data"], unknown["outside"]["clips"], unknown["outside"]["classes"]) == ("outside", 3, 2)
    with edgevid.load(tmp_path / "with") as recognizer:
        assert recognizer.threshold == unknown["threshold"]
        clips = [outside / "up" / "1.mp4", outside / "up" / "2.mp4", outside / "down" / "1.mp4"]
        rejected = [not recognizer.classify(clip).accepted for clip in clips]
    assert unknown["outside"]["rejected"]["hits"] == sum(rejected)
    assert "other actions (outside), rejected" in printed
    assert "the bundle knows are not outside clips: Left" in progress
    assert "broken.mp4" in progress
    assert "--outside outside" in card["training"]["command"]


def test_known_clips_are_the_test_clips_where_they_are_measured(data, outside, tmp_path, no_training):
    assert train(data, tmp_path / "bundle", "--evaluate-test", "--outside", str(outside)) == 0
    unknown = card_of(tmp_path / "bundle")["unknown"]
    assert (unknown["known"]["split"], unknown["known"]["clips"]) == ("test", 2)
    with edgevid.load(tmp_path / "bundle") as recognizer:
        tests = [clip.path for clip in open_dataset(data).clips if clip.split == "test"]
        accepted = sum(recognizer.classify(path).accepted for path in tests)
    assert unknown["known"]["accepted"]["hits"] == accepted


def test_a_test_without_test_clips_is_refused_at_once(make_video, tmp_path, capsys):
    for name in ("left/1", "left/2", "right/1", "right/2"):
        make_video(f"data/{name}.mp4", 3)
    assert train(tmp_path / "data", tmp_path / "bundle", "--evaluate-test") == 1
    assert "names no test clips" in capsys.readouterr().err


@pytest.mark.parametrize(("dtype", "part"), [("float32", 1.0), ("float16", 0.55), ("int8", 0.35)])
def test_the_card_says_what_the_weights_cost(data, tmp_path, dtype, part, no_training):
    assert train(data, tmp_path / "bundle", "--units", "128", "--classifier-dtype", dtype) == 0
    entry = card_of(tmp_path / "bundle")["classifier"]
    assert entry["dtype"] == dtype
    assert entry["bytes"] < part * 4 * entry["parameters"] + 30_000
    measured = entry["measured"]
    assert 0 < measured["rolling_ms"] < measured["clip_ms"]
    assert measured["threads"] == 1
    assert measured["runtime"].split()[0] in ("litert", "tflite-runtime")


def test_failures_leave_nothing_behind(data, tmp_path, capsys, monkeypatch, no_training):
    def fail(*args):
        raise EdgevidError("the conversion is wrong")

    monkeypatch.setattr("edgevid.training.packaging.check_parity", fail)
    assert train(data, tmp_path / "bundle") == 1
    assert "the conversion is wrong" in capsys.readouterr().err

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("edgevid.training.packaging.check_parity", interrupt)
    assert train(data, tmp_path / "bundle") == 130
    assert "run the same command again" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle-run", "cache", "data"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--learning-rate", "0"], 2, "learning_rate"),
        (["--validation", "1.5"], 2, "validation share"),
        (["--window-seconds", "-1"], 2, "window_seconds"),
        (["--extractor", "nothing"], 1, "No extractor 'nothing'"),
        (["--architecture", "single-frame"], 2, "units=8"),
        (["--test", "1"], 2, "share"),
        (["--splits", "nowhere"], 1, "nowhere"),
        (["--outside", "nowhere"], 1, "nowhere is not there"),
    ],
)
def test_exit_codes(data, tmp_path, capsys, no_training, options, code, message):
    assert train(data, tmp_path / "bundle", *options) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_exit_codes_of_wrong_places(data, tmp_path, capsys):
    assert train(tmp_path / "nothing", tmp_path / "bundle") == 1
    assert "not there" in capsys.readouterr().err
    assert train(data, data) == 1
    assert "not a bundle" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["lstm", "single-frame"])
def test_the_other_architectures(data, tmp_path, capsys, architecture):
    output, options = tmp_path / "bundle", ["--architecture", architecture, "--recipe", "thesis", "--epochs", "2"]
    if architecture == "lstm":
        options += ["--units", "8"]
    command = ["train", str(data), "-o", str(output), "--cache", str(tmp_path / "cache"), "--validation", "0.3"]
    assert main([*command, *options]) == 0
    card = card_of(output)
    assert card["classifier"]["architecture"] == architecture
    assert card["classifier"].get("units") == (8 if architecture == "lstm" else None)
    frames = card["accuracy"]["validation"].get("frames")
    if architecture == "lstm":
        assert frames is None
    else:
        assert frames["accuracy"]["n"] == 25 * card["accuracy"]["validation"]["accuracy"]["n"]
        assert "frame by frame" in capsys.readouterr().out
    with edgevid.load(output) as recognizer:
        assert recognizer.classify(data / "left" / "4.mp4").probabilities.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.fixture
def folder_of_clips(make_video, tmp_path) -> Path:
    """Two classes of six clips, without groups or splits."""
    for label in ("left", "right"):
        for i in range(6):
            make_video(f"clips/{label}/{i}.mp4", moving_square(label == "right", seed=i))
    return tmp_path / "clips"


def test_small_data_choose_their_settings_and_are_tested(folder_of_clips, tmp_path, capsys, no_training):
    output = tmp_path / "mine"
    assert main(["train", str(folder_of_clips), "-o", str(output), "--cache", str(tmp_path / "cache")]) == 0
    printed, said = capsys.readouterr()
    assert "12 training clips are fewer than 2,000" in said
    assert "lowest validation loss of 3 candidates on 3 divisions" in said
    assert "warning: Too little to rely on: training clips (of groups) of left (4 of 4)" in said
    assert "is known only to be between" in said
    assert "Each clip counts as a group" in said
    assert "test" in printed
    card = card_of(output)
    assert card["training"]["recipe"]["name"] == "auto"
    assert sum(row["chosen"] for row in card["training"]["recipe"]["candidates"]) == 1
    assert card["accuracy"]["test"]["accuracy"]["n"] == card["training"]["test"]["clips"] == 2
    assert card["training"]["training"]["clips"] == 8
    clips = read_used_clips(tmp_path / "mine-run")
    assert Counter(clip.split for clip in clips) == {"train": 8, "validation": 2, "test": 2}
    assert "--" not in card["training"]["command"]


def test_two_classes_of_four_clips(folder_of_clips, tmp_path, capsys, no_training):
    for label in ("left", "right"):
        for i in (4, 5):
            (folder_of_clips / label / f"{i}.mp4").unlink()
    output = tmp_path / "mine"
    assert main(["train", str(folder_of_clips), "-o", str(output), "--cache", str(tmp_path / "cache")]) == 0
    said = capsys.readouterr().err
    assert "a class has fewer than 5 groups" in said
    assert "There is no test" in said
    assert "`edgevid teach` learns better from few clips" in said
    assert list(card_of(output)["accuracy"]) == ["validation"]


def test_the_same_command_goes_on_and_another_is_refused(data, tmp_path, capsys):
    assert train(data, tmp_path / "bundle") == 0
    first = card_of(tmp_path / "bundle")["classifier"]["sha256"]
    assert train(data, tmp_path / "bundle") == 1
    assert "--overwrite" in capsys.readouterr().err

    shutil.rmtree(tmp_path / "bundle")
    assert train(data, tmp_path / "bundle", "--window-seconds", "3") == 0
    assert "it is exported again, not trained" in capsys.readouterr().err
    assert card_of(tmp_path / "bundle")["classifier"]["sha256"] == first

    assert train(data, tmp_path / "bundle", "--overwrite", "--seed", "1") == 1
    assert "hyper_parameters.seed was null, is now 1" in capsys.readouterr().err
    assert train(data, tmp_path / "bundle", "--overwrite", "--seed", "1", "--restart") == 0
    assert card_of(tmp_path / "bundle")["classifier"]["sha256"] != first


def test_a_bundle_carries_an_extractor_of_the_users(data, tmp_path, monkeypatch, no_training):
    own = tmp_path / "own"
    own.mkdir()
    shipped = shipped_extractors()[0]
    content = shipped.path.read_bytes() + b"\0" * 16  # another file, the same network
    (own / "classifier.tflite").write_bytes(content)  # the name of the bundle's own file
    card = {**shipped.card, "name": "mine", "file": "classifier.tflite", "sha256": hashlib.sha256(content).hexdigest()}
    (own / "classifier.json").write_text(json.dumps(card))
    monkeypatch.setenv("EDGEVID_MODELS", str(own))
    assert train(data, tmp_path / "bundle", "--extractor", "mine") == 0
    names = sorted(path.name for path in (tmp_path / "bundle").iterdir())
    assert names == ["card.json", "classifier.tflite", "extractor.json", "extractor.tflite"]

    monkeypatch.setenv("EDGEVID_MODELS", str(tmp_path / "nothing"))
    with edgevid.load(tmp_path / "bundle") as recognizer:
        assert [network.path for network in recognizer.bundle.networks] == [tmp_path / "bundle" / "extractor.tflite"]
        assert recognizer.classify(data / "left" / "4.mp4").label in ("left", "right")


def test_refit_ships_a_network_of_all_clips_and_the_figures_of_the_one_before(
    data, tmp_path, capsys, monkeypatch, no_training
):
    fitted = []

    def all_clips(clips, num_classes, shape, options, epochs, progress):
        fitted.append(len(clips))
        return fit_all(clips, num_classes, shape, options, epochs, progress)

    monkeypatch.setattr("edgevid.training.packaging.fit_all", all_clips)
    assert train(data, tmp_path / "mine", "--refit") == 0
    assert "trained again on all 8 clips, for 1 epochs" in capsys.readouterr().err
    card = card_of(tmp_path / "mine")
    assert fitted == [8]
    assert card["training"]["refit"] == {"clips": 8, "epochs": 1}
    assert "was trained on all of them" in card["accuracy"]["validation"]["note"]
    assert card["training"]["command"].count("--refit") == 1
    assert card["training"][FIELD]["clips"] == 8
    with edgevid.load(tmp_path / "mine", num_threads=1) as recognizer:
        assert recognizer.classify(data / "left" / "0.mp4").label in ("left", "right")
