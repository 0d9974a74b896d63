"""What differs between two sets of repeats of one measure, and how sure that is.

Each set is worth its median. The spread is one standard deviation for both sets, pooled from what
their repeats differ by and from what cases of this sandbox are known to differ by: an estimate of
the variance from few values is drawn to that prior, and the difference then follows Student's t
distribution with the degrees of freedom of both (the moderated t of G. K. Smyth, *Linear Models
and Empirical Bayes Methods*, 2004, https://doi.org/10.2202/1544-6115.1027). The prior has one
degree of freedom, so one run against one run hardly shows more than that nothing has changed, and
a case that spreads more than others is found out by its own repeats.

    s^2    = (f0 s0^2 + sum of squares of both) / (f0 + f)      f: repeats of both, less two
    margin = t(confidence, f0 + f) x s x sqrt(v(old) + v(new))

v(n) is what the variance of a median of n is, as a share of one value's: 1/n for one and two, where
it is the mean, and at most pi/2n for more (M. G. Kendall, *The Advanced Theory of Statistics*).
"""

import bisect
import enum
import math
from collections.abc import Sequence
from typing import Final

import msgspec

from harness.core.noise import PRIOR_FREEDOM, most_spread_bytes
from harness.core.students import cumulative, quantile

# One-sided. To accuse takes more than to acquit: a gate that cries wolf is switched off.
SURE: Final = 0.999
LIKELY: Final = 0.8
# More repeats than these nobody makes to settle a question.
MOST_REPEATS_ADVISED: Final = 100
# More than these nobody waits for unasked; what is open then stays open, and names what it takes.
MOST_REPEATS_UNASKED: Final = 10


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of a case over its repeats, in bytes.

    `values_bytes` are empty where only their median and their count were kept.
    """

    median_bytes: int
    count: int
    values_bytes: tuple[int, ...] = ()

    @property
    def freedom(self) -> int:
        """How many degrees of freedom the values have."""
        return max(0, len(self.values_bytes) - 1)

    @property
    def squares(self) -> float:
        """The sum of the squares that the values are from their mean."""
        if not self.values_bytes:
            return 0.0
        mean = sum(self.values_bytes) / len(self.values_bytes)
        return sum((value - mean) ** 2 for value in self.values_bytes)


def repeats_of(values_bytes: Sequence[int]) -> Repeats:
    """Return the repeats that these values are, of which there is at least one."""
    return Repeats(
        median_bytes=median_of(values_bytes),
        count=len(values_bytes),
        values_bytes=tuple(values_bytes),
    )


def median_of(values_bytes: Sequence[int]) -> int:
    """Return the median of sizes in bytes: the middle one, or the mean of the two middle ones."""
    ordered = sorted(values_bytes)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2


class Standing(enum.StrEnum):
    """How a difference stands before a threshold.

    Attributes:
        OVER: it is over it, with a confidence of 99.9 %.
        WITHIN: it is not, with a confidence of 80 %.
        OPEN: the spread is too large to say.

    """

    OVER = "over"
    WITHIN = "within"
    OPEN = "open"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the median of one measure differs from what it was.

    Attributes:
        old_bytes: the median that was.
        new_bytes: the median that is.
        deviation_bytes: the standard deviation of one value, of old and new alike.
        freedom: the degrees of freedom behind it, those of the prior among them.
        old_count: of how many repeats the old median is.
        new_count: of how many repeats the new one is.

    """

    old_bytes: int
    new_bytes: int
    deviation_bytes: float
    freedom: int
    old_count: int
    new_count: int

    @property
    def by_bytes(self) -> int:
        """The difference in bytes; negative where it shrank."""
        return self.new_bytes - self.old_bytes

    def margin_bytes(self, confidence: float = SURE) -> int:
        """Return what the difference may be off by, to one side, with this confidence.

        It is never more than what no worker was seen to spread by.
        """
        margin_bytes = math.ceil(quantile(confidence, self.freedom) * self._error_bytes)
        return min(margin_bytes, most_spread_bytes(self.old_bytes))

    @property
    def _error_bytes(self) -> float:
        shares = _variance_share(self.old_count) + _variance_share(self.new_count)
        return self.deviation_bytes * math.sqrt(shares)

    def standing(self, threshold_bytes: int) -> Standing:
        """Return how the difference stands before a threshold."""
        beyond_bytes = self.by_bytes - threshold_bytes
        if beyond_bytes > self.margin_bytes(SURE):
            return Standing.OVER
        if -beyond_bytes >= self.margin_bytes(LIKELY):
            return Standing.WITHIN
        return Standing.OPEN

    def confidence_above(self, threshold_bytes: int) -> float:
        """Return with what confidence, from 0 to 1, the difference is above a threshold."""
        beyond_bytes = self.by_bytes - threshold_bytes
        told = cumulative(beyond_bytes / max(self._error_bytes, 1.0), self.freedom)
        return max(told, SURE) if beyond_bytes > self.margin_bytes(SURE) else told

    def with_counts(self, old_count: int, new_count: int) -> "Difference":
        """Return what this difference would be if it came out the same of so many repeats."""
        more = old_count - self.old_count + new_count - self.new_count
        return msgspec.structs.replace(
            self, old_count=old_count, new_count=new_count, freedom=self.freedom + more
        )


def difference_of(old: Repeats, new: Repeats, prior_bytes: int) -> Difference:
    """Return the difference of two sets of repeats, where single values deviate by `prior_bytes`.

    The prior counts as much as one degree of freedom.
    """
    freedom = PRIOR_FREEDOM + old.freedom + new.freedom
    squares = PRIOR_FREEDOM * prior_bytes**2 + old.squares + new.squares
    return Difference(
        old_bytes=old.median_bytes,
        new_bytes=new.median_bytes,
        deviation_bytes=math.sqrt(squares / freedom),
        freedom=freedom,
        old_count=old.count,
        new_count=new.count,
    )


def _variance_share(count: int) -> float:
    return 1 / count if count <= 2 else math.pi / 2 / count


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How many repeats it would take to decide: of the new runs, and of the old ones."""

    new_count: int
    old_count: int


def repeats_to_decide(difference: Difference, threshold_bytes: int) -> Wanted | None:
    """Return how many repeats would decide, if difference and spread came out the same again.

    More of the new ones are tried first, then as many of both. None where not even
    MOST_REPEATS_ADVISED of both would do, because the difference is as large as the threshold.
    """
    old, new = difference.old_count, difference.new_count
    counts = range(new + 1, MOST_REPEATS_ADVISED + 1)
    for old_counts in ([old] * len(counts), [max(old, count) for count in counts]):
        sizes = [*zip(old_counts, counts, strict=True)]
        # The more repeats, the smaller the error: from the first that decide on, all do.
        at = bisect.bisect_left(
            sizes,
            True,
            key=lambda size: (
                difference.with_counts(*size).standing(threshold_bytes) is not Standing.OPEN
            ),
        )
        if at < len(sizes):
            return Wanted(old_count=sizes[at][0], new_count=sizes[at][1])
    return None
