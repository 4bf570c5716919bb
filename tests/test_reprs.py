"""How objects look in a prompt, a traceback and a notebook."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Callable

import numpy as np
import pytest
from support.stand_ins import Endless, StandInRecognizer, picture, video
from support.videos import moving_frames

import edgevid
from edgevid import Prediction, SourceState, StreamOptions, TimedFrame
from edgevid.embedders import Window
from edgevid.events import ExponentialSmoothing, MeanSmoothing
from edgevid.sampling import Sample
from edgevid.sources.sequence import FrameIterable

PREDICTION = Prediction(
    ("walk", "run", "<b>"), np.array([0.2, 0.6, 0.1], np.float32), threshold=0.5, timestamp=3.25, none=0.1
)


def all_kinds(recognizer: edgevid.Recognizer, clip: Path) -> list[object]:
    """One of each public class, and of the classes that they contain."""
    bundle = recognizer.bundle
    stand_in = StandInRecognizer()
    stream = stand_in.open_stream()
    stream.push(picture(1), 0.0)
    with stand_in.start(video([1, 1, 1])) as runner, stand_in.start_many({"a": Endless(), "b\n": Endless()}) as group:
        runner.wait(20)
        began = edgevid.find_events(stand_in, video([1] * 9), options=edgevid.EventOptions(min_seconds=0))
        return [
            bundle, *bundle.embedders, bundle.classifier, *bundle.networks, recognizer, recognizer.classifier,
            *recognizer.embedders, stand_in, *stand_in.embedders, stand_in.classifier, stream, stream.window, runner, group,
            runner.latest, runner.latest_sampled, runner.state, runner.stats(), *began, edgevid.EventDetector(),
            edgevid.EventOptions(), MeanSmoothing(3), ExponentialSmoothing(1.5), edgevid.Region(0, 0, 1, 1),
            PREDICTION.top(1)[0], Sample.of(picture(0)), Window.of(np.zeros((3, 2), np.float32)), TimedFrame(1.0, picture(0)),
            FrameIterable([]), edgevid.VideoFile(clip), StreamOptions(), runner.stats().source,
            edgevid.TeachOptions(none=[clip] * 1000, name="mine"), SourceState("rtsp://a:secret@b/c", "rtsp://b/c"),
            edgevid.open_source([str(clip.with_suffix(".png"))] * 3),
        ]  # fmt: skip


def test_each_is_one_short_line(recognizer: edgevid.Recognizer, make_video: Callable[..., Path]):
    for one in all_kinds(recognizer, make_video()):
        said = repr(one)
        assert said.isprintable(), said
        assert len(said) < 200, said
        assert said.startswith(type(one).__name__ + "("), said
        assert " object at 0x" not in said, said


def test_they_say_what_a_person_wants_to_know(default_recognizer: edgevid.Recognizer):
    bundle = default_recognizer.bundle
    assert repr(bundle).startswith("Bundle('exercises10', 10 labels, ")
    assert repr(bundle).endswith(f" classifier, {bundle.folder})") or repr(bundle).endswith("...)")
    assert repr(default_recognizer).startswith("Recognizer('exercises10', 10 labels, ")
    assert repr(PREDICTION) == "Prediction('run' 0.60 of 3 labels, accepted, none 0.10, at 3.25 s)"
    assert repr(edgevid.TeachOptions(name="mine")) == "TeachOptions(name='mine')"
    assert repr(TimedFrame(1.0, picture(0))) == "TimedFrame(1.00 s, 8x8)"


def test_labels_of_any_length_and_letters_stay_on_one_line():
    odd = Prediction(("a\n\x1b[31m" * 100, "b"), np.array([0.9, 0.1], np.float32))
    assert repr(odd).isprintable()
    assert len(repr(odd)) < 200


class TestEquality:
    def test_a_pickled_or_deep_copy_is_equal_has_its_hash_and_cannot_be_written_to(self):
        for same in (
            pickle.loads(pickle.dumps(PREDICTION)),
            copy.deepcopy(PREDICTION),
            dataclasses.replace(PREDICTION),
        ):
            assert same == PREDICTION
            assert {same: 1}[PREDICTION] == 1
            assert not same.probabilities.flags.writeable

    @pytest.mark.parametrize(
        "change",
        [
            {"probabilities": np.array([0.2, 0.6, 0.1001], np.float32)},
            {"labels": ("walk", "run", "c")},
            {"timestamp": None},
            {"threshold": 0.4},
            {"none": 0.2},
            {"cycles": 1.0},
            {"window_filled": 0.5},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_says_something_else_is_another(self, change: dict):
        assert dataclasses.replace(PREDICTION, **change) != PREDICTION

    def test_it_is_nothing_else(self):
        assert PREDICTION != ("walk",)
        assert PREDICTION not in [None, "run", 0.6]


class TestNotebook:
    def test_bars_for_the_best_classes_with_labels_escaped(self):
        page = PREDICTION._repr_html_()
        assert page.count("<tr>") == 4
        assert page.index("run</td>") < page.index("walk</td>") < page.index("&lt;b&gt;</td>")
        assert "width:60.0%" in page
        assert "none of these" in page
        assert "<b>run</b>, 3.25 s" in page
        assert "<img" not in page

    def test_a_file_shows_a_picture_as_long_as_it_is_there(
        self, stand_in: StandInRecognizer, make_video: Callable[..., Path]
    ):
        clip = make_video(frames=moving_frames(20, 640, 360))
        prediction = pickle.loads(pickle.dumps(stand_in.classify(clip)))
        page = prediction._repr_html_()
        assert "data:image/jpeg;base64,/9j/" in page
        assert len(page) < 20_000
        clip.unlink()
        assert "<img" not in prediction._repr_html_()
        assert "<img" not in stand_in.classify(moving_frames(5))._repr_html_()


def test_dir_has_public_names_only():
    names = [name for name in dir(edgevid) if not name.startswith("__")]
    assert names == sorted(edgevid.__all__)
    assert "__version__" in dir(edgevid)
