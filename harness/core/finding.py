"""A finding: one sentence about a run or a budget, and what it does to the verdict."""

import enum
from collections.abc import Iterable

import msgspec


class Severity(enum.StrEnum):
    """What a finding does to the verdict."""

    FAILURE = "failure"
    NO_VERDICT = "no_verdict"
    NOTE = "note"


class Subject(enum.StrEnum):
    """What a finding is about; the first five are what a scenario asks for."""

    EXPECT = "expect"
    PEAK = "peak"
    GROWTH = "growth"
    PER_INPUT_BYTE = "per_input_byte"
    GROWTH_PER_SNAPSHOT = "growth_per_snapshot"
    BASELINE = "baseline"
    SNAPSHOT = "snapshot"
    LARGEST = "largest"
    OUTPUT = "output"
    HEAP = "heap"
    HARNESS = "harness"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found.

    Attributes:
        budget: what was asked and not met, or what the finding is about.
        worker: whom it concerns; empty where all.
        message: a whole sentence for people.
        next_step: what to do now, or empty.
        case: the name of the case, or empty.
        run: the number of the run, or None.
        file, line: the line of the worker's code that grew most, or, where that is not known, that
            holds most; empty and 0 where no profile tells. The file is called from the folder that
            oomproof was started in, where it lies there.

    """

    budget: Subject
    worker: str
    message: str
    severity: Severity
    next_step: str = ""
    case: str = ""
    run: int | None = None
    file: str = ""
    line: int = 0


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by their severity, failures first, those of one in their order."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
