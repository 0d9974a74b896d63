"""The program as a process: what only its exit, its pipes and its signals can show."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Spawn = Callable[..., "subprocess.CompletedProcess[bytes]"]
PROGRAM = (sys.executable, "-m", "harness")


@pytest.fixture
def spawn(tmp_path: Path) -> Spawn:
    """Return what runs the program to its end in a folder of its own."""

    def run(
        *words: str, stdout: int = subprocess.PIPE, **more: str
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [*PROGRAM, *words],
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, **more},
            check=False,
            timeout=120,
        )

    return run


def unread() -> int:
    """Return the end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Return a saved report of a failure, with a name that is no ASCII."""
    path = tmp_path / "report.json"
    document = {
        "schema": 1,
        "oomproof": "0.1.0",
        "scenario": "demo",
        "verdict": "fail",
        "started_at": "2025-01-02T03:04:05Z",
        "conditions": {"sandbox": "docker"},
        "runs": [],
        "findings": [
            {
                "budget": "expect",
                "worker": "h\N{LATIN SMALL LETTER E WITH ACUTE}ros",
                "message": "h\N{LATIN SMALL LETTER E WITH ACUTE}ros crashed.",
                "severity": "failure",
            }
        ],
    }
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_it_exits_with_the_code_of_its_command(spawn: Spawn, report: Path) -> None:
    assert spawn("report", str(report)).returncode == 1
    assert spawn("fly").returncode == 2


def test_a_reader_that_left_does_not_change_the_verdict(spawn: Spawn, report: Path) -> None:
    pipe = unread()
    done = spawn("report", str(report), stdout=pipe)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_reader_that_left_is_not_a_budget_that_was_broken(spawn: Spawn) -> None:
    pipe = unread()
    done = spawn("generate", "hero_snapshot", "--size", "1MB", "-o", "-", stdout=pipe)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (3, b"")


def test_output_to_a_full_disk_is_no_verdict(spawn: Spawn, report: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = spawn("report", str(report), "--json", stdout=full)
    os.close(full)
    assert done.returncode == 3
    assert (
        done.stderr
        == b"oomproof: the system refused something: [Errno 28] No space left on device\n"
    )


def test_closed_streams_cost_no_verdict(tmp_path: Path, report: Path) -> None:
    line = f"exec {sys.executable} -m harness report {report} -o new.md --format markdown"
    closed = subprocess.run(["sh", "-c", f"{line} 0<&- 1>&- 2>&-"], cwd=tmp_path, check=False)
    assert closed.returncode == 1
    assert (tmp_path / "new.md").read_text("utf-8").startswith("#")


@pytest.mark.parametrize("form", ["terminal", "json"])
def test_a_terminal_that_cannot_show_a_name_still_gets_the_verdict(
    form: str, spawn: Spawn, report: Path
) -> None:
    done = spawn("report", str(report), "--format", form, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert b"ros crashed" in done.stdout
    assert done.stderr == b""


def test_an_error_is_one_line_whatever_it_quotes(spawn: Spawn) -> None:
    done = spawn("report", "a\n\x1b[31mb")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"\x1b" not in done.stderr
