"""What py-spy says, as threads; and its refusals, in words that help."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.autopsy.gather import _stack_problems
from harness.autopsy.processes import areas_of, command_of, open_files_of, parse_smaps, rollup_of
from harness.autopsy.stacks import (
    MOST_FRAMES,
    MOST_THREADS,
    Stacks,
    _bounded,
    explain,
    read_stacks,
    remedy,
    threads_of,
)
from harness.core.autopsy import Process, Thread, main_thread, same_place
from harness.core.profile import Frame

FRAME = {"name": "load", "filename": "/app/w.py", "line": 3, "locals": None}
THREAD = {
    "thread_id": 1,
    "os_thread_id": 7,
    "thread_name": "MainThread",
    "active": True,
    "owns_gil": True,
    "frames": [FRAME],
}


def test_threads_are_read() -> None:
    (thread,) = threads_of([THREAD])
    assert thread == Thread(
        name="MainThread",
        thread_id=7,
        active=True,
        holds_gil=True,
        stack=(Frame(function="load", file="/app/w.py", line=3),),
    )


def test_values_are_cut() -> None:
    frame = {**FRAME, "locals": [{"name": "secret", "repr": "x" * 1000}]}
    (thread,) = threads_of([{**THREAD, "frames": [frame]}])
    assert thread.locals_ == ({"secret": "x" * 200},)


def test_of_very_many_threads_those_at_work_are_kept() -> None:
    document = [
        {**THREAD, "active": False, "owns_gil": False, "os_thread_id": n} for n in range(999)
    ]
    document[-1] |= {"active": True, "owns_gil": True}
    found = _bounded(threads_of(document))
    assert len(found.threads) == MOST_THREADS
    assert found.left_out == 999 - MOST_THREADS
    assert found.threads[0].holds_gil
    assert _bounded(found.threads) == Stacks(threads=found.threads)


def test_of_a_deep_stack_both_ends_are_kept() -> None:
    frames = [{**FRAME, "line": n} for n in range(10_000)]
    (thread,) = threads_of([{**THREAD, "frames": frames}])
    assert len(thread.stack) == MOST_FRAMES
    assert (thread.stack[0].line, thread.stack[-1].line) == (0, 9999)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Error: Failed to find python version from target process", "no Python process"),
        ("Permission Denied: Try running again with elevated permissions", "not allowed"),
        ("Error: 1: Operation not permitted (os error 1)", "not allowed"),
        ("Error: something new\n\nStack backtrace:", "could not read the stacks: something new."),
        ("", "it said nothing"),
    ],
)
def test_refusals_are_explained(error: str, words: str) -> None:
    assert words in explain(error)


def test_a_refusal_names_the_setting_to_change() -> None:
    assert "sysctl kernel.yama.ptrace_scope=0" in remedy("1")
    assert "is 2" in remedy("2")
    assert "sysctl" not in remedy("0")


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    code = "import sys, time; print('on', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_stacks_of_a_real_process(sleeper: "subprocess.Popen[bytes]") -> None:
    found = read_stacks([sleeper.pid], with_locals=False, seconds=20)
    (thread,) = found[sleeper.pid].threads
    assert thread.name == "MainThread"
    assert thread.stack[0].file == "<string>"


def test_what_is_no_python_and_what_is_gone_are_said() -> None:
    process = subprocess.Popen(["/bin/sleep", "60"])
    try:
        while command_of(process.pid)[0] != "/bin/sleep":
            time.sleep(0.01)
        found = read_stacks([process.pid], with_locals=False, seconds=20)
        assert "no Python process" in found[process.pid].problem
    finally:
        process.kill()
        process.wait()
    gone = read_stacks([process.pid], with_locals=False, seconds=20)
    assert gone[process.pid].problem.startswith("py-spy")


def test_a_process_of_another_user_is_refused_with_what_to_do(
    sleeper: "subprocess.Popen[bytes]",
) -> None:
    if os.getuid() != 0:
        pytest.skip("being another user takes root")
    program = Path(sys.executable).parent / "py-spy"
    try:
        done = subprocess.run(
            [program, "dump", "--pid", str(sleeper.pid), "--nonblocking"],
            capture_output=True,
            text=True,
            check=False,
            user=65534,
            group=65534,
            extra_groups=[],
        )
    except PermissionError:
        pytest.skip("py-spy is closed to other users here")
    assert done.returncode != 0
    assert "not allowed to read" in explain(done.stderr)
    assert "as root" in explain(done.stderr)


SMAPS = """\
00400000-00500000 r-xp 00000000 08:01 1 /usr/bin/python3.11
Size: 1024 kB
Rss:  100 kB
Anonymous: 0 kB
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
Rss: 1000 kB
Anonymous: 1000 kB
7f0000200000-7f0000300000 rw-p 00000000 00:00 0
Rss: 24 kB
Anonymous: 24 kB
7ffe00000000-7ffe00100000 rw-p 00000000 00:00 0 [stack]
Rss: 8 kB
Anonymous: 8 kB
7f0000400000-7f0000500000 r--s 00000000 08:01 2 /tmp/a file (deleted)
Rss: 200 kB
Anonymous: 0 kB
"""


def test_mappings_are_put_together_by_name() -> None:
    areas = parse_smaps(SMAPS.splitlines())
    assert [(area.name, area.count, area.resident_bytes // 1024) for area in areas] == [
        ("[anonymous]", 2, 1024),
        ("/tmp/a file (deleted)", 1, 200),
        ("/usr/bin/python3.11", 1, 100),
        ("[stack]", 1, 8),
    ]
    assert areas[0].anonymous_bytes == 1024 * 1024
    assert areas[0].size_bytes == 2 * 1024 * 1024


def test_this_process_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "open.json"
    path.write_bytes(b"x" * 100)
    with path.open("rb", buffering=0) as file:
        file.read(40)
        found = [f for f in open_files_of(os.getpid()) if f.path == str(path)]
    assert [(f.offset_bytes, f.size_bytes) for f in found] == [(40, 100)]
    assert rollup_of(os.getpid())["Anonymous"] > 2**20
    assert sum(area.resident_bytes for area in areas_of(os.getpid())) > 2**20
    assert command_of(os.getpid())


def test_a_process_that_is_gone_has_nothing() -> None:
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    assert rollup_of(process.pid) == {}
    assert areas_of(process.pid) == ()
    assert open_files_of(process.pid) == ()
    assert command_of(process.pid) == ("[gone]",)


def thread(name: str, *, gil: bool | None = False, active: bool = False, frames: int = 1) -> Thread:
    stack = tuple(Frame(function=name, file="/w.py", line=n) for n in range(frames))
    return Thread(name=name, thread_id=1, stack=stack, active=active, holds_gil=gil)


def process(*threads: Thread) -> Process:
    return Process(pid=1, parent=0, command=(), rollup={}, areas=(), open_files=(), threads=threads)


def test_whose_stack_it_is_is_said_where_the_largest_process_has_none() -> None:
    largest = msgspec.structs.replace(
        process(), command=("sort", "-u"), stack_problem="It is no Python."
    )
    other = msgspec.structs.replace(process(thread("MainThread")), command=("python", "w.py"))
    assert list(_stack_problems([largest, other])) == [
        "It is no Python.",
        "The stack is that of `python w.py`, though `sort -u` holds most and has none.",
    ]
    assert list(_stack_problems([largest])) == ["It is no Python."]
    assert list(_stack_problems([other, largest])) == []
    assert list(_stack_problems([])) == []


def test_the_thread_at_work_is_the_one_that_grew() -> None:
    idle, busy = thread("MainThread"), thread("a", active=True)
    holder = thread("b", gil=True, active=True)
    assert main_thread([process(idle, busy, holder)]) == holder
    assert main_thread([process(idle, busy)]) == busy
    assert main_thread([process(thread("x"), idle)]) == idle
    assert main_thread([process(), process(idle)]) == idle
    assert main_thread([process(thread("empty", frames=0))]) is None
    assert main_thread([]) is None


def test_the_same_place_heeds_functions_not_lines() -> None:
    def stack(*names: tuple[str, int]) -> list[Frame]:
        return [Frame(function=name, file="/app/w.py", line=line) for name, line in names]

    library = Frame(function="loads", file="/usr/lib/python3.11/json/__init__.py", line=1)
    assert same_place(stack(("a", 1), ("main", 9)), [library, *stack(("a", 2), ("main", 9))])
    assert not same_place(stack(("a", 1), ("main", 9)), stack(("b", 1), ("main", 9)))
