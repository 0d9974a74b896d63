import shutil
import subprocess
from collections.abc import Callable

import msgspec
import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_older

from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.scaling import scaling_laws
from harness.reporters.metrics import render_metrics

PROMTOOL = shutil.which("promtool")


def _families(report: Report) -> dict[str, Metric]:
    text = render_metrics(report).decode()
    return {family.name: family for family in parse_open(text)}  # type: ignore[no-untyped-call]


def _value(family: Metric, **labels: str) -> float:
    (found,) = [
        sample.value
        for sample in family.samples
        if all(sample.labels[key] == value for key, value in labels.items())
    ]
    return float(found)


def test_the_numbers_of_a_run_are_read_back_as_they_were(night: Report) -> None:
    families = _families(night)
    killed = next(run for run in night.runs if run.number == 3)
    which = {"worker": "full-parse", "snapshot": "200MB", "limit": "512MiB"}
    assert _value(families["oomproof_run_peak_bytes"], **which) == killed.peak_bytes
    assert _value(families["oomproof_run_peak_upper_bytes"], **which) == killed.peak_upper_bytes
    assert _value(families["oomproof_run_memory_limit_bytes"], **which) == 512 * 2**20
    assert _value(families["oomproof_run_snapshot_bytes"], **which) == 200_000_000
    assert _value(families["oomproof_run_wall_seconds"], **which) == 3.9
    assert _value(families["oomproof_run_oom_kills"], **which) == 1
    assert _value(families["oomproof_run_peak_is_lower_bound"], **which) == 1
    assert _value(families["oomproof_run_ending_expected"], **which) == 0
    assert _value(families["oomproof_run_ending"], **which, ending="oom_killed") == 1
    assert killed.peaks is not None
    parts = families["oomproof_run_peak_part_bytes"]
    assert _value(parts, **which, part="anon") == killed.peaks.anon_bytes


def test_the_verdict_and_the_findings(night: Report, passing: Report) -> None:
    families = _families(night)
    verdict = families["oomproof_report_verdict"]
    assert {sample.labels["verdict"]: sample.value for sample in verdict.samples} == {
        "pass": 0,
        "fail": 1,
        "none": 0,
    }
    findings = families["oomproof_report_findings"]
    assert sum(sample.value for sample in findings.samples) == len(night.findings)
    assert _value(families["oomproof_report_started_timestamp_seconds"]) == 1735787045
    assert _value(_families(passing)["oomproof_report_verdict"], verdict="pass") == 1


def test_what_is_not_known_has_no_number(night: Report) -> None:
    families = _families(night)
    workers = {sample.labels["worker"] for sample in families["oomproof_run_peak_bytes"].samples}
    assert "late" not in workers
    assert _value(families["oomproof_run_ending"], worker="late", ending="none") == 1


def test_names_end_in_their_units_as_both_formats_want(night: Report) -> None:
    text = render_metrics(night).decode()
    assert text.endswith("\n# EOF\n")
    for family in _families(night).values():
        assert family.type == "gauge"
        assert family.documentation
        assert family.unit == "" or family.name.endswith(f"_{family.unit}")
        assert family.name.startswith("oomproof_")
    older = {family.name: family for family in parse_older(text)}
    assert older.keys() == _families(night).keys()
    # The textfile collector takes no sample with a time stamp.
    assert all(sample.timestamp is None for one in older.values() for sample in one.samples)


def test_a_hostile_name_stays_one_label(night: Report, hostile: str) -> None:
    workers = [
        sample.labels["worker"] for sample in _families(night)["oomproof_run_peak_bytes"].samples
    ]
    (found,) = [worker for worker in workers if "<script>" in worker]
    assert "\x1b" in hostile
    assert "\x1b" not in found
    quoted = msgspec.structs.replace(night, scenario='a"b\\c\nd')
    (sample,) = _families(quoted)["oomproof_report_finished"].samples
    assert sample.labels["scenario"] == 'a"b\\c d'


def test_no_series_stands_there_twice(passing: Report) -> None:
    run = passing.runs[1]
    runs = (
        *passing.runs,
        msgspec.structs.replace(run, number=3, repeat=2),
        msgspec.structs.replace(run, number=4, purpose=Purpose.CONFIRMATION),
        msgspec.structs.replace(run, number=5),
    )
    families = _families(msgspec.structs.replace(passing, runs=runs))
    peaks = families["oomproof_run_peak_bytes"].samples
    keys = [tuple(sorted(sample.labels.items())) for sample in peaks]
    assert len(keys) == len(set(keys)) == 3


def test_laws_have_their_numbers(
    passing: Report, make_run: Callable[..., Run], make_case: Callable[..., object]
) -> None:
    runs = [
        make_run(n, case=make_case(megabytes=size), peak_mib=20 + size, upper_mib=20 + size)
        for n, size in enumerate((5, 50, 200), start=1)
    ]
    report = msgspec.structs.replace(passing, laws=scaling_laws(runs, ()))
    slope = _value(_families(report)["oomproof_worker_peak_per_input_byte"], worker="streaming")
    assert slope == pytest.approx(1.048576, rel=0.01)


def test_an_empty_report_is_whole(empty: Report) -> None:
    assert _value(_families(empty)["oomproof_report_planned_runs"]) == 0


if PROMTOOL is not None:  # it is no part of a complete machine

    def test_promtool_has_no_complaint(night: Report) -> None:
        done = subprocess.run(
            [str(PROMTOOL), "check", "metrics"], input=render_metrics(night), capture_output=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
