"""Shares and means with their 95 % intervals."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

__all__ = ["Mean", "Rate"]

_Z = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of a count."""

    hits: int
    count: int

    @property
    def share(self) -> float:
        """NaN of none."""
        return self.hits / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of Wilson; of none, all is possible."""
        if not self.count:
            return 0.0, 1.0
        n, p = self.count, self.share
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        margin = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, min(p, middle - margin)), min(1.0, max(p, middle + margin))  # rounding may put an end beyond p


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, and the margin to both sides that makes its 95 % interval; NaN where too few values give none."""

    value: float
    margin: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the mean of values."""
        if not values:
            return cls(math.nan, math.nan, 0)
        margin = _Z * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return cls(statistics.fmean(values), margin, len(values))
