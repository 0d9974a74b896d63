"""What reports say of laws."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

import msgspec
import pytest

from harness.core.case import Case, Snapshot
from harness.core.ending import Ending
from harness.core.growth import growth_laws
from harness.core.kept import Kept
from harness.core.quantity import parse_limit
from harness.core.report import Report
from harness.core.run import Run
from harness.core.scaling import scaling_laws
from harness.reporters.document import render_json, report_schema
from harness.reporters.junit import render_junit
from harness.reporters.laws import describe_growth, describe_largest, describe_law
from harness.reporters.markdown import render_markdown
from harness.reporters.terminal import render_terminal
from harness.store import read_report

Runs = Callable[..., Run]
Cases = Callable[..., Case]
MIB = 2**20
LIMITS = (parse_limit("512MiB"),)


@pytest.fixture
def runs_of(make_run: Runs, make_case: Cases) -> Callable[..., list[Run]]:
    return lambda peaks: [
        make_run(
            number,
            case=make_case(megabytes=megabytes),
            sandbox="cgroup",
            peak_mib=500 if peak_mib is None else peak_mib,
            ending=Ending.OOM_KILLED if peak_mib is None else Ending.COMPLETED,
        )
        for number, (megabytes, peak_mib) in enumerate(peaks.items(), start=1)
    ]


@pytest.mark.parametrize(
    ("peaks", "words", "fits"),
    [
        (
            {5: 60, 20: 210, 40: 410},
            "streaming: peak = 10 MiB + 10.5 x size (linear, within ",
            "largest snapshot that fits 512MiB: 50.1 MB, 1.3 times beyond what completed",
        ),
        (
            {5: 55, 50: 460},
            "(not checked, for two sizes always make a line, 2 sizes, 5 MB to 50 MB)",
            "largest snapshot that fits 512MiB: 55.7 MB",
        ),
        (
            {5: 25, 50: 25.2, 200: 25.1},
            "peak = 25.2 MiB, whatever the size (3 sizes, 5 MB to 200 MB)",
            "no number, for the size does not matter within what was measured",
        ),
        (
            {5: 11, 20: 26, 50: 110, 200: 1610},
            "the peak grows with the square of the size (a line would be off by",
            "of the size, so what was measured is all that is known",
        ),
        ({5: 10, 20: 10, 50: 200, 200: 200}, "the peak jumps between two sizes", "no number"),
        (
            {5: 25, 50: 25, 200: None},
            "run 3 was killed where a line says that it fits",
            "(50 MB fitted, 200 MB did not)",
        ),
    ],
)
def test_a_law_in_words(
    peaks: dict[int, float | None], words: str, fits: str, runs_of: Callable[..., list[Run]]
) -> None:
    (law,) = scaling_laws(runs_of(peaks), LIMITS)
    assert words in describe_law(law)
    assert fits in describe_largest(law.largest[0])


@pytest.mark.parametrize(
    ("confirmed", "words"),
    [
        (True, "(confirmed: at 97 % so)"),
        (False, "(not confirmed: at 97 % so)"),
        (None, "(neither confirmed nor not: at 97 % so)"),
    ],
)
def test_what_confirming_runs_showed_is_said(
    confirmed: bool | None, words: str, runs_of: Callable[..., list[Run]]
) -> None:
    (law,) = scaling_laws(runs_of({5: 55, 50: 460}), LIMITS)
    shown = msgspec.structs.replace(law.largest[0], confirmed=confirmed, confirmation="at 97 % so")
    assert describe_largest(shown).endswith(words)


@pytest.fixture
def jobs(
    make_run: Runs, make_case: Cases, make_snapshot: Callable[..., Snapshot]
) -> Callable[..., Run]:
    def make(*held_mib: float) -> Run:
        five = make_snapshot(5)
        case = make_case("jobs", more_snapshots=(five,) * len(held_mib))
        held = tuple(int(mib * MIB) for mib in held_mib)
        return make_run(9, case=case, sandbox="cgroup", after_snapshots=held)

    return make


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ((9, 33, 36, 39, 42), "memory grows by 3 MiB per snapshot, give or take 170.7 KiB (a leak"),
        ((9, 33, 33, 33, 33), "memory does not grow beyond the error (0 B per snapshot"),
        ((9, 10, 16, 19, 21, 22, 22.3, 22.4, 22.5), "memory grows, but settles (1.6 MiB per"),
        ((9, 10), "growth is not known, for it takes 4 snapshots"),
    ],
)
def test_growth_in_words(held: tuple[float, ...], words: str, jobs: Callable[..., Run]) -> None:
    (law,) = growth_laws([jobs(*held)])
    assert words in describe_growth(law)


def test_the_site_of_a_leak_is_said_where_it_is_known(jobs: Callable[..., Run]) -> None:
    (law,) = growth_laws([jobs(9, 33, 36, 39, 42)])
    named = msgspec.structs.replace(law, kept=Kept(site="w.py:7", bytes_per_snapshot=2 * 2**20))
    assert "2 MiB of it are allocated at w.py:7, by a profiled pass" in describe_growth(named)


@pytest.fixture
def lawful(passing: Report, runs_of: Callable[..., list[Run]], jobs: Callable[..., Run]) -> Report:
    runs = (*runs_of({5: 60, 20: 210, 40: 410}), jobs(9, 33, 36, 39, 42))
    return msgspec.structs.replace(
        passing, runs=runs, laws=scaling_laws(runs, LIMITS), growth=growth_laws(runs)
    )


@pytest.mark.parametrize("render", [render_terminal, render_markdown])
def test_reports_for_people_show_the_laws(
    render: Callable[[Report], str], lawful: Report, passing: Report
) -> None:
    text = " ".join(render(lawful).replace("\\", "").split())
    assert "Scaling" in text
    assert "peak = 10 MiB + 10.5 x size" in text
    assert "largest snapshot that fits 512MiB: 50.1 MB" in text
    assert "From snapshot to snapshot" in text
    assert "3 MiB per snapshot" in text
    assert "Scaling" not in render(passing)


def test_the_document_holds_the_laws_and_an_older_one_none(lawful: Report) -> None:
    data = render_json(lawful)
    assert read_report(data, source="report.json") == lawful
    older = msgspec.json.decode(data)
    del older["laws"], older["growth"]
    for run in older["runs"]:
        del run["after_snapshots"]
    read = read_report(msgspec.json.encode(older), source="report.json")
    assert (read.laws, read.growth) == ((), ())
    assert {"laws", "growth"} <= report_schema()["$defs"]["Report"]["properties"].keys()


def test_a_build_gets_the_laws_as_properties(lawful: Report) -> None:
    document = ET.fromstring(render_junit(lawful))  # noqa: S314  (written a moment ago)
    properties = {one.attrib["name"]: one.attrib["value"] for one in document.iter("property")}
    assert properties["scaling.streaming.shape"] == "linear"
    assert float(properties["scaling.streaming.slope"]) == pytest.approx(10.486, abs=0.01)
    assert int(properties["scaling.streaming.largest_bytes.512MiB"]) == pytest.approx(
        50e6, rel=0.01
    )
    (growth,) = [name for name in properties if name.endswith("bytes_per_snapshot")]
    assert properties[growth] == str(3 * MIB)
