"""What was measured of a test: for people where it fails, for machines always."""

import dataclasses
import linecache
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from harness.core.profile import Profile, Site, sites_by_line
from harness.core.quantity import Size
from harness.core.run import Run
from harness.core.units import format_bytes
from harness.reporters.plain import one_line
from harness.reporters.words import ENDINGS

PREFIX: Final = "oomproof."
_SOURCE_LENGTH: Final = 60
_TOP_SITES: Final = 5
_PLUGIN: Final = str(Path(__file__).parent)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """One run of a test or of a replayed command.

    Attributes:
        base_bytes: what pytest itself held before the test; None where it was not seen.
        top_bytes: the largest sample from there on; that of the run may be of pytest's own start.
        budget: what the test may add to that.
        report: the folder, as people would type it.
        sites: what held most, the largest first; `sites_of` says what they are of, and
            `rest_bytes` were held by others, such as pytest itself.
        no_sites: why nobody is named.
        of_test: pytest ran in the sandbox, so what the interpreter holds is no concern of the test.

    """

    run: Run
    report: str
    base_bytes: int | None = None
    top_bytes: int | None = None
    budget: Size | None = None
    sites: tuple[Site, ...] = ()
    sites_of: str = ""
    no_sites: str = ""
    rest_bytes: int = 0
    of_test: bool = False

    @property
    def added_bytes(self) -> int | None:
        """What the test added to pytest's own memory, at its peak, as far as samples show it."""
        return self._above_base(self.top_bytes)

    @property
    def added_upper_bytes(self) -> int | None:
        """What it can have added at most, by the kernel's counter, page cache included."""
        return self._above_base(self.run.peak_upper_bytes)

    def _above_base(self, size_bytes: int | None) -> int | None:
        if size_bytes is None or self.base_bytes is None:
            return None
        return max(0, size_bytes - self.base_bytes)

    def lines(self) -> Iterator[str]:
        """Yield what people should know, line by line."""
        run = self.run
        yield f"ending: {ENDINGS[run.ending]} ({one_line(run.reason)})"
        yield f"peak:   {self._peak()} of {run.case.memory_limit_label}, {run.sandbox} sandbox"
        if self.sites_of:
            yield f"what held most ({self.sites_of}):"
            yield from (_site(site) for site in self.sites)
            yield f"{format_bytes(self.rest_bytes):>10}  all others"
        elif self.no_sites:
            yield one_line(self.no_sites)
        yield f"report: {self.report}"

    def _peak(self) -> str:
        run = self.run
        if run.peak_bytes is None:
            return "unknown"
        bound = "at least " if run.peak_is_lower_bound else ""
        about = "about " if run.approximate else ""
        peak = f"{bound}{about}{format_bytes(run.peak_bytes)}"
        if self.base_bytes is None or self.added_bytes is None:
            return peak
        added = f"{bound}{format_bytes(self.added_bytes)}"
        return f"{peak} ({added} above pytest's own {format_bytes(self.base_bytes)})"


def with_profile(explanation: Explanation, profile: Profile | None, why: str) -> Explanation:
    """Return an explanation that names who held the memory, by a profile; else why it cannot."""
    if profile is None:
        return dataclasses.replace(explanation, no_sites=why)
    sites = _top_sites(profile, of_test=explanation.of_test)
    return dataclasses.replace(
        explanation,
        sites=sites,
        sites_of=f"{profile.profiler}, at its {str(profile.moment).replace('_', ' ')}",
        rest_bytes=profile.total_bytes - sum(site.bytes for site in sites),
    )


def _top_sites(profile: Profile, *, of_test: bool) -> tuple[Site, ...]:
    """Return the lines that hold most; what pytest holds for itself is no test's."""
    sites = profile.sites
    if of_test:
        outside = (_without_plugin(site) for site in sites)
        sites = tuple(site for site in outside if any(frame.is_own for frame in site.stack))
    return sites_by_line(sites)[:_TOP_SITES]


def _without_plugin(site: Site) -> Site:
    stack = tuple(frame for frame in site.stack if not frame.file.startswith(_PLUGIN))
    return msgspec.structs.replace(site, stack=stack)


def _site(site: Site) -> str:
    frame = site.line
    size = f"{format_bytes(site.bytes):>10}"
    if frame is None:
        return f"{size}  somewhere"
    source = linecache.getline(frame.file, frame.line).strip()[:_SOURCE_LENGTH]
    return one_line(f"{size}  {frame.file}:{frame.line} {frame.function}  {source}").rstrip()


def numbers_of(
    explanation: Explanation, *, prefix: str = PREFIX
) -> tuple[tuple[str, str | int | float], ...]:
    """Return what is known of a run, by names for machines; what is not known has none."""
    run = explanation.run
    numbers: dict[str, str | int | float | None] = {
        "ending": str(run.ending or "none"),
        "peak_bytes": run.peak_bytes,
        "peak_upper_bytes": run.peak_upper_bytes,
        "peak_is_lower_bound": "true" if run.peak_is_lower_bound else "false",
        "approximate": "true" if run.approximate else "false",
        "base_bytes": explanation.base_bytes,
        "added_bytes": explanation.added_bytes,
        "added_upper_bytes": explanation.added_upper_bytes,
        "budget_bytes": explanation.budget.bytes if explanation.budget else None,
        "memory_limit_bytes": run.case.memory_limit_bytes,
        "wall_seconds": round(run.wall_seconds, 3),
        "sandbox": run.sandbox,
        "report": explanation.report,
    }
    return tuple((prefix + name, one) for name, one in numbers.items() if one is not None)
