"""Bootstrap over groups, McNemar's test, Holm's adjustment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgevid.errors import OptionError
from edgevid.evaluation.significance import McNemar, Resamples, class_scores, holm


def test_mcnemar_by_hand():
    pytest.importorskip("scipy.stats")
    # two-sided and exact: 2 * (C(10, 0) + C(10, 1)) / 2 ** 10
    assert McNemar(1, 9).p == McNemar(9, 1).p == pytest.approx(2 * 11 / 1024)
    assert McNemar(0, 0).p == 1.0
    assert McNemar(5, 5).p == 1.0


def test_mcnemar_of_many_clips_is_near_chi_squared():
    stats = pytest.importorskip("scipy.stats")
    for first, second in [(59, 121), (200, 230), (490, 1001)]:
        chi2 = (abs(first - second) - 1) ** 2 / (first + second)  # with Edwards's correction
        assert McNemar(first, second).p == pytest.approx(stats.chi2.sf(chi2, 1), rel=0.2)


def test_mcnemar_counts_clips_that_only_one_got_right():
    first, second = np.array([1, 1, 1, 0, 0], dtype=bool), np.array([1, 0, 0, 1, 0], dtype=bool)
    assert McNemar.of(first, second) == McNemar(2, 1)


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
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(3, size=40), rng.integers(3, size=40)
    groups = np.arange(40) // 4
    draws = Resamples(groups.tolist(), 25, seed=6)
    scores, clips = class_scores(truth, predicted, 3, draws)
    times = draws.sums(np.eye(10)[groups]) / 4  # how often each group was drawn
    for i in range(25):
        drawn = np.repeat(np.arange(40), times[i, groups].astype(int))
        expected = metrics.precision_recall_fscore_support(truth[drawn], predicted[drawn], labels=[0, 1, 2])
        np.testing.assert_allclose([*(scores[name][i] for name in scores), clips[i]], expected)


def test_nothing_to_resample():
    with pytest.raises(OptionError, match="1 or more"):
        Resamples([], 10)
