"""edgevid.teaching: bundles that are taught, extended, and learn while they run. Actions are changes of brightness."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from support.stand_ins import Brightness

import edgevid
from edgevid import BundleError, OptionError, TeachOptions, Window
from edgevid.bundles import open_bundle
from edgevid.datasets.clips import DatasetError
from edgevid.events import EventDetector, EventOptions
from edgevid.teaching.examples import Example, Examples
from edgevid.teaching.held_out import HeldOut, confusions

SECONDS = 0.1


def frames_of(action: str, seed: int, count: int = 40) -> np.ndarray:
    """uint8 [count, 8, 8, 3], ten a second: brightness that swings, flickers or stays, each time about another level."""
    random = np.random.default_rng(seed)
    times, level = np.arange(count) * SECONDS, random.uniform(70, 130)
    swing = {
        "slow": np.sin(2 * np.pi * 0.5 * times + seed),
        "quick": np.sin(2 * np.pi * 2 * times + seed),
        "none": 0 * times,
    }
    values = level + 50 * swing[action] + random.normal(0, 3, count)
    return np.broadcast_to(np.clip(values, 0, 200).astype(np.uint8)[:, None, None, None], (count, 8, 8, 3))


def embedder() -> Brightness:
    return Brightness(lambda: None)


def options(**more: object) -> TeachOptions:
    return TeachOptions((), own_embedders=(embedder(),), window_seconds=1.0, samples_per_second=10.0, jobs=1, **more)


def taught(folder: Path, actions: tuple[str, ...] = ("slow", "quick"), **more: object) -> edgevid.Bundle:
    """Six groups of each action."""
    clips = [(action, group) for action in actions for group in range(6)]
    # at 25 frames a second; only the speed in pictures matters here
    return edgevid.teach(
        [frames_of(action, 10 * k) for k, (action, _) in enumerate(clips)],
        [action for action, _ in clips],
        folder,
        groups=[f"g{group}" for _, group in clips],
        options=options(**more),
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> edgevid.Bundle:
    return taught(tmp_path_factory.mktemp("taught") / "mine", keep_embeddings=True)


@pytest.fixture
def learner(bundle: edgevid.Bundle) -> edgevid.Recognizer:
    return edgevid.load(bundle, embedders=[embedder()])


def watch(stream: edgevid.Stream, frames: np.ndarray, start: float = 0.0) -> list[edgevid.Prediction]:
    pushed = [stream.push(frame, start + k / 25) for k, frame in enumerate(frames)]
    return [prediction for prediction in pushed if prediction is not None]


class TestTeach:
    def test_frames_and_labels_make_a_bundle(self, bundle: edgevid.Bundle, learner: edgevid.Recognizer):
        assert bundle.labels == ("quick", "slow")
        assert learner.classify(frames_of("quick", 99)).label == "quick"
        assert learner.classify(frames_of("slow", 98)).label == "slow"
        measured = bundle.card["accuracy"]["cross-validation"]
        assert measured["accuracy"]["value"] >= 0.9
        assert measured["accuracy"]["n"] == 12
        assert 0.5 <= measured["with_half_of_the_clips"] <= 1
        assert bundle.card["training"]["groups"] == 12

    def test_windows_of_a_stream_are_clips_too(self, learner: edgevid.Recognizer, tmp_path: Path):
        windows = []
        for seed in range(4):
            for action in ("slow", "quick"):
                stream = learner.open_stream()
                watch(stream, frames_of(action, seed))
                windows.append(stream.window)
        made = edgevid.teach(windows, ["a", "b"] * 4, tmp_path / "mine", options=options())
        assert made.labels == ("a", "b")
        assert made.examples is None
        with pytest.raises(OptionError, match="A window of 0 samples"):
            edgevid.teach(
                [*windows, learner.open_stream().window], ["a", "b"] * 4 + ["a"], tmp_path / "x", options=options()
            )
        with pytest.raises(OptionError, match=r"samples of \[3\] numbers was given; expected one or more of \[2\]"):
            edgevid.teach(
                [*windows, Window.of(np.zeros((5, 3), np.float32))],
                ["a", "b"] * 4 + ["a"],
                tmp_path / "x",
                options=options(),
            )
        assert not (tmp_path / "x").exists()

    def test_lists_of_different_lengths_are_refused(self, tmp_path: Path):
        with pytest.raises(OptionError, match="2 clips, 1 labels and 2 groups"):
            edgevid.teach([frames_of("slow", 0)] * 2, ["slow"], tmp_path / "x", options=options())

    def test_one_action_needs_what_is_none(self, tmp_path: Path):
        clips = [frames_of("slow", 0), frames_of("slow", 1)]
        with pytest.raises(DatasetError, match="Only examples of slow"):
            edgevid.teach(clips, ["slow"] * 2, tmp_path / "x", options=options())
        bundle = taught(tmp_path / "mine", ("slow", "none"))
        assert (bundle.labels, bundle.none) == (("slow",), True)
        assert bundle.card["unknown"]["auroc"]["value"] > 0.9
        with edgevid.load(bundle, embedders=[embedder()]) as recognizer:
            assert recognizer.classify(frames_of("slow", 98)).accepted
            assert not recognizer.classify(frames_of("none", 98)).accepted


class TestExamples:
    def test_what_is_written_is_nearly_what_is_read_and_then_stays(self, tmp_path: Path):
        random = np.random.default_rng(0)
        clips = (Example("a", "g", "x"), Example("b", "g", mirrored=True))
        features = (random.normal(size=(3, 300)) * random.lognormal(size=300)).astype(np.float32)
        examples = Examples(clips, np.array([0, 0, 1]), np.array([False, True, False]), features, (100, 200))
        examples.save(tmp_path / "one.npz")
        read = Examples.load(tmp_path / "one.npz")
        assert (read.clips, read.owners.tolist(), read.sizes) == (clips, [0, 0, 1], (100, 200))
        assert read.early.tolist() == [False, True, False]
        spread = np.abs(features[:, :100]).max()
        assert np.abs(read.features - features)[:, :100].max() < 0.033 * spread
        read.save(tmp_path / "two.npz")
        np.testing.assert_array_equal(Examples.load(tmp_path / "two.npz").features, read.features)

    def test_it_is_verified_and_small(self, bundle: edgevid.Bundle, tmp_path: Path):
        assert bundle.examples is not None
        assert bundle.card["examples"]["bytes"] == bundle.examples.stat().st_size < 12 * 2000
        with np.load(bundle.examples, allow_pickle=False) as file:
            assert file["codes"].dtype == np.int8
        copy = tmp_path / "copy"
        copy.mkdir()
        for path in bundle.folder.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())
        (copy / "examples.npz").write_bytes(b"PK" + bundle.examples.read_bytes()[2:-9])
        with pytest.raises(BundleError, match=r"examples\.npz is damaged or was replaced"):
            open_bundle(copy)
        (copy / "examples.npz").unlink()
        with pytest.raises(BundleError, match=r"examples\.npz, which is missing"):
            open_bundle(copy)


class TestAdd:
    def test_a_new_action_without_the_old_clips(self, bundle: edgevid.Bundle, tmp_path: Path):
        new = [frames_of("none", seed) for seed in range(3)]
        folder = tmp_path / "more"
        added = edgevid.teach(new, ["still"] * 3, folder, groups=["g0", "g1", "g2"], options=options(add=bundle))
        assert added.labels == ("quick", "slow", "still")
        assert added.card["training"]["clips_per_class"] == {"quick": 6, "slow": 6, "still": 3}
        with edgevid.load(added, embedders=[embedder()]) as recognizer:
            for action, label in (("quick", "quick"), ("slow", "slow"), ("none", "still")):
                assert recognizer.classify(frames_of(action, 77)).label == label
        # the bundle itself, which may be replaced without asking
        again = edgevid.teach(new[:1], ["none"], folder, options=options(add=added))
        assert (again.labels, again.none) == (("quick", "slow", "still"), True)

    def test_a_bundle_that_keeps_nothing_cannot_be_extended(self, bundle: edgevid.Bundle, tmp_path: Path):
        lean = taught(tmp_path / "lean")
        with pytest.raises(BundleError, match=r"does not keep its examples.*--keep-embeddings"):
            edgevid.teach([frames_of("none", 0)], ["still"], tmp_path / "x", options=options(add=lean))
        with (
            edgevid.load(lean, embedders=[embedder()]) as recognizer,
            pytest.raises(BundleError, match="does not keep"),
        ):
            recognizer.add_example("still", frames_of("none", 0))
        with pytest.raises(BundleError, match="not a bundle of statistics alone"):
            edgevid.load("exercises10-thesis", num_threads=1).refit()


class TestLearning:
    def test_an_example_of_a_new_action_is_learned_kept_and_forgotten(
        self, learner: edgevid.Recognizer, tmp_path: Path
    ):
        before = learner.open_stream()
        watch(before, frames_of("none", 1))
        name = learner.add_example("still", before.window)
        for seed in range(2, 5):
            learner.add_example("Still" if seed < 0 else "still", frames_of("none", seed))
        learnt = learner.refit()
        assert learnt.labels == learner.labels == ("quick", "slow", "still")
        assert learnt.held_out is not None
        assert learner.classify(frames_of("none", 50)).label == "still"
        # an open stream keeps the labels that it had
        assert watch(before, frames_of("none", 1), 10.0)[-1].labels == ("quick", "slow")
        assert watch(learner.open_stream(), frames_of("none", 9))[-1].label == "still"
        saved = learner.save(tmp_path / "kept")
        assert saved.card["training"]["clips_per_class"] == {"quick": 6, "slow": 6, "still": 4}
        with edgevid.load(saved, embedders=[embedder()]) as again:
            expected = learner.classify(frames_of("slow", 60)).probabilities
            np.testing.assert_allclose(again.classify(frames_of("slow", 60)).probabilities, expected, atol=1e-5)
        learner.remove_example(name)
        assert len(learner.refit().examples.clips) == 15
        with pytest.raises(OptionError, match="No example is called"):
            learner.remove_example(name)
        with pytest.raises(BundleError, match="exists"):
            learner.save(tmp_path / "kept")

    def test_an_open_stream_follows_as_long_as_the_labels_stay(self, learner: edgevid.Recognizer):
        stream, twin, detector = (
            learner.open_stream(),
            learner.open_stream(),
            EventDetector(EventOptions(min_seconds=0)),
        )
        for prediction in watch(stream, frames_of("none", 3)):
            detector.update(prediction)
        was = watch(twin, frames_of("none", 3))[-1].probabilities
        for seed in range(5):
            learner.add_example("quick", frames_of("none", seed))
        learner.refit()
        filled = stream.window_filled
        now = watch(stream, frames_of("none", 3)[-4:], 1.64)
        for prediction in now:
            detector.update(prediction)
        assert (filled, now[-1].window_filled) == (1.0, 1.0)
        assert now[-1].label == "quick"
        assert was[0] < now[-1].probabilities[0]
        expected = learner.classifier.predict(stream.window)
        np.testing.assert_allclose(now[-1].probabilities, expected, atol=1e-4)

    @pytest.mark.parametrize("measure", [True, False])
    def test_a_refit_without_anything_new_changes_next_to_nothing(self, learner: edgevid.Recognizer, measure: bool):
        before = learner.classify(frames_of("slow", 40)).probabilities
        learner.refit(measure=measure)
        learner.refit(measure=measure)
        np.testing.assert_allclose(learner.classify(frames_of("slow", 40)).probabilities, before, atol=0.02)

    def test_a_quick_refit_equals_a_whole_one_with_the_same_penalty(self, learner: edgevid.Recognizer):
        learner.refit(measure=False)
        for seed in range(3):
            learner.add_example("slow", frames_of("slow", 70 + seed))
            quick = learner.refit(measure=False)
        assert quick.held_out is None
        assert quick.threshold == learner.threshold
        rows = quick.fitted.kernel.rows
        np.testing.assert_allclose(quick.fitted.kernel.products, rows @ rows.T, atol=1e-4)
        assert len(quick.examples.clips) == 15

    def test_a_threshold_of_the_callers_own_stays(self, bundle: edgevid.Bundle):
        with edgevid.load(bundle, embedders=[embedder()], threshold=0.123) as recognizer:
            recognizer.refit()
            assert recognizer.threshold == 0.123

    def test_what_cannot_be_learned_waits(self, learner: edgevid.Recognizer):
        with pytest.raises(OptionError, match="without a label"):
            learner.add_example(" ", frames_of("slow", 0))
        with pytest.raises(OptionError, match="A window of 0 samples"):
            learner.add_example("slow", learner.open_stream().window)

    def test_threads_add_refit_and_watch_at_once(self, learner: edgevid.Recognizer, no_thread_is_left: None):
        failed: list[BaseException] = []

        def run(work: object) -> None:
            try:
                for seed in range(6):
                    work(seed)
            except BaseException as error:
                failed.append(error)

        stream = learner.open_stream()
        works = [
            lambda seed: learner.add_example("slow", frames_of("slow", seed)),
            lambda seed: learner.add_example(
                "quick", stream.window if len(stream.window) else frames_of("quick", seed)
            ),
            lambda seed: learner.refit(measure=bool(seed % 2)),
            lambda seed: watch(stream, frames_of("quick", seed), 10.0 * seed),
        ]
        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert len(learner.refit().examples.clips) == 12 + 12


def test_confusions_are_sentences_about_the_worst_pairs():
    confusion = np.array([[6, 4, 0, 0], [3, 7, 0, 0], [0, 0, 7, 3], [0, 0, 0, 10]])
    assert confusions(["stop", "attention", "left", "right"], confusion) == [
        "stop and attention are often taken for each other (7 of 20 clips): record them more differently.",
        "left is often taken for right (3 of 20 clips): record them more differently.",
    ]
    assert confusions(["a", "b"], np.array([[9, 1], [0, 10]])) == []


@pytest.mark.parametrize("sure", [0.999, 0.7])
def test_what_is_surer_than_nine_in_ten_is_believed(sure: float):
    """Clips of one afternoon are all alike, and reach scores that nobody reaches the day after."""
    labels = ["wave", "jump", "none"] * 8
    clips = tuple(Example(label, f"group {number // 3}") for number, label in enumerate(labels))
    examples = Examples(clips, np.arange(24), np.zeros(24, bool), np.zeros((24, 1), np.float32), (1,))
    rest = (1 - sure) / 2
    probabilities = np.full((24, 3), rest, np.float32)
    for number, label in enumerate(labels):
        probabilities[number, examples.outputs.index(label)] = sure
    held_out = HeldOut.of(examples, probabilities)
    assert held_out.threshold == pytest.approx(min(sure + rest, 0.9), abs=1e-3)
    assert (held_out.known >= held_out.threshold).all()
    assert (held_out.others < held_out.threshold).all()


def test_the_card_tells_what_would_help(bundle: edgevid.Bundle):
    card = json.loads((bundle.folder / "card.json").read_text())
    (sentence,) = card["accuracy"]["cross-validation"]["advice"]
    assert sentence.startswith("With half of the clips ")
