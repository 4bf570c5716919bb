"""benchmarks/measure.py: intervals over groups."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
from measure import over_groups


def test_whole_groups_are_drawn():
    """With one right and one wrong group, a quarter of the draws is all right, a quarter all wrong: the interval is [0, 1]."""
    assert over_groups([np.ones(3, bool), np.zeros(3, bool)]) == [0.0, 1.0]


def test_large_groups_count_more():
    """A draw's accuracy is over clips: nine right ones and one wrong one give 0.9, not a half."""
    groups = [np.ones(9, bool), np.zeros(1, bool)] * 50
    low, high = over_groups(groups)
    assert low < 0.9 < high
    assert (low, high) == pytest.approx((0.87, 0.93), abs=0.03)
    assert over_groups(groups) == [low, high]
