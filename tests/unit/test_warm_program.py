"""The program of a command is read before a run; one that is not here is an image's own."""

import os
import threading
from pathlib import Path

import pytest

from harness.execution import warm_program
from harness.sandbox.contract import Order


def order_of(word: str, folder: Path) -> Order:
    return Order(
        command=(word,),
        environment={"PATH": str(folder)},
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=None,
        timeout_s=1,
    )


@pytest.mark.parametrize("word", ["program", "./program", "no-such", "./no-such", ".", "{x}"])
def test_a_program_is_read_where_it_is(word: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n" * 1000)
    program.chmod(0o755)
    warm_program(order_of(word, tmp_path))  # and raises nothing


def test_a_program_is_read_to_its_end(tmp_path: Path) -> None:
    program = tmp_path / "program"
    os.mkfifo(program, 0o755)
    size = 5 * 2**20
    written: list[int] = []
    writer = threading.Thread(target=lambda: written.append(program.write_bytes(b"x" * size)))
    writer.start()
    warm_program(order_of(str(program), tmp_path))
    writer.join(timeout=30)
    assert written == [size]
