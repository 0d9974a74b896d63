"""The conditions that runs were made under, and whether two of them can be compared."""

from collections.abc import Iterable
from typing import Final

import msgspec

PYTHON_HASH_SEED: Final = "0"


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the sandbox of a report; what is not known is left empty.

    Attributes:
        sandbox: docker, cgroup or process.
        image: of Docker, with its digest; ``host`` for this machine's own environment.
        engine: name and version of the container engine.
        cgroup: ``v1`` or ``v2``.
        kernel: the release.
        architecture: such as ``x86_64``.
        processors: that this machine has.
        memory_bytes: that this machine has.
        swap_bytes: that this machine has; the sandboxes allow none.
        huge_pages: the mode of transparent huge pages.
        allocator: of C programs here, with its version.
        environment: what the sandbox sets for every worker, such as ``PYTHONHASHSEED``.
        collector: the state of Python's cyclic collector as ``{python}`` starts with it.
        python: version of the interpreter that ``{python}`` stands for.
        packages: version of each JSON parser installed for it.

    """

    sandbox: str
    image: str = ""
    engine: str = ""
    cgroup: str = ""
    kernel: str = ""
    architecture: str = ""
    processors: int = 0
    memory_bytes: int = 0
    swap_bytes: int = 0
    huge_pages: str = ""
    allocator: str = ""
    environment: dict[str, str] = {}
    collector: str = ""
    python: str = ""
    packages: dict[str, str] = {}


def differences(old: Conditions, new: Conditions) -> tuple[str, ...]:
    """Return why peaks under `old` say nothing about peaks under `new`; empty if they do.

    The kernel's release and the machine's size are not among the reasons: a worker's unreclaimable
    memory does not depend on them by more than the noise floor.
    """
    return tuple(_differences(old, new))


def _differences(old: Conditions, new: Conditions) -> Iterable[str]:
    for name, before, now in (
        ("sandbox", old.sandbox, new.sandbox),
        ("image", old.image, new.image),
        ("cgroup version", old.cgroup, new.cgroup),
        ("architecture", old.architecture, new.architecture),
        ("Python", old.python, new.python),
        ("mode of huge pages", old.huge_pages, new.huge_pages),
        ("allocator", old.allocator, new.allocator),
    ):
        if before != now:
            yield f"the {name} was {before or 'unknown'} and is {now or 'unknown'}"
    for before_all, now_all in ((old.packages, new.packages), (old.environment, new.environment)):
        for key in sorted(before_all.keys() | now_all.keys()):
            before, now = before_all.get(key, "absent"), now_all.get(key, "absent")
            if before != now:
                yield f"{key} was {before} and is {now}"


def remarks(old: Conditions, new: Conditions) -> tuple[str, ...]:
    """Return what else differs, on which unreclaimable memory does not depend but for the noise."""
    return tuple(
        f"the {name} was {before or 'unknown'} and is {now or 'unknown'}; peaks depend on it by no "
        "more than the noise floor"
        for name, before, now in (
            ("kernel", old.kernel, new.kernel),
            ("container engine", old.engine, new.engine),
            ("number of processors", old.processors, new.processors),
        )
        if before != now
    )
