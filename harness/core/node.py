"""Node.js workers: V8's own heap limit, and how it fits the sandbox's.

https://nodejs.org/api/cli.html#--max-old-space-sizesize-in-mib
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from harness.core.case import Case
from harness.core.command import fill
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.units import format_bytes

OPTIONS: Final = "NODE_OPTIONS"
_MIB: Final = 2**20
# What is not V8's old generation (young objects, code, buffers, Node.js itself) needs the rest.
_FITTING_SHARE: Final = 0.75
_WORTH_RAISING: Final = 1.5
_PROGRAMS: Final = frozenset({"node", "nodejs", "{node}", "npm", "npx", "pnpm", "yarn", "tsx"})
# Options whose value is the next word; the first other word is the script, and ends Node's own.
_WITH_VALUE: Final = frozenset(
    {"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"}
)
_LIMIT: Final = re.compile(r"--max[-_]old[-_]space[-_]size=(?P<mib>\d+)")
_PERCENTAGE: Final = re.compile(r"--max[-_]old[-_]space[-_]size[-_]percentage=(?P<n>\d+(\.\d+)?)")
_WORD: Final = re.compile(r'(?:[^\s"]|"(?:\\.|[^"\\])*"?)+')
_QUOTED: Final = re.compile(r'"((?:\\.|[^"\\])*)"?')


class HeapLimit(msgspec.Struct, frozen=True, kw_only=True):
    """V8's limit of its old generation, and the option that sets it."""

    bytes: int
    option: str


class HeapNote(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a heap limit, without the full stop, and what to do about it.

    `is_of_run`: it follows from how one run ended, and not from the command alone.
    """

    what: str
    next_step: str
    is_of_run: bool


def is_node(command: Sequence[str]) -> bool:
    """Whether `command` starts Node.js, itself or by one of the programs that come with it."""
    return bool(command) and command[0].rpartition("/")[2] in _PROGRAMS


def heap_limit(
    command: Sequence[str], node_options: str, memory_limit_bytes: int | None
) -> HeapLimit | None:
    """Return the heap limit that is asked for, or None where V8 chooses its own.

    What V8 chooses depends on its version and on the machine, so nothing is said of it. The command
    line counts more than `NODE_OPTIONS`, the last of two options more than the first, and
    megabytes more than a percentage of the memory.
    """
    words = [*split_options(node_options), *_own_options(command)]
    sizes = [match for word in words if (match := _LIMIT.fullmatch(word))]
    if sizes:
        return HeapLimit(bytes=int(sizes[-1]["mib"]) * _MIB, option=sizes[-1][0])
    shares = [match for word in words if (match := _PERCENTAGE.fullmatch(word))]
    if shares and memory_limit_bytes is not None:
        share = float(shares[-1]["n"]) / 100
        return HeapLimit(bytes=int(memory_limit_bytes * share), option=shares[-1][0])
    return None


def split_options(text: str) -> tuple[str, ...]:
    """Return the words of `NODE_OPTIONS`: quotes hold spaces, a backslash what follows it."""
    return tuple(
        _QUOTED.sub(lambda match: re.sub(r"\\(.)", r"\1", match[1]), word)
        for word in _WORD.findall(text)
    )


def quote_option(word: str) -> str:
    """Return a word as `NODE_OPTIONS` must have it to be read as this one word."""
    if not re.search(r'[\s"\\]', word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


def with_options(environment: Mapping[str, str], *words: str) -> dict[str, str]:
    """Return an environment whose `NODE_OPTIONS` have more words, before those of its own."""
    own = environment.get(OPTIONS, "")
    return {**environment, OPTIONS: " ".join([*words, own]).strip()}


def fitting_mib(memory_limit_bytes: int) -> int:
    """Return the heap limit in MiB that leaves room for the rest of Node.js in a sandbox."""
    return max(1, int(memory_limit_bytes * _FITTING_SHARE) // _MIB)


def judge_heap_limits(
    scenario: Scenario, runs: Sequence[Run], conditions: Conditions
) -> tuple[Finding, ...]:
    """Return a note where the kernel is the first to kill, and where V8 was, with room left."""
    workers = {worker.name: worker.command_line() for worker in scenario.worker}
    findings: dict[str, Finding] = {}
    for run in runs:
        if run.purpose is not Purpose.VERDICT or run.case.memory_limit_bytes is None:
            continue
        command = _filled(workers[run.case.worker], run.case)
        for finding in _findings(run, command, conditions.environment.get(OPTIONS, "")):
            findings.setdefault(finding.message, finding)
    return tuple(findings.values())


def heap_notes(
    command: Sequence[str],
    node_options: str,
    *,
    ending: Ending | None,
    peak_bytes: int | None,
    limit_bytes: int,
) -> Iterable[HeapNote]:
    """Yield what is to be said of V8's heap limit beside the sandbox's, after one run."""
    heap = heap_limit(command, node_options, limit_bytes)
    if is_node(command) and heap is not None and heap.bytes >= limit_bytes:
        yield HeapNote(
            what=f"{heap.option} lets V8's heap grow to {format_bytes(heap.bytes)}, "
            f"and the sandbox holds {format_bytes(limit_bytes)} in all: the kernel kills first, "
            "and Node.js says nothing",
            next_step=f"Set --max-old-space-size={fitting_mib(limit_bytes)}, about 75 % of the "
            "limit, so that V8 collects in time, and where it must give up says so.",
            is_of_run=False,
        )
    if ending is Ending.HEAP_EXHAUSTED and peak_bytes is not None:
        own = f" of {format_bytes(heap.bytes)} ({heap.option})" if heap else ""
        left_bytes = max(0, limit_bytes - peak_bytes)
        yield HeapNote(
            what=f"V8 gave up at its own heap limit{own}; the sandbox had "
            f"{format_bytes(left_bytes)} of {format_bytes(limit_bytes)} left",
            next_step=_after_exhaustion(heap, peak_bytes, limit_bytes),
            is_of_run=True,
        )


def _findings(run: Run, command: Sequence[str], node_options: str) -> Iterable[Finding]:
    notes = heap_notes(
        command,
        node_options,
        ending=run.ending,
        peak_bytes=run.peak_bytes,
        limit_bytes=run.case.memory_limit_bytes or 0,
    )
    for note in notes:
        name = run.case.name if note.is_of_run else run.case.variant
        yield _note(run, f"{name}: {note.what}.", note.next_step)


def _after_exhaustion(heap: HeapLimit | None, peak_bytes: int, limit_bytes: int) -> str:
    """Return what to do where V8 gave up: a larger heap helps only if the sandbox can hold it."""
    fitting = fitting_mib(limit_bytes)
    if heap is None:
        return f"--max-old-space-size={fitting} would be about 75 % of the sandbox's limit."
    outside_bytes = max(0, peak_bytes - heap.bytes)
    room_bytes = min(limit_bytes - outside_bytes, fitting * _MIB)
    if room_bytes < heap.bytes * _WORTH_RAISING:
        return (
            f"A larger heap does not fit: {format_bytes(outside_bytes)} lay outside of V8's heap "
            "(buffers, texts, Node.js). Stream the snapshot, or raise both limits."
        )
    return f"The sandbox could hold --max-old-space-size={room_bytes // _MIB}."


def _filled(command: tuple[str, ...], case: Case) -> tuple[str, ...]:
    values: Mapping[str, str] = {name: str(value) for name, value in case.settings.items()}
    return fill(command, values, ())


def _own_options(command: Sequence[str]) -> Iterable[str]:
    """Yield the options that Node.js takes for itself: those before the script."""
    words = iter(command[1:] if is_node(command) else ())
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif word.startswith("-"):
            yield word
        else:
            return


def _note(run: Run, message: str, next_step: str) -> Finding:
    return Finding(
        budget=Subject.HEAP,
        worker=run.case.worker,
        severity=Severity.NOTE,
        message=message,
        next_step=next_step,
        case=run.case.name,
        run=run.number,
    )
