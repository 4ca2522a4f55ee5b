"""The figures that are told of samples."""

from __future__ import annotations

import pytest

from benchmarks.spread import Ratio, percentile, ratio, spread


def test_spread_of_known_samples() -> None:
    told = spread([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (told.n, told.median, told.least) == (5, 3.0, 1.0)
    assert told.p95 == pytest.approx(4.8)


def test_one_sample_is_all_its_figures() -> None:
    told = spread([7.0])
    assert (told.n, told.median, told.p95, told.least) == (1, 7.0, 7.0, 7.0)


def test_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="no sample"):
        spread([])


def test_percentile_lies_between_neighbours() -> None:
    assert percentile([0.0, 10.0], 95.0) == pytest.approx(9.5)
    assert percentile(list(map(float, range(101))), 95.0) == 95.0


def test_ratio_divides_like_by_like() -> None:
    assert ratio(spread([30.0]), spread([20.0])) == Ratio(1.5, 1.5)
