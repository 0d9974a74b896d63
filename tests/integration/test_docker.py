"""What only Docker has: a user's own image, an engine on another machine, its isolation."""

import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.ending import Ending, conclude
from harness.core.errors import InputError, SandboxError
from harness.core.scenario import SandboxKind
from harness.sandbox.contract import MountRequest, Order, Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import connect
from harness.sandbox.identity import LABEL

MIB = 2**20
IMAGE = "oomproof-test-image"
pytestmark = pytest.mark.docker


@pytest.fixture
def image(sandbox_for: Callable[[SandboxKind], Sandbox]) -> Iterator[str]:
    """Import an image that holds a shell and nothing else of this machine."""
    sandbox_for(SandboxKind.DOCKER)
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed; apt install busybox-static")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(busybox, "bin/busybox")
        for name in ("sh", "dd", "cat", "id", "ls", "head", "tail"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    client = connect()
    client.import_image_from_data(packed.getvalue(), repository=IMAGE, tag="1")
    yield f"{IMAGE}:1"
    client.remove_image(f"{IMAGE}:1", force=True)
    client.close()


def order(folder: Path, line: str, *mounts: MountRequest) -> Order:
    (folder / "tmp").mkdir(exist_ok=True)
    return Order(
        command=("/bin/sh", "-c", line),
        environment={"PATH": "/bin:/usr/bin", "OOMPROOF_OUTPUT": str(folder)},
        working_folder=folder,
        output_folder=folder,
        snapshots=(),
        memory_limit_bytes=64 * MIB,
        timeout_s=60,
        mounts=mounts,
    )


def never() -> bool:
    return False


def test_users_image(image: str, folder: Path) -> None:
    sandbox = DockerSandbox(image=image)
    seen = sandbox.run(order(folder, "ls /; echo kept > $OOMPROOF_OUTPUT/file"), never)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert "usr" not in seen.output.stdout_tail.split(), "this machine's programs are not shown"
    assert (folder / "file").read_text("utf-8") == "kept\n"
    assert sandbox.description["image"].startswith(f"{image}@sha256:")
    killed = sandbox.run(order(folder, "tail /dev/zero"), never)
    assert conclude(killed.exit).ending is Ending.OOM_KILLED


def test_unknown_image_is_the_users_error(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> None:
    sandbox_for(SandboxKind.DOCKER)
    with pytest.raises(InputError, match="is not on this engine and cannot be pulled"):
        DockerSandbox(image="oomproof-no-such-image:1").run(order(folder, ":"), never)


def test_engine_on_another_machine_is_approximate(image: str, folder: Path) -> None:
    sandbox = DockerSandbox(image=image, remote=True)
    seen = sandbox.run(order(folder, "dd if=/dev/zero of=/dev/null bs=20M count=400"), never)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert seen.approximate
    assert seen.timeline.top is not None
    assert seen.limits == {"Memory": str(64 * MIB), "MemorySwap": str(64 * MIB)}
    killed = sandbox.run(order(folder, "tail /dev/zero"), never)
    assert conclude(killed.exit).ending is Ending.OOM_KILLED


def test_a_limit_that_is_changed_meanwhile_is_no_verdict(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path
) -> None:
    sandbox = sandbox_for(SandboxKind.DOCKER)
    changer = threading.Thread(target=raise_limit)
    changer.start()
    with pytest.raises(SandboxError, match="somebody changed"):
        sandbox.run(order(folder, "sleep 3"), never)
    changer.join()


def raise_limit() -> None:
    """Raise the limit of this program's container, once it runs."""
    client = connect()
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        for container in client.containers(filters={"label": LABEL}):
            if f"-{os.getpid()}-" in container["Labels"][LABEL]:
                limit_bytes = 128 * MIB
                client.update_container(
                    container["Id"], mem_limit=limit_bytes, memswap_limit=limit_bytes
                )
                client.close()
                return
        time.sleep(0.05)


def test_worker_is_shut_in(sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path) -> None:
    sandbox = sandbox_for(SandboxKind.DOCKER)
    line = (
        "id -u; grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status; "
        "ls /sys/class/net; touch /usr/x /x 2>&1; touch $OOMPROOF_OUTPUT/x /tmp/x && echo written"
    )
    seen = sandbox.run(order(folder, line), never)
    said = seen.output.stdout_tail
    assert said.splitlines()[0] == str(os.getuid())
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said
    assert "eth0" not in said
    assert said.count("Read-only file system") == 2
    assert "written" in said
    assert (folder / "tmp" / "x").exists(), "/tmp is a folder on disk below the output"


def test_mounts_are_read_only_unless_they_say_otherwise(
    sandbox_for: Callable[[SandboxKind], Sandbox], folder: Path, tmp_path: Path
) -> None:
    sandbox = sandbox_for(SandboxKind.DOCKER)
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    mounts = (
        MountRequest(path=tmp_path / "closed"),
        MountRequest(path=tmp_path / "open", writable=True),
    )
    line = f"touch {tmp_path}/open/x && ! touch {tmp_path}/closed/x"
    seen = sandbox.run(order(folder, line, *mounts), never)
    assert conclude(seen.exit).ending is Ending.COMPLETED, seen.output.stderr_tail
    assert (tmp_path / "open" / "x").exists()
