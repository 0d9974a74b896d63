"""The history: what a report adds to it, its file, and the trend that it shows."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.core.case import Case
from harness.core.comparison import Outcome
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.errors import InputError, NoVerdictError
from harness.core.history import Commit, HistoryLine, Trend, lines_of, trends_of
from harness.core.report import Report
from harness.core.run import Purpose, Run
from harness.core.verdict import Verdict
from harness.history import add_lines, check_history, commit_at, load_history

MIB = 2**20
Runs = Callable[..., Run]
Lines = Callable[..., tuple[HistoryLine, ...]]
CONDITIONS = Conditions(sandbox="cgroup", python="3.13.1")


@pytest.fixture
def lines(make_run: Runs, make_report: Callable[..., Report]) -> Lines:
    """Return what makes the lines of a report whose runs have these peaks in MiB."""

    def make(commit: str, *peaks_mib: float, is_dirty: bool = False, **changes: object) -> object:
        runs = tuple(
            make_run(n, peak_mib=mib, upper_mib=mib, cache_bytes=0)
            for n, mib in enumerate(peaks_mib, start=1)
        )
        report = make_report(*runs, **{"conditions": CONDITIONS, **changes})
        return lines_of(report, Commit(id=commit, is_dirty=is_dirty))

    return make  # type: ignore[return-value]  # the keywords are those of a report


def only(trends: tuple[Trend, ...]) -> Trend:
    (trend,) = trends
    return trend


def outcomes(trend: Trend) -> list[tuple[str, Outcome]]:
    return [(point.line.commit.id, point.change.outcome) for point in trend.points]


def test_a_line_a_case(lines: Lines, make_run: Runs, make_case: Callable[..., Case]) -> None:
    large = make_case(megabytes=50)
    runs = (
        make_run(1),
        make_run(2, case=large, ending=Ending.OOM_KILLED),
        make_run(3),
        make_run(4, case=large, ending=None, peak_mib=None),
        make_run(5, purpose=Purpose.CONFIRMATION, ending=Ending.OOM_KILLED),
    )
    small, died = lines("abc", runs=runs, verdict=Verdict.FAIL)
    assert (small.case, small.endings) == ("streaming · 5MB · 512MiB", {"completed": 2})
    assert small.entry is not None
    assert small.entry.peaks_bytes == (40 * MIB, 40 * MIB)
    assert (died.endings, died.entry) == ({"oom_killed": 1, "none": 1}, None)
    assert {line.verdict for line in (small, died)} == {Verdict.FAIL}


def test_the_trend_says_where_it_grew_and_what_crept_in(lines: Lines) -> None:
    history = [
        *lines("a", 200, 200, 200),
        *lines("b", 201.2, 201.2, 201.2),
        *lines("c", 202.4, 202.4, 202.4),
        *lines("d", 212, 212, 212),
        *lines("e", 205, 205, 205),
    ]
    trend = only(trends_of(history[:3]))
    assert {outcome for _, outcome in outcomes(trend)[1:]} <= {Outcome.SAME, Outcome.OPEN}
    assert trend.overall is not None
    assert trend.overall.outcome is Outcome.GROWN, "by steps too small to count alone"
    assert outcomes(only(trends_of(history)))[3:] == [("d", Outcome.GROWN), ("e", Outcome.SHRUNK)]


def test_single_runs_show_their_spread_over_the_commits(lines: Lines) -> None:
    quiet = [*(lines(f"{n}", 200 + n % 2 / 10)[0] for n in range(5)), *lines("z", 206)]
    assert outcomes(only(trends_of(quiet)))[-1] == ("z", Outcome.GROWN)
    noisy = [*(lines(f"{n}", 200 + n * 7 % 20)[0] for n in range(5)), *lines("z", 215)]
    assert outcomes(only(trends_of(noisy)))[-1][1] is Outcome.OPEN


def test_a_level_begins_anew_after_a_change(lines: Lines) -> None:
    levels = (200, 200, 200, 200, 212, 212, 212, 200)
    history = [line for n, mib in enumerate(levels) for line in lines(f"{n}", *[mib] * 2)]
    found = [outcome for _, outcome in outcomes(only(trends_of(history)))]
    same, grown, shrunk = Outcome.SAME, Outcome.GROWN, Outcome.SHRUNK
    assert found == [Outcome.NEW, same, same, same, grown, same, same, shrunk]


def test_what_is_not_known_of_one_is_not_known_of_all(lines: Lines) -> None:
    history = [*lines("a", 200), *lines("b", 200), *lines("c", 212)]
    assert history[1].entry is not None
    entry = msgspec.structs.replace(
        history[1].entry, peak_upper_bytes=None, peak_uppers_bytes=(), caches_bytes=()
    )
    history[1] = msgspec.structs.replace(history[1], entry=entry)
    change = only(trends_of(history)).points[-1].change
    assert change.upper is None
    assert change.old_runs == len(history[0].entry.peaks_bytes) * 2 if history[0].entry else False


def test_a_commit_that_is_run_again_counts_once(lines: Lines) -> None:
    history = [
        *lines("a", *[200] * 3),
        *lines("b", *[300] * 3),
        *lines("a", *[205] * 3),
        *lines("b", *[210] * 3),
    ]
    trend = only(trends_of(history))
    assert [point.line.commit.id for point in trend.points] == ["a", "b"]
    assert [point.line.entry.peak_bytes // MIB for point in trend.points if point.line.entry] == [
        205,
        210,
    ]


def test_what_is_in_no_commit_is_never_taken_for_one(lines: Lines) -> None:
    history = [
        *lines("a", *[200] * 3),
        *lines("a", 201, is_dirty=True),
        *lines("a", 202, is_dirty=True),
        *lines("", *[203] * 3),
        *lines("", *[204] * 3),
    ]
    assert len(only(trends_of(history)).points) == 5


def test_what_died_is_passed_over_and_told(lines: Lines, make_run: Runs) -> None:
    died = lines("b", runs=(make_run(ending=Ending.OOM_KILLED),))
    trend = only(trends_of([*lines("a", *[200] * 3), *died, *lines("c", *[212] * 3)]))
    assert outcomes(trend)[1] == ("b", Outcome.NOT_COMPARABLE)
    assert "ended 1 oom_killed" in trend.points[1].change.reason
    assert outcomes(trend)[2] == ("c", Outcome.GROWN), "since the last that was measured"


def test_other_conditions_begin_anew_and_say_why(lines: Lines) -> None:
    other = msgspec.structs.replace(CONDITIONS, python="3.14.0")
    history = [
        *lines("a", *[200] * 3),
        *lines("b", 300, conditions=other),
        *lines("c", 300, conditions=other),
    ]
    trend = only(trends_of(history))
    assert trend.points[1].change.outcome is Outcome.NOT_COMPARABLE
    assert trend.points[1].change.reason == "the Python was 3.13.1 and is 3.14.0"
    assert trend.overall is not None
    assert trend.overall.outcome is Outcome.SAME
    assert only(trends_of(history[:2])).overall is None


def test_lines_come_back_as_they_were(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    check_history(path)
    add_lines(path, lines("a", 200, 201))
    add_lines(path, lines("b", *[205] * 3))
    assert load_history(path) == ((*lines("a", 200, 201), *lines("b", *[205] * 3)), ())
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_a_half_written_line_costs_that_line_alone(
    share: float, lines: Lines, tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    add_lines(path, lines("a", *[200] * 3))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: max(1, int(len(whole) * share))].rstrip(b"\n"))
    assert load_history(path) == (lines("a", *[200] * 3), (2,))
    add_lines(path, lines("b", *[201] * 3))
    assert load_history(path) == ((*lines("a", *[200] * 3), *lines("b", *[201] * 3)), (2,))


def test_zeros_of_a_crashed_machine_are_no_line(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    add_lines(path, lines("a", *[200] * 3))
    with path.open("ab") as file:
        file.write(bytes(512))
    add_lines(path, lines("b", *[201] * 3))
    assert [line.commit.id for line in load_history(path)[0]] == ["a", "b"]


def test_several_may_add_at_once(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    many = [lines(str(number), 200) * 20 for number in range(8)]
    threads = [threading.Thread(target=add_lines, args=(path, some)) for some in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found, halves = load_history(path)
    assert (len(found), halves) == (160, ())
    ids = [line.commit.id for line in found]
    assert all(len(set(ids[at : at + 20])) == 1 for at in range(0, 160, 20)), "each in one piece"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "there is no run in it yet"),
        (b'{"schema": 1, "at": "20', "there is no run in it yet"),
        (b"nonsense\n", "line 1 is no JSON"),
        (b'{"schema": 9}\n', "line 1 is of schema 9, and this oomproof reads 1; update it"),
        (b'\n{"schema": 1}\n', "line 2 is no line of a history: at: this key is missing"),
        (b"[1]\n", "line 1 is no line of a history"),
        (b'{"schema": 1, "x": ' + b"[" * 100_000 + b"\n", "line 1 is no line"),
        (b'{"schema": 1, "at": "\xff"}\n', "line 1 is no JSON"),
    ],
)
def test_what_is_no_history_is_bad_input(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_history(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def test_a_line_edited_into_nonsense_is_named(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    add_lines(path, lines("a", *[200] * 3))
    document = json.loads(path.read_bytes())
    document["entry"]["runs"] = 0
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"line 1: entry\.runs: 0 runs cannot"):
        load_history(path)
    document["entry"].update(runs=3, peaks_bytes=[], peak_uppers_bytes=[], caches_bytes=[])
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"line 1: entry\.peaks_bytes: no peak of a run"):
        load_history(path)


def test_a_place_that_cannot_be_added_to(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "history.jsonl"):
        with pytest.raises(InputError, match=r"--history: .* cannot be added to"):
            check_history(path)
    with pytest.raises(NoVerdictError, match="cannot be added to"):
        add_lines(tmp_path, lines("a", *[200] * 3))
    with pytest.raises(InputError, match="cannot be read"):
        load_history(tmp_path / "nowhere.jsonl")


def test_the_commit_that_is_checked_out(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "deep").mkdir()
    environment = {"GITHUB_SHA": "f" * 40}
    assert commit_at(tmp_path, environment).id == "f" * 40, "there is no commit yet"
    subprocess.run([*git, "add", "a.txt"], check=True)
    subprocess.run([*git, "commit", "-qm", "a"], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    head = done.stdout.strip()
    assert commit_at(tmp_path / "deep", environment) == Commit(id=head)
    (tmp_path / "new.txt").write_text("reports do not count")
    assert not commit_at(tmp_path, environment).is_dirty
    (tmp_path / "a.txt").write_text("b")
    assert commit_at(tmp_path, environment) == Commit(id=head, is_dirty=True)


def test_the_commit_that_a_ci_system_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_at(tmp_path, {}) == Commit()
    assert commit_at(tmp_path, {"CI_COMMIT_SHA": "abc\n", "GITHUB_SHA": ""}) == Commit(id="abc")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_at(tmp_path, {"GIT_COMMIT": "def"}) == Commit(id="def"), "without a git"


def test_whoever_is_killed_while_adding_costs_no_other_line(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    (tmp_path / "line.json").write_bytes(msgspec.json.encode(lines("a", 200)[0]))
    code = (
        "import pathlib, msgspec\n"
        "from harness.core.history import HistoryLine\n"
        "from harness.history import add_lines\n"
        "line = msgspec.json.decode(pathlib.Path('line.json').read_bytes(), type=HistoryLine)\n"
        "while True:\n"
        "    add_lines(pathlib.Path('history.jsonl'), [line] * 50)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment) as adder:
        deadline_s = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size > 10**6):
            assert adder.poll() is None
            assert time.monotonic() < deadline_s
        adder.kill()
    add_lines(path, lines("b", 200))
    found, halves = load_history(path)
    assert len(halves) <= 1
    assert [line.commit.id for line in found[-2:]] == ["a", "b"]
