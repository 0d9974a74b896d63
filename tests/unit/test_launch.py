"""A worker's own variables and words: the shell that starts it must change none of them."""

import os
from pathlib import Path

import pytest

from harness.core.errors import SandboxError
from harness.sandbox.launch import Launched, LaunchSpec

VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "plain": "two words",
    "my.var": "1",
    "A-B": "$HOME `id` 'x' \"y\"\nnext line",
    "npm_config_//registry/:_auth": "s=e=c",
    "BASH_FUNC_which%%": "() {  :\n}",
    "-x": "no option",
    "1st": "",
    "IFS": "q",
    "OPTIND": "5",
    "PPID": "9",
    "bytes": os.fsdecode(b"\xff\xfe"),
    "odd.bytes": os.fsdecode(b"\xff\xfe"),
}


def run(*command: str, folder: Path, variables: dict[str, str] = VARIABLES) -> bytes:
    """Return what a command prints that is launched as a worker is."""
    spec = LaunchSpec(command=command, environment=variables, folder=folder)
    with Launched(spec) as worker:
        worker.join(())
        out, _ = worker.streams
        said = b""
        while chunk := os.read(out, 65536):
            said += chunk
        assert worker.wait().exit_code == 0
    return said


def test_every_variable_reaches_the_worker(tmp_path: Path) -> None:
    said = run("/usr/bin/env", "-0", folder=tmp_path)
    seen = dict(word.split(b"=", 1) for word in said.split(b"\0") if word)
    expected = {os.fsencode(name): os.fsencode(value) for name, value in VARIABLES.items()}
    assert {name: seen.get(name) for name in expected} == expected


def test_every_word_reaches_the_worker_as_it_is(tmp_path: Path) -> None:
    program = tmp_path / "a program"
    program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", "utf-8")
    program.chmod(0o755)
    words = ("a  b", "", "*", "$PATH", "c'd", "-n", "--", "x=y")
    for variables in (VARIABLES, {"PATH": "/usr/bin:/bin"}):
        for command in (str(program), "./a program"):
            said = run(command, *words, folder=tmp_path, variables=variables)
            assert said.decode().split("\0")[:-1] == list(words)


def test_a_program_that_would_be_taken_for_a_variable_is_refused(tmp_path: Path) -> None:
    spec = LaunchSpec(command=("./a=b",), environment=VARIABLES, folder=tmp_path)
    with pytest.raises(SandboxError, match="rename the program"):
        Launched(spec)
