"""The table of cases and the details of each: runs put together by case and pass."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from harness.core.ending import Ending
from harness.core.finding import Finding
from harness.core.peaks import Parts
from harness.core.run import Purpose, Run
from harness.core.units import format_bytes, format_megabytes, format_seconds
from harness.reporters.html.model import (
    Bar,
    CaseRow,
    CaseView,
    Fact,
    Note,
    Part,
    Plot,
    ProfileView,
)
from harness.reporters.html.texts import clip, percent
from harness.reporters.plain import last_lines
from harness.reporters.words import (
    ENDINGS,
    Standing,
    describe_ending,
    describe_enforced,
    describe_limit,
    describe_pass,
    describe_peak,
    describe_share,
    describe_workers,
    limit_bytes_of,
    standing_of,
)

STANDINGS: Final = {
    Standing.AS_ASKED: "ok",
    Standing.FAILED: "failed",
    Standing.UNDECIDED: "open",
}
_WORST_FIRST: Final = {Standing.FAILED: 0, Standing.UNDECIDED: 1, Standing.AS_ASKED: 2}
_SAID_LINES: Final = 20
_SAID_CHARACTERS: Final = 400
# Of a bar: beyond this share of the limit nothing is drawn, so that the limit stays in sight.
_WIDEST: Final = 1.25


class CaseRuns:
    """The runs of one case in one pass, the findings on them, and how they stand."""

    def __init__(
        self, key: str, runs: Sequence[Run], findings: Sequence[Finding], *, is_judged: bool
    ) -> None:
        """Put together `runs`, of which there is one at least; `findings` are those on them.

        Where nothing was asked of them (not `is_judged`), they stand as they ended.
        """
        self.key = key
        self.runs = runs
        self.findings = findings
        self._is_judged = is_judged
        self.standings = {
            run.number: standing_of(run, findings) if is_judged else _standing_alone(run)
            for run in runs
        }
        self.worst = min(runs, key=self._badness)

    def _badness(self, run: Run) -> tuple[int, int, int]:
        standing = _WORST_FIRST[self.standings[run.number]]
        return standing, -(run.peak_bytes or 0), run.number

    @property
    def standing(self) -> Standing:
        """How the worst of them stands."""
        return self.standings[self.worst.number]

    def ending_of(self, run: Run) -> str:
        """Return how a run ended, and whether that was expected where anything was."""
        return describe_ending(run, self.findings) if self._is_judged else ENDINGS[run.ending]

    @property
    def weight(self) -> tuple[int, int, int]:
        """What puts cases in order of how much they matter: the worst first."""
        return self._badness(self.worst)


def _standing_alone(run: Run) -> Standing:
    if run.ending is None or run.ending is Ending.KILLED_FROM_OUTSIDE:
        return Standing.UNDECIDED
    return Standing.AS_ASKED if run.completed else Standing.FAILED


def group_runs(
    runs: Iterable[Run], findings: Iterable[Finding], *, is_judged: bool = True
) -> tuple[CaseRuns, ...]:
    """Return the runs by case and pass, in the order of the first of each; see `CaseRuns`."""
    groups: dict[tuple[str, Purpose], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.case.name, run.purpose].append(run)
    on_run: dict[int | None, list[Finding]] = defaultdict(list)
    for finding in findings:
        on_run[finding.run].append(finding)
    return tuple(
        CaseRuns(
            f"case-{number}",
            of_case,
            [finding for run in of_case for finding in on_run.get(run.number, ())],
            is_judged=is_judged,
        )
        for number, of_case in enumerate(groups.values(), start=1)
    )


def rows_of(groups: Sequence[CaseRuns]) -> tuple[CaseRow, ...]:
    """Return a line of the table for each group."""
    # Which repeat was the worst is of no interest where all of them are one line.
    runs = [replace(group.worst, repeat=1) for group in groups]
    names = describe_workers(runs)
    return tuple(_row(group, name) for group, name in zip(groups, names, strict=True))


def _row(group: CaseRuns, name: str) -> CaseRow:
    run = group.worst
    case = run.case
    share = describe_share(run)
    limit_bytes = limit_bytes_of(run)
    return CaseRow(
        key=group.key,
        number=run.number,
        standing=STANDINGS[group.standing],
        worker=clip(name, 200),
        snapshot=clip(case.snapshot_label, 200),
        snapshot_bytes=case.input_bytes,
        limit=clip(describe_limit(run), 200),
        limit_bytes=-1 if limit_bytes is None else limit_bytes,
        peak=describe_peak(run),
        peak_bytes=-1 if run.peak_bytes is None else run.peak_bytes,
        share=share,
        share_percent=int(share.removesuffix("%") or -1),
        bar=_bar(run),
        time=format_seconds(run.wall_seconds),
        seconds=run.wall_seconds,
        ending=group.ending_of(run),
        count=len(group.runs),
        is_profiled=run.purpose is Purpose.PROFILE,
    )


def _bar(run: Run) -> Bar | None:
    limit_bytes, peak_bytes = limit_bytes_of(run), run.peak_bytes
    if peak_bytes is None or not limit_bytes:
        return None
    whole = limit_bytes * _WIDEST
    upper_bytes = max(peak_bytes, run.peak_upper_bytes or 0)
    return Bar(
        percent=percent(peak_bytes, whole),
        upper_percent=percent(upper_bytes, whole),
        limit_percent=percent(limit_bytes, whole),
    )


def facts_of(group: CaseRuns) -> tuple[Fact, ...]:
    """Return what is known of the worst run of a case."""
    run = group.worst
    upper = run.peak_upper_bytes
    known = {
        "Ended": f"{group.ending_of(run)}: {run.reason}" if run.reason else "",
        "Peak": ""
        if run.peak_bytes is None
        else f"{describe_peak(run)} MiB of unreclaimable"
        " memory" + (", a lower bound" if run.peak_is_lower_bound else ""),
        "With page cache": ""
        if upper is None
        else f"{format_bytes(upper)} at most, by the kernel's high-water counter",
        "Limit": _limit(run),
        "Snapshot": f"{run.case.snapshot_label}, {format_megabytes(run.case.input_bytes)}",
        "Settings": ", ".join(f"{key} = {value}" for key, value in run.case.settings.items()),
        "Time": format_seconds(run.wall_seconds),
        "Exit": _exit(run),
        "Sandbox": f"{run.sandbox}{', approximate' if run.approximate else ''}",
        "Samples": f"{run.sample_count:,}" if run.sample_count else "",
        "Read back": ", ".join(f"{key} = {value}" for key, value in run.limits.items()),
    }
    return tuple(Fact(name=name, value=clip(value)) for name, value in known.items() if value)


def _limit(run: Run) -> str:
    said = describe_enforced(run) + ("" if run.case.memory_limit_bytes is None else " MiB")
    if run.purpose is not Purpose.PROFILE:
        return said
    said += " in the sandbox, most of the machine's memory, for a profiler needs some"
    if run.ending is Ending.OOM_KILLED:
        said += "; the harness ended it where the worker was over the case's own limit"
    return said


def _exit(run: Run) -> str:
    words = [] if run.exit_code is None else [f"code {run.exit_code}"]
    words += [] if run.signal is None else [f"signal {run.signal}"]
    kills = "kill" if run.oom_kills == 1 else "kills"
    words += [f"{run.oom_kills} OOM {kills}"] if run.oom_kills else []
    return ", ".join(words)


def parts_of(parts: Parts | None) -> tuple[Part, ...]:
    """Return what a peak was made of, one after the other; page cache is no part of it."""
    if parts is None:
        return ()
    sizes = {
        "anonymous": parts.anon_bytes,
        "shared": parts.shmem_bytes,
        "kernel": parts.kernel_bytes,
    }
    return stacked(sizes, sum(sizes.values()))


def stacked(sizes: dict[str, int], whole_bytes: int) -> tuple[Part, ...]:
    """Return sizes as parts of a whole, each beginning where the one before it ends."""
    parts: list[Part] = []
    at = 0.0
    for name, size_bytes in sizes.items():
        width = percent(size_bytes, whole_bytes)
        if size_bytes:
            parts.append(
                Part(name=name, size=format_bytes(size_bytes), from_percent=at, percent=width)
            )
        at = min(100.0, at + width)
    return tuple(parts)


def repeats_of(group: CaseRuns) -> tuple[tuple[str, ...], ...]:
    """Return number, ending, peak and time of each repeat; of a single run none."""
    if len(group.runs) == 1:
        return ()
    return tuple(
        (
            str(run.number),
            group.ending_of(run),
            describe_peak(run),
            format_seconds(run.wall_seconds),
        )
        for run in group.runs
    )


def notes_on(group: CaseRuns) -> tuple[Note, ...]:
    """Return the findings and the notes on the runs of a case, each once."""
    found = [Note(text=clip(one.message), step=clip(one.next_step)) for one in group.findings]
    texts = dict.fromkeys(clip(note) for run in group.runs for note in run.notes)
    return (*found, *(Note(text=text) for text in texts))


def said_by(group: CaseRuns) -> tuple[str, ...]:
    """Return the end of the error stream of a run that did not do what was asked."""
    run = group.worst
    if group.standing is Standing.AS_ASKED and run.ending in {Ending.COMPLETED, Ending.OOM_KILLED}:
        return ()
    lines = last_lines(run.output.stderr_tail, lines=_SAID_LINES)
    return tuple(clip(line, _SAID_CHARACTERS) for line in lines)


def title_of(group: CaseRuns) -> str:
    """Return what a case is called above its details."""
    run = group.worst
    return clip(f"{run.case.name}{describe_pass(run) if len(group.runs) == 1 else ''}", 400)


def view_of(  # noqa: PLR0913  (a view joins what is known of a case)
    group: CaseRuns,
    row: CaseRow,
    *,
    plot: Plot | None,
    profile: ProfileView | None = None,
    is_heard: bool,
    is_open: bool,
) -> CaseView:
    """Return the details of a case below its `row`; `is_heard` shows its last words."""
    return CaseView(
        row=row,
        name=title_of(group),
        plot=plot,
        facts=facts_of(group),
        parts=parts_of(group.worst.peaks),
        repeats=repeats_of(group),
        notes=notes_on(group),
        said=said_by(group) if is_heard else (),
        profile=profile,
        is_open=is_open,
    )
