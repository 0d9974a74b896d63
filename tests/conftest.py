"""What all tests share: on a complete machine no test may be left out."""

import os
from collections.abc import Generator

import pytest

_NO_SKIPS = "OOMPROOF_NO_SKIPS"


def pytest_configure() -> None:
    """Be no step of GitHub Actions: tests that are about it say so, and others print for people."""
    os.environ.pop("GITHUB_ACTIONS", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn every skip into a failure where the machine is said to be complete.

    A row that makes no sense in a sandbox is not collected there at all, so it is no skip.
    """
    report = yield
    if os.environ.get(_NO_SKIPS) and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"left out on a complete machine: {reason}"
    return report
