"""Plots grow with the number of classes, so that their labels stay legible."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from edgevid.errors import ExtraNotInstalledError
from edgevid.evaluation.figures import Figure
from edgevid.evaluation.plots import class_bars, confusion_plot, interval_plot, normalise_rows, paired_bars


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.fixture
def matplotlib_here() -> None:
    pytest.importorskip("matplotlib", reason="plots need the extra: pip install 'edgevid[evaluate]'")


@pytest.mark.usefixtures("matplotlib_here")
@pytest.mark.parametrize(
    ("num_classes", "pixels", "normalised"), [(2, 60, True), (10, 50, False), (10, 50, True), (101, 16, True)]
)
def test_cells_of_a_confusion_matrix_hold_a_label(num_classes, pixels, normalised):
    labels = [f"SomeLongActionName{i:03d}" for i in range(num_classes)]
    confusion = np.random.default_rng(0).integers(0, 3, (num_classes, num_classes)) + 30 * np.eye(
        num_classes, dtype=int
    )
    width, height = size_of(confusion_plot(confusion, labels, labels, "Title", normalised=normalised))
    # a label of 7.5 points is 11.5 pixels high
    assert width > num_classes * pixels
    assert height > num_classes * pixels


@pytest.mark.usefixtures("matplotlib_here")
def test_an_empty_row_and_a_column_more_than_rows():
    confusion = np.array([[3, 0, 1], [0, 0, 0]])
    size_of(confusion_plot(confusion, ["a", "b"], ["a", "b", "(other classes)"], "Title", normalised=True))
    assert normalise_rows(confusion).tolist() == [[0.75, 0.0, 0.25], [0.0, 0.0, 0.0]]


@pytest.mark.usefixtures("matplotlib_here")
def test_bars_have_a_row_for_each_class():
    values = np.linspace(0, 1, 101).tolist()
    labels = [f"Action{i}" for i in range(101)]
    figures = [Figure(0.0, None), *(Figure(value, (max(0, value - 0.1), min(1, value + 0.1))) for value in values[1:])]
    bars = class_bars(labels, dict.fromkeys(("f1", "precision", "recall"), figures), [30] * 101, "Title")
    pair = paired_bars(labels, values, values[::-1], ("one", "other"), "Title")
    assert size_of(bars)[1] > 101 * 20
    assert size_of(pair)[1] > 101 * 20
    rows = [
        (f"bundle {i}", "extractor", {"accuracy": Figure(0.5, (0.4, 0.6)), "F1": Figure(0.5, None)}) for i in range(6)
    ]
    assert size_of(interval_plot(rows, "Title"))[0] > 600


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExtraNotInstalledError, match=r"\[evaluate\]'$"):
        confusion_plot(np.eye(2), ["a", "b"], ["a", "b"], "Title", normalised=False)
