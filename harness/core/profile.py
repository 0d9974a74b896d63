"""A heap profile: what held how much, by the stack that allocated it, whichever profiler saw it."""

import enum
import re
from collections.abc import Iterable
from typing import Final

import msgspec

SCHEMA: Final = 1
# Where code lies that is not the user's own: the standard library, installed packages, Node's.
_FOREIGN: Final = re.compile(
    r"(^|/)(site-packages|dist-packages|node_modules)/|/lib(64)?/python\d+\.\d+/|^<|^node:|^$"
)

# A program that installers put there: it only calls what it is named after.
_ENTRY: Final = re.compile(r"(^|/)(s?bin|Scripts)/[^/.]+$")
_PACKAGE: Final = re.compile(r"(?:^|/)(?:site-packages|dist-packages)/([^/]+)")
# Code that was given on the command line.
_GIVEN: Final = frozenset({"<string>", "<stdin>"})


class Frame(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A place in the code: `line` counts from 1; 0 where it is not known."""

    function: str
    file: str
    line: int

    @property
    def is_own(self) -> bool:
        """Whether the file is the user's own, not the standard library's nor a package's."""
        return _FOREIGN.search(self.file) is None

    @property
    def package(self) -> str:
        """The installed package that the file belongs to; empty where it belongs to none."""
        found = _PACKAGE.search(self.file)
        return found[1] if found else ""

    def __str__(self) -> str:
        """Return the place as people write it; a profiler may not know the function."""
        where = f"{self.file}:{self.line}"
        return f"{self.function} ({where})" if self.function else where


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """An allocation site: `count` blocks of `bytes` together, allocated from `stack`.

    `stack` begins with the innermost frame: the one that allocated.
    """

    stack: tuple[Frame, ...]
    bytes: int
    count: int

    @property
    def line(self) -> Frame | None:
        """The innermost line of the user's own code; else the innermost of all."""
        return own_frame(self.stack)


class Profiler(enum.StrEnum):
    """Who saw the allocations."""

    MEMRAY = "memray"
    TRACEMALLOC = "tracemalloc"
    V8 = "v8"


class Moment(enum.StrEnum):
    """What time a profile is of: `HIGH_WATER` of the heap, or `DEATH`, of what was alive then."""

    HIGH_WATER = "high_water"
    DEATH = "death"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass of one profiler saw.

    Attributes:
        schema: of this document; loaders refuse one they do not know.
        profiler: who saw it, and `version` of what.
        moment: what time it is of.
        total_bytes: requested and not yet freed at that moment, in bytes: all sites together, those
            left out included.
        sites: the largest first.
        left_out: how many smaller sites are not listed; their bytes are in `total_bytes`.
        processes: how many processes were seen.
        resident_bytes: what these processes were resident with at that moment, mapped files
            included, as the profiler saw it; None where it does not say.
        base_bytes: the anonymous memory that their interpreters held before the profiler saw the
            first allocation; None where that is not known.
        capture_bytes: the size of the profiler's own files.
        is_cut: the capture ends before its worker did, because it had reached its cap.
        notes: what a reader should know, in whole sentences.

    """

    schema: int = SCHEMA
    profiler: Profiler
    version: str
    moment: Moment
    total_bytes: int
    sites: tuple[Site, ...]
    left_out: int = 0
    processes: int = 1
    resident_bytes: int | None = None
    base_bytes: int | None = None
    capture_bytes: int = 0
    is_cut: bool = False
    notes: tuple[str, ...] = ()


def own_frames(stack: Iterable[Frame]) -> tuple[Frame, ...]:
    """Return the frames of the user's own code in `stack`, innermost first; none of a library's.

    Where no file is the user's own, code that was given on the command line is, if it is what calls
    first. Else the worker is an installed package itself: the one that was called first.
    """
    frames = tuple(stack)
    own = tuple(frame for frame in frames if frame.is_own)
    called = tuple(frame for frame in own if not _ENTRY.search(frame.file))
    given = tuple(frame for frame in frames if frame.file in _GIVEN)
    if called or frames[-1:] == given[-1:]:
        return called or given
    package = next((frame.package for frame in reversed(frames) if frame.package), "")
    inside = tuple(frame for frame in frames if package and frame.package == package)
    return inside or given or own


def own_frame(stack: Iterable[Frame]) -> Frame | None:
    """Return the innermost frame of the user's own code in `stack`, innermost first.

    Where none is the user's own, the innermost of all is returned; None of an empty stack.
    """
    frames = tuple(stack)
    return next(iter((*own_frames(frames), *frames)), None)


def merge_sites(sites: Iterable[Site]) -> tuple[Site, ...]:
    """Return the sites with those of the same stack put together, the largest first."""
    merged: dict[tuple[Frame, ...], tuple[int, int]] = {}
    for site in sites:
        size_bytes, count = merged.get(site.stack, (0, 0))
        merged[site.stack] = (size_bytes + site.bytes, count + site.count)
    whole = [Site(stack=stack, bytes=size, count=n) for stack, (size, n) in merged.items()]
    return tuple(sorted(whole, key=lambda site: (-site.bytes, site.stack)))


def sites_by_line(sites: Iterable[Site]) -> tuple[Site, ...]:
    """Return the sites put together by the user's own line, the largest first.

    Each keeps the stack of its largest part.
    """
    groups: dict[Frame | None, list[Site]] = {}
    for site in sites:
        groups.setdefault(site.line, []).append(site)
    whole = [
        Site(
            stack=max(group, key=lambda site: site.bytes).stack,
            bytes=sum(site.bytes for site in group),
            count=sum(site.count for site in group),
        )
        for group in groups.values()
    ]
    return tuple(sorted(whole, key=lambda site: (-site.bytes, site.stack)))
