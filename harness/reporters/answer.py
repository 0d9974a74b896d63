"""The answer of `reproduce` and `requirement` on one page: for a terminal, and as Markdown."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final, assert_never

import msgspec

from harness.core.answer import Against, Answer, JsonCosts, ProfileSummary
from harness.core.autopsy import StoppedAt
from harness.core.case import Snapshot
from harness.core.conditions import Conditions
from harness.core.encoding import indent_json
from harness.core.ending import Ending
from harness.core.profile import Moment, Profiler
from harness.core.reconcile import Reconciliation
from harness.core.requirement import Method, Requirement
from harness.core.run import Run
from harness.core.units import format_bytes, format_seconds
from harness.reporters.markdown import escape
from harness.reporters.plain import last_lines, one_line
from harness.reporters.words import describe_conditions

_LABEL_WIDTH: Final = 11
_STACK_LINES: Final = 8
_SITES: Final = 5
_PATHS: Final = 5
_LEAST_PATH_SHARE: Final = 0.01
_LEAST_SHARE: Final = 0.005
_SOURCE_CHARACTERS: Final = 70
_LAST_LINES: Final = 4
_WIDEST_WORDS: Final = 200
# Ways to end in which a worker may have said on its error stream why.
_TALKATIVE: Final = frozenset(
    {Ending.CRASHED, Ending.REFUSED, Ending.MEMORY_ERROR, Ending.TIMED_OUT}
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A label with its lines: sentences, or with `is_code` what is to keep its form."""

    label: str
    lines: tuple[str, ...]
    is_code: bool = False


def sections_of(answer: Answer) -> tuple[Section, ...]:
    """Return what an answer says, in the order in which one reads it."""
    return tuple(section for section in _sections(answer) if section.lines)


def _sections(answer: Answer) -> Iterator[Section]:
    yield Section(label="Ended", lines=(_ended(answer),))
    yield Section(label="It said", lines=tuple(_said(answer.runs)), is_code=True)
    yield Section(label="At limit", lines=tuple(_at_limit(answer)))
    yield Section(label="Stack", lines=tuple(_stack(answer)), is_code=True)
    yield Section(label="In the JSON", lines=tuple(_stopped(answer.stopped_at)))
    yield Section(label="Held by", lines=tuple(_held(answer)), is_code=True)
    yield Section(label="Profile", lines=tuple(profile_lines(answer.profile)))
    yield Section(label="Heap", lines=tuple(heap_lines(answer.heap, answer.profile)))
    yield Section(label="JSON costs", lines=tuple(_costs(answer.costs)), is_code=True)
    yield Section(label="V8's heap", lines=answer.heap_snapshots, is_code=True)
    yield Section(label="Needs", lines=tuple(_needs(answer.requirement)))
    yield Section(label="Fits", lines=tuple(_fits(answer)))
    yield Section(label="Against", lines=tuple(_against(answer.against, answer.limit_bytes)))
    yield Section(label="Unknown", lines=answer.problems)
    steps = tuple(f"{n}. {s.do} {s.why}" for n, s in enumerate(answer.next_steps, start=1))
    yield Section(label="Next", lines=steps)


def _ended(answer: Answer) -> str:
    if answer.ending is None:
        return f"no verdict: {answer.reason}."
    after = format_seconds(answer.ended_after_s)
    peak = "unknown" if answer.peak_bytes is None else format_bytes(answer.peak_bytes)
    at_least = "at least " if answer.peak_is_lower_bound and answer.peak_bytes else ""
    return f"{answer.ending} after {after}: {answer.reason}. Peak {at_least}{peak}."


def _said(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the end of the error stream of the first run that ended with something to say there."""
    for run in runs:
        lines = last_lines(run.output.stderr_tail, lines=_LAST_LINES)
        if run.ending in _TALKATIVE and lines:
            if run is not runs[0]:
                yield f"(in run {run.number}, under {run.case.memory_limit_label})"
            yield from (line[:_WIDEST_WORDS] for line in lines)
            return


def _at_limit(answer: Answer) -> Iterator[str]:
    if answer.autopsy is None:
        return
    stood = answer.autopsy.standstill
    share = stood.overshoot_bytes / stood.limit_bytes * 100
    after = format_seconds(stood.stood.at_s)
    text = (
        f"Another run, under a larger limit, was frozen {after} after its start, holding "
        f"{format_bytes(stood.stood.unreclaimable_bytes)} ({share:+.1f} %)."
    )
    if not stood.is_at_limit:
        text += (
            " That is more than 1 % from the limit, so what follows is of a moment close to it, "
            "not at it."
        )
    elif answer.autopsy_counts is False:
        text += " It ended otherwise than a run that was not frozen, so it does not count."
    if stood.approximate:
        text += " Approximate: not the kernel's own figures or freezer."
    yield text


def _stack(answer: Answer) -> Iterator[str]:
    if answer.at:
        yield f"{answer.at}  {answer.source}".rstrip()
    yield from answer.stack[:_STACK_LINES]
    if len(answer.stack) > _STACK_LINES:
        yield f"... and {len(answer.stack) - _STACK_LINES} frames above"


def _stopped(at: StoppedAt | None) -> Iterator[str]:
    if at is None:
        return
    if at.offset_bytes is None:
        yield at.reason
        return
    share = at.offset_bytes / max(1, at.size_bytes) * 100
    where = f"{at.offset_bytes:,} of {at.size_bytes:,} bytes had been read ({share:.0f} %)"
    yield f"{where}, up to {at.path}. {at.reason}" if at.path else f"{where}. {at.reason}"


def _held(answer: Answer) -> Iterator[str]:
    profile, heap = answer.profile, answer.heap
    if profile is None:
        return
    if heap is not None and heap.others_bytes > profile.total_bytes:
        size = format_bytes(heap.others_bytes)
        yield f"   most  {size:>10}  processes without a heap profile; of the rest:"
    for site in (site for site in answer.sites[:_SITES] if site.share >= _LEAST_SHARE):
        source = site.source.strip()[:_SOURCE_CHARACTERS]
        size = format_bytes(site.bytes)
        yield f"{site.share * 100:5.1f} %  {size:>10}  {site.at}  {source}".rstrip()


def _costs(costs: JsonCosts | None) -> Iterator[str]:
    """Yield what a full parse would hold, and by which paths."""
    if costs is None:
        return
    yield (
        f"{costs.parser}.loads would hold {format_bytes(costs.retained_bytes)} in the end and "
        f"{format_bytes(costs.peak_bytes)} at its peak, as predicted from the text:"
    )
    for path in (path for path in costs.paths[:_PATHS] if path.share >= _LEAST_PATH_SHARE):
        size = format_bytes(path.bytes)
        yield f"{path.share * 100:5.1f} %  {size:>10}  {path.path}  {path.why}".rstrip()


def profile_lines(profile: ProfileSummary | None) -> Iterator[str]:
    """Yield what a profile is of, in whole sentences."""
    if profile is None:
        return
    moment = (
        "alive when it stood at its limit"
        if profile.moment is Moment.DEATH
        else "at the heap's high-water mark"
    )
    yield (
        f"{format_bytes(profile.total_bytes)} requested and {moment}, as {profile.profiler} "
        f"{profile.version} saw it in a run of its own."
    )
    if profile.cost_bytes is not None:
        extra = (
            f", and {format_bytes(profile.extra_bytes)} that it held in further processes and "
            "tables when the limit was met"
            if profile.extra_bytes
            else ""
        )
        yield (
            f"That run got {format_bytes(profile.cost_bytes)} more: what profiling costs an empty "
            f"program here{extra}."
        )
    yield from profile.notes


def heap_lines(heap: Reconciliation | None, profile: ProfileSummary | None) -> Iterator[str]:
    """Yield the arithmetic that leads from what was requested to what was resident."""
    if heap is None or profile is None:
        return
    yield from heap.unknown
    parts = enumerate(heap_parts(heap, profile))
    known = [f"{_signed(size, first=number == 0)} {name}" for number, (name, size) in parts]
    if heap.resident_bytes is not None and heap.remainder_bytes is not None:
        yield f"{format_bytes(heap.resident_bytes)} resident = {' '.join(known)}."


def heap_parts(heap: Reconciliation, profile: ProfileSummary) -> tuple[tuple[str, int], ...]:
    """Return the parts that make what was resident, in bytes, with what each is called."""
    parts = (
        ("requested", heap.requested_bytes),
        ("held before the profiler began", heap.base_bytes),
        ("the profiler's own", heap.profiler_bytes),
        ("the kernel's", heap.kernel_bytes),
        ("held by processes without a profile", heap.others_bytes),
        (_slack_of(profile), heap.slack_bytes),
        ("requested but never touched", -heap.untouched_bytes if heap.untouched_bytes else None),
    )
    return tuple((name, size) for name, size in parts if size)


def _slack_of(profile: ProfileSummary) -> str:
    """Return what is resident beyond all else: slack, and what the profiler did not see."""
    slack = "slack of the allocator"
    if profile.is_cut:
        return f"allocated after the capture's end, or {slack}"
    match profile.profiler:
        case Profiler.MEMRAY:
            return slack
        case Profiler.TRACEMALLOC:
            return f"not seen by tracemalloc, or {slack}"
        case Profiler.V8:
            return f"outside of V8's heap, or {slack}"
        case _ as never:
            assert_never(never)


def _signed(size_bytes: int, *, first: bool) -> str:
    sign = "-" if size_bytes < 0 else "" if first else "+"
    return f"{sign} {format_bytes(abs(size_bytes))}".strip()


def _needs(requirement: Requirement | None) -> Iterator[str]:
    if requirement is None:
        return
    if requirement.requirement_bytes is None:
        yield requirement.reason
        return
    yield _requirement(requirement)
    if requirement.reason:
        yield requirement.reason


def _requirement(requirement: Requirement) -> str:
    size_bytes = requirement.requirement_bytes or 0
    size = format_bytes(size_bytes)
    about = " Approximate." if requirement.approximate else ""
    killed = requirement.killed_at_bytes
    match requirement.method:
        case Method.CONFIRMED:
            below = "" if killed is None else f", and is killed {_killed(killed, size_bytes)}"
            return f"{size}, confirmed: it passes with that limit{below}.{about}"
        case Method.PREDICTED:
            held = f"; it held {format_bytes(killed)} at least" if killed is not None else ""
            return f"{size}, predicted from the peak of a run under a larger limit{held}.{about}"


def _killed(killed_bytes: int, size_bytes: int) -> str:
    """Return with what limit it is killed, so that it reads other than the one that passes."""
    killed, size = format_bytes(killed_bytes), format_bytes(size_bytes)
    if killed.replace(".0 ", " ") == size.replace(".0 ", " "):
        return f"with {format_bytes(size_bytes - killed_bytes)} less"
    return f"at {killed}"


def _fits(answer: Answer) -> Iterator[str]:
    largest = answer.largest_snapshot
    if largest is None:
        return
    if largest.snapshot_bytes is None:
        yield largest.reason
        return
    yield (
        f"A snapshot of {largest.snapshot_bytes / 10**6:,.1f} MB at most, under "
        f"{format_bytes(answer.limit_bytes)}: {format_bytes(largest.base_bytes)} + "
        f"{largest.slope:.2f} bytes for each byte. {largest.reason}"
    )


def _against(against: Against | None, limit_bytes: int) -> Iterator[str]:
    if against is None:
        return
    command = one_line(" ".join(against.command))
    ending = against.ending or "no verdict"
    peak = "unknown" if against.peak_bytes is None else format_bytes(against.peak_bytes)
    at_least = "at least " if against.peak_is_lower_bound else ""
    yield (
        f"{command}: {ending} under {format_bytes(limit_bytes)}, peak {at_least}{peak}, "
        f"{format_seconds(against.wall_seconds)}."
    )


def render_answer(answer: Answer, *, width: int = 100) -> str:
    """Return the answer as plain text of `width` columns; code keeps its lines."""
    blocks = [title_of(answer), one_line(" ".join(answer.command)), ""]
    blocks += [_block(section, width) for section in sections_of(answer)]
    return "\n".join(blocks) + "\n"


def title_of(answer: Answer) -> str:
    """Return what the answer is about, in one line."""
    snapshot = answer.snapshot
    conditions = "; ".join(describe_conditions(answer.conditions))
    return (
        f"{one_line(snapshot.label)} ({format_bytes(snapshot.bytes)}) under "
        f"{format_bytes(answer.limit_bytes)} - {one_line(conditions)}"
    )


def _block(section: Section, width: int) -> str:
    room = max(40, width - _LABEL_WIDTH - 2)
    lines: list[str] = []
    for line in section.lines:
        shown = one_line(line)
        lines += [shown] if section.is_code else textwrap.wrap(shown, room) or [""]
    label = section.label.ljust(_LABEL_WIDTH)
    indented = [
        f"{label if n == 0 else ' ' * _LABEL_WIDTH}  {line}" for n, line in enumerate(lines)
    ]
    return "\n".join(line.rstrip() for line in indented) + "\n"


def render_answer_markdown(answer: Answer) -> str:
    """Return the answer as a page of Markdown, for an incident's record."""
    lines = [f"# {escape(title_of(answer))}", "", _code((" ".join(answer.command),)), ""]
    for section in sections_of(answer):
        lines += [f"## {section.label}", ""]
        if section.is_code:
            lines += [_code(section.lines), ""]
        else:
            lines += [f"{escape(one_line(line))}\n" for line in section.lines]
    lines += ["## Runs", "", "| run | pass | limit | ended | peak | time |", "|-|-|-|-|-|-|"]
    lines += [_row(run) for run in answer.runs]
    return "\n".join(lines) + "\n"


def _code(lines: Sequence[str]) -> str:
    """Return lines as an indented block, which nothing in them can end."""
    return "\n".join(f"    {one_line(line)}" for line in lines)


def _row(run: Run) -> str:
    peak = "unknown" if run.peak_bytes is None else format_bytes(run.peak_bytes)
    at_least = "at least " if run.peak_is_lower_bound and run.peak_bytes is not None else ""
    cells = (
        str(run.number),
        run.purpose,
        run.case.memory_limit_label,
        str(run.ending or "no verdict"),
        f"{at_least}{peak}",
        format_seconds(run.wall_seconds),
    )
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def render_answer_json(answer: Answer) -> bytes:
    """Return the answer as an indented JSON document in UTF-8."""
    return indent_json(answer)


def render_requirement(found: Requirement, snapshot: Snapshot, runs: Sequence[Run]) -> str:
    """Return a requirement in a few sentences, with the runs that it is from."""
    lines = [f"{one_line(snapshot.label)} ({format_bytes(snapshot.bytes)})", ""]
    lines += [_block(Section(label="Needs", lines=tuple(_needs(found))), 100)]
    count = f"{len(runs)} run{'s' if len(runs) != 1 else ''}"
    lines += [f"{count}: " + "; ".join(_told(run) for run in runs) + "."]
    return "\n".join(lines)


def _told(run: Run) -> str:
    return f"{run.case.memory_limit_label} {run.ending or 'no verdict'}"


def requirement_document(
    found: Requirement, runs: Sequence[Run], conditions: Conditions, folder: str
) -> bytes:
    """Return a requirement as an indented JSON document in UTF-8."""
    document: dict[str, Any] = {
        "schema": 1,
        **msgspec.to_builtins(found),
        "conditions": conditions,
        "runs": list(runs),
        "evidence_dir": folder,
    }
    return indent_json(document)
