"""How much memory the workers need, which is what they are there to show."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

WorkerCommand = Callable[..., list[str]]
Generated = Callable[..., Path]

MIB = 1024 * 1024


def peak_bytes(command: list[str]) -> tuple[int, int]:
    """Return the largest RssAnon seen of a run that succeeds, and the kernel's VmHWM.

    Read while it runs, every few milliseconds: the kernel keeps no high-water mark of anonymous
    memory, and of a process that has ended it keeps none at all that is free of its parent's.
    """
    anonymous = high_water = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while True:
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
                anonymous = max(anonymous, field_bytes(status, "RssAnon"))
                high_water = max(high_water, field_bytes(status, "VmHWM"))
            else:
                break
    assert process.returncode == 0
    return anonymous, high_water


def field_bytes(status: str, name: str) -> int:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def test_streaming_needs_no_more_for_a_larger_snapshot(
    worker_command: WorkerCommand, generated: Generated, tmp_path: Path
) -> None:
    small, large = (
        peak_bytes(
            worker_command("streaming.py", generated(size), "--output", tmp_path / f"{size}")
        )
        for size in (5_000_000, 50_000_000)
    )

    for small_peak, large_peak in zip(small, large, strict=True):
        assert large_peak - small_peak < 2 * MIB
        assert large_peak < 32 * MIB


def test_a_full_parse_needs_several_times_its_snapshot(
    worker_command: WorkerCommand, generated: Generated, tmp_path: Path
) -> None:
    anonymous, _ = peak_bytes(
        worker_command("full_parse.py", generated(5_000_000), "--output", tmp_path)
    )

    assert anonymous > 4 * 5_000_000


@pytest.mark.parametrize("parser", ["json", "orjson"])
def test_running_out_of_memory_is_caught_by_nobody(
    parser: str, worker_command: WorkerCommand, generated: Generated, tmp_path: Path
) -> None:
    command = worker_command("full_parse.py", generated(5_000_000), "--parser", parser)
    limited = ["sh", "-c", 'ulimit -d 50000; exec "$@"', "sh", *command, "--output", str(tmp_path)]

    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.splitlines()[-1].startswith("MemoryError")
