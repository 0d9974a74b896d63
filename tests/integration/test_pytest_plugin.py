"""The pytest plugin as people meet it: real sessions, real sandboxes, the files that they leave."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from junitparser import JUnitXml
from junitparser.xunit2 import TestCase as Case
from xmlschema import XMLSchema10

from harness.core.ending import Ending
from harness.core.run import Purpose
from harness.core.scenario import SandboxKind
from harness.core.verdict import Verdict
from harness.sandbox.contract import Sandbox
from harness.store import load_report

MIB: Final = 2**20
_PATIENCE_S: Final = 120
_TESTS: Final = """
import json, os, warnings
import pytest

# Before any test, and so before pytest's own memory is measured.
HEROES = json.load(open("twin.json"))

def fill(mib):
    return [b"x" * 2**20 + bytes(1) for _ in range(mib)]

@pytest.fixture(scope="module")
def number():
    yield 7
    print("the module is over")

@pytest.fixture
def big():
    return fill(12)

def test_before(number):
    assert number == 7

@pytest.mark.oomproof(memory="512MiB", peak="56MiB", snapshot="twin.json")
@pytest.mark.parametrize("mib", [40])
def test_fits(mib, number, tmp_path, oomproof_snapshot, record_property, capsys):
    kept = fill(mib)
    (tmp_path / "note").write_text("there is room")
    assert json.loads(oomproof_snapshot.read_text()) == {"heroes": 1}
    record_property("pid", os.getpid())
    print("captured")
    assert capsys.readouterr().out == "captured\\n"

@pytest.mark.oomproof(memory="512MiB", peak="32MiB")
def test_over():
    print("before it grew")
    kept = fill(40)

@pytest.mark.oomproof(memory="512MiB", peak="8MiB")
def test_fixtures_count_too(big):
    pass

@pytest.mark.oomproof(memory="96MiB")
def test_killed():
    print("last words")
    kept = fill(200)

@pytest.mark.oomproof(memory="96MiB", ending="oom_killed")
def test_killed_as_expected():
    kept = fill(200)

@pytest.mark.oomproof(memory="512MiB")
def test_asserts():
    left, right = {"a": 1}, {"a": 2}
    assert left == right

@pytest.mark.oomproof(memory="512MiB")
def test_skips():
    warnings.warn("soon gone", DeprecationWarning)
    pytest.skip("not today")

@pytest.mark.oomproof(memory="512MiB")
@pytest.mark.xfail(reason="a known fault", strict=True)
def test_fails_as_known():
    raise ValueError

@pytest.mark.oomproof(memory="12MiB")
def test_has_no_room_for_pytest():
    pass
"""
_OTHERS: Final = """
import pytest

def test_after():
    pass

def test_benchmark(benchmark):
    assert benchmark(sum, [1, 2]) == 3

@pytest.mark.limit_memory("50 MB")
def test_memray():
    assert bytes(1000)

def test_replays(replay):
    run = replay("{python} -c 'import sys; print(open(sys.argv[1]).read())' {snapshot}",
                 snapshot="twin.json", memory="256MiB")
    assert run.ending == "completed"
    assert run.output.stdout_tail.strip() == '{"heroes": 1}'
    assert 2**20 < run.peak_upper_bytes < 64 * 2**20
"""


class Session:
    """A session of pytest that is over."""

    def __init__(self, folder: Path, done: "subprocess.CompletedProcess[str]") -> None:
        self.folder = folder
        self.out = done.stdout + done.stderr
        suites = JUnitXml.fromfile(str(folder / "junit.xml"))
        cases = [Case.fromelem(case) for suite in suites for case in suite]  # type: ignore[no-untyped-call]
        self.cases: dict[str, Case] = {str(case.name): case for case in cases}

    def properties(self, name: str) -> dict[str, str]:
        found = self.cases[name].properties()  # type: ignore[no-untyped-call]
        return {one.name.removeprefix("oomproof."): one.value for one in found}

    def bytes(self, name: str, key: str) -> int:
        return int(self.properties(name)[f"{key}_bytes"])

    def failure(self, name: str) -> str:
        (result,) = self.cases[name].result
        return str(result.text)


def _run(folder: Path, *options: str) -> Session:
    words = (sys.executable, "-m", "pytest", "--junit-xml=junit.xml", "-p", "no:cacheprovider")
    done = subprocess.run(
        [*words, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    return Session(folder, done)


def _write(folder: Path) -> None:
    (folder / "pytest.ini").write_text(
        "[pytest]\noomproof_out = kept\njunit_logging = all\n", "utf-8"
    )
    (folder / "test_demo.py").write_text(_TESTS, "utf-8")
    (folder / "test_others.py").write_text(_OTHERS, "utf-8")
    (folder / "twin.json").write_text('{"heroes": 1}', "utf-8")


@pytest.fixture(scope="module")
def session(
    tmp_path_factory: pytest.TempPathFactory, sandbox_for: Callable[[SandboxKind], Sandbox]
) -> Session:
    """Return a session of two processes, with memray and benchmarks beside, in cgroups."""
    sandbox_for(SandboxKind.CGROUP)
    folder = tmp_path_factory.mktemp("session")
    _write(folder)
    # Hypothesis alone takes as long to start as all others.
    less = ("-p", "no:hypothesispytest")
    return _run(folder, "-n", "2", "--memray", "--oomproof-sandbox=cgroup", *less)


@pytest.mark.cgroup
def test_junit_keeps_to_the_schema_of_jenkins_but_for_pytests_own_properties(
    session: Session,
) -> None:
    """As pytest documents of `record_property`, which is how it tells numbers of tests."""
    document = ET.parse(session.folder / "junit.xml")  # noqa: S314  (written a moment ago)
    told = 0
    for case in document.iter("testcase"):
        for properties in case.findall("properties"):
            told += sum(one.attrib["name"].startswith("oomproof.") for one in properties)
            case.remove(properties)
    assert told > 10
    XMLSchema10(Path(__file__).parents[1] / "schemas" / "junit-10.xsd").validate(document)


@pytest.mark.cgroup
def test_each_test_ends_as_it_should(session: Session) -> None:
    failed = {name for name, case in session.cases.items() if case.is_failure or case.is_error}
    assert failed == {
        "test_over", "test_fixtures_count_too", "test_killed", "test_asserts",
        "test_has_no_room_for_pytest",
    }, session.out  # fmt: skip
    assert {name for name, case in session.cases.items() if case.is_skipped} == {
        "test_skips",
        "test_fails_as_known",
    }
    assert len(session.cases) == 14
    assert "DeprecationWarning: soon gone" in session.out


@pytest.mark.cgroup
def test_a_passing_test_has_its_numbers(session: Session) -> None:
    numbers = session.properties("test_fits[40]")
    assert numbers["ending"] == "completed"
    assert numbers["sandbox"] == "cgroup"
    assert session.bytes("test_fits[40]", "memory_limit") == 512 * MIB
    assert session.bytes("test_fits[40]", "budget") == 56 * MIB
    base_bytes = session.bytes("test_fits[40]", "base")
    assert 10 * MIB < base_bytes < 120 * MIB
    # Between two samples, or with page cache in the counter, one end alone may be far off.
    assert session.bytes("test_fits[40]", "added") < 46 * MIB
    assert session.bytes("test_fits[40]", "added_upper") >= 40 * MIB
    assert session.bytes("test_fits[40]", "peak_upper") >= base_bytes + 40 * MIB
    assert int(numbers["pid"]) != os.getpid()
    row = next(line for line in session.out.splitlines() if line.endswith("::test_fits[40]"))
    assert row.startswith("completed")
    assert "56 MiB" in row


@pytest.mark.cgroup
def test_a_test_over_its_budget_says_what_grew_and_where_the_report_is(session: Session) -> None:
    text = session.failure("test_over")
    assert "32MiB and pytest's own" in text
    line = _TESTS.splitlines().index('    return [b"x" * 2**20 + bytes(1) for _ in range(mib)]')
    site = re.search(r"([\d.]+) MiB  \S*test_demo\.py:(\d+) ", text)
    assert site is not None, text
    assert float(site[1]) == pytest.approx(40, abs=1.5)
    assert int(site[2]) == line + 1
    found = re.search(r"^report: (\S+)$", text, re.MULTILINE)
    assert found is not None
    report, store = load_report(session.folder / found[1])
    assert report.verdict is Verdict.FAIL
    assert report.runs[0].purpose is Purpose.VERDICT
    assert report.runs[0].case.snapshot_label == "no snapshot"
    assert (store.folder / "report.md").is_file()
    assert "before it grew" in str(session.cases["test_over"].system_out)


@pytest.mark.cgroup
def test_what_fixtures_hold_is_the_tests_own(session: Session) -> None:
    assert "8MiB and pytest's own" in session.failure("test_fixtures_count_too")


@pytest.mark.cgroup
def test_a_killed_test_keeps_its_last_words_and_names_its_line(session: Session) -> None:
    text = session.failure("test_killed")
    assert "ended oom_killed instead of completed" in text
    assert re.search(r"MiB  \S*test_demo\.py:\d+ ", text), text
    assert "last words" in str(session.cases["test_killed"].system_out)
    assert session.properties("test_killed")["ending"] == Ending.OOM_KILLED
    assert session.properties("test_killed_as_expected")["ending"] == Ending.OOM_KILLED


@pytest.mark.cgroup
def test_asserts_are_explained_as_ever(session: Session) -> None:
    text = session.failure("test_asserts")
    assert "{'a': 1} == {'a': 2}" in text
    assert "AssertionError" in text
    assert "The test had not begun" in session.failure("test_has_no_room_for_pytest")


@pytest.mark.cgroup
def test_replays_and_other_plugins_go_on_beside(session: Session) -> None:
    numbers = session.properties("test_replays")
    assert numbers["replay1.ending"] == "completed"
    assert int(numbers["replay1.memory_limit_bytes"]) == 256 * MIB
    assert "MEMRAY REPORT" in session.out
    assert "test_others.py::test_memray" in session.out
    assert "test_others.py::test_replays, replay 1" in session.out


def test_without_privileges_and_with_fixtures_that_outlive_it(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfilterwarnings = error")
    pytester.makepyfile(
        test_a="""
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            yield
            print("torn down")

        def test_first(shared):
            pass

        @pytest.mark.oomproof(memory="1GiB")
        def test_marked(shared):
            pass

        @pytest.mark.oomproof(memory="1GiB")
        def test_memory_error():
            bytearray(2**62)
        """,
        test_b="""
        def test_elsewhere(replay):
            run = replay(["sh", "-c", "exit 3"], snapshot="test_b.py", sandbox="process")
            assert run.exit_code == 0
        """,
    )
    done = pytester.runpytest_subprocess(
        "--oomproof-sandbox=process", "-rA", "-p", "no:hypothesispytest"
    )
    done.assert_outcomes(passed=2, failed=2)
    text = done.stdout.str()
    assert "ending: MemoryError" in text
    assert "ending: crashed (the worker exited with 3)" in text
    assert "torn down" in text
    assert "previous item was not torn down" not in text


def test_ctrl_c_ends_the_sandbox_and_the_session(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    began = tmp_path / "began"
    (tmp_path / "test_long.py").write_text(
        "import os, pathlib, pytest, time\n"
        "@pytest.mark.oomproof(memory='1GiB', timeout='10m')\n"
        "def test_long():\n"
        f"    pathlib.Path({str(began)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n",
        "utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "--oomproof-sandbox=process"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _wait_for(lambda: began.exists() and began.read_text("utf-8") != "")
        worker = int(began.read_text("utf-8"))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=_PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert "KeyboardInterrupt" in out
    _wait_for(lambda: not _lives(worker))


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    return False


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)
