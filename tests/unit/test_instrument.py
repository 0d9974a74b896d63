"""What a profiled pass adds to an order, and that it takes nothing away."""

import os
from pathlib import Path

from harness.profilers.instrument import Choice, Instrument, lent_memray
from harness.sandbox.contract import MountRequest, Order


def order(output: Path, **environment: str) -> Order:
    return Order(
        command=("python3", "worker.py"),
        environment=environment,
        working_folder=output,
        output_folder=output,
        snapshots=(),
        memory_limit_bytes=64,
        timeout_s=1,
        mounts=(MountRequest(path=Path("/srv")),),
    )


def test_keeps_the_workers_own_path_behind_ours(tmp_path: Path) -> None:
    made = Instrument(folder=tmp_path / "profile").change(
        order(tmp_path, PYTHONPATH="/a:/b", X="1")
    )
    first, *rest = made.environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "sitecustomize.py").is_file()
    assert {path.name for path in Path(first).iterdir()} <= {"sitecustomize.py", "__pycache__"}
    assert rest == ["/a", "/b"]
    assert made.environment["X"] == "1"
    assert made.command == ("python3", "worker.py")


def test_path_of_an_image_is_kept_where_the_order_has_none(tmp_path: Path) -> None:
    instrument = Instrument(folder=tmp_path, image_path="/image")
    assert instrument.change(order(tmp_path)).environment["PYTHONPATH"].endswith(":/image")
    made = instrument.change(order(tmp_path, PYTHONPATH="/own"))
    assert made.environment["PYTHONPATH"].endswith("startup:/own")


def test_what_it_needs_is_mounted(tmp_path: Path) -> None:
    made = Instrument(folder=tmp_path / "profile").change(order(tmp_path / "output"))
    first, *added = made.mounts
    assert first == MountRequest(path=Path("/srv"))
    assert MountRequest(path=tmp_path / "profile", writable=True) in added
    assert (tmp_path / "profile").is_dir()
    memray = lent_memray()
    assert memray is None or MountRequest(path=memray) in added
    inside = Instrument(folder=tmp_path / "output" / "p").change(order(tmp_path / "output"))
    assert not any(mount.writable for mount in inside.mounts), "it lies in the output already"


def test_settings_arrive(tmp_path: Path) -> None:
    instrument = Instrument(folder=tmp_path, choice=Choice.TRACEMALLOC, cap_bytes=7)
    told = instrument.change(order(tmp_path)).environment
    assert told["OOMPROOF_PROFILER"] == "tracemalloc"
    assert told["OOMPROOF_CAPTURE_CAP"] == "7"
    assert told["OOMPROOF_CAPTURE_LIMIT"] == "64"
