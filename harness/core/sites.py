"""What a case held by line of code, and what its input costs by JSON path: small enough to keep."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final

import msgspec

from harness.core.profile import Frame, Moment, Profile, Profiler, Site, own_frames, sites_by_line

MOST_ROWS: Final = 20
# A line that holds less of the whole says nothing of a peak.
_LEAST_SHARE: Final = 0.002
_MOST_CALLERS: Final = 8
_SOURCE_CHARACTERS: Final = 120
_NAME_CHARACTERS: Final = 200
# Steps of a path: a key in quotes, an element or any key, a plain key.
_STEP: Final = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[\*\]|\.\*|\.\w+')
# A long number, a hash, or a text.
_ID: Final = re.compile(r"\.(\w*\d{5}\w*|(?=[^\d]*\d)[0-9A-Fa-f_]{8,}|\w{41,})")
_NOWHERE: Final = Frame(function="", file="unknown", line=0)

Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class SiteRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the worker's own code with what was allocated below it.

    Attributes:
        function: empty where the profiler knows none.
        file: from the folder that oomproof was started in, where it lies there.
        line: from 1; 0 where it is not known.
        source: the text of the line, where the file is here.
        bytes: requested there and alive at the table's moment, as the profiler counts them.
        count: of blocks.
        share: of all that the profiler saw at that moment.
        callers: the worker's own functions that led to most of it, outermost first, such as
            ``main (worker.py)``; without lines, which move with every edit.

    """

    function: str
    file: str
    line: Count
    source: str = ""
    bytes: Count
    count: Count = 0
    share: Share = 0.0
    callers: tuple[str, ...] = ()


class SiteTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rows that hold most.

    Attributes:
        total_bytes: all that the profiler saw at that moment, what no row holds included.
        unlisted_bytes: the most that any one line which no row names can have held.
        is_cut: the capture ended before its worker did, so it may miss the moment.

    """

    profiler: Profiler
    version: str = ""
    moment: Moment
    total_bytes: Count
    unlisted_bytes: Count
    is_cut: bool = False
    rows: tuple[SiteRow, ...]


class PathRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The values at one path of the JSON: how many, and their predicted bytes with all below."""

    path: str
    count: Count
    bytes: Count


class PathTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the input costs as objects of a parser; it holds structure, and no value.

    Attributes:
        unlisted_bytes: the most that any one path which no row names can cost.

    """

    parser: str
    python: str
    total_bytes: Count
    unlisted_bytes: Count
    rows: tuple[PathRow, ...]


class AcceptedProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a baseline keeps of a case's profile.

    `peak_bytes` is the accepted peak when it was made, which may have been earlier than the entry.
    """

    peak_bytes: Count
    sites: SiteTable | None = None
    paths: PathTable | None = None


class CaseProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a profiled pass told of one case.

    Attributes:
        case: its name, under its own limit.
        run: the number of the profiled run; None where none came about.
        files: what is kept of the pass, from the report's folder.
        sites: None where `problems` say why there are none.
        paths: of its snapshots; None where they were not looked at, or cannot be.
        problems: in whole sentences.

    """

    case: str
    run: int | None = None
    files: tuple[str, ...] = ()
    sites: SiteTable | None = None
    paths: PathTable | None = None
    problems: tuple[str, ...] = ()


def site_table(
    profile: Profile, *, source_of: Callable[[Frame], str], shown: Callable[[str], str]
) -> SiteTable:
    """Return the lines of the worker's own code that hold most of a profile.

    `source_of` returns the text of a line, and `shown` the name that a file goes by.
    """
    least_bytes = profile.total_bytes * _LEAST_SHARE
    whole = sites_by_line(profile.sites)
    listed = [site for site in whole[:MOST_ROWS] if site.bytes >= least_bytes]
    rest_bytes = max(0, profile.total_bytes - sum(site.bytes for site in listed))
    smaller = whole[len(listed) :]
    next_bytes = smaller[0].bytes if smaller else 0
    return SiteTable(
        profiler=profile.profiler,
        version=profile.version,
        moment=profile.moment,
        total_bytes=profile.total_bytes,
        # Sites that the profile itself leaves out may all be of one line.
        unlisted_bytes=rest_bytes if profile.left_out else next_bytes,
        is_cut=profile.is_cut,
        rows=tuple(_row(site, profile.total_bytes, source_of, shown) for site in listed),
    )


def _row(
    site: Site,
    total_bytes: int,
    source_of: Callable[[Frame], str],
    shown: Callable[[str], str],
) -> SiteRow:
    line = site.line or _NOWHERE
    return SiteRow(
        function=line.function[:_NAME_CHARACTERS],
        file=shown(line.file)[-_NAME_CHARACTERS:],
        line=line.line,
        source=source_of(line).strip()[:_SOURCE_CHARACTERS],
        bytes=site.bytes,
        count=site.count,
        share=_share(site.bytes, total_bytes),
        callers=_callers(site, line),
    )


def _share(size_bytes: int, total_bytes: int) -> float:
    return min(1.0, round(size_bytes / max(1, total_bytes), 4))


def _callers(site: Site, line: Frame) -> tuple[str, ...]:
    """Return the worker's own functions that led to the largest part of a line."""
    frames = own_frames(site.stack)
    if line not in frames:
        return ()
    above = [_called(frame) for frame in reversed(frames[frames.index(line) + 1 :])]
    once = [name for index, name in enumerate(above) if index == 0 or above[index - 1] != name]
    return tuple(once[-_MOST_CALLERS:])


def _called(frame: Frame) -> str:
    file = frame.file.rpartition("/")[2]
    return f"{frame.function} ({file})"[:_NAME_CHARACTERS] if frame.function else file


def path_table(rows: Iterable[PathRow], *, parser: str, python: str, total_bytes: int) -> PathTable:
    """Return the paths that cost most of all `rows`; those of several snapshots are added up.

    A table is committed, so a key that looks like data is told of as any key: ``.*``.
    """
    added: dict[str, tuple[int, int]] = {}
    for row in rows:
        path = structural(row.path)
        count, size_bytes = added.get(path, (0, 0))
        added[path] = (count + row.count, size_bytes + row.bytes)
    # A path that is cut short would be another one.
    known = [(path, *sums) for path, sums in added.items() if len(path) <= _NAME_CHARACTERS]
    known.sort(key=lambda item: (-item[2], item[0]))
    least_bytes = max(1, int(total_bytes * _LEAST_SHARE))
    listed = [item for item in known[:MOST_ROWS] if item[2] >= least_bytes]
    rest = known[len(listed) :]
    is_whole = len(known) == len(added)
    return PathTable(
        parser=parser,
        python=python,
        total_bytes=total_bytes,
        unlisted_bytes=(rest[0][2] if rest else 0) if is_whole else total_bytes,
        rows=tuple(PathRow(path=path, count=n, bytes=size) for path, n, size in listed),
    )


def structural(path: str) -> str:
    """Return a path without the keys that may be data: those that are no names, or hold an id."""
    return _STEP.sub(lambda step: ".*" if _is_data(step[0]) else step[0], path)


def _is_data(step: str) -> bool:
    return step.startswith('["') or _ID.fullmatch(step) is not None


def shortened_sites(table: SiteTable, most: int) -> SiteTable:
    """Return a table with the `most` rows that hold most, in an order that diffs well."""
    ranked = sorted(table.rows, key=lambda row: -row.bytes)
    lost_bytes = max((row.bytes for row in ranked[most:]), default=0)
    return msgspec.structs.replace(
        table,
        unlisted_bytes=max(table.unlisted_bytes, lost_bytes),
        rows=tuple(sorted(ranked[:most], key=_place_of)),
    )


def _place_of(row: SiteRow) -> tuple[str, str, str, int]:
    return (row.file, row.function, row.source, row.line)


def shortened_paths(table: PathTable, most: int) -> PathTable:
    """Return a table with the `most` costliest paths, in an order that diffs well."""
    ranked: Sequence[PathRow] = sorted(table.rows, key=lambda row: -row.bytes)
    lost_bytes = max((row.bytes for row in ranked[most:]), default=0)
    return msgspec.structs.replace(
        table,
        unlisted_bytes=max(table.unlisted_bytes, lost_bytes),
        rows=tuple(sorted(ranked[:most], key=lambda row: row.path)),
    )
