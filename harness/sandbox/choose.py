"""Which sandbox to use: the asked one, or the first that works."""

from collections.abc import Iterable
from typing import assert_never

from harness.core.errors import SandboxError
from harness.core.scenario import SandboxKind, SandboxSettings
from harness.sandbox.cgroup import CgroupSandbox
from harness.sandbox.contract import Sandbox
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.process import ProcessSandbox
from harness.sandbox.processors import can_bind

ORDER = (SandboxKind.DOCKER, SandboxKind.CGROUP, SandboxKind.PROCESS)


def sandbox_of(kind: SandboxKind, settings: SandboxSettings) -> Sandbox:
    """Return the sandbox of a kind; ``auto`` is none."""
    match kind:
        case SandboxKind.DOCKER:
            return DockerSandbox(image=settings.image)
        case SandboxKind.CGROUP:
            return CgroupSandbox()
        case SandboxKind.PROCESS:
            return ProcessSandbox()
        case SandboxKind.AUTO:
            return choose(settings)
        case _ as never:
            assert_never(never)


def choose(settings: SandboxSettings) -> Sandbox:
    """Return the sandbox that `settings` ask for, once it says that it works.

    Raises:
        SandboxError: it does not, or none does; the message says why and what would help.

    """
    reasons: list[str] = []
    for kind in _candidates(settings):
        sandbox = sandbox_of(kind, settings)
        answer = sandbox.availability()
        if answer.works:
            return sandbox
        remedy = f"; to enable it: {answer.remedy}" if answer.remedy else ""
        reasons.append(f"{kind}: {answer.reason}{remedy}")
    raise SandboxError("no sandbox can be used here. " + " | ".join(reasons))


def _candidates(settings: SandboxSettings) -> Iterable[SandboxKind]:
    if settings.kind is not SandboxKind.AUTO:
        return (settings.kind,)
    # Nothing but a group holds a worker to a part of a processor.
    return ORDER if can_bind(settings.cpus) else ORDER[:2]
