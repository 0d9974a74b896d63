"""What plots show, before anything is drawn: memory over time, and peaks over sizes."""

import enum

import msgspec


class MarkKind(enum.StrEnum):
    """What a mark on a timeline says."""

    PEAK = "peak"
    LIMIT = "limit"
    KILLED = "killed"
    ENDED = "ended"
    PROFILE = "profile"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened: when, with how much memory, and what to call it."""

    kind: MarkKind
    at_s: float
    mib: float
    text: str


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one run over time; `read` is the share of the snapshot read, where known."""

    at_s: tuple[float, ...]
    mib: tuple[float, ...]
    read: tuple[float | None, ...] = ()


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of a case over time.

    Attributes:
        curves: the run that the marks are of comes first, its repeats follow.
        limit_mib: None where there is none.
        openings_s: when each of several snapshots but the first was opened.

    """

    curves: tuple[Curve, ...]
    limit_mib: float | None = None
    limit: str = ""
    marks: tuple[Mark, ...] = ()
    openings_s: tuple[float, ...] = ()

    @property
    def end_s(self) -> float:
        """When the longest of them ended, and never zero."""
        return max(0.001, *(curve.at_s[-1] for curve in self.curves))


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, and the largest snapshot that fits it; `largest_mb` is None if not known."""

    limit: str
    limit_mib: float
    largest_mb: float | None = None
    text: str = ""


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """The peaks of one worker over the sizes of its snapshots, in MB and MiB.

    Attributes:
        points: of runs that completed.
        killed: of runs that did not: they needed more than this.
        base_mib: of the line, and `mib_per_mb` its slope; None where there is no line.

    """

    points: tuple[tuple[float, float], ...]
    killed: tuple[tuple[float, float], ...] = ()
    base_mib: float | None = None
    mib_per_mb: float | None = None
    fits: tuple[Fit, ...] = ()


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """A timeline as SVG's own lines in a box of 600 x 120, for pages with very many of them."""

    lines: tuple[str, ...]
    read: str = ""
    limit_y: float | None = None
    marks: tuple[tuple[str, float, float, str], ...] = ()
    top: str = ""
    end: str = ""
