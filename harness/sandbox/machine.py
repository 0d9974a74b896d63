"""What is known of this machine: the conditions that a report records beside its numbers."""

import gc
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Final

from harness.core.conditions import PYTHON_HASH_SEED, Conditions
from harness.sandbox.contract import Sandbox
from harness.sandbox.engine import HOST_IMAGE
from harness.sandbox.files import read_text
from harness.sandbox.group import machine_swap_bytes

_PARSERS: Final = (
    "ijson",
    "json-stream",
    "msgspec",
    "orjson",
    "pandas",
    "polars",
    "pyarrow",
    "pysimdjson",
    "python-rapidjson",
    "simplejson",
    "ujson",
)
# Variables that change how much memory a worker takes.
_TELLING: Final = (
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "PYTHONMALLOC",
    "WEB_CONCURRENCY",
)


def conditions_of(sandbox: Sandbox, environment: dict[str, str]) -> Conditions:
    """Return the conditions of runs in `sandbox`, whose workers get `environment`."""
    description = sandbox.description
    # What another image holds is told by its digest alone: nothing here is known to be in it.
    is_here = description.get("image", HOST_IMAGE) == HOST_IMAGE
    return Conditions(
        sandbox=str(sandbox.kind),
        image=description.get("image", ""),
        engine=description.get("engine", ""),
        cgroup=description.get("cgroup", ""),
        kernel=os.uname().release,
        architecture=os.uname().machine,
        processors=len(os.sched_getaffinity(0)),
        memory_bytes=machine_memory_bytes(),
        swap_bytes=machine_swap_bytes(),
        huge_pages=_huge_pages(),
        allocator=" ".join(platform.libc_ver()).strip() if is_here else "",
        environment={"PYTHONHASHSEED": PYTHON_HASH_SEED, **_telling(environment)},
        collector=_collector() if is_here else "",
        python=platform.python_version() if is_here else "",
        packages=_packages() if is_here else {},
    )


def _collector() -> str:
    return f"{'on' if gc.isenabled() else 'off'}, thresholds {gc.get_threshold()}"


def _telling(environment: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(environment.items())
        if name in _TELLING or name.startswith("MALLOC_")
    }


def _packages() -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in _PARSERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _huge_pages() -> str:
    """Return the chosen mode: the kernel puts it in brackets among the others."""
    text = read_text(Path("/sys/kernel/mm/transparent_hugepage/enabled")) or ""
    return text.partition("[")[2].partition("]")[0]


def machine_memory_bytes() -> int:
    """Return the memory that this machine has, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available_memory_bytes() -> int:
    """Return the memory that can be used without swapping now, in bytes."""
    for line in (read_text(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return machine_memory_bytes()
