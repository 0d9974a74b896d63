"""A command that a user's image lacks is bad input: refused before anything is run."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.scenario import SandboxKind
from harness.sandbox.contract import Sandbox
from harness.sandbox.engine import connect
from harness.sandbox.image_programs import missing_programs

NAME = "oomproof-test-programs"
pytestmark = pytest.mark.docker


def _file(archive: tarfile.TarFile, name: str, *, mode: int = 0o755, link: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.mode = mode
    if link:
        member.type, member.linkname = tarfile.SYMTYPE, link
    archive.addfile(member)


@pytest.fixture(scope="module")
def image(sandbox_for: Callable[[SandboxKind], Sandbox]) -> Iterator[str]:
    """Import an image with a PATH of its own, a folder that is a link, and programs that do not."""
    sandbox_for(SandboxKind.DOCKER)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        _file(archive, "usr/bin/tool")
        _file(archive, "usr/bin/python3", link="tool")
        _file(archive, "usr/bin/data", mode=0o644)
        _file(archive, "bin", link="usr/bin")
        _file(archive, "opt/app/etl")
    client = connect()
    client.import_image_from_data(
        packed.getvalue(), repository=NAME, tag="1", changes=["ENV PATH=/opt/app:/bin"]
    )
    yield f"{NAME}:1"
    client.remove_image(f"{NAME}:1", force=True)
    client.close()


def test_programs_are_found_as_the_image_would(image: str) -> None:
    there = ("tool", "etl", "python3", "/bin/tool", "/usr/bin/python3")
    missing = ("nosuch", "data", "opt", "/bin/nosuch", "/usr", "")
    assert missing_programs(image, (*there, *missing)) == missing
    assert missing_programs(image, ("tool", "etl"), search_path="/bin") == ("etl",)
    client = connect()
    assert client.containers(all=True, filters={"ancestor": image}) == []
    client.close()


def run(folder: Path, image: str, *command: str) -> "subprocess.CompletedProcess[bytes]":
    (folder / "export.json").write_text("[1]")
    words = ("run", "--snapshot", "export.json", "--image", image, "--json", "--", *command)
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_a_command_that_the_image_lacks_is_refused(image: str, tmp_path: Path) -> None:
    done = run(tmp_path, image, "nosuch", "{snapshot}")
    assert (done.returncode, done.stdout) == (2, b"")
    words = f'oomproof: COMMAND: "nosuch" is no program in the image "{image}"; '
    assert done.stderr.decode().startswith(words)
    assert not list(tmp_path.rglob("report.json"))


def test_what_the_scenarios_folder_holds_is_not_sought_in_the_image(
    image: str, tmp_path: Path
) -> None:
    script = tmp_path / "worker.sh"
    script.write_text("#!/usr/bin/nosuch\n")
    script.chmod(0o755)
    done = run(tmp_path, image, "./worker.sh", "{snapshot}")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["runs"][0]["ending"] == "crashed"
