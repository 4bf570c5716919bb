"""Mixed classifiers, and recurrent ones that read short windows as they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

import edgevid
from edgevid.bundles import find_extractor, sha256_of
from edgevid.calibration import calibrated
from edgevid.classifiers import (
    Classifier,
    MixtureClassifier,
    RecurrentClassifier,
    Statistics,
    fit_statistics,
    open_network,
)
from edgevid.classifiers.opening import open_classifier
from edgevid.classifiers.ridge import StatisticsClassifier
from edgevid.embedders import Embedding, Window
from edgevid.errors import BundleError, ModelError, OptionError
from edgevid.tflite.interpreter import runtimes

DATA = Path(__file__).parent / "data"
NUM_CLASSES = 5  # of the small networks there
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def statistics() -> StatisticsClassifier:
    random = np.random.default_rng(0)
    windows = [Window.of(random.normal(k % NUM_CLASSES, 3, (25, 1280)).astype(np.float32)) for k in range(30)]
    return fit_statistics(windows, [k % NUM_CLASSES for k in range(30)], [Statistics(("mean", "std"))])


@pytest.fixture(scope="module", params=[info.name for info in runtimes() if info.usable])
def network(request: pytest.FixtureRequest) -> Iterator[RecurrentClassifier]:
    opened = open_network(DATA / "gru.tflite", min_samples=10, num_threads=1, runtime=request.param)
    assert isinstance(opened, RecurrentClassifier)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def mixture(network: RecurrentClassifier, statistics: StatisticsClassifier) -> MixtureClassifier:
    return MixtureClassifier([network, statistics], [3, 1], temperature=0.7)


def steps_of(count: int, seed: int = 1) -> list[Embedding]:
    rows = np.random.default_rng(seed).normal(0.5, 1, (count, 1, 1280)).astype(np.float32)
    return [Embedding((row,)) for row in rows]


@pytest.mark.parametrize("hop", [1, 3])
@pytest.mark.parametrize("several", [1, 4])
def test_a_stream_equals_the_window_from_its_first_prediction_on(mixture: MixtureClassifier, hop: int, several: int):
    steps, rolling, answers = steps_of(60), mixture.rolling(hop, 0.4), []
    for at in range(0, 60, several):
        answer = rolling.push(*steps[at : at + several])
        if answer is not None:
            seen = next(n for n in range(at + several, at, -1) if (n - 25) % hop == 0 or (not answers and n >= 10))
            expected = mixture.predict(Window(steps[max(0, seen - 25) : seen]))
            np.testing.assert_allclose(answer, expected, atol=TOLERANCE)
            answers.append(seen)
    assert answers[0] in range(10, 10 + several)
    assert len(answers) >= (51 if hop == several == 1 else 12)
    assert rolling.filled == 1
    assert rolling.steps == tuple(steps[-25:])
    rolling.reset()
    assert rolling.filled == 0
    assert rolling.push(steps[0]) is None


def test_early_windows_cost_one_step_each(network: RecurrentClassifier, monkeypatch: pytest.MonkeyPatch):
    steps = steps_of(24)
    expected = [network.predict(Window(steps[:n])) for n in range(10, 25)]
    ran: list[int] = []
    run = network.model.run
    monkeypatch.setattr(network.model, "run", lambda rows, *states: ran.append(len(rows)) or run(rows, *states))
    rolling = network.rolling(1, 0.4)
    given = [answer for answer in map(rolling.push, steps) if answer is not None]
    np.testing.assert_allclose(given, expected, atol=TOLERANCE)
    assert ran == [1] * 24


def test_shorter_windows_than_it_was_trained_on_are_stretched_to_these(network: RecurrentClassifier):
    steps = steps_of(7)
    stretched = Window(steps).stretched(10)
    np.testing.assert_array_equal(network.predict(Window(steps)), network.predict(stretched))
    rolling = network.rolling(1, 0.2)
    given = [answer for answer in map(rolling.push, steps) if answer is not None]
    assert len(given) == 3
    np.testing.assert_allclose(given[-1], network.predict(stretched), atol=TOLERANCE)
    with pytest.raises(OptionError, match="min_samples=26 was given"):
        open_network(DATA / "gru.tflite", min_samples=26)


def test_the_mean_is_geometric_and_calibrated(
    mixture: MixtureClassifier, network: RecurrentClassifier, statistics: StatisticsClassifier
):
    window = Window(steps_of(25))
    first, second = network.predict(window).astype(float), statistics.predict(window).astype(float)
    product = first**0.75 * second**0.25
    expected = calibrated((product / product.sum()).astype(np.float32), 0.7)
    np.testing.assert_allclose(mixture.predict(window), expected, atol=1e-6)
    assert mixture.weights == (0.75, 0.25)
    assert mixture.dim == 1280


class Failing(Classifier):
    """Fails when it is told to."""

    num_samples, num_classes = 25, NUM_CLASSES
    error: Optional[BaseException] = None

    def predict(self, window: Window) -> np.ndarray:
        if self.error is not None:
            raise self.error
        return np.full(NUM_CLASSES, 0.2, np.float32)


class OwnRolling:
    """A caller's own rolling form, which cannot undo a step."""

    def push(self, *embeddings: Embedding) -> Any:
        raise AssertionError("its windows are classified whole")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("broken")], ids=["Ctrl-C", "ModelError"])
@pytest.mark.parametrize("failing_first", [False, True])
def test_a_part_that_fails_leaves_all_as_it_was(
    network: RecurrentClassifier, error: BaseException, failing_first: bool
):
    failing = Failing()
    failing.rolling = lambda hop, min_filled: OwnRolling()  # type: ignore[assignment, method-assign, return-value]
    parts = [failing, network] if failing_first else [network, failing]
    mixture, steps = MixtureClassifier(parts, [1, 1]), steps_of(40)
    disturbed, undisturbed, answers = mixture.rolling(1, 0.4), mixture.rolling(1, 0.4), 0
    for k, step in enumerate(steps):
        if k >= 9 and k % 3:
            before, failing.error = disturbed.steps, error
            with pytest.raises(type(error)):
                disturbed.push(step)
            failing.error = None
            assert disturbed.steps is before
        given, expected = disturbed.push(step), undisturbed.push(step)
        assert (given is None) == (expected is None) == (k < 9)
        if given is not None:
            answers += 1
            np.testing.assert_array_equal(given, expected)
    assert answers == 31


def test_parts_that_do_not_fit_are_refused(network: RecurrentClassifier, statistics: StatisticsClassifier):
    with pytest.raises(OptionError, match="2 classifiers with weights"):
        MixtureClassifier([network, statistics], [1])
    with pytest.raises(OptionError, match="not all of them 0"):
        MixtureClassifier([network], [0])
    other = Failing()
    other.num_classes = 3
    with pytest.raises(OptionError, match="expected the same of all"):
        MixtureClassifier([network, other], [1, 1])


@pytest.fixture
def bundle(tmp_path: Path, statistics: StatisticsClassifier) -> Path:
    """A bundle with the shipped network on frames and both classifiers."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(DATA / "gru.tflite", folder / "classifier.tflite")
    statistics.save(folder / "classifier.npz")
    extractor = find_extractor()
    files = [("recurrent", "classifier.tflite", 0.75), ("statistics", "classifier.npz", 0.25)]
    parts: list[dict[str, Any]] = [
        {"kind": kind, "file": file, "sha256": sha256_of(folder / file), "weight": weight}
        for kind, file, weight in files
    ]
    parts[0]["min_samples"] = 10
    card = {
        "format": 2,
        "kind": "bundle",
        "name": "mixed",
        "labels": list("abcde"),
        "sampling": {"samples": 25, "window_seconds": 5.0, "clips": "windows", "min_filled": 0.4},
        "classifier": {"kind": "mixture", "parts": parts},
        "embedders": [{"kind": "cnn", "network": {"name": extractor.name, "sha256": extractor.sha256}}],
        "calibration": {"temperature": 0.7, "unknown_threshold": 0.1},
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_a_bundle_opens_its_mixture(bundle: Path, mixture: MixtureClassifier):
    opened = edgevid.open_bundle(bundle)
    assert [file.name for file in opened.classifier.files] == ["classifier.tflite", "classifier.npz"]
    assert opened.classifier.size == sum(file.stat().st_size for file in opened.classifier.files)
    classifier, window = open_classifier(opened, num_threads=1), Window(steps_of(15))
    np.testing.assert_allclose(classifier.predict(window), mixture.predict(window), atol=TOLERANCE)
    classifier.close()
    with edgevid.load(bundle, num_threads=1) as recognizer:
        assert isinstance(recognizer.classifier, MixtureClassifier)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (1, {"file": "none.npz"}, "none.npz, which is missing"),
        (1, {"sha256": "0" * 64}, "damaged or was replaced"),
        (0, {"weight": -1}, "'weight' must be a number above 0"),
        (0, {"kind": "mixture"}, "'parts' of a mixture must be"),
        (0, {"min_samples": 26}, "'min_samples' must be a number from 1 to 25"),
        (0, {"kind": "windows"}, "is not the 'windows' network"),
        (0, {"kind": "forest"}, "this edgevid knows recurrent, windows, statistics, mixture"),
    ],
)
def test_a_card_that_is_wrong_about_a_part(bundle: Path, part: int, change: dict[str, Any], message: str):
    card = json.loads((bundle / "card.json").read_text())
    card["classifier"]["parts"][part].update(change)
    (bundle / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=message):
        open_classifier(edgevid.open_bundle(bundle), num_threads=1)


def test_parts_of_other_classes_are_a_bundle_error(bundle: Path):
    windows = [Window.of(np.full((25, 1280), k % 3, np.float32)) for k in range(6)]
    fit_statistics(windows, [k % 3 for k in range(6)], [Statistics()]).save(bundle / "classifier.npz")
    card = json.loads((bundle / "card.json").read_text())
    card["classifier"]["parts"][1]["sha256"] = sha256_of(bundle / "classifier.npz")
    (bundle / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="do not fit together"):
        open_classifier(edgevid.open_bundle(bundle), num_threads=1)
