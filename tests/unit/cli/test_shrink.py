"""`oomproof shrink`: what it answers, what it refuses, what it says of checks that misbehave."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command

RECORDS = [{"id": number, "name": f"hero {number}"} for number in range(500)]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"heroes": RECORDS, "version": 3}))
    return path


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Return what makes a check of a few lines of Python, which have the snapshot's path."""

    def make(code: str) -> str:
        path = tmp_path / "check.py"
        path.write_text(f"import json, os, signal, sys, time\nsnapshot = sys.argv[1]\n{code}\n")
        return f"{shlex.quote(sys.executable)} -S {path.name} {{snapshot}}"

    return make


FINDS = "grep -q '\"hero 321\"' {snapshot}"


def test_what_is_left_and_where_it_was(oomproof: Command, export: Path, tmp_path: Path) -> None:
    done = oomproof("shrink", export, "-o", "min.json", "--check", FINDS, "--json")
    assert done.code == 0
    left = (tmp_path / "min.json").read_text()
    assert json.loads(left) == {"heroes": [{"name": "hero 321"}]}
    document = done.document()
    assert document["bytes_before"] == export.stat().st_size
    assert document["bytes_after"] == len(left)
    assert document["output"] == "min.json"
    assert document["needed"][0]["path"] == "$.heroes[321].name"
    assert export.read_bytes()[document["needed"][0]["offset"] :].startswith(b'"hero 321"')
    assert document["confirmed"] is True
    assert document["repeatable"] is True
    assert document["stopped"] is None
    assert document["checks"] <= 40
    assert "$.heroes[*].name" in [path["path"] for path in document["paths"]]
    assert "$.heroes[321].name" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json", "min.json"]


def test_people_are_told_on_standard_output(oomproof: Command, export: Path) -> None:
    done = oomproof("shrink", export, "-o", "min.json", "--check", FINDS)
    assert done.code == 0
    assert done.out.startswith(f"Shrunk {export}, ")
    assert "It is not shown without:" in done.out


def test_a_check_that_never_passes(oomproof: Command, export: Path, tmp_path: Path) -> None:
    done = oomproof("shrink", export, "-o", "min.json", "--check", "grep -q nobody {snapshot}")
    assert done.code == 2
    assert "does not show it" in done.err
    assert "the check exited with 1" in done.err
    assert not (tmp_path / "min.json").exists()


def test_the_last_words_of_a_failing_check_are_passed_on(
    oomproof: Command, export: Path, script: Callable[[str], str]
) -> None:
    check = script("sys.exit('no such hero')")
    done = oomproof("shrink", export, "-o", "min.json", "--check", check)
    assert done.code == 2
    assert "no such hero" in done.err


def test_a_check_that_passes_every_other_time(
    oomproof: Command, export: Path, script: Callable[[str], str]
) -> None:
    check = script("open('runs', 'a').write('.')\nsys.exit(os.path.getsize('runs') % 2)")
    done = oomproof("shrink", export, "-o", "min.json", "--check", check)
    assert done.code == 3
    assert "not repeatable" in done.err
    assert "the first did not show it" in done.err


def test_a_result_that_passed_once_only(
    oomproof: Command, export: Path, tmp_path: Path, script: Callable[[str], str]
) -> None:
    # Little passes the first time that it is seen, and never again.
    check = script(
        "text = open(snapshot).read()\n"
        "seen = open('seen', 'a+'); seen.seek(0); known = text in seen.read().split('\\0')\n"
        "seen.write(text + '\\0')\n"
        "sys.exit('hero 321' not in text or (known and len(text) < 9000))"
    )
    done = oomproof("shrink", export, "-o", "min.json", "--check", check, "--json")
    assert done.code == 3
    document = done.document()
    assert document["repeatable"] is False
    assert document["bytes_after"] >= 9000
    assert document["confirmed"] is True
    assert "not repeatable" in done.err
    assert len((tmp_path / "min.json").read_text()) == document["bytes_after"]


def test_a_check_that_does_not_depend_on_the_data(oomproof: Command, export: Path) -> None:
    done = oomproof("shrink", export, "-o", "min.json", "--check", "test -f {snapshot}")
    assert done.code == 0
    assert "does not depend on the data" in done.out


def test_checks_that_time_out_or_crash_are_said(
    oomproof: Command, export: Path, script: Callable[[str], str]
) -> None:
    check = script(
        "text = open(snapshot).read()\n"
        "if len(text) < 6000: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "if len(text) < 9000: time.sleep(60)\n"
        "sys.exit('hero 321' not in text)"
    )
    words = ("--check", check, "--timeout", "2s", "--max-checks", "10", "--json")
    done = oomproof("shrink", export, "-o", "min.json", *words)
    assert done.code == 0
    unseen = done.document()["unseen"]
    assert set(unseen) == {"ran longer than their time", "were ended by SIGSEGV"}
    assert "of the checks were ended by SIGSEGV" in done.err
    assert done.document()["bytes_after"] >= 9000


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("time.sleep(60)", "the check was stopped after 0.50 s"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the check was ended by SIGSEGV"),
    ],
)
def test_a_check_that_ends_so_at_once(
    code: str, said: str, oomproof: Command, export: Path, script: Callable[[str], str]
) -> None:
    words = ("--check", script(code), "--timeout", "500ms")
    done = oomproof("shrink", export, "-o", "min.json", *words)
    assert done.code == 2
    assert said in done.err


def test_a_check_that_spoils_its_snapshot_spoils_no_result(
    oomproof: Command, export: Path, tmp_path: Path, script: Callable[[str], str]
) -> None:
    check = script(
        "text = open(snapshot).read()\nopen(snapshot, 'w').write('spoilt')\n"
        "sys.exit('hero 321' not in text)"
    )
    done = oomproof("shrink", export, "-o", "min.json", "--check", check)
    assert done.code == 0
    assert json.loads((tmp_path / "min.json").read_text()) == {"heroes": [{"name": "hero 321"}]}


def test_a_check_that_is_gone_in_the_middle_costs_no_result(
    oomproof: Command, export: Path, tmp_path: Path
) -> None:
    check = tmp_path / "check"
    check.write_text(
        '#!/bin/sh\necho >> runs\n[ $(wc -l < runs) -lt 9 ] || rm check\ngrep -q "hero 321" "$1"\n'
    )
    check.chmod(0o755)
    done = oomproof("shrink", export, "-o", "min.json", "--check", "./check {snapshot}", "--json")
    assert done.code == 3
    assert '"./check" cannot be run' in done.err
    assert "is in min.json" in done.err
    document = done.document()
    assert document["bytes_after"] == (tmp_path / "min.json").stat().st_size
    assert document["bytes_after"] < document["bytes_before"]
    assert "hero 321" in (tmp_path / "min.json").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": NaN}', "byte 6: "),
        ('{"a": [1, 2', "byte 11: the text ends inside an array"),
        ('{"a": 1} trailing', "byte 9: "),
        ("", "is empty"),
    ],
)
def test_a_snapshot_that_is_no_json(
    text: str, said: str, oomproof: Command, tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    done = oomproof("shrink", path, "-o", "min.json", "--check", "true {snapshot}")
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "min.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "m.json"), "one of --check, --memory and --peak"),
        (("-o", "m.json", "--check", "true {snapshot}", "--memory", "1GiB"), "one of --check"),
        (("-o", "m.json", "--check", "true"), "never gets the snapshot"),
        (("-o", "m.json", "--check", ""), "it is empty"),
        (("-o", "m.json", "--check", "grep 'x {snapshot}"), "No closing quotation"),
        (("-o", "m.json", "--check", "cat {snapshot} | grep x"), "no shell"),
        (("-o", "m.json", "--check", "! grep x {snapshot}"), "no shell"),
        (("-o", "m.json", "--check", "no-such-program {snapshot}"), "cannot be run"),
        (("-o", "m.json", "--check", "true {snapshot}", "--", "x"), "leave out the worker's"),
        (("-o", "m.json", "--check", "true {snapshot}", "--timeout", "soon"), "--timeout"),
        (("-o", "export.json", "--check", "true {snapshot}"), "is the snapshot itself"),
        (("-o", "no/such/m.json", "--check", "true {snapshot}"), "-o"),
        (("-o", "/dev/stdout", "--check", "true {snapshot}"), "name a plain file"),
        (("-o", "m.json", "--memory", "1GiB"), "give the command"),
        (("-o", "m.json", "--memory", "much", "--", "true"), "is not a size"),
        (("-o", "m.json", "--memory", "unlimited", "--", "true"), "no limit"),
        (("-o", "m.json", "--peak", "much", "--", "true"), "is not a size"),
        (("-o", "m.json", "--peak", "900TiB", "--", "true"), "more than this machine"),
    ],
)
def test_what_cannot_be_asked(
    words: tuple[str, ...], said: str, oomproof: Command, export: Path
) -> None:
    done = oomproof("shrink", export, *words)
    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_snapshot_that_is_not_there(oomproof: Command) -> None:
    done = oomproof("shrink", "nowhere.json", "-o", "m.json", "--check", "true {snapshot}")
    assert done.code == 2
    assert "nowhere.json is not there" in done.err


def test_an_older_result_is_replaced(oomproof: Command, export: Path, tmp_path: Path) -> None:
    (tmp_path / "min.json").write_text("old")
    assert oomproof("shrink", export, "-o", "min.json", "--check", FINDS).code == 0
    assert json.loads((tmp_path / "min.json").read_text()) == {"heroes": [{"name": "hero 321"}]}
