import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from harness.core.conditions import Conditions
from harness.core.errors import InputError, NoVerdictError
from harness.core.finding import Finding, Severity, Subject
from harness.core.peaks import Sample
from harness.core.report import SCHEMA, Report
from harness.core.run import Output, Run
from harness.core.verdict import Verdict
from harness.files import publish
from harness.store import REPORT, Store, load_report, new_store, newest_report

Runs = Callable[..., Run]
SAMPLES = (
    Sample(at_s=0.01, anon_bytes=2**53 + 1, offset_bytes=7, stalled_us=3),
    Sample(at_s=0.02, anon_bytes=2, kernel_bytes=5, snapshot_index=3),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path / "out", "demo")


def report_of(*runs: Run, finished: bool = True, planned: int = 0) -> Report:
    return Report(
        schema=SCHEMA,
        oomproof="0.1.0",
        scenario="demo",
        verdict=Verdict.PASS if finished else Verdict.NONE,
        started_at="2025-01-02T03:04:05Z",
        conditions=Conditions(sandbox="process"),
        runs=runs,
        findings=(),
        finished=finished,
        planned_runs=planned or len(runs),
    )


def save(store: Store, report: Report) -> Path:
    publish(store.folder / REPORT, msgspec.json.encode(report))
    return store.folder


def test_each_invocation_has_its_own_folder_and_latest_is_the_last(tmp_path: Path) -> None:
    stores = [new_store(tmp_path, "demo") for _ in range(3)]
    assert len({store.folder for store in stores}) == 3
    assert (tmp_path / "demo" / "latest").resolve() == stores[-1].folder
    assert sorted(tmp_path.rglob(".latest*")) == []


def test_something_else_may_be_called_latest(tmp_path: Path) -> None:
    (tmp_path / "demo" / "latest").mkdir(parents=True)
    store = new_store(tmp_path, "demo")
    assert store.folder.is_dir()
    assert sorted(tmp_path.rglob(".latest*")) == []


@pytest.mark.parametrize("root", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_bad_input(root: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^--out: .* cannot be made"):
        new_store(tmp_path / root, "demo")


def test_output_is_removed_unless_it_is_kept(tmp_path: Path) -> None:
    for keep_output in (False, True):
        store = new_store(tmp_path, "demo", keep_output=keep_output)
        folder = store.output_folder(1)
        assert (folder / "tmp").is_dir()
        (folder / "heroes.db").write_text("x")
        store.drop_output(1)
        assert folder.exists() is keep_output


@pytest.mark.parametrize("keep_output", [False, True])
def test_what_a_killed_invocation_let_its_worker_write_is_removed_by_the_next(
    keep_output: bool, tmp_path: Path
) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom harness.store import new_store\n"
        f"store = new_store(Path(sys.argv[1]), 'demo', keep_output={keep_output})\n"
        "(store.output_folder(1) / 'heroes.db').write_text('x')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    left = (tmp_path / "demo" / "latest").resolve() / "runs" / "001" / "output" / "heroes.db"
    assert left.exists()
    other = new_store(tmp_path, "other")
    mine = other.output_folder(1)
    assert left.exists() is keep_output
    new_store(tmp_path, "third")
    assert mine.exists(), "another invocation still works there"


def test_an_invocation_that_ended_leaves_no_claim(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom harness.store import new_store\n"
        "store = new_store(Path(sys.argv[1]), 'demo')\n"
        "assert list(store.folder.glob('.*'))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.rglob(".*")) == []


@pytest.fixture
def deep(store: Store) -> Iterator[Path]:
    """Return the output folder of run 1 with folders in it nested deeper than Python's stack."""
    folder = store.output_folder(1)
    place = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=place)
        deeper = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(place)
    yield folder
    # What stays would stop pytest's own clearing up.
    subprocess.run(["rm", "-rf", "--", folder], check=True)


def test_output_nested_deeper_than_pythons_stack_is_removed(store: Store, deep: Path) -> None:
    store.drop_output(1)
    assert not deep.exists()


def test_output_that_a_worker_replaced_by_a_link_takes_nothing_with_it(
    store: Store, tmp_path: Path
) -> None:
    folder = store.output_folder(1)
    (tmp_path / "precious").mkdir()
    (folder / "tmp").rmdir()
    folder.rmdir()
    folder.symlink_to(tmp_path / "precious")
    store.drop_output(1)
    assert (tmp_path / "precious").is_dir()
    assert not folder.is_symlink()


def test_a_run_is_saved_with_its_streams_and_samples(store: Store, make_run: Runs) -> None:
    output = Output(stdout_tail="o" * 5000, stderr_tail="é" * 5000, stderr_bytes=10_000)
    reported = store.save_run(make_run(7, output=output), SAMPLES)
    folder = store.folder / "runs" / "007"
    assert (folder / "stdout.txt").read_text("utf-8") == "o" * 5000
    assert (folder / "stderr.txt").read_text("utf-8") == "é" * 5000
    assert reported.output.stderr_tail == "é" * 4096
    assert reported.output.stderr_bytes == 10_000
    assert msgspec.json.decode((folder / "run.json").read_bytes(), type=Run) == reported


def test_samples_come_back_as_they_were(store: Store, make_run: Runs) -> None:
    run = store.save_run(make_run(1), SAMPLES)
    other = store.save_run(make_run(2), ())
    samples = store.timelines(report_of(run, other, make_run(3)))
    assert samples == {1: SAMPLES, 2: ()}
    assert isinstance(samples[1][0].anon_bytes, int)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema":1,"columns":["at_s"],"samples":[[1,2]]}',
        b'{"schema":1,"columns":["at_s"],"samples":[[1]]}',
        b'{"schema":1,"columns":["at_s","anon_bytes"],"samples":[[null,null]]}',
        b'{"schema":1,"columns":["\xff"],"samples":[]}',
        b"[" * 100_000,
    ],
)
def test_samples_that_cannot_be_read_are_left_out(
    data: bytes, store: Store, make_run: Runs
) -> None:
    run = store.save_run(make_run(1), SAMPLES)
    (store.folder / "runs" / "001" / "timeline.json").write_bytes(data)
    assert store.timelines(report_of(run)) == {}


def test_a_run_that_cannot_be_saved_is_no_verdict(store: Store, make_run: Runs) -> None:
    (store.folder / "runs").write_text("in the way")
    with pytest.raises(NoVerdictError, match="cannot be made"):
        store.output_folder(1)
    with pytest.raises(NoVerdictError, match="cannot be made"):
        store.save_run(make_run(1), SAMPLES)


def test_a_name_that_is_no_utf_8_costs_no_run(store: Store, make_run: Runs) -> None:
    run = make_run(1, reason="\udcff cannot be read", notes=("\ud800",))
    store.save_run(run, ())
    saved = (store.folder / "runs" / "001" / "run.json").read_text("utf-8")
    assert r"\\udcff cannot be read" in saved


def test_a_report_is_found_by_its_file_or_folder(store: Store, make_run: Runs) -> None:
    report = report_of(make_run())
    folder = save(store, report)
    for path in (folder, folder / REPORT, folder.parent / "latest"):
        assert load_report(path)[0] == report


def test_the_newest_report_of_all_scenarios_is_found(tmp_path: Path, make_run: Runs) -> None:
    with pytest.raises(InputError, match="there is no report"):
        newest_report(tmp_path)
    for name, mtime_s in (("a", 2000), ("b", 3000), ("c", 1000)):
        folder = save(new_store(tmp_path, name), report_of(make_run()))
        os.utime(folder / REPORT, (mtime_s, mtime_s))
    assert newest_report(tmp_path).parent.name == "b"


def test_a_report_that_was_killed_gets_the_runs_that_were_saved(
    store: Store, make_run: Runs
) -> None:
    for number in (1000, 2, 101, 1):
        store.save_run(make_run(number), SAMPLES)
    (store.folder / "runs" / "003").mkdir()
    (store.folder / "runs" / "004").mkdir()
    (store.folder / "runs" / "004" / "run.json").write_bytes(b'{"number": 4')
    folder = save(store, report_of(make_run(1), finished=False, planned=1200))
    report, _ = load_report(folder)
    assert [run.number for run in report.runs] == [1, 2, 101, 1000]
    assert (report.verdict, report.finished) == (Verdict.NONE, False)
    (finding,) = report.findings
    assert finding.severity is Severity.NO_VERDICT
    assert "4 of 1200 runs were saved" in finding.message


def test_a_report_that_was_stopped_keeps_its_verdict(store: Store, make_run: Runs) -> None:
    finding = Finding(
        budget=Subject.HARNESS, worker="", message="stopped", severity=Severity.NO_VERDICT
    )
    stopped = msgspec.structs.replace(
        report_of(make_run(1), finished=False), findings=(finding,), verdict=Verdict.FAIL
    )
    report, _ = load_report(save(store, stopped))
    assert (report.findings, report.verdict) == ((finding,), Verdict.FAIL)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b"<xml/>", "not JSON"),
        (b'{"schema": 1, "oomproof": "0.', "half written"),
        (b'{"schema": 99, "future": true}', "schema 99, and this oomproof reads 1; update it"),
        (b'{"schema": "1"}', "schema: Expected `int`, got `str`"),
        (b"{}", "schema: this key is missing"),
        (b'{"schema": 1}', "this key is missing"),
        (b"null", "no report of oomproof"),
        (b'{"schema": 1, "x": ' + b"[" * 100_000, "nests too deeply"),
        (b"\xff\xfe{", "not JSON"),
    ],
)
def test_what_is_no_report_is_bad_input(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / REPORT
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_report(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "", "file/report.json"])
def test_a_report_that_is_not_there_is_bad_input(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        load_report(tmp_path / name)
