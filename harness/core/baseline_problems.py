"""What cannot be so in a baseline, though it has the form of one: it was edited by hand."""

from collections.abc import Iterable

from harness.core.baseline import Baseline, BaselineEntry
from harness.core.spread import median_of


def problems_of(baseline: Baseline) -> Iterable[str]:
    """Yield what no report can have made of a baseline, each with the key."""
    seen: set[str] = set()
    for index, entry in enumerate(baseline.entries):
        where = f"entries[{index}]"
        if entry.case in seen:
            yield f'{where}.case: "{entry.case}" is there twice'
        seen.add(entry.case)
        yield from (f"{where}.{problem}" for problem in entry_problems(entry))


def entry_problems(entry: BaselineEntry) -> Iterable[str]:
    """Yield what cannot be so in one entry, each with the key."""
    if entry.runs < 1:
        yield f"runs: {entry.runs} runs cannot have been accepted"
    lists = {
        "peaks_bytes": entry.peaks_bytes,
        "peak_uppers_bytes": entry.peak_uppers_bytes,
        "caches_bytes": entry.caches_bytes,
    }
    sizes = {
        "peak_bytes": (entry.peak_bytes,),
        "snapshot_bytes": (entry.snapshot_bytes,),
        "memory_limit_bytes": (entry.memory_limit_bytes or 0,),
        **lists,
    }
    for key, values in sizes.items():
        yield from (f"{key}: {size} is less than nothing" for size in values if size < 0)
    for key, values in lists.items():
        # What has only some of them, or some of the lists, can be held against nothing.
        if values and (len(values) != entry.runs or not entry.peaks_bytes):
            peaks = f"{len(entry.peaks_bytes)} peaks of {entry.runs} runs"
            yield f"{key}: {len(values)} sizes for {peaks}"
    upper_bytes = entry.peak_upper_bytes
    if upper_bytes is not None and upper_bytes < entry.peak_bytes:
        yield f"peak_upper_bytes: {upper_bytes} is less than peak_bytes, whose upper end it is"
    for key, stated_bytes, of in (
        ("peak_bytes", entry.peak_bytes, "peaks_bytes"),
        ("peak_upper_bytes", upper_bytes, "peak_uppers_bytes"),
    ):
        if lists[of] and median_of(lists[of]) != stated_bytes:
            yield f"{key}: {stated_bytes} is not the median of {of}, {median_of(lists[of])}"
