"""Builders that the unit tests share: plausible values, with what a test is about changed."""

import copy
import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from harness.core.case import Case, Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.peaks import Parts
from harness.core.report import SCHEMA, Report
from harness.core.run import Run
from harness.core.scenario import Scenario, scenario_of
from harness.core.verdict import Verdict

MIB = 2**20
_DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "name": "demo",
    "snapshots": {"shape": "hero_snapshot", "sizes": ["5MB", "50MB"]},
    "limits": {"memory": ["512MiB"]},
    "worker": [{"name": "streaming", "command": ["{python}", "w.py", "{snapshot}"]}],
}


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Be nobody in particular, where the tests run as root."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield
    if was_root:
        os.seteuid(0)


@pytest.fixture(scope="session")
def make_document() -> Callable[..., dict[str, Any]]:
    """Return scenario documents: each keyword replaces the key of that name."""

    def make(**changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(_DOCUMENT), **changes}

    return make


@pytest.fixture(scope="session")
def make_scenario(make_document: Callable[..., dict[str, Any]]) -> Callable[..., Scenario]:
    """Return scenarios; see `make_document`."""
    return lambda **changes: scenario_of(make_document(**changes), source="scenario.toml")


@pytest.fixture(scope="session")
def make_snapshot() -> Callable[..., Snapshot]:
    """Return snapshots of so many megabytes that are on no disk."""

    def make(megabytes: int = 5, **changes: Any) -> Snapshot:
        snapshot = Snapshot(
            label=f"{megabytes}MB",
            path=f"/snapshots/{megabytes}MB.json",
            bytes=megabytes * 10**6,
            sha256=f"{megabytes:064x}",
            shape="hero_snapshot seed 0",
        )
        return msgspec.structs.replace(snapshot, **changes)

    return make


@pytest.fixture(scope="session")
def make_case(make_snapshot: Callable[..., Snapshot]) -> Callable[..., Case]:
    """Return cases: a worker, a snapshot of so many megabytes, a limit in MiB (None: none)."""

    def make(
        worker: str = "streaming",
        *,
        megabytes: int = 5,
        limit_mib: int | None = 512,
        **changes: Any,
    ) -> Case:
        case = Case(
            worker=worker,
            snapshot=make_snapshot(megabytes),
            memory_limit_bytes=None if limit_mib is None else limit_mib * MIB,
            memory_limit_label="unlimited" if limit_mib is None else f"{limit_mib}MiB",
        )
        return msgspec.structs.replace(case, **changes)

    return make


@pytest.fixture(scope="session")
def make_run(make_case: Callable[..., Case]) -> Callable[..., Run]:
    """Return runs: peak in MiB (None: no sample), the interval's upper end, an ending."""

    def make(
        number: int = 1,
        *,
        case: Case | None = None,
        peak_mib: float | None = 40,
        upper_mib: float | None = 40,
        ending: Ending | None = Ending.COMPLETED,
        **changes: Any,
    ) -> Run:
        peak_bytes = None if peak_mib is None else int(peak_mib * MIB)
        parts = Parts(
            anon_bytes=peak_bytes or 0, kernel_bytes=0, shmem_bytes=0, file_bytes=0, rss_bytes=0
        )
        run = Run(
            number=number,
            case=case or make_case(),
            sandbox="docker",
            ending=ending,
            reason=f"it was {ending}",
            peak_bytes=peak_bytes,
            peak_upper_bytes=None if upper_mib is None else int(upper_mib * MIB),
            peaks=None if peak_bytes is None else parts,
            wall_seconds=1.0,
            peak_is_lower_bound=ending is not Ending.COMPLETED,
        )
        return msgspec.structs.replace(run, **changes)

    return make


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    """Return reports of runs, which passed if nothing else is said."""

    def make(*runs: Run, **changes: Any) -> Report:
        report = Report(
            schema=SCHEMA,
            oomproof="0.1.0",
            scenario="demo",
            verdict=Verdict.PASS,
            started_at="2025-01-02T03:04:05Z",
            conditions=Conditions(sandbox="docker", python="3.13.1", kernel="6.1.0"),
            runs=runs,
            findings=(),
            planned_runs=len(runs),
        )
        return msgspec.structs.replace(report, **changes)

    return make
