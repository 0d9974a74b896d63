"""What grew, in whole sentences for a finding."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from harness.core.attribution import Attribution, InputChange, SiteChange
from harness.core.profile import Moment
from harness.core.sites import SiteRow, SiteTable
from harness.core.units import format_bytes

_MOST_NAMED: Final = 3
_MOST_GONE: Final = 2
_LEAST_BYTES: Final = 64 * 1024
# What has less of the growth than this is not worth a word.
_LEAST_SHARE: Final = 0.1
# A line that can have held no more than this share of what it holds now is new.
_NOTHING: Final = 0.05
_SOURCE_CHARACTERS: Final = 60


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """The resident peaks of the baseline and of now; `at_least`: the worker did not complete."""

    old_bytes: int
    new_bytes: int
    at_least: bool

    def __str__(self) -> str:
        """Return by how much it grew."""
        grown_bytes = self.new_bytes - self.old_bytes
        share = grown_bytes / max(1, self.old_bytes) * 100
        percent = f"{share:+.0f} %" if abs(share) >= 10 else f"{share:+.1f} %"
        return f"{'at least ' if self.at_least else ''}{_signed(grown_bytes)} ({percent})"


def what_grew(found: Attribution, holders: str, *, since: Since | None) -> tuple[str, ...]:
    """Return the sentences on what grew, and on what of it is not known.

    `holders` says what holds most, for where it cannot be said what grew. `since` are the resident
    peaks, where they are to be said.
    """
    return tuple(_sentences(found, holders, since))


def _sentences(found: Attribution, holders: str, since: Since | None) -> Iterator[str]:
    if since is not None:
        yield f"Since the baseline: {since}."
    if found.old_heap_bytes is not None and found.new_heap_bytes is not None:
        yield _on_sites(found, found.new_heap_bytes - found.old_heap_bytes)
    elif holders:
        yield holders
    if found.same_input:
        yield "The input is the same."
    elif found.input is not None:
        yield _on_input(found.input)
    yield from found.unknown


def _signed(size_bytes: int) -> str:
    return f"{'+' if size_bytes >= 0 else ''}{format_bytes(size_bytes)}"


def _on_sites(found: Attribution, heap_growth_bytes: int) -> str:
    counted = (
        f"by {found.profiler}'s count of the heap in a pass of its own "
        f"({_signed(heap_growth_bytes)} in all{_at_death(found)})"
    )
    named = _grown(found.sites)
    gone = _gone(found.sites, named)
    if not named:
        shrunk = f" ({', '.join(gone)})" if gone else ""
        return f"No line of the worker's code is known to hold more{shrunk}, {counted}."
    return f"What grew, {counted}: {', '.join((*map(_say_grown, named), *gone))}."


def _at_death(found: Attribution) -> str:
    return "; it is of its death, so at least" if found.moment is Moment.DEATH else ""


def _grown(sites: Sequence[SiteChange]) -> tuple[SiteChange, ...]:
    most_bytes = max((site.least_growth_bytes for site in sites), default=0)
    least_bytes = max(_LEAST_BYTES, most_bytes * _LEAST_SHARE)
    return tuple(site for site in sites if site.least_growth_bytes >= least_bytes)[:_MOST_NAMED]


def _say_grown(site: SiteChange) -> str:
    new_bytes = site.new_bytes or 0
    where = quoted(site.file, site.line, site.source, site.function)
    moved = f" at {site.was_at}" if site.was_at else ""
    if site.old_bytes is not None:
        grown_bytes = new_bytes - site.old_bytes
        return f"{_signed(grown_bytes)} at {where} (was {format_bytes(site.old_bytes)}{moved})"
    if site.old_most_bytes <= new_bytes * _NOTHING:
        return f"{_signed(new_bytes)} at {where} (new)"
    return (
        f"at least {_signed(site.least_growth_bytes)} at {where} (was at most "
        f"{format_bytes(site.old_most_bytes)})"
    )


def _gone(sites: Sequence[SiteChange], named: Sequence[SiteChange]) -> tuple[str, ...]:
    """Return the lines that are gone and held as much as is worth a word beside those named."""
    least_bytes = max(
        _LEAST_BYTES, named[0].least_growth_bytes * _LEAST_SHARE if named else _LEAST_BYTES
    )
    gone = [
        (site.old_bytes, site)
        for site in sites
        if site.new_bytes is None
        and site.old_bytes is not None
        and site.old_bytes - site.new_most_bytes >= least_bytes
    ]
    gone.sort(key=lambda item: -item[0])
    return tuple(_say_gone(size_bytes, site) for size_bytes, site in gone[:_MOST_GONE])


def _say_gone(old_bytes: int, site: SiteChange) -> str:
    where = quoted(site.file, site.line, site.source, site.function)
    if site.new_most_bytes <= old_bytes * _NOTHING:
        return f"{_signed(-old_bytes)} at {where} (gone)"
    return (
        f"at least {_signed(site.new_most_bytes - old_bytes)} at {where} (is at most "
        f"{format_bytes(site.new_most_bytes)})"
    )


def quoted(file: str, line: int, source: str, function: str) -> str:
    """Return a place as it stands in a sentence: file, line and the text there, as code."""
    name = file.rpartition("/")[2]
    place = f"{name}:{line}" if line else name
    said = f"{place} {source or function}".strip()
    if len(said) > len(name) + _SOURCE_CHARACTERS:
        said = f"{said[: len(name) + _SOURCE_CHARACTERS]}..."
    return "`" + said.replace("`", "'") + "`"


def _on_input(change: InputChange) -> str:
    as_objects = f"as objects of {change.parser}"
    if not change.path:
        grown_bytes = change.new_total_bytes - change.old_total_bytes
        return (
            f"Input: another one, and no part of it is much larger ({_signed(grown_bytes)} in all, "
            f"{as_objects})."
        )
    path = "`" + change.path.replace("`", "'") + "`"
    if change.old_bytes is None:
        least_bytes = change.new_bytes - change.old_most_bytes
        is_new = change.old_most_bytes <= change.new_bytes * _NOTHING
        grown = f"{path} is new" if is_new else f"{path} is larger"
        at_least = "" if is_new else "at least "
        return f"Input: {grown} ({at_least}{_signed(least_bytes)} {as_objects})."
    times = change.new_bytes / max(1, change.old_bytes)
    return (
        f"Input: {path} {times:.1f} x larger ({_signed(change.new_bytes - change.old_bytes)} "
        f"{as_objects})."
    )


def hold_most(table: SiteTable | None) -> str:
    """Return the sentence on which lines hold most now; nothing where there is no table."""
    rows = sorted(table.rows, key=lambda row: -row.bytes)[:_MOST_NAMED] if table else []
    rows = [row for row in rows if row.share >= _LEAST_SHARE]
    if table is None or not rows:
        return ""
    return (
        f"It holds most, by {table.profiler}'s count of the heap in a pass of its own, at "
        f"{', '.join(map(_say_held, rows))}."
    )


def _say_held(row: SiteRow) -> str:
    where = quoted(row.file, row.line, row.source, row.function)
    return f"{where}: {format_bytes(row.bytes)} ({row.share:.0%})"
