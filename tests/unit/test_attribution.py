"""What a finding says of a failed budget: what grew, what is not known, and where it is shown."""

import json
from collections.abc import Callable

import msgspec
import pytest

from harness.core.accepted import with_profiles
from harness.core.attributing import Profiling, attribute, comparable, known_paths, to_profile
from harness.core.attribution import Attribution
from harness.core.baseline import Baseline, baseline_of
from harness.core.budget import judge_budgets
from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity, Subject
from harness.core.profile import Moment, Profiler
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.sites import CaseProfile, PathRow, PathTable, SiteRow, SiteTable
from harness.profilers.speedscope import render_growth

Runs = Callable[..., Run]
Cases = Callable[..., Case]
Scenarios = Callable[..., Scenario]
MIB = 2**20
HERE = Conditions(sandbox="docker", python="3.11.7")
APPEND = "rows.append(row)"


def row(source: str, mib: float, *, line: int = 41, file: str = "app/full_parse.py") -> SiteRow:
    return SiteRow(
        function="load",
        file=file,
        line=line,
        source=source,
        bytes=int(mib * MIB),
        share=0.5,
        callers=("main (full_parse.py)",),
    )


def sites(*rows: SiteRow, unlisted_mib: float = 0, **changes: object) -> SiteTable:
    table = SiteTable(
        profiler=Profiler.MEMRAY,
        moment=Moment.HIGH_WATER,
        total_bytes=sum(row.bytes for row in rows) + int(unlisted_mib * MIB),
        unlisted_bytes=int(unlisted_mib * MIB),
        rows=rows,
    )
    return msgspec.structs.replace(table, **changes)


def paths(unlisted_mib: float = 0, **sizes_mib: float) -> PathTable:
    """Return a table; ``heroes_gear`` is ``$.heroes[*].gear``."""
    rows = tuple(
        PathRow(path=_path(name), count=10, bytes=int(mib * MIB)) for name, mib in sizes_mib.items()
    )
    return PathTable(
        parser="json",
        python="cpython 3.11",
        total_bytes=max(row.bytes for row in rows),
        unlisted_bytes=int(unlisted_mib * MIB),
        rows=rows,
    )


def _path(name: str) -> str:
    steps = [step for step in name.split("_") if step != "whole"]
    return (
        "$" + "".join(f".{step}[*]" for step in steps[:-1]) + "".join(f".{s}" for s in steps[-1:])
    )


class Told:
    """A worker that is over its budget, with a profile of now and one of before."""

    def __init__(self, make_scenario: Scenarios, make_run: Runs, make_case: Cases) -> None:
        budget = [{"worker": "streaming", "growth": "2%", "peak": "300MiB"}]
        self.scenario = make_scenario(budget=budget)
        self._make_run = make_run
        self.case = make_case()

    def run(self, peak_mib: float, case: Case | None = None, **changes: object) -> Run:
        case = case or self.case
        return self._make_run(peak_mib=peak_mib, upper_mib=peak_mib, case=case, **changes)

    def baseline(self, peak_mib: float, table: SiteTable | None, of: PathTable | None) -> Baseline:
        bare = baseline_of("demo", HERE, [self.run(peak_mib)])
        profile = CaseProfile(case=self.case.name, sites=table, paths=of)
        return with_profiles(bare, [profile], None)

    def told(
        self,
        run: Run,
        table: SiteTable | None,
        baseline: Baseline | None,
        *,
        of: PathTable | None = None,
        conditions: Conditions = HERE,
        problems: tuple[str, ...] = (),
    ) -> tuple[tuple[Finding, ...], tuple[Attribution, ...]]:
        findings = judge_budgets(self.scenario, [run], conditions, baseline)
        profile = CaseProfile(case=run.case.name, run=2, sites=table, paths=of, problems=problems)
        return attribute(findings, [run], [profile], conditions, baseline)


@pytest.fixture
def told(make_scenario: Scenarios, make_run: Runs, make_case: Cases) -> Told:
    return Told(make_scenario, make_run, make_case)


def test_the_line_that_grew_is_named_with_what_it_was(told: Told) -> None:
    before = told.baseline(100, sites(row(APPEND, 12), row("json.load(file)", 80)), None)
    now = sites(row(APPEND, 70, line=57), row("json.load(file)", 80, line=30))
    (finding,), (found,) = told.told(told.run(161), now, before)
    assert finding.budget is Subject.GROWTH
    assert (
        "What grew, by memray's count of the heap in a pass of its own (+58 MiB in all): +58 MiB "
        "at `full_parse.py:57 rows.append(row)` (was 12 MiB). The input is the same."
        in finding.message
    )
    assert (finding.file, finding.line) == ("app/full_parse.py", 57)
    assert (found.case, found.run, found.unknown) == (told.case.name, 2, ())
    assert "json.load" not in finding.message, "it did not grow"


def test_a_peak_over_its_budget_says_what_it_was_as_well(told: Told) -> None:
    before = told.baseline(340, sites(row(APPEND, 12)), None)
    told.scenario = msgspec.structs.replace(
        told.scenario,
        budget=(msgspec.structs.replace(told.scenario.budget[0], growth=None),),
    )
    (finding,), _ = told.told(told.run(401.4), sites(row(APPEND, 70)), before)
    assert finding.budget is Subject.PEAK
    assert "Since the baseline: +61.4 MiB (+18 %). What grew" in finding.message


def test_resident_and_counted_bytes_are_told_apart(told: Told) -> None:
    """A profiler that counts nothing more says so; it explains no growth away."""
    before = told.baseline(100, sites(row(APPEND, 12)), None)
    (finding,), _ = told.told(told.run(161), sites(row(APPEND, 12.01)), before)
    assert (
        "No line of the worker's code is known to hold more, by memray's count" in finding.message
    )
    assert "(+10.2 KiB in all)" in finding.message


def test_new_and_gone_lines(told: Told) -> None:
    before = told.baseline(100, sites(row("for x in stream(file):", 20, file="app/old.py")), None)
    now = sites(row("cache[key] = value", 70))
    (finding,), _ = told.told(told.run(161), now, before)
    assert "+70 MiB at `full_parse.py:41 cache[key] = value` (new)" in finding.message
    assert "-20 MiB at `old.py:41 for x in stream(file):` (gone)" in finding.message


def test_a_line_that_may_have_been_there_is_not_called_new(told: Told) -> None:
    before = told.baseline(100, sites(row("json.load(file)", 60), unlisted_mib=24), None)
    now = sites(row("json.load(file)", 60), row(APPEND, 70))
    (finding,), (found,) = told.told(told.run(161), now, before)
    assert (
        "at least +46 MiB at `full_parse.py:41 rows.append(row)` (was at most 24 MiB)"
        in finding.message
    )
    assert found.sites[0].old_bytes is None
    assert found.sites[0].old_most_bytes == 24 * MIB


def test_a_file_that_was_renamed_is_said(told: Told) -> None:
    before = told.baseline(100, sites(row(APPEND, 12, file="app/whole.py")), None)
    (finding,), _ = told.told(told.run(161), sites(row(APPEND, 70)), before)
    assert "(was 12 MiB at app/whole.py:41)" in finding.message


def test_a_profile_of_a_death_is_a_lower_bound(told: Told) -> None:
    before = told.baseline(100, sites(row(APPEND, 12)), None)
    run = told.run(400, ending=Ending.OOM_KILLED)
    findings, _ = told.told(run, sites(row(APPEND, 70), moment=Moment.DEATH), before)
    finding = next(finding for finding in findings if finding.budget is Subject.PEAK)
    assert "Since the baseline: at least +300 MiB (+300 %)." in finding.message
    assert "(+58 MiB in all; it is of its death, so at least)" in finding.message


def test_the_part_of_the_input_that_grew(told: Told, make_case: Cases) -> None:
    before = told.baseline(
        280,
        sites(row(APPEND, 12)),
        paths(whole=20, whole_heroes=19, heroes_gear=8, heroes_gear_power=5, heroes_name=6),
    )
    larger = paths(whole=28.8, whole_heroes=27.8, heroes_gear=16.8, heroes_gear_power=10.5)
    snapshot = msgspec.structs.replace(told.case.snapshot, sha256="f" * 64)
    run = told.run(341, make_case(snapshot=snapshot))
    findings, (found,) = told.told(run, sites(row(APPEND, 70)), before, of=larger)
    peak = next(finding for finding in findings if finding.budget is Subject.PEAK)
    assert "Input: `$.heroes[*].gear` 2.1 x larger (+8.8 MiB as objects of json)." in peak.message
    assert found.input is not None
    assert found.input.path == "$.heroes[*].gear", "what is below it grew alike"
    assert found.same_input is False


def test_a_path_that_is_new(told: Told, make_case: Cases) -> None:
    before = told.baseline(280, sites(row(APPEND, 12)), paths(whole=20, whole_heroes=19))
    snapshot = msgspec.structs.replace(told.case.snapshot, sha256="f" * 64)
    run = told.run(341, make_case(snapshot=snapshot))
    now = paths(whole=40, whole_heroes=19, whole_log=20)
    findings, _ = told.told(run, sites(row(APPEND, 70)), before, of=now)
    assert "Input: `$.log` is new (+20 MiB as objects of json)." in findings[0].message


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("no baseline", "What grew is not known: there is no baseline yet; to know it the next"),
        ("no case", "What grew is not known: the baseline lacks this case; to know it"),
        ("no profile", "the baseline holds no profile of it; to know it the next time, run"),
        ("conditions", "the baseline is not comparable: the Python was 3.11.7 and is 3.12.0."),
        ("profilers", "baseline's profile is of tracemalloc, and this one of memray, which count"),
        ("no pass", "there is no profile of this run. With memray in it it crashed."),
    ],
)
def test_what_is_not_known_is_said(reason: str, words: str, told: Told) -> None:
    before: Baseline | None = told.baseline(100, sites(row(APPEND, 12)), None)
    now: SiteTable | None = sites(row(APPEND, 70), row("json.load(file)", 1))
    conditions = HERE
    problems: tuple[str, ...] = ()
    match reason:
        case "no baseline":
            before = None
        case "no case":
            before = msgspec.structs.replace(told.baseline(100, None, None), entries=())
        case "no profile":
            before = told.baseline(100, None, None)
        case "conditions":
            conditions = msgspec.structs.replace(HERE, python="3.12.0")
        case "profilers":
            before = told.baseline(100, sites(profiler=Profiler.TRACEMALLOC), None)
        case _:
            now, problems = None, ("With memray in it it crashed.",)
    run = told.run(401)
    findings, (found,) = told.told(run, now, before, conditions=conditions, problems=problems)
    peak = next(finding for finding in findings if finding.budget is Subject.PEAK)
    assert words in peak.message
    assert "What grew," not in peak.message
    assert found.sites == ()
    if now is not None:
        assert "It holds most, by memray's count" in peak.message
        assert "`full_parse.py:41 rows.append(row)`: 70 MiB (50%)" in peak.message
        assert (peak.file, peak.line) == ("app/full_parse.py", 41)
    else:
        assert (peak.file, peak.line) == ("", 0)


def test_text_from_outside_ends_no_code(told: Told) -> None:
    before = told.baseline(100, sites(row("run(`x`)", 12)), None)
    (finding,), _ = told.told(told.run(161), sites(row("run(`x`)" + "y" * 200, 70)), before)
    start = finding.message.index("`full_parse.py")
    assert finding.message.count("`", start) % 2 == 0
    assert "run('x')" in finding.message
    assert "y" * 70 not in finding.message


def test_the_verdict_is_what_it_was(told: Told) -> None:
    before = told.baseline(100, sites(row(APPEND, 12)), None)
    run = told.run(401)
    plain = judge_budgets(told.scenario, [run], HERE, before)
    findings, _ = told.told(run, sites(row(APPEND, 70)), before)
    assert [(f.budget, f.severity, f.case, f.run) for f in findings] == [
        (f.budget, f.severity, f.case, f.run) for f in plain
    ]
    for told_one, plain_one in zip(findings, plain, strict=True):
        assert told_one.message.startswith(plain_one.message)


def test_cases_over_a_budget_come_first_and_those_without_a_baseline_after(
    make_scenario: Scenarios, make_run: Runs, make_case: Cases
) -> None:
    scenario = make_scenario(
        worker=[
            {"name": name, "command": ["w", "{snapshot}"]}
            for name in ("streaming", "free", "slope")
        ],
        budget=[
            {"worker": "streaming", "peak": "64MiB"},
            {"worker": "slope", "per_input_byte": 2},
        ],
    )
    runs = [
        make_run(1, case=make_case(megabytes=5)),
        make_run(2, case=make_case(megabytes=50), peak_mib=99, upper_mib=99),
        make_run(3, case=make_case(megabytes=50), peak_mib=99, upper_mib=99, repeat=2),
        make_run(4, case=make_case("free")),
        make_run(5, case=make_case(megabytes=200), ending=Ending.CRASHED),
        make_run(6, case=make_case("slope")),
        make_run(7, case=make_case(megabytes=7), purpose=Purpose.CONFIRMATION),
    ]
    findings = judge_budgets(scenario, runs, HERE, None)

    def wanted(profiling: Profiling, baseline: Baseline | None = None) -> list[tuple[int, str]]:
        found = to_profile(profiling, scenario, runs, findings, baseline)
        return [(one.run.number, one.why) for one in found]

    over = (2, "to name what grew")
    assert wanted(Profiling.NEEDED) == [over, (1, "for the next baseline")]
    assert wanted(Profiling.NEVER) == []
    assert [number for number, _ in wanted(Profiling.ALL)] == [2, 1, 4, 6]
    accepted = baseline_of("demo", HERE, runs)
    assert wanted(Profiling.NEEDED, accepted) == [over]
    other = msgspec.structs.replace(
        accepted,
        entries=tuple(msgspec.structs.replace(e, snapshot_sha256="0") for e in accepted.entries),
    )
    assert wanted(Profiling.NEEDED, other) == [over, (1, "for the next baseline")]
    assert comparable(accepted, msgspec.structs.replace(HERE, sandbox="cgroup")) is None


def test_the_paths_of_the_same_input_are_not_looked_for_again(told: Told, make_case: Cases) -> None:
    before = told.baseline(100, None, None)
    assert known_paths(told.run(1), before) is None
    before = told.baseline(100, sites(row(APPEND, 12)), paths(whole=20))
    assert known_paths(told.run(1), before) == paths(whole=20)
    snapshot = msgspec.structs.replace(told.case.snapshot, sha256="f" * 64)
    assert known_paths(told.run(1, make_case(snapshot=snapshot)), before) is None


def test_a_differential_flame_graph_has_before_now_and_both_differences(told: Told) -> None:
    before = told.baseline(100, sites(row(APPEND, 12), row("json.load(file)", 80)), None)
    now = sites(row(APPEND, 70), row("json.load(file)", 60, line=30))
    _, attributions = told.told(told.run(161), now, before)
    assert attributions[0].stacks[0].stack == (
        "main (full_parse.py)",
        "load (full_parse.py)",
        "rows.append(row) (full_parse.py:41)",
    )
    document = json.loads(render_growth(attributions, name="demo"))
    weights = {p["name"].rpartition(": ")[2]: p["weights"] for p in document["profiles"]}
    assert weights == {
        "grown": [58 * MIB],
        "now": [70 * MIB, 60 * MIB],
        "baseline": [12 * MIB, 80 * MIB],
        "shrunk": [20 * MIB],
    }
    names = [frame["name"] for frame in document["shared"]["frames"]]
    grown = next(p for p in document["profiles"] if p["name"].endswith("grown"))
    assert [names[n] for n in grown["samples"][0]] == list(attributions[0].stacks[0].stack)
    assert grown["endValue"] == 58 * MIB


def test_a_failure_of_another_kind_is_left_as_it_is(told: Told) -> None:
    finding = Finding(
        budget=Subject.PER_INPUT_BYTE,
        worker="streaming",
        severity=Severity.FAILURE,
        message="It is too steep.",
        case=told.case.name,
        run=1,
    )
    profile = CaseProfile(case=told.case.name, sites=sites(row(APPEND, 70)))
    findings, found = attribute([finding], [told.run(1)], [profile], HERE, None)
    assert findings == (finding,)
    assert found == ()
