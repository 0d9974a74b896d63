"""What the page shows, ready to be set: texts, shares and shapes, with nothing left to decide.

Every text may come from outside (keys, paths, commands, output). The templates escape all of them;
here they are only made harmless to read: on one line, and of bounded length.
"""

from typing import Final

import msgspec

from harness.reporters.html.shapes import Sketch

LONGEST: Final = 2_000


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A name with its value."""

    name: str
    value: str


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A peak against its limit, all in percent of the bar's width.

    Attributes:
        percent: of the peak.
        upper_percent: of the upper end of its interval, page cache included; not below `percent`.
        limit_percent: where the limit is; None where there is none, or it is far above.

    """

    percent: float
    upper_percent: float
    limit_percent: float | None = None


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: a case with all runs of one pass.

    Attributes:
        key: names its details in the page.
        standing: ``ok``, ``failed`` or ``open``.
        peak: for people; `peak_bytes` is what is sorted by, -1 where it is not known.
        count: of its runs; the numbers shown are of the worst of them.
        is_profiled: it was run with a heap profiler, against no limit and for no verdict.

    """

    key: str
    number: int
    standing: str
    worker: str
    snapshot: str
    snapshot_bytes: int
    limit: str
    limit_bytes: int
    peak: str
    peak_bytes: int
    share: str
    share_percent: int
    bar: Bar | None
    time: str
    seconds: float
    ending: str
    count: int
    is_profiled: bool


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A finding: where it belongs to, what was found, and what to do next."""

    text: str
    step: str = ""
    where: str = ""
    key: str = ""


class NoteGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of one weight: `kind` is ``failure``, ``no_verdict`` or ``note``."""

    title: str
    kind: str
    notes: tuple[Note, ...]


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A drawing: a whole SVG by matplotlib, or the sketch of one; `title` says what it shows."""

    title: str
    svg: str = ""
    sketch: Sketch | None = None


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of code with what was allocated there."""

    at: str
    source: str
    size: str
    bytes: int
    percent: float
    count: str
    stack: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a sum: drawn from `from_percent` on, `percent` wide."""

    name: str
    size: str
    from_percent: float
    percent: float
    kind: str = "part"


class ProfileView(msgspec.Struct, frozen=True, kw_only=True):
    """A heap profile: what it is of, its lines, and the number of its flame graph.

    Attributes:
        flame: index of its graph among the page's; None where it is left out, for `flame_reason`.
        heap: what was requested beside what was resident, a part at a time.

    """

    title: str
    words: tuple[str, ...]
    sites: tuple[SiteView, ...]
    flame: int | None = None
    flame_reason: str = ""
    heap: tuple[Part, ...] = ()
    heap_words: tuple[str, ...] = ()


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the JSON with what is below it; sizes as a full parse holds them."""

    label: str
    size: str
    percent: float
    own_size: str = ""
    count: str = ""
    why: str = ""
    is_open: bool = False
    children: tuple["Branch", ...] = ()


class XRayView(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot's JSON costs, as a tree."""

    title: str
    words: tuple[str, ...]
    root: Branch


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """The details of one line of the table."""

    row: CaseRow
    name: str
    plot: Plot | None
    facts: tuple[Fact, ...]
    parts: tuple[Part, ...] = ()
    repeats: tuple[tuple[str, ...], ...] = ()
    notes: tuple[Note, ...] = ()
    said: tuple[str, ...] = ()
    profile: ProfileView | None = None
    is_open: bool = False


class LawView(msgspec.Struct, frozen=True, kw_only=True):
    """How one worker's peak grows with the size of the snapshot, and what fits."""

    sentence: str
    fits: tuple[str, ...]
    plot: Plot | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One case beside the baseline's; `kind` is a `harness.core.comparison.Outcome`."""

    case: str
    kind: str
    word: str
    before: str
    now: str
    difference: str
    confidence: str
    told: str = ""
    key: str = ""


class SiteGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """A line of code before and now; `kind` is ``grown``, ``shrunk`` or ``same``."""

    at: str
    source: str
    was_at: str
    before: str
    now: str
    difference: str
    kind: str


class GrowthView(msgspec.Struct, frozen=True, kw_only=True):
    """What grew in one case, with the number of its differential flame graph."""

    case: str
    key: str
    words: tuple[str, ...]
    sites: tuple[SiteGrowth, ...]
    flame: int | None = None
    flame_reason: str = ""


class ChangesView(msgspec.Struct, frozen=True, kw_only=True):
    """What is otherwise than in the baseline; `remarks` say what keeps one from comparing."""

    sentence: str
    remarks: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    grown: tuple[GrowthView, ...] = ()


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A titled block: sentences, or with `is_code` lines that keep their form."""

    title: str
    lines: tuple[str, ...]
    is_code: bool = False


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page; what is empty is not shown.

    Attributes:
        verdict: in a word or two; `standing` is its colour: ``ok``, ``failed`` or ``open``.
        blocks: of an answer: what happened, in the order in which one reads it.
        flames: the data of the flame graphs, which the script draws when they are opened.

    """

    title: str
    verdict: str
    standing: str
    sentence: str
    meta: tuple[str, ...]
    blocks: tuple[Block, ...] = ()
    notes: tuple[NoteGroup, ...] = ()
    rows: tuple[CaseRow, ...] = ()
    cases: tuple[CaseView, ...] = ()
    changes: ChangesView | None = None
    laws: tuple[LawView, ...] = ()
    growth: tuple[str, ...] = ()
    profiles: tuple[ProfileView, ...] = ()
    xrays: tuple[XRayView, ...] = ()
    machine: tuple[Fact, ...] = ()
    version: str = ""
    flames: tuple[dict[str, object], ...] = ()
