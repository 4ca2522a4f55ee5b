"""Samples -> the few figures that are told of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """Count, median, 95th percentile and least of some samples, in their own unit."""

    n: int
    median: float
    p95: float
    least: float


@dataclass(frozen=True)
class Ratio:
    """Ours divided by the floor's, at the median and at the 95th percentile."""

    median: float
    p95: float


def spread(samples: Sequence[float]) -> Spread:
    """The figures of at least one sample. Raises ValueError for none."""
    if not samples:
        raise ValueError("no sample was taken")
    return Spread(len(samples), median(samples), percentile(samples, 95.0), min(samples))


def percentile(samples: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the samples lie, between two samples by their distance."""
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100.0
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def ratio(ours: Spread, floor: Spread) -> Ratio:
    """How many times the floor's figures ours are."""
    return Ratio(ours.median / floor.median, ours.p95 / floor.p95)
