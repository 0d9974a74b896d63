"""The verdict: pass, fail or none, from the findings."""

import enum
from collections.abc import Iterable
from typing import assert_never

from harness.core.finding import Finding, Severity


class Verdict(enum.StrEnum):
    """Whether the workers keep to what the scenario allows; ``none``: it cannot be said."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    NONE = "none"

    @property
    def exit_code(self) -> int:
        """What the command exits with: 0, 1 or 3."""
        match self:
            case Verdict.PASS:
                return 0
            case Verdict.FAIL:
                return 1
            case Verdict.NONE:
                return 3
            case _ as never:
                assert_never(never)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict: a failure is certain whatever else is unknown, so it comes first."""
    severities = {finding.severity for finding in findings}
    if Severity.FAILURE in severities:
        return Verdict.FAIL
    return Verdict.NONE if Severity.NO_VERDICT in severities else Verdict.PASS
