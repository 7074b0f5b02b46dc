"""95 % confidence intervals of shares and means."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

__all__ = ["Mean", "Rate", "student_t"]

_LEVEL = 0.95
_Z = statistics.NormalDist().inv_cdf((1 + _LEVEL) / 2)
_HALVINGS = 60  # of the range that holds the quantile: to the last bit


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


@lru_cache
def student_t(degrees: int) -> float:
    """Return the quantile of Student's t that 95 % of all values lie within; 4.30 for 2 degrees of freedom.

    Of |t| at most x there is the share 1 - I(degrees / (degrees + x²)), I being the regularized incomplete beta
    function of (degrees / 2, 1 / 2). After Abramowitz and Stegun 1964, 26.7.1 and 26.5.27.
    """
    import tensorflow as tf  # has the beta function; shares alone need no TensorFlow

    low, high = 0.0, 1e3
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        a, b, x = (tf.constant(value, tf.float64) for value in (degrees / 2, 0.5, degrees / (degrees + middle**2)))
        low, high = (middle, high) if 1 - float(tf.math.betainc(a, b, x)) < _LEVEL else (low, middle)
    return high


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, and the margin to both sides that makes its 95 % interval; NaN where too few values give none."""

    value: float
    margin: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the mean of values, with the interval of Student's t."""
        if not values:
            return cls(math.nan, math.nan, 0)
        if len(values) == 1:
            return cls(values[0], math.nan, 1)
        margin = student_t(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
        return cls(statistics.fmean(values), margin, len(values))
