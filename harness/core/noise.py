"""How far two peaks can be apart and still be the same."""

from typing import Final

# Relative spread of a peak over repeats of the same case, measured on each sandbox.
NOISE: Final = {"cgroup": 0.001, "docker": 0.005, "process": 0.03, "fake": 0.0}
# Charges are batched by 64 pages on each processor, so no counter is finer than this.
NOISE_FLOOR_BYTES: Final = 512 * 1024


def noise_floor_bytes(sandbox: str, peak_bytes: int) -> int:
    """Return the difference in bytes below which two peaks are the same."""
    return max(NOISE_FLOOR_BYTES, int(peak_bytes * NOISE.get(sandbox, 0.03)))
