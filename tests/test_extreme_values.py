"""Numbers, texts and types that nobody intends: refused with a message wherever they are given."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from fuzz.corpus import make_corpus

import edgevid
from edgevid import BundleError, EdgevidError, OptionError, cli
from edgevid.bundles.writing import check_output
from edgevid.classifiers import MixtureClassifier, Statistics, fit_statistics
from edgevid.embedders import Window
from edgevid.embedders.flow_histogram import FlowHistogram
from edgevid.evaluation.significance import Resamples
from edgevid.extraction import EmbeddingConfig
from edgevid.extraction.cache import _read
from edgevid.sampling import SampleSpec, Track
from edgevid.support.checks import check_int, check_number, shown

HUGE = 10**400
NUMBERS = [math.nan, math.inf, -1, HUGE, -HUGE, 1e308, "3", None, b"3", [], True]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("hostile") / "corpus") / "bundles"


OPTIONS: dict[str, Callable[[Any], object]] = {
    "window": lambda value: edgevid.StreamOptions(window_seconds=value or "nothing"),
    "hop": lambda value: edgevid.StreamOptions(hop=value),
    "enter": lambda value: edgevid.EventOptions(enter=value),
    "min_seconds": lambda value: edgevid.EventOptions(min_seconds=value),
    "count": edgevid.MeanSmoothing,
    "seconds": edgevid.ExponentialSmoothing,
    "num_samples": SampleSpec,
    "rate": lambda value: Track((0.0,), value or "nothing"),
    "pixels": lambda value: FlowHistogram(pixels=value),
    "finest_scale": lambda value: FlowHistogram(finest_scale=value),
    "threads": lambda value: edgevid.load("exercises10-motion", num_threads=value or "nothing"),
    "threshold": lambda value: edgevid.load("exercises10-motion", threshold=value or "nothing"),
    "timeout": lambda value: edgevid.Camera(0, timeout_seconds=value),
    "camera": lambda value: edgevid.Camera(value if value not in ("3", []) else None),  # type: ignore[arg-type]
    "teach": lambda value: edgevid.TeachOptions(samples_per_second=value),
    "weights": lambda value: MixtureClassifier([], value),
}  # fmt: skip


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: shown(value)[:9])
@pytest.mark.parametrize("give", OPTIONS.values(), ids=OPTIONS)
def test_an_option_that_is_no_such_number_is_refused(give: Callable[[Any], object], value: Any):
    if give is OPTIONS["threshold"] and value is True:
        value = "yes"
    with pytest.raises(EdgevidError):
        give(value)


@pytest.mark.parametrize("value", [0, 5e-324, 1e-9, 86_401])
def test_a_window_that_no_camera_fills_is_refused(value: float):
    with pytest.raises(OptionError, match=r"expected a number of seconds from 0\.001 to 86400"):
        edgevid.StreamOptions(window_seconds=value)


def test_samples_that_no_memory_holds_are_refused():
    with pytest.raises(OptionError, match="it would keep more than 100,000 of them"):
        SampleSpec(10_000, 0.001, (Track((-3600.0, 0.0)),))


@pytest.mark.parametrize("names", [("mean",), ("bands",), ("change", "thirds")])
def test_statistics_of_no_embedding_are_refused(names: tuple[str, ...]):
    with pytest.raises(edgevid.ModelError, match="has no embedding"):
        Statistics(names, 10.0).of(np.empty((0, 3), np.float32))


def test_an_int_without_a_limit_has_one():
    assert check_int("n", np.int64(3), 1) == 3
    for bad in (2**31, HUGE):
        with pytest.raises(OptionError, match=r"n=\d+.* was given; expected an int from 1 to 2147483647"):
            check_int("n", bad, 1)
    with pytest.raises(OptionError, match=r"s=1e\+308 was given; expected a number of seconds from 0 to 1e\+09"):
        check_number("s", 1e308, 0, unit="seconds")


def test_whatever_was_given_can_be_shown():
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown(10**5000) == "<int that cannot be shown: ValueError>"[:60] or shown(10**5000).startswith("1000")
    assert shown(Broken()) == "<Broken that cannot be shown: RuntimeError>"
    assert len(shown("x" * 1000)) == 60


@pytest.mark.parametrize("value", [5, b"", None, 1.5, [], {}, Ellipsis], ids=repr)
def test_what_is_no_path_or_name_is_refused(value: Any):
    for call in (edgevid.open_bundle, edgevid.load, edgevid.VideoFile):
        with pytest.raises(EdgevidError):
            call(value)
    if value is not None:
        with pytest.raises(OptionError, match="runtime="):
            edgevid.load("exercises10-motion", runtime=value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["stream", "x.mp4", "--smoothing", "mean:99999999999999999999"],
        ["stream", "1" * 5000],
        ["stream", "x.mp4", "--window-seconds", "5e-324"],
        ["stream", "x.mp4", "--window-seconds", "1e308"],
        ["stream", "x.mp4", "--threads", "100000"],
        ["stream", "x.mp4", "--hop", "9" * 401],
        ["stream", "x.mp4", "--top", "9" * 5000],
        ["classify", "x.mp4", "--threads", "9" * 18],
        ["evaluate", "exercises10", "x", "-o", "y", "--seed", "9" * 5000],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_an_extreme_option_of_a_command_is_a_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(arguments)
    except SystemExit as error:
        code = error.code
    assert code in (1, 2)
    assert f"edgevid {arguments[0]}: " in capsys.readouterr().err


FIELDS = ["sampling.samples", "sampling.window_seconds", "sampling.min_filled", "classifier.min_samples"]


@pytest.mark.parametrize(
    "value", [HUGE, 1e308, -1, 0, math.nan, 5e-324, "9" * 5000, [], True], ids=lambda v: shown(v)[:9]
)
@pytest.mark.parametrize("field", FIELDS)
def test_a_number_of_a_card_has_bounds(bundles: Path, tmp_path: Path, field: str, value: Any):
    card = json.loads((bundles / "recurrent" / "card.json").read_text())
    holder, key = field.split(".")
    card[holder][key] = value
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "classifier.tflite").write_bytes((bundles / "recurrent" / "classifier.tflite").read_bytes())
    if field == "sampling.min_filled" and value in (HUGE, 1e308, 5e-324):
        value = None
    if value is None:
        return
    with pytest.raises(BundleError, match=f"'{key}' must be a"):
        edgevid.open_bundle(folder)


def test_a_hostile_cache_is_made_anew(tmp_path: Path):
    import hashlib
    import io

    def file(*arrays: Any) -> Path:
        buffer = io.BytesIO()
        for array in arrays:
            if isinstance(array, bytes):
                buffer.write(array)
            else:
                np.save(buffer, array)
        content = buffer.getvalue()
        path = tmp_path / "cache.npy"
        path.write_bytes(content + hashlib.sha256(content).digest())
        return path

    rows = np.ones((4, 3), np.float32)
    good = _read(file(rows, np.array([1, 4])), 3)
    assert good is not None
    assert [len(part) for part in good] == [1, 3]
    for arrays in (
        [rows], [b"x"], [rows, np.array([5, 4])], [rows, np.array([1, 9])], [rows, np.array([[4]])], [rows, np.array([1.0, 4.0])],
        [rows.astype(np.float64), np.array([4])], [rows * np.nan, np.array([4])], [rows[0], np.array([4])], [rows, np.array([])],
        [b"\x93NUMPY\x01\x00\x0a\x00{'descr': }", rows],
    ):  # fmt: skip
        assert _read(file(*arrays), 3) is None


@pytest.mark.parametrize("classes", [5, "ab", [0, HUGE], [0, -1], [0.5, 1], [10**6, 0], None])
def test_classes_that_are_none_are_refused(classes: Any):
    windows = [Window.of(np.random.default_rng(k).random((5, 3), np.float32)) for k in range(2)]
    with pytest.raises(OptionError):
        fit_statistics(windows, classes, [Statistics()])


@pytest.mark.parametrize("name", [".", "..", "/", "a/.."])
def test_a_bundle_without_a_name_is_refused(name: str):
    with pytest.raises(BundleError, match="is not a folder of its own"):
        check_output(Path(name), overwrite=True)


@pytest.mark.parametrize("given", [[0.5, 0.5], np.array(["a", "b"]), np.array([None, None]), 1.0], ids=repr)
def test_probabilities_that_are_no_numbers_are_refused(given: Any):
    with pytest.raises(OptionError, match="expected an array"):
        edgevid.Prediction(("a", "b"), given)


def test_resamples_that_no_memory_holds_are_refused():
    with pytest.raises(OptionError, match="expected fewer resamples"):
        Resamples(["a", "b"], 10**9)


@pytest.mark.parametrize("value", [0, HUGE, "25", None])
def test_embeddings_of_no_such_number_of_samples_are_refused(value: Any):
    from edgevid.embedders.opening import entries_for

    with pytest.raises(OptionError):
        EmbeddingConfig.of(entries_for(("flow-histogram",)), num_samples=value)
