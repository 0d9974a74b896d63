"""Real sandboxes for the tests, each where it works."""

import grp
import os
import pickle
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from harness.core.run import Observation
from harness.core.scenario import SandboxKind
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Order, Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.process import ProcessSandbox

_NOBODY = 65534
_T = TypeVar("_T")


class OrdinaryDockerSandbox(DockerSandbox):
    """The docker sandbox as a user of the group `docker` has it, also where the tests run as root.

    Such a user cannot make groups, so the container's own are all that can be looked at.
    """

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run in a child of this process that has given up its rights, but for that one."""
        engines = grp.getgrnam("docker").gr_gid
        return as_ordinary_user(
            lambda: super(OrdinaryDockerSandbox, self).run(order, stop), groups=(engines,)
        )


class OrdinaryProcessSandbox(ProcessSandbox):
    """The process sandbox as an ordinary user has it, also where the tests run as root."""

    def run(self, order: Order, stop: Callable[[], bool]) -> Observation:
        """Run in a child of this process that has given up its rights."""
        return as_ordinary_user(lambda: super(OrdinaryProcessSandbox, self).run(order, stop))


def as_ordinary_user(call: Callable[[], _T], *, groups: Sequence[int] = ()) -> _T:
    """Return what `call` returns (or raise what it raises) as an ordinary user of `groups`."""
    if os.geteuid() != 0:
        return call()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups(groups)
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
            try:
                answer: object = call()
            except Exception as error:  # noqa: BLE001  (it is raised again in the parent)
                answer = error
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(answer, pipe)
            for thread in threading.enumerate():
                if thread is not threading.current_thread() and not thread.daemon:
                    thread.join()  # a container is removed in one
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    result = pickle.loads(data)  # noqa: S301  (written by this program a moment ago)
    if isinstance(result, Exception):
        raise result
    return result  # type: ignore[no-any-return]


_SANDBOXES: dict[SandboxKind, Callable[[], Sandbox]] = {
    SandboxKind.DOCKER: DockerSandbox,
    SandboxKind.CGROUP: CgroupSandbox,
    SandboxKind.PROCESS: OrdinaryProcessSandbox,
}


@pytest.fixture(scope="session")
def sandbox_for() -> Callable[[SandboxKind], Sandbox]:
    """Return a sandbox of a kind, or skip the test where it does not work here."""
    found: dict[SandboxKind, tuple[Sandbox, str]] = {}

    def sandbox(kind: SandboxKind) -> Sandbox:
        if kind not in found:
            made = _SANDBOXES[kind]()
            answer = made.availability()
            found[kind] = (made, "" if answer.works else answer.reason)
        made, reason = found[kind]
        if reason:
            pytest.skip(f"the {kind} sandbox does not work here: {reason}")
        return made

    return sandbox


@pytest.fixture(scope="session")
def ordinary_docker() -> Callable[[], Sandbox]:
    """Return what makes the docker sandbox of an ordinary user."""
    return OrdinaryDockerSandbox


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder on disk that every user may write to."""
    path = Path(tempfile.mkdtemp(prefix="oomproof-test-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def python() -> str:
    """Return an interpreter that an ordinary user can execute."""
    return "/usr/bin/python3" if os.geteuid() == 0 else sys.executable
