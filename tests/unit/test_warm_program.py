"""The program of a command is read before a run; one that is not here is an image's own."""

from pathlib import Path

import pytest

from harness.execution import warm_program
from harness.sandbox.contract import Order


@pytest.mark.parametrize("word", ["program", "./program", "no-such", "./no-such", ".", "{x}"])
def test_a_program_is_read_where_it_is(word: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n" * 1000)
    program.chmod(0o755)
    order = Order(
        command=(word,),
        environment={"PATH": str(tmp_path)},
        working_folder=tmp_path,
        output_folder=tmp_path,
        snapshots=(),
        memory_limit_bytes=None,
        timeout_s=1,
    )
    warm_program(order)
