"""Every bad input is refused with exit code 2 and one clear line, before anything is run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Scenarios = Callable[..., Path]
RAN = "touch {output}/../../../../../../ran; cat {snapshot}"


@pytest.fixture
def refused(oomproof: Command, tmp_path: Path) -> Callable[..., str]:
    """Return what runs a command that must be refused, and returns its one line."""

    def refuse(*words: str | Path) -> str:
        done = oomproof(*words)
        assert done.code == 2, done.err
        assert done.out == ""
        assert "Traceback" not in done.err
        assert not list(tmp_path.rglob("runs"))
        lines: list[str] = done.err.splitlines()
        assert len(lines) == 1, done.err
        assert lines[0].startswith("oomproof: ")
        return lines[0]

    return refuse


Refused = Callable[..., str]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema = 1", "schema = 2", "schema: 2 is newer"),
        ("limits.memory", "limits.memroy", "limits.memroy: unknown key"),
        ("64MiB", "64Mb", 'limits.memory[0]: "64Mb" is not a size; write for example "512MiB"'),
        ("64MiB", "0MiB", "limits.memory[0]: a limit of zero"),
        ("64MiB", "900TiB", "limits.memory[0]: 900TiB is above the memory of this machine"),
        ('kind = "process"', 'kind = "jail"', "sandbox.kind: "),
        ('"sh"', '"no-such-program"', 'worker[0].command: "no-such-program" is not found'),
        ("{snapshot}", "{snapshoot}", "worker[0].command: nothing fills {snapshoot}"),
        ("export.json", "missing.json", "missing.json is not there"),
        ("export.json", "*.jsn", 'snapshots.files: nothing matches "*.jsn"'),
        ("export.json", "empty.json", "empty.json is empty"),
        ("export.json", "folder", "folder is a folder"),
        ("[[worker]]", "[[worker]", "not a TOML file"),
        ('name = "worker"', 'name = ""', "worker[0].name: '' cannot be shown"),
        ('name = "demo"', 'name = "../demo"', "name: "),
        ('name = "demo"', 'name = "a\\u001b[31m\\nb"', "name: "),
    ],
)
def test_scenarios(
    old: str, new: str, words: str, refused: Refused, scenario: Scenarios, tmp_path: Path
) -> None:
    (tmp_path / "empty.json").touch()
    (tmp_path / "folder").mkdir()
    path = scenario(RAN)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    line = refused("run", path)
    assert line.startswith(f"oomproof: {path}: ")
    assert words in line


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            '[[budget]]\nworker = "wroker"\npeak = "1GiB"',
            'budget[0].worker: no worker is named "wr',
        ),
        ('[[budget]]\nworker = "worker"\npeak = "1Gb"', 'budget[0].peak: "1Gb" is not a size'),
        ('[[budget]]\nworker = "worker"', "budget[0]: allow something"),
        ('expect = [{ending = "dead"}]', "worker[0].expect[0].ending: "),
        ('expect = [{ending = "crashed", snapshot = "x"}]', 'snapshot: "x" is none of export.json'),
    ],
)
def test_budgets_and_expectations(
    more: str, words: str, refused: Refused, scenario: Scenarios
) -> None:
    assert words in refused("run", scenario(RAN, more=more))


def test_an_unknown_worker(refused: Refused, scenario: Scenarios) -> None:
    line = refused("run", scenario(RAN), "--worker", "streaming")
    assert 'has no worker "streaming"; it has worker' in line


def test_an_unknown_sandbox(refused: Refused, scenario: Scenarios) -> None:
    line = refused("run", scenario(RAN), "--sandbox", "jail")
    assert '--sandbox: "jail" is none of auto, docker, cgroup, process' in line


@pytest.mark.parametrize("out", ["export.json", "export.json/reports", "/proc/oomproof"])
def test_a_place_for_reports_that_cannot_be_written(
    out: str, refused: Refused, scenario: Scenarios
) -> None:
    assert refused("run", scenario(RAN), "--out", out).startswith("oomproof: --out: ")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"schema": 3}', "this baseline is schema 3, and this oomproof reads 2; update it"),
        (b'{"schema": 1, "scen', "half written"),
        (b"", "the file is empty"),
    ],
)
def test_a_baseline_that_cannot_be_read(
    data: bytes, words: str, refused: Refused, scenario: Scenarios, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "demo.json").write_bytes(data)
    assert words in refused("run", scenario(RAN), "--baselines", "b")
    assert words in refused("baseline", "show", "demo", "--baselines", "b")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--memory", "64Mb"), '--memory: "64Mb" is not a size'),
        (("--memory", "512"), '--memory: "512" is 512 bytes, in which no program can start'),
        (("--memory", "0"), "--memory: a limit of zero"),
        (("--memory", "900TiB"), "--memory: 900TiB is above the memory"),
        (("--memory", "1GiB", "--memory", "1GiB"), '--memory: "1GiB" stands there twice'),
        (("--timeout", "5"), '--timeout: "5" is not a duration'),
        (("--sandbox", "jail"), '--sandbox: "jail"'),
        (("--sandbox", "process", "--image", "python:3.13"), "the process sandbox has no images"),
        (("--sandbox", "cgroup", "--image", "python:3.13"), "the cgroup sandbox has no images"),
        (("--worker", "w"), '--worker: command line has no worker "w"; it has sh'),
    ],
)
def test_options_of_one_command(
    options: tuple[str, ...], words: str, refused: Refused, snapshot: Path
) -> None:
    assert words in refused("run", "--snapshot", snapshot, *options, "--", "sh", "-c", RAN)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.json", "missing.json is not there"),
        ("empty.json", "empty.json is empty"),
        ("folder", "is a folder"),
        ("/dev/null", "a device or a pipe"),
        ("no*such.json", "--snapshot: nothing matches"),
    ],
)
def test_snapshots_of_one_command(name: str, words: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "empty.json").touch()
    (tmp_path / "folder").mkdir()
    assert words in refused("run", "--snapshot", name, "--", "sh", "-c", RAN)


def test_a_command_that_is_not_there(refused: Refused, snapshot: Path) -> None:
    line = refused("run", "--snapshot", snapshot, "--", "no-such-program", "{snapshot}")
    assert 'COMMAND: "no-such-program" is not found' in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "give one scenario file, or --snapshot"),
        (("run", "--", "python", "w.py"), "give one scenario file, or --snapshot"),
        (("run", "--snapshot", "export.json"), "give the command after `--`"),
        (("run", "export.json"), "to replay it: --snapshot export.json"),
        (("run", "--snapshot", "export.json", "--", "s.toml"), "--snapshot goes with a command"),
        (("run", "missing.toml"), "scenario missing.toml cannot be read: No such file"),
        (("run", "."), "scenario . cannot be read: Is a directory"),
        (("run", "latin.toml"), "cannot be read: it is not UTF-8"),
        (("run", "scenario.toml", "--memory", "1GiB"), "--memory goes with --snapshot"),
        (("run", "scenario.toml", "--timeout", "5s"), "--timeout goes with --snapshot"),
        (("report",), "there is no report in reports/out yet"),
        (("report", "missing"), "missing cannot be read"),
        (("baseline", "accept"), "there is no report"),
        (("baseline", "show", "demo"), "demo.json is not there; `oomproof baseline accept`"),
        (("baseline", "show", "../demo"), "cannot be the name of a scenario"),
        (("generate", "hero", "--size", "5MB", "-o", "x"), "is neither a file nor built in"),
        (("generate", "hero_snapshot", "-o", "x"), "give either --size"),
        (("generate", "hero_snapshot", "--size", "5", "-o", "x"), "5 is too small"),
        (("generate", "hero_snapshot", "--size", "5Mb", "-o", "x"), '--size: "5Mb" is not a size'),
        (("generate", "hero_snapshot", "--size", "5MB", "-o", "."), "-o: . is a folder"),
        (
            ("generate", "hero_snapshot", "--size", "5MB", "-o", "-", "--json"),
            "both print to stdout",
        ),
    ],
)
def test_other_words(
    words: tuple[str, ...], said: str, refused: Refused, scenario: Scenarios, tmp_path: Path
) -> None:
    scenario(RAN)
    (tmp_path / "latin.toml").write_bytes("name = 'é'".encode("latin-1"))
    assert said in refused(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("fly",),
        ("run", "--fly"),
        ("run", "--repeat", "0", "scenario.toml"),
        ("run", "--repeat", "1001", "scenario.toml"),
        ("run", "--repeat", "many", "scenario.toml"),
        ("run", "--jobs", "0", "scenario.toml"),
        ("report", "--format", "fax"),
        ("generate", "hero_snapshot", "--size", "5MB", "-o", "x", "--seed", "-1"),
        ("baseline", "show"),
    ],
)
def test_usage(words: tuple[str, ...], oomproof: Command) -> None:
    done = oomproof(*words)
    assert (done.code, done.out) == (2, "")
    assert "Usage: oomproof" in done.err
    assert "Traceback" not in done.err
    assert "bug" not in done.err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (json.dumps({"schema": 99}), "this report is schema 99, and this oomproof reads 1"),
        ('{"schema": 1, "oomp', "half written"),
        ("<xml>", "not JSON"),
        ("", "empty"),
    ],
)
def test_reports_that_cannot_be_read(
    data: str, words: str, refused: Refused, tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    path.write_text(data)
    assert words in refused("report", path)
    assert words in refused("report", path, "--json")
    assert words in refused("baseline", "accept", path)
