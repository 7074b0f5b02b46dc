"""`intervals`: what they are, and that they are where nothing is sure, too."""

import math
import statistics

import pytest

from tangshi_tf.evaluation.intervals import Mean, Rate, student_t


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (8, 10), (10, 10), (1, 1), (700, 1_000)])
def test_the_interval_ends_where_the_share_would_be_1_96_deviations_off(hits: int, count: int) -> None:
    rate = Rate(hits, count)
    for end in rate.interval:
        assert abs(rate.share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / count), abs=1e-7)
    low, high = rate.interval
    assert 0 <= low <= rate.share <= high <= 1
    assert high - low > 0.05


def test_of_none_all_is_possible() -> None:
    assert math.isnan(Rate(0, 0).share)
    assert Rate(0, 0).interval == (0.0, 1.0)


def test_the_quantiles_are_those_of_the_tables() -> None:
    assert [round(student_t(degrees), 3) for degrees in (1, 2, 5, 30)] == [12.706, 4.303, 2.571, 2.042]
    assert student_t(100_000) == pytest.approx(1.95999, abs=1e-4)


def test_the_margin_of_a_mean_is_that_of_student() -> None:
    values = [4.0, 5.0, 5.0, 7.5]
    mean = Mean.of(values)
    assert (mean.value, mean.count) == (5.375, 4)
    assert mean.margin == pytest.approx(3.182446 * statistics.stdev(values) / 2)


def test_too_few_values_give_no_mean_or_no_margin() -> None:
    assert math.isnan(Mean.of([3.0]).margin)
    assert Mean.of([3.0]).value == 3.0
    assert math.isnan(Mean.of([]).value)
    assert Mean.of([]).count == 0
