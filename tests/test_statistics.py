"""edgevid.classifiers.statistics and ridge: statistics of a window, a linear head, fitted in closed form."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from edgevid import FrameError, ModelError, OptionError, Recognizer, StreamOptions
from edgevid.classifiers import (
    Classifier,
    RollingWindow,
    Statistics,
    StatisticsClassifier,
    WindowEstimator,
    fit_head,
    fit_statistics,
    open_network,
)
from edgevid.classifiers.rolling_statistics import RollingStatistics
from edgevid.classifiers.statistics import features_of
from edgevid.embedders import Array, Embedder, Embedding, Window
from edgevid.sampling import Sample
from edgevid.tflite.interpreter import runtimes

ALL = ("mean", "std", "change", "thirds", "bands")
DATA = Path(__file__).parent / "data"


def window_of(random: np.random.Generator, level: float = 0.0, speed: float = 0.0, samples: int = 25) -> Window:
    """Two embedders, 6 and 4 numbers: the first stays at a level, the second oscillates at a speed, in twice as many rows."""
    first = random.normal(level, 1.0, (samples, 6)).astype(np.float32)
    phases = random.uniform(0, 2 * np.pi, 4) + speed * np.arange(2 * samples)[:, np.newaxis]
    second = (np.sin(phases) + random.normal(0, 0.2, (2 * samples, 4))).astype(np.float32)
    return Window([Embedding((first[k : k + 1], second[2 * k : 2 * k + 2])) for k in range(samples)])


def three_classes(seed: int, count: int = 90) -> tuple[list[Window], list[int]]:
    random = np.random.default_rng(seed)
    kinds = [(0.0, 0.2), (0.0, 1.5), (1.0, 0.2)]
    classes = [k % 3 for k in range(count)]
    return [window_of(random, *kinds[k]) for k in classes], classes


@pytest.fixture(scope="module")
def fitted() -> StatisticsClassifier:
    windows, classes = three_classes(0)
    return fit_statistics(windows, classes, [Statistics(("mean",)), Statistics(("std", "change", "bands"))])


class TestStatistics:
    ROWS = np.array([[0, 1], [2, 1], [4, 3], [0, 1], [2, 1], [4, 5]], np.float32)

    def test_mean_std_change_thirds(self):
        mean, std, change, thirds = Statistics(("mean", "std", "change", "thirds")).of(self.ROWS)
        assert mean.tolist() == [2, 2]
        np.testing.assert_allclose(std, self.ROWS.std(axis=0))
        np.testing.assert_allclose(change, [(2 + 2 + 4 + 2 + 2) / 5, (0 + 2 + 2 + 0 + 4) / 5])
        assert thirds.tolist() == [1, 1, 2, 2, 3, 3]

    @pytest.mark.parametrize(("hertz", "band"), [(0.4, 0), (0.9, 1), (2.0, 2), (5.0, 3)])
    def test_bands_in_hertz_tell_how_fast_it_swings_at_any_rate(self, hertz: float, band: int):
        for rate, seconds in ((12.5, 5.0), (25.0, 2.0 if band else 5.0)):
            times = np.arange(int(rate * seconds)) / rate
            rows = np.sin(2 * np.pi * hertz * times).astype(np.float32)[:, np.newaxis]
            (bands,) = Statistics(("bands",), rows_per_second=rate).of(rows)
            assert bands.argmax() == band

    def test_bands_without_a_rate_are_parts_of_the_highest(self):
        rows = np.array([0, 1] * 12, np.float32)[:, np.newaxis]
        (bands,) = Statistics(("bands",)).of(rows)
        assert bands.argmax() == 3

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_few_rows_give_as_many_finite_numbers(self, count: int):
        few, many = (np.concatenate(Statistics(ALL).of(np.ones((n, 4), np.float32))) for n in (count, 25))
        assert few.shape == many.shape
        assert np.isfinite(few).all()
        assert few.dtype == np.float32

    @pytest.mark.parametrize("names", [(), ("mean", "median"), ("",)])
    def test_an_unknown_statistic_names_those_there_are(self, names: tuple[str, ...]):
        with pytest.raises(OptionError, match="expected some of: mean, std, change, thirds, bands"):
            Statistics(names)

    def test_one_entry_for_each_embedder(self):
        window = window_of(np.random.default_rng(0))
        assert [len(block) for block in features_of(window, [Statistics(), Statistics(("std",))])] == [6, 6, 4]
        with pytest.raises(FrameError, match="A window of 2 embedders was given; expected 1"):
            features_of(window, [Statistics()])


class TestEstimator:
    def test_it_fits_labels_and_tells_them(self):
        windows, classes = three_classes(0)
        labels = np.array(["still", "wave", "walk"])[classes]
        estimator = WindowEstimator().fit(windows, labels)
        assert estimator.classes_.tolist() == ["still", "walk", "wave"]
        new, truth = three_classes(1)
        assert estimator.score(new, np.array(["still", "wave", "walk"])[truth]) > 0.9
        np.testing.assert_allclose(
            estimator.predict_proba(new[:3]), [estimator.classifier_.predict(w) for w in new[:3]]
        )
        assert WindowEstimator().set_params(statistics=[Statistics()]).get_params() == {"statistics": [Statistics()]}
        with pytest.raises(OptionError, match="2 windows and 1 labels"):
            WindowEstimator().fit(windows[:2], labels[:1])

    def test_scikit_learn_can_cross_validate_it(self):
        selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn: the extra 'evaluate'")
        windows, classes = three_classes(0)
        groups = [k // 30 for k in range(90)]
        scores = selection.cross_val_score(
            WindowEstimator(), windows, classes, groups=groups, cv=selection.LeaveOneGroupOut()
        )
        assert len(scores) == 3
        assert scores.min() > 0.8


class TestFit:
    def test_separates_classes_of_new_windows(self, fitted: StatisticsClassifier):
        windows, classes = three_classes(1)
        answers = np.array([fitted.predict(window) for window in windows])
        assert (answers.argmax(axis=1) == classes).mean() > 0.95
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
        assert (fitted.num_samples, fitted.num_classes) == (25, 3)

    def test_cross_validation_separates_them_too(self):
        windows, classes = three_classes(2)
        features = np.stack(
            [np.concatenate(features_of(w, [Statistics(), Statistics(("std", "bands"))])) for w in windows]
        )
        fitted = fit_head(features, classes, groups=[k // 6 for k in range(90)])
        assert fitted.accuracy > 0.9
        assert (fitted.probabilities.argmax(axis=1) == classes).mean() == fitted.accuracy
        np.testing.assert_allclose(fitted.probabilities.sum(axis=1), 1, atol=1e-5)

    def test_the_dual_form_is_ridge_regression(self):
        random = np.random.default_rng(3)
        features = random.normal(size=(40, 7)).astype(np.float32)
        classes = [k % 2 for k in range(40)]
        head, penalty = fit_head(features, classes, penalties=[0.3])[:2]
        x = (features - features.mean(axis=0)) / features.std(axis=0) / np.sqrt(7)
        y = np.eye(2)[classes]
        level = penalty * np.trace(x @ x.T) / len(x)
        weights = np.linalg.solve(x.T @ x + level * np.eye(7), x.T @ (y - y.mean(axis=0)))
        np.testing.assert_allclose(head.scores(features), x @ weights + y.mean(axis=0), atol=1e-4)

    @pytest.mark.parametrize("size", [50, 1000])
    def test_random_labels_give_chance(self, size: int):
        """An accuracy above it would mean that held-out windows were seen."""
        found = []
        for seed in range(10):
            random = np.random.default_rng(seed)
            features = random.normal(size=(80, size)).astype(np.float32)
            found.append(fit_head(features, random.integers(0, 4, 80)).accuracy)
        assert 0.12 < np.mean(found) < 0.36

    def test_whole_groups_are_held_out(self):
        """Each group has its own mark and a random class: its windows can be recognised by the mark only."""
        groups = np.repeat(np.arange(30), 4)
        together, apart = [], []
        for seed in range(5):
            random = np.random.default_rng(seed)
            marks = random.normal(size=(30, 40))
            features = (marks[groups] + random.normal(0, 0.1, (120, 40))).astype(np.float32)
            classes = random.integers(0, 3, 30)[groups]
            together.append(fit_head(features, classes, groups=groups.tolist()).accuracy)
            apart.append(fit_head(features, classes).accuracy)
        assert min(apart) > 0.9
        assert np.mean(together) < 0.5

    def test_where_nothing_is_learned_its_probabilities_are_modest(self):
        for seed in range(8):
            random = np.random.default_rng(seed)
            features, classes = random.normal(size=(80, 30)).astype(np.float32), random.integers(0, 4, 80)
            held_out = fit_head(features, classes).probabilities
            likelihood = np.log(held_out[np.arange(80), classes]).mean()
            assert likelihood > np.log(1 / 4) - 0.05, "surer of itself than one who guesses"

    def test_where_all_is_right_a_window_in_between_is_still_told_from_a_clear_one(self):
        random = np.random.default_rng(0)
        features = np.repeat(np.eye(2, dtype=np.float32), 20, axis=0) + random.normal(0, 0.05, (40, 2)).astype(
            np.float32
        )
        fitted = fit_head(features, [0] * 20 + [1] * 20)
        assert fitted.accuracy == 1
        clear, between = fitted.head.probabilities(np.array([[1, 0], [0.55, 0.45]], np.float32)).max(axis=1)
        assert between < 0.95 < clear

    def test_of_one_group_nothing_can_be_held_out(self):
        windows, classes = three_classes(4, 9)
        features = np.stack([np.concatenate(features_of(w, [Statistics()] * 2)) for w in windows])
        fitted = fit_head(features, classes, groups=["one"] * 9)
        assert (fitted.accuracy, fitted.probabilities) == (None, None)
        assert (fitted.head.scores(features).argmax(axis=1) == classes).all()

    def test_a_large_block_does_not_drown_a_small_one(self):
        random = np.random.default_rng(5)
        classes = [k % 2 for k in range(60)]
        told = np.array(classes)[:, np.newaxis] + random.normal(0, 0.3, (60, 1))
        noise = random.normal(size=(60, 3000))
        features = np.concatenate([told, noise], axis=1).astype(np.float32)
        assert fit_head(features, classes, [1, 3000]).accuracy > 0.9
        assert fit_head(features, classes).accuracy < 0.8

    def test_a_feature_that_never_changes_counts_as_nothing(self):
        random = np.random.default_rng(6)
        features = random.normal(size=(30, 3)).astype(np.float32)
        features[:, 1] = 7.0
        head = fit_head(features, [k % 2 for k in range(30)]).head
        other = features.copy()
        other[:, 1] = 1e6
        np.testing.assert_array_equal(head.scores(other), head.scores(features))

    def test_a_class_without_windows_may_be_asked_for(self):
        windows, classes = three_classes(7, 12)
        classifier = fit_statistics(windows, classes, [Statistics()] * 2, num_classes=5)
        assert classifier.predict(windows[0]).shape == (5,)

    def test_nothing_to_fit(self):
        with pytest.raises(OptionError, match="No window was given"):
            fit_statistics([], [], [Statistics()])
        for classes, sizes in (([0, 0, 0, 0], []), ([0, 1], []), ([0, 1, 0, 1], [2])):
            with pytest.raises(OptionError, match="expected \\[N, F\\], N classes of 2 or more"):
                fit_head(np.ones((4, 3), np.float32), classes, sizes)


class TestFile:
    def test_saved_and_loaded_it_answers_the_same(self, fitted: StatisticsClassifier, tmp_path: Path):
        path = tmp_path / "classifier.npz"
        fitted.save(path)
        loaded = StatisticsClassifier.load(path)
        assert (loaded.num_samples, loaded.num_classes, loaded.statistics) == (25, 3, fitted.statistics)
        for window in three_classes(8, 6)[0]:
            np.testing.assert_array_equal(loaded.predict(window), fitted.predict(window))
        assert [file.name for file in tmp_path.iterdir()] == ["classifier.npz"]

    def test_it_holds_no_pickle(self, fitted: StatisticsClassifier, tmp_path: Path):
        path = tmp_path / "classifier.npz"
        fitted.save(path)
        with zipfile.ZipFile(path) as archive:
            assert sorted(archive.namelist()) == ["about.npy", "bias.npy", "mean.npy", "scale.npy", "weights.npy"]
        with np.load(path, allow_pickle=False) as file:
            assert all(file[name].dtype != object for name in file.files)

    def test_calibrated_by_a_temperature(self, fitted: StatisticsClassifier, tmp_path: Path):
        path, window = tmp_path / "classifier.npz", window_of(np.random.default_rng(0), 0.5, 0.8)
        fitted.save(path)
        modest = StatisticsClassifier.load(path, 3.0).predict(window)
        assert modest.max() < fitted.predict(window).max()
        assert modest.sum() == pytest.approx(1, abs=1e-5)

    def test_damage_is_a_model_error(self, fitted: StatisticsClassifier, tmp_path: Path):
        path = tmp_path / "classifier.npz"
        fitted.save(path)
        good = path.read_bytes()
        for content in (b"", b"PK", good[: len(good) // 2], good[:-40], b"x" * 100, pickle.dumps({"a": 1})):
            path.write_bytes(content)
            with pytest.raises(ModelError, match=r"is not a statistics classifier.*Copy it again"):
                StatisticsClassifier.load(path)
        random = np.random.default_rng(0)
        for position in random.integers(0, len(good), 60):
            flipped = bytearray(good)
            flipped[position] ^= 1 << random.integers(0, 8)
            path.write_bytes(flipped)
            try:
                StatisticsClassifier.load(path)
            except ModelError:
                continue  # or the bit says nothing: a time, an attribute
        with pytest.raises(ModelError, match="is not a statistics classifier"):
            StatisticsClassifier.load(tmp_path / "absent.npz")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"about": {"format": 2}}, "has format 2; this edgevid reads 1. Upgrade"),
            ({"about": {"statistics": [{"names": ["median"], "rows_per_second": None}]}}, "expected some of: mean"),
            ({"about": {"statistics": 5}}, "is not a statistics classifier"),
            ({"about": {"num_samples": "many"}}, "is not a statistics classifier"),
            ({"weights": np.zeros((3, 3), np.float32)}, "its arrays do not fit together"),
            ({"bias": np.zeros(2, np.float32)}, "its arrays do not fit together"),
            ({"mean": None}, "is not a statistics classifier"),
            ({"scale": np.array([{}], object)}, "is not a statistics classifier"),
        ],
    )
    def test_what_does_not_fit_is_a_model_error(self, fitted, tmp_path: Path, change: dict, message: str):
        path = tmp_path / "classifier.npz"
        fitted.save(path)
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        about = {**json.loads(str(arrays["about"])), **change.pop("about", {})}
        arrays = {**arrays, "about": np.array(json.dumps(about)), **change}
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        with pytest.raises(ModelError, match=message):
            StatisticsClassifier.load(path)


class TestPredict:
    @pytest.mark.parametrize("samples", [1, 2, 7, 24])
    def test_fewer_samples(self, fitted: StatisticsClassifier, samples: int):
        window = window_of(np.random.default_rng(0), samples=samples)
        answer = fitted.predict(window)
        assert answer.shape == (3,)
        assert answer.sum() == pytest.approx(1, abs=1e-5)

    def test_other_embedders_than_it_was_fitted_with(self, fitted: StatisticsClassifier):
        with pytest.raises(FrameError, match="expected 2, one for each"):
            fitted.predict(Window.of(np.zeros((25, 6), np.float32)))
        steps = [Embedding((np.zeros((1, 5), np.float32), np.zeros((1, 4), np.float32)))] * 25
        with pytest.raises(FrameError, match=r"fitted on \d+\. Use the embedders that it was fitted with"):
            fitted.predict(Window(steps))

    def test_numbers_that_are_not_finite(self, fitted: StatisticsClassifier):
        steps = [Embedding((np.full((1, 6), np.nan, np.float32), np.zeros((1, 4), np.float32)))] * 25
        with pytest.raises(ModelError, match="not finite"):
            fitted.predict(Window(steps))


class Looked(Embedder):
    """A frame's first pixel is the number of its embedding."""

    def __init__(self, embeddings: Array) -> None:
        self.embeddings, self.dim = embeddings, embeddings.shape[1]

    @property
    def identity(self) -> dict[str, str]:
        return {"kind": "looked"}

    def embed(self, sample: Sample) -> Array:
        return self.embeddings[int(sample.frames[-1][0, 0, 0])]


class Nearest(Classifier):
    """A caller's own: classes by the sign of the first numbers' mean."""

    num_samples, num_classes = 10, 2

    def predict(self, window: Window) -> Array:
        score = 1 / (1 + np.exp(-window.aligned[:, 0].mean()))
        return np.array([score, 1 - score], np.float32)


def classifier_of(kind: str, runtime: str) -> Classifier:
    if kind in ("gru", "lstm"):
        return open_network(DATA / f"{kind}.tflite", num_threads=1, runtime=runtime)
    if kind == "own":
        return Nearest()
    random = np.random.default_rng(0)
    windows = [Window.of(random.normal(k % 3, 3, (25, 1280)).astype(np.float32)) for k in range(30)]
    return fit_statistics(windows, [k % 3 for k in range(30)], [Statistics(ALL)])


@pytest.mark.parametrize("runtime", [info.name for info in runtimes() if info.usable])
@pytest.mark.parametrize("kind", ["gru", "lstm", "statistics", "own"])
@pytest.mark.parametrize("hop", [1, 3])
def test_a_stream_equals_a_clip_of_the_same_samples(kind: str, runtime: str, hop: int):
    classifier = classifier_of(kind, runtime)
    embeddings = np.random.default_rng(1).normal(0.5, 1, (60, 1280)).astype(np.float32)
    labels = "abcdefgh"[: classifier.num_classes]
    recognizer = Recognizer([Looked(embeddings)], classifier, labels, window_seconds=classifier.num_samples / 10)
    frames = [np.full((4, 4, 3), k, np.uint8) for k in range(60)]
    stream, size = recognizer.open_stream(StreamOptions(hop=hop)), classifier.num_samples
    predictions = 0
    for k, frame in enumerate(frames):
        prediction = stream.push(frame, k / 10)
        assert (prediction is not None) == (k + 1 >= size and (k + 1 - size) % hop == 0)
        if prediction is not None:
            predictions += 1
            clip = recognizer.classify(frames[k + 1 - size : k + 1])
            np.testing.assert_allclose(prediction.probabilities, clip.probabilities, atol=1e-4)
    assert predictions >= 10
    recognizer.close()


def steps_of(random: np.random.Generator, count: int, rows: Sequence[int]) -> list[Embedding]:
    """Two embedders, 6 and 4 numbers; the second has a number of rows per sample drawn from ``rows``."""
    numbers = random.choice(rows, count)
    return [
        Embedding((random.normal(3, 0.1, (1, 6)).astype(np.float32), random.random((n, 4), np.float32)))
        for n in numbers
    ]


@pytest.fixture(scope="module")
def of_all() -> StatisticsClassifier:
    """A classifier of all statistics of both embedders, with bands in parts and in hertz."""
    windows = [window_of(np.random.default_rng(k), k % 2, samples=25) for k in range(8)]
    return fit_statistics(windows, [k % 2 for k in range(8)], [Statistics(ALL), Statistics(ALL, 10.0)])


class TestRolling:
    @pytest.mark.parametrize("rows", [[2], [1, 2, 3], [0, 2, 2, 2]], ids=["even", "uneven", "gaps"])
    @pytest.mark.parametrize(("hop", "min_filled"), [(1, 0.0), (3, 0.4), (40, 1.0)])
    def test_equals_the_whole_window(self, of_all, rows: list[int], hop: int, min_filled: float):
        """Over so many samples that all is recomputed at least once, with resets, and frames that stand for several samples."""
        random = np.random.default_rng(0)
        rolling, whole = of_all.rolling(hop, min_filled), RollingWindow(of_all, hop, min_filled)
        assert isinstance(rolling, RollingStatistics)
        steps, predictions = steps_of(random, 1400, rows), 0
        steps[0] = window_of(random).steps[0]  # a stream's first sample has rows of all embedders
        while steps:
            if random.random() < 0.001:
                rolling.reset()
                whole.reset()
            together = 1 if random.random() < 0.9 else int(random.integers(2, 30))
            pushed, steps = steps[:together], steps[together:]
            answer, expected = rolling.push(*pushed), whole.push(*pushed)
            assert (answer is None) == (expected is None)
            assert (rolling.steps, rolling.filled) == (whole.steps, whole.filled)
            if expected is not None:
                predictions += 1
                np.testing.assert_allclose(answer, expected, atol=1e-5)
        assert predictions >= 400 / hop

    def test_large_numbers_that_have_left_leave_nothing_behind_for_long(self, of_all):
        random = np.random.default_rng(1)
        rolling, steps = of_all.rolling(), steps_of(random, 560, [2])
        rolling.push(*[Embedding(tuple(rows * 1e6 for rows in step.rows)) for step in steps[:30]])
        for step in steps:
            answer = rolling.push(step)
        np.testing.assert_allclose(answer, of_all.predict(Window(rolling.steps)), atol=1e-5)

    @pytest.mark.parametrize("before", [0, 10, 25, 40])
    def test_a_push_that_fails_changes_nothing(self, of_all, monkeypatch, before: int):
        steps = steps_of(np.random.default_rng(2), 60, [2])
        disturbed, undisturbed = (of_all.rolling(min_filled=0.0) for _ in range(2))
        for step in steps[:before]:
            disturbed.push(step), undisturbed.push(step)
        good, (first, second) = steps[before], steps[before].rows
        with pytest.raises(ModelError, match="not finite"):
            disturbed.push(good, Embedding((first * np.float32(np.nan), second)))
        with pytest.raises(FrameError, match="Use the embedders that it was fitted with"):
            disturbed.push(good, Embedding((first[:, :5], second)))
        with pytest.raises(FrameError, match="expected 2, one for each"):
            disturbed.push(Embedding((first,)))
        with monkeypatch.context() as patch:
            patch.setattr(of_all, "predict_features", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                disturbed.push(good)
        assert disturbed.steps == undisturbed.steps
        for step in steps[before:]:
            np.testing.assert_array_equal(disturbed.push(step), undisturbed.push(step))
