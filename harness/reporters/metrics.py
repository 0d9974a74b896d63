"""`metrics.prom`: the numbers of a report as OpenMetrics, for Prometheus and what reads like it.

Everything is a gauge with a name that ends in its unit, and nothing has a time stamp, so the older
text format of the textfile collector and of the Pushgateway reads it too; to that, the units and
the end mark are comments.
"""

import calendar
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.scaling import ScalingLaw
from harness.core.verdict import Verdict
from harness.reporters.plain import one_line
from harness.reporters.words import is_expected

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_UNITS: Final = ("bytes", "seconds")
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"

Labels = Mapping[str, str]
Value = int | float


class _Sample(msgspec.Struct, frozen=True):
    """One number: of which metric, and of what."""

    metric: str
    labels: Labels
    value: Value


# The name of each metric, with what it says; the order is that of the file.
_HELP: Final = {
    "oomproof_report_info": "Where and with what the report was made; the value is always 1.",
    "oomproof_report_verdict": "1 for the verdict that was reached, 0 for the others.",
    "oomproof_report_finished": "0 if the invocation was stopped before all runs were made.",
    "oomproof_report_started_timestamp_seconds": "When the invocation started.",
    "oomproof_report_runs": "How many runs were made, by what for.",
    "oomproof_report_planned_runs": "How many runs there were to be, confirmations not counted.",
    "oomproof_report_findings": "How many findings there are, by what they do to the verdict.",
    "oomproof_run_peak_bytes": "Largest sample of unreclaimable memory of the run.",
    "oomproof_run_peak_upper_bytes": "The kernel's high-water counter, page cache included.",
    "oomproof_run_peak_part_bytes": "What the largest sample was made of, and was beside it.",
    "oomproof_run_peak_is_lower_bound": "1 if the worker did not complete: it may need more.",
    "oomproof_run_approximate": "1 if the numbers are not the kernel's own.",
    "oomproof_run_memory_limit_bytes": "The limit of the run; absent if it had none.",
    "oomproof_run_snapshot_bytes": "The size of the snapshots that the run was given.",
    "oomproof_run_wall_seconds": "From the start of the worker to its end.",
    "oomproof_run_oom_kills": "How many of its processes the kernel killed for memory.",
    "oomproof_run_ending": "How the run ended; the value is always 1.",
    "oomproof_run_ending_expected": "1 if the run ended as expected; absent if not judged.",
    "oomproof_worker_base_bytes": "The peak with no input at all, by the scaling law.",
    "oomproof_worker_peak_per_input_byte": "Bytes of peak for each further byte of snapshot.",
    "oomproof_worker_largest_snapshot_bytes": "The largest snapshot that fits the limit.",
    "oomproof_worker_kept_per_snapshot_bytes": "What is kept of each snapshot by one process.",
}


def render_metrics(report: Report) -> bytes:
    """Return the numbers of a report as OpenMetrics text; what is not known has no number.

    The series of runs are of those for the verdict, by worker, settings, snapshot, limit and
    repeat, so that they stay the same from report to report.
    """
    by_name: dict[str, list[_Sample]] = {}
    for sample in _samples(report):
        by_name.setdefault(sample.metric, []).append(sample)
    lines = [line for name in _HELP if name in by_name for line in _family(name, by_name[name])]
    return "\n".join((*lines, "# EOF\n")).encode()


def _family(name: str, samples: Iterable[_Sample]) -> Iterator[str]:
    yield f"# HELP {name} {_HELP[name]}"
    yield f"# TYPE {name} gauge"
    unit = name.rpartition("_")[2]
    if unit in _UNITS:
        yield f"# UNIT {name} {unit}"
    for sample in samples:
        pairs = ",".join(f'{key}="{_escape(value)}"' for key, value in sample.labels.items())
        yield f"{name}{{{pairs}}} {sample.value!r}"


def _escape(text: str) -> str:
    return one_line(text).translate(_ESCAPES)


def _samples(report: Report) -> Iterator[_Sample]:
    where = {"scenario": report.scenario}
    yield from _of_report(report, where)
    # Of two runs that would make the same series one must go: half a file is no file.
    seen: set[tuple[str, ...]] = set()
    for run in report.runs:
        labels = _labels(run, where)
        if run.purpose is Purpose.VERDICT and tuple(labels.values()) not in seen:
            seen.add(tuple(labels.values()))
            yield from _of_run(run, labels, report)
    for law in report.laws:
        yield from _of_law(law, where)
    for growth in report.growth:
        if growth.bytes_per_snapshot is not None:
            labels = {**where, "case": growth.case}
            kept = round(growth.bytes_per_snapshot)
            yield _Sample("oomproof_worker_kept_per_snapshot_bytes", labels, kept)


def _of_report(report: Report, where: Labels) -> Iterator[_Sample]:
    conditions = report.conditions
    info = {
        "version": report.oomproof,
        "sandbox": conditions.sandbox,
        "image": conditions.image,
        "cgroup": conditions.cgroup,
        "kernel": conditions.kernel,
        "python": conditions.python,
    }
    yield _Sample("oomproof_report_info", {**where, **info}, 1)
    for verdict in Verdict:
        labels = {**where, "verdict": str(verdict)}
        yield _Sample("oomproof_report_verdict", labels, int(report.verdict is verdict))
    yield _Sample("oomproof_report_finished", where, int(report.finished))
    started_s = _seconds(report.started_at)
    if started_s is not None:
        yield _Sample("oomproof_report_started_timestamp_seconds", where, started_s)
    for purpose, count in Counter(str(run.purpose) for run in report.runs).items():
        yield _Sample("oomproof_report_runs", {**where, "purpose": purpose}, count)
    yield _Sample("oomproof_report_planned_runs", where, report.planned_runs)
    kinds = Counter((str(one.severity), str(one.budget)) for one in report.findings)
    for (severity, budget), count in kinds.items():
        labels = {**where, "severity": severity, "budget": budget}
        yield _Sample("oomproof_report_findings", labels, count)


def _seconds(stamp: str) -> int | None:
    try:
        return calendar.timegm(time.strptime(stamp, _STAMP))
    except ValueError:
        return None


def _labels(run: Run, where: Labels) -> dict[str, str]:
    settings = ", ".join(f"{key}={value}" for key, value in sorted(run.case.settings.items()))
    return {
        **where,
        "worker": run.case.worker,
        "settings": settings,
        "snapshot": run.case.snapshot_label,
        "limit": run.case.memory_limit_label,
        "repeat": str(run.repeat),
    }


def _of_run(run: Run, labels: Labels, report: Report) -> Iterator[_Sample]:
    expected = is_expected(run, report.findings)
    numbers: dict[str, Value | None] = {
        "peak_bytes": run.peak_bytes,
        "peak_upper_bytes": run.peak_upper_bytes,
        "peak_is_lower_bound": int(run.peak_is_lower_bound),
        "approximate": int(run.approximate),
        "memory_limit_bytes": run.case.memory_limit_bytes,
        "snapshot_bytes": run.case.input_bytes,
        "wall_seconds": run.wall_seconds,
        "oom_kills": run.oom_kills,
        "ending_expected": None if expected is None else int(expected),
    }
    for name, value in numbers.items():
        if value is not None:
            yield _Sample(f"oomproof_run_{name}", labels, value)
    yield _Sample("oomproof_run_ending", {**labels, "ending": str(run.ending or "none")}, 1)
    if run.peaks is not None:
        for field in run.peaks.__struct_fields__:
            part = {**labels, "part": field.removesuffix("_bytes")}
            yield _Sample("oomproof_run_peak_part_bytes", part, getattr(run.peaks, field))


def _of_law(law: ScalingLaw, where: Labels) -> Iterator[_Sample]:
    labels = {**where, "worker": law.variant, "limits": ", ".join(law.limits)}
    if law.is_line and law.base_bytes is not None and law.slope is not None:
        yield _Sample("oomproof_worker_base_bytes", labels, law.base_bytes)
        yield _Sample("oomproof_worker_peak_per_input_byte", labels, law.slope)
    for largest in law.largest:
        if largest.bytes is not None:
            limit = {**labels, "limit": largest.limit_label}
            yield _Sample("oomproof_worker_largest_snapshot_bytes", limit, largest.bytes)
