"""Bootstrap over groups, McNemar's test, Holm's adjustment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgevid.errors import OptionError
from edgevid.training.metrics import class_scores
from edgevid.training.significance import McNemar, Resamples, holm, mcnemar, resampled_scores


def test_mcnemar_by_hand():
    # exact: 2 * (C(10, 0) + C(10, 1)) / 2 ** 10
    assert McNemar(1, 9).p == pytest.approx(2 * 11 / 1024)
    assert McNemar(1, 9).exact
    # chi-squared with Edwards's correction: (|59 - 121| - 1) ** 2 / 180
    large = McNemar(59, 121)
    assert not large.exact
    assert large.chi2 == pytest.approx(61**2 / 180)
    assert McNemar(0, 0).p == 1.0
    assert McNemar(5, 5).p == 1.0


def test_mcnemar_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    for first, second in [(0, 1), (3, 12), (7, 17), (0, 24)]:
        assert McNemar(first, second).p == pytest.approx(stats.binomtest(first, first + second).pvalue)
    for first, second in [(10, 15), (59, 121), (200, 200), (490, 1001)]:
        assert McNemar(first, second).p == pytest.approx(stats.chi2.sf(McNemar(first, second).chi2, 1))


def test_mcnemar_counts_clips_that_only_one_got_right():
    first, second = np.array([1, 1, 1, 0, 0], dtype=bool), np.array([1, 0, 0, 1, 0], dtype=bool)
    assert mcnemar(first, second) == McNemar(2, 1)
    with pytest.raises(OptionError, match="same clips"):
        mcnemar(first, second[:3])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_two_groups_have_three_resamples():
    # both twice one group, or one of each: 0, 1/2 and 1 with probabilities 1/4, 1/2, 1/4
    means = Resamples(["a", "b"], 20000, seed=1).means(np.array([1.0, 0.0]))
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [0.0, 0.5, 1.0]
    assert counts / 20000 == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_spread_is_that_of_a_share_of_independent_groups():
    right = (np.arange(200) % 4 > 0).astype(float)  # 3 of 4
    alone = Resamples(range(200), 4000, seed=2)
    deviation = math.sqrt(0.75 * 0.25 / 200)
    assert np.std(alone.means(right)) == pytest.approx(deviation, rel=0.05)
    low, high = alone.interval(alone.means(right))
    assert (low, high) == pytest.approx((0.75 - 1.96 * deviation, 0.75 + 1.96 * deviation), abs=0.008)
    # five clips that always agree are worth one
    together = Resamples(np.repeat(np.arange(200), 5).tolist(), 4000, seed=2)
    assert np.std(together.means(np.repeat(right, 5))) == pytest.approx(deviation, rel=0.05)


def test_groups_of_unequal_size_are_weighted_by_their_clips():
    draws = Resamples(["a", "a", "a", "b"], 500, seed=0)
    sizes = draws.sums(np.ones(4))
    assert set(sizes.tolist()) == {2.0, 4.0, 6.0}
    assert draws.means(np.array([1.0, 1.0, 1.0, 0.0]))[sizes == 4.0] == pytest.approx(0.75)


def test_each_class_keeps_its_number_of_groups():
    groups = [("x", 1), ("x", 2), ("x", 3), ("y", 1), ("y", 2)]
    draws = Resamples(groups, 300, strata=[label for label, _ in groups])
    of_x = draws.sums(np.array([1.0, 1.0, 1.0, 0.0, 0.0]))
    assert np.all(of_x == 3.0)
    assert np.all(draws.sums(np.ones(5)) == 5.0)
    assert len(np.unique(draws.sums(np.array([1.0, 0.0, 0.0, 0.0, 0.0])))) > 1


def test_the_same_seed_draws_the_same_groups():
    values = np.random.default_rng(0).random(30)
    groups = [i // 3 for i in range(30)]
    first, again, other = (Resamples(groups, 50, seed=seed).means(values) for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_interval_where_it_would_claim_certainty():
    one_group = Resamples(["a"] * 5, 20)
    assert one_group.interval(one_group.means(np.array([1.0, 0, 1, 0, 1]))) is None
    all_right = Resamples(range(5), 20)
    assert all_right.interval(all_right.means(np.ones(5))) is None


def test_resampled_scores_are_the_scores_of_the_clips_drawn():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(3, size=40), rng.integers(3, size=40)
    groups = np.arange(40) // 4
    draws = Resamples(groups.tolist(), 25, seed=6)
    scores, clips = resampled_scores(draws, truth, predicted, 3)
    times = draws.sums(np.eye(10)[groups]) / 4  # how often each group was drawn
    for i in range(25):
        drawn = np.repeat(np.arange(40), times[i, groups].astype(int))
        expected = class_scores(truth[drawn], predicted[drawn], 3)
        assert clips[i].tolist() == expected.clips.tolist()
        for name in ("precision", "recall", "f1"):
            assert scores[name][i] == pytest.approx(getattr(expected, name))


def test_nothing_to_resample():
    with pytest.raises(OptionError, match="1 or more"):
        Resamples([], 10)
