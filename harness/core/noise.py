"""How far two peaks can be apart and still be the same."""

from typing import Final

# Relative spread of a peak over repeats of the same case, measured on each sandbox.
NOISE: Final = {"cgroup": 0.001, "docker": 0.005, "process": 0.03, "fake": 0.0}
# Charges are batched by 64 pages on each processor, so no counter is finer than this.
NOISE_FLOOR_BYTES: Final = 512 * 1024


# Two runs of one worker differ by more: what libraries, parser and collector take is not the same
# each time. docs/measurement.md has the figures.
GROWTH_NOISE: Final = 0.005
GROWTH_FLOOR_BYTES: Final = 1024 * 1024

# The standard deviation that a case is taken to have before its own repeats are seen. It is worth
# one degree of freedom, the least there is, because some cases spread fifty times as much.
PRIOR_FREEDOM: Final = 1
_PRIOR_DEVIATION: Final = {"cgroup": 0.001, "docker": 0.001, "fake": 0.001}
_PRIOR_POLLED: Final = 0.006
_PRIOR_BYTES: Final = 128 * 1024
# No worker was seen to spread by more than this, not even one of Node.js.
_MOST_SPREAD: Final = 1 / 3
_MOST_SPREAD_BYTES: Final = 4 * 2**20


def noise_floor_bytes(sandbox: str, peak_bytes: int) -> int:
    """Return the difference in bytes below which two peaks are the same."""
    return max(NOISE_FLOOR_BYTES, int(peak_bytes * NOISE.get(sandbox, 0.03)))


def growth_floor_bytes(sandbox: str, peak_bytes: int) -> int:
    """Return the difference in bytes that a run has to an earlier one without having grown."""
    share = max(GROWTH_NOISE, NOISE.get(sandbox, 0.03))
    return max(GROWTH_FLOOR_BYTES, int(peak_bytes * share))


def prior_deviation_bytes(sandbox: str, peak_bytes: int) -> int:
    """Return the standard deviation of a peak, in bytes, before its own repeats are known."""
    return max(_PRIOR_BYTES, int(peak_bytes * _PRIOR_DEVIATION.get(sandbox, _PRIOR_POLLED)))


def most_spread_bytes(peak_bytes: int) -> int:
    """Return the difference in bytes that is no spread any more, whatever else is not known."""
    return max(_MOST_SPREAD_BYTES, int(peak_bytes * _MOST_SPREAD))
