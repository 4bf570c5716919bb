"""A GRU trained on windows as they are streamed, together with the statistics."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.videos import write_video
from training_data import require_training_extra

require_training_extra()

import edgevid  # noqa: E402
from edgevid.classifiers import MixtureClassifier  # noqa: E402
from edgevid.cli import main  # noqa: E402
from edgevid.datasets.clips import Clip, DatasetError  # noqa: E402
from edgevid.embedders import Array, Embedder, Window  # noqa: E402
from edgevid.embedders.stream import embed_as_stream  # noqa: E402
from edgevid.errors import OptionError  # noqa: E402
from edgevid.sampling import Sample  # noqa: E402
from edgevid.teaching import TeachOptions, teach_clips  # noqa: E402
from edgevid.training.streamed import StreamedOptions, train_streamed  # noqa: E402

LABELS = ("rising", "falling")
FEW = StreamedOptions(
    units=8, dropout=0.2, learning_rate=1e-2, batch_size=12, averaging=0.9, epochs=100, every=100, folds=2
)


class Brightness(Embedder):
    """Mean and spread of the picture."""

    dim = 2
    identity = {"kind": "brightness"}  # noqa: RUF012

    def embed(self, sample: Sample) -> Array:
        frame = sample.frames[-1]
        return np.array([frame.mean() / 255, frame.std() / 255], np.float32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Pictures that become brighter or darker, six groups of each: no single picture tells them apart."""
    folder, made = tmp_path_factory.mktemp("brightness"), []
    for label in LABELS:
        (folder / label).mkdir()
        for group in range(6):
            levels = np.linspace(20 + 8 * group, 180 + 8 * group, 35)
            frames = [
                np.full((32, 32, 3), level, np.uint8) for level in (levels if label == "rising" else levels[::-1])
            ]
            path = write_video(folder / label / f"{group}.avi", frames, 10.0)
            made.append(Clip(path, label, f"g{group}"))
    return made


def options_for(tmp_path: Path, said: list[str]) -> TeachOptions:
    return TeachOptions(
        (), own_embedders=(Brightness(),), window_seconds=2.5, samples_per_second=10.0, mirror=True,
        cache=tmp_path / "cache", jobs=1,
        network=partial(train_streamed, options=FEW, say=said.append),
    )  # fmt: skip


def test_a_bundle_of_both_is_trained_mixed_and_streams_as_it_classifies(clips: list[Clip], tmp_path: Path):
    said: list[str] = []
    taught = teach_clips(clips, tmp_path / "mine", options_for(tmp_path, said))
    assert taught.held_out is not None
    assert taught.held_out.accuracy.value > 0.6
    assert any("chosen: " in line for line in said)
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    network, statistics = card["classifier"]["parts"]
    assert (network["kind"], network["min_samples"], statistics["kind"]) == ("recurrent", 10, "statistics")
    assert network["weight"] + statistics["weight"] == pytest.approx(1)
    tried = {one["weight"]: one["nll"] for one in card["training"]["weights_tried"]}
    assert list(tried) == [k / 10 for k in range(11)]
    assert tried[network["weight"]] < tried[0.0] - 0.1, "the network knows what the statistics do not"
    assert card["training"]["network"]["epochs"] == 100
    assert card["calibration"]["temperature"] > 0
    assert network["parity_max_abs_difference"] < 1e-4
    with edgevid.load(tmp_path / "mine", embedders=[Brightness()], num_threads=1) as recognizer:
        assert isinstance(recognizer.classifier, MixtureClassifier)
        assert sum(recognizer.classify(clip.path).label == clip.label for clip in clips) >= 10
        steps = embed_as_stream(recognizer.embedders, clips[0].path, recognizer.spec)
        for seen, prediction in enumerate(recognizer.stream(clips[0].path), start=10):
            expected = recognizer.classifier.predict(Window(steps[max(0, seen - 25) : seen]))
            np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4)
        assert seen == len(steps) == 35


def test_clips_of_one_group_cannot_choose(clips: list[Clip], tmp_path: Path):
    alone = [replace(clip, group="g0") for clip in clips]
    with pytest.raises(DatasetError, match="of one group"):
        teach_clips(alone, tmp_path / "mine", options_for(tmp_path, []))
    assert not (tmp_path / "mine").exists()


def test_options_out_of_range_are_refused():
    with pytest.raises(OptionError, match="folds=1 was given"):
        StreamedOptions(folds=1)


def test_the_command_takes_the_options_of_the_gru_with_it_only(
    clips: list[Clip], tmp_path: Path, capsys: pytest.CaptureFixture
):
    arguments = [str(clips[0].path.parents[1]), "-o", str(tmp_path / "mine"), "--epochs", "3"]
    assert main(["teach", *arguments]) == 2
    assert "--epochs was given without --gru" in capsys.readouterr().err
