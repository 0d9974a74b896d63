"""The program as a process: what only its exit, its pipes and its signals can show."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Spawn = Callable[..., "subprocess.CompletedProcess[bytes]"]
PROGRAM = (sys.executable, "-m", "harness")


@pytest.fixture
def spawn(tmp_path: Path) -> Spawn:
    """Return what runs the program to its end in a folder of its own."""

    def run(
        *words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **more: str
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [*PROGRAM, *words],
            cwd=tmp_path,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **more},
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def full() -> Iterator[int]:
    """Return a file on a disk that has no room left."""
    number = os.open("/dev/full", os.O_WRONLY)
    yield number
    os.close(number)


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


def test_output_to_a_full_disk_is_no_verdict(spawn: Spawn, report: Path, full: int) -> None:
    done = spawn("report", str(report), "--json", stdout=full)
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


def test_a_log_that_is_full_costs_neither_code_nor_report(
    spawn: Spawn, full: int, tmp_path: Path
) -> None:
    assert spawn("report", "missing.json", stderr=full).returncode == 2
    assert spawn("fly", stderr=full).returncode == 2
    (tmp_path / "export.json").write_text("[1]")
    words = ("--snapshot", "export.json", "--sandbox", "process", "--json", "--")
    done = spawn("run", *words, "sh", "-c", "exit 3", "{snapshot}", stderr=full)
    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "fail"


def test_a_log_that_nobody_reads_costs_no_run(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text("[1]")
    words = ("--snapshot", "export.json", "--sandbox", "process", "--json", "--repeat", "2", "--")
    pipe = unread()
    done = spawn("run", *words, "true", "{snapshot}", stderr=pipe)
    os.close(pipe)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["runs"]) == 2


def wait_for(seen: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_half_made_snapshot_goes_with_its_program(number: signal.Signals, tmp_path: Path) -> None:
    words = ("generate", "hero_snapshot", "--size", "20GB", "-o", "large.json")
    with subprocess.Popen([*PROGRAM, *words], cwd=tmp_path, stderr=subprocess.PIPE) as program:
        wait_for(lambda: bool(list(tmp_path.glob(".large.json.*"))))
        program.send_signal(number)
        _, err = program.communicate(timeout=60)
    assert program.returncode == 3
    assert err.endswith(b"oomproof: stopped.\n")
    assert list(tmp_path.iterdir()) == []


def draws(pid: int) -> bool:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return any(
        b"harness.reporters.drawing" in Path(f"/proc/{child}/cmdline").read_bytes()
        for child in children
    )


def test_a_picture_is_not_lost_to_a_terminal_that_says_stop(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text("[1]")
    words = ("run", "--snapshot", "export.json", "--sandbox", "process", "--", "true", "{snapshot}")
    with subprocess.Popen(
        [*PROGRAM, *words],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as program:
        wait_for(lambda: draws(program.pid))
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does
        _, err = program.communicate(timeout=60)
    assert program.returncode == 0, "all had been run, so there was nothing left to stop"
    assert b"not written" not in err
    assert list(tmp_path.glob("reports/out/ad-hoc/latest/memory.png"))


def shown_on_a_terminal(words: tuple[str, ...], **environment: str) -> bytes:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *words], stdout=theirs, env={**os.environ, **environment}
    ) as program:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # its end
            while chunk := os.read(ours, 65536):
                said += chunk
    os.close(ours)
    assert program.returncode == 1
    return said


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "NO_COLOR": ""}, False),
    ],
)
def test_a_terminal_is_given_colour_where_it_takes_it(
    environment: dict[str, str], is_coloured: bool, report: Path
) -> None:
    assert (b"\x1b" in shown_on_a_terminal(("report", str(report)), **environment)) is is_coloured
