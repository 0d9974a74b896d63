"""What is wrong with a scenario whose every value alone is right: the checks across its keys."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from harness.core.command import placeholders

if TYPE_CHECKING:
    from harness.core.quantity import Limit, Size
    from harness.core.scenario import (
        Budget,
        Expectation,
        Limits,
        SandboxSettings,
        Scenario,
        SnapshotSource,
        Worker,
    )

MOST_REPEATS: Final = 1000
# The kernel takes no less than a millisecond of each tenth of a second, and Docker neither.
_LEAST_CPUS: Final = 0.01
# Not one program starts in less; what was meant is another unit: 512 for 512MiB.
_LEAST_BYTES: Final = 2**20
_BUILT_IN: Final = frozenset({"node", "python", "snapshot", "snapshots", "output"})
_ALLOWED: Final = ("peak", "growth", "per_input_byte", "growth_per_snapshot")
HOST_IMAGE: Final = "host"
RESERVED: Final = "concurrency"
RESERVED_FOR: Final = (
    "this name is reserved for several workers in one sandbox, which this version does not run"
)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_name(text: str) -> bool:
    """Whether `text` can name a scenario, whose reports and baseline are files of that name."""
    return _NAME.fullmatch(text) is not None


def problems_of(scenario: "Scenario") -> Iterable[str]:
    """Yield each problem as ``key: what is wrong``."""
    if not is_name(scenario.name):
        yield f'name: "{scenario.name}" names a folder, so use letters, digits, ".", "_" and "-"'
    if not 1 <= scenario.repeat <= MOST_REPEATS:
        yield f"repeat: a case is run at least once, and at most {MOST_REPEATS} times"
    yield from _source_problems(scenario.snapshots)
    yield from _limit_problems(scenario.limits)
    yield from _sandbox_problems(scenario.sandbox)
    if not scenario.worker:
        yield "worker: a scenario needs at least one [[worker]]"
    names = [worker.name for worker in scenario.worker]
    for index, worker in enumerate(scenario.worker):
        where = f"worker[{index}]"
        yield from _name_problems(worker.name, f"{where}.name", names[:index])
        yield from _worker_problems(worker, where, scenario)
    for index, budget in enumerate(scenario.budget):
        yield from _budget_problems(budget, f"budget[{index}]", scenario)


def _name_problems(name: str, where: str, before: Sequence[str]) -> Iterable[str]:
    if not name.strip() or not name.isprintable():
        yield f"{where}: {name!r} cannot be shown; give the worker a name"
    if name in before:
        yield f'{where}: "{name}" names two workers'


def _source_problems(source: "SnapshotSource") -> Iterable[str]:
    if (source.shape is None) == (not source.files):
        yield "snapshots: give either `shape` with `sizes`, or `files`"
    elif source.shape is not None and not source.sizes:
        yield 'snapshots.sizes: a shape needs sizes, such as sizes = ["5MB"]'
    elif source.files and source.sizes:
        yield "snapshots.sizes: files have the size they have; take this key away"
    for size in source.sizes:
        if size.bytes == 0:
            yield "snapshots.sizes: a snapshot of no bytes holds nothing to replay"
    if len({size.bytes for size in source.sizes}) < len(source.sizes):
        yield "snapshots.sizes: a size stands there twice"
    if source.seed < 0:
        yield f"snapshots.seed: {source.seed} is negative; use 0 or more"
    yield from _null_problems(source.files, "snapshots.files")


def image_problems(sandbox: "SandboxSettings") -> Iterable[str]:
    """Yield that an image is named for a sandbox that would run this machine's programs instead."""
    if sandbox.image != HOST_IMAGE and sandbox.kind not in {"auto", "docker"}:
        yield (
            f'sandbox.image: the {sandbox.kind} sandbox has no images, so "{sandbox.image}" would '
            f'not be what runs; use docker, or the image "{HOST_IMAGE}"'
        )


def _sandbox_problems(sandbox: "SandboxSettings") -> Iterable[str]:
    if not sandbox.image.strip():
        yield f"sandbox.image: {sandbox.image!r} is no image; leave it out for this machine's own"
    yield from image_problems(sandbox)
    if sandbox.cpus is not None and not _LEAST_CPUS <= sandbox.cpus < math.inf:
        yield f"sandbox.cpus: {sandbox.cpus:g} are not processors; give {_LEAST_CPUS} or more"
    for index, mount in enumerate(sandbox.mounts):
        if not mount.removesuffix(":rw").startswith("/"):
            yield f'sandbox.mounts[{index}]: "{mount}" is not an absolute path'
    yield from _null_problems(sandbox.mounts, "sandbox.mounts")
    for name in sandbox.env:
        if not name or "=" in name:
            yield f'sandbox.env: "{name}" cannot be the name of a variable'
    yield from _null_problems([*sandbox.env, *sandbox.env.values()], "sandbox.env")


def _null_problems(texts: Iterable[str], where: str) -> Iterable[str]:
    if any("\0" in text for text in texts):
        yield f"{where}: no program can be given a null character"


def _limit_problems(limits: "Limits") -> Iterable[str]:
    if not limits.memory:
        yield 'limits.memory: give at least one limit, or "unlimited"'
    for index, limit in enumerate(limits.memory):
        if limit.bytes == 0:
            yield f"limits.memory[{index}]: a limit of zero kills every worker before it starts"
        elif limit.bytes is not None and limit.bytes < _LEAST_BYTES:
            yield f"limits.memory[{index}]: {_too_small(limit)}"
        if limit in limits.memory[:index]:
            yield f'limits.memory[{index}]: "{limit.text}" stands there twice'
    if limits.timeout.seconds <= 0:
        yield "limits.timeout: a run needs some time"


def _too_small(size: "Limit | Size") -> str:
    number = size.text.rstrip("B")
    if not number.isdigit():
        return f'"{size.text}" is less than any program needs to start'
    return (
        f'"{size.text}" is {number} bytes, in which no program can start; meant is "{number}MiB"?'
    )


def _worker_problems(worker: "Worker", where: str, scenario: "Scenario") -> Iterable[str]:
    if bool(worker.command) == (worker.callable is not None):
        yield f"{where}: give either `command` or `callable`"
        return
    if worker.callable is not None and not all(worker.callable.rpartition(":")):
        yield f'{where}.callable: write "file.py:function"'
    yield from _command_problems(worker, where)
    yield from _pass_problems(worker, where)
    yield from _sweep_problems(worker, where)
    for index, expectation in enumerate(worker.expect):
        yield from _expectation_problems(expectation, f"{where}.expect[{index}]", scenario)


def _command_problems(worker: "Worker", where: str) -> Iterable[str]:
    key = f"{where}.command" if worker.callable is None else f"{where}.callable"
    asked = placeholders(worker.command_line())
    for name in sorted(asked - _BUILT_IN - worker.sweep.keys()):
        yield (
            f"{key}: nothing fills {{{name}}}; add it to the worker's sweep, or write "
            f"{{{{{name}}}}} if the braces are meant"
        )
    if "snapshots" in asked and "{snapshots}" not in worker.command_line():
        yield f"{key}: {{snapshots}} must be a word of its own"
    yield from _null_problems(worker.command_line(), key)


def _pass_problems(worker: "Worker", where: str) -> Iterable[str]:
    if not 1 <= worker.passes <= MOST_REPEATS:
        yield f"{where}.passes: snapshots are given once at least, and {MOST_REPEATS} times at most"
    elif worker.passes > 1 and "snapshots" not in placeholders(worker.command_line()):
        yield f"{where}.passes: only a command with {{snapshots}} gets its snapshots again"


def _sweep_problems(worker: "Worker", where: str) -> Iterable[str]:
    if RESERVED in worker.sweep:
        yield f"{where}.sweep.{RESERVED}: {RESERVED_FOR}"
    asked = placeholders(worker.command_line())
    for name, values in worker.sweep.items():
        key = f"{where}.sweep.{name}"
        if name in _BUILT_IN:
            yield f"{key}: this placeholder is filled by oomproof"
        elif name not in asked:
            yield f"{key}: the command has no {{{name}}}"
        if not values:
            yield f"{key}: give at least one value"
        # A case is known by its settings as they are written: 1 and "1" make the same case.
        if len({str(value) for value in values}) < len(values):
            yield f"{key}: a value stands there twice"
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            yield f"{key}: give finite numbers"
        yield from _null_problems((v for v in values if isinstance(v, str)), key)


def _expectation_problems(
    expected: "Expectation", where: str, scenario: "Scenario"
) -> Iterable[str]:
    source = scenario.snapshots
    labels = [size.text for size in source.sizes]
    if expected.snapshot is not None and source.sizes and expected.snapshot not in labels:
        yield f'{where}.snapshot: "{expected.snapshot}" is none of {", ".join(labels)}'
    limits = [limit.text for limit in scenario.limits.memory]
    if expected.memory is not None and expected.memory not in limits:
        yield f'{where}.memory: "{expected.memory}" is none of {", ".join(limits)}'


def _budget_problems(budget: "Budget", where: str, scenario: "Scenario") -> Iterable[str]:
    workers = {worker.name: worker for worker in scenario.worker}
    if budget.worker not in workers:
        yield f'{where}.worker: no worker is named "{budget.worker}"; there are {_list(workers)}'
    if all(getattr(budget, key) is None for key in _ALLOWED):
        yield f"{where}: allow something: {', '.join(f'`{key}`' for key in _ALLOWED)}"
    worker = workers.get(budget.worker)
    if budget.growth_per_snapshot is not None and worker is not None:
        yield from _job_problems(worker, where)
    if budget.peak is not None and budget.peak.bytes == 0:
        yield f"{where}.peak: no worker fits in no memory"
    elif budget.peak is not None and budget.peak.bytes < _LEAST_BYTES:
        yield f"{where}.peak: {_too_small(budget.peak)}"
    slope = budget.per_input_byte
    if slope is not None and not 0 <= slope < math.inf:
        yield f"{where}.per_input_byte: {slope:g} cannot be held; give 0 or a positive number"


def _job_problems(worker: "Worker", where: str) -> Iterable[str]:
    if "snapshots" not in placeholders(worker.command_line()):
        yield (
            f"{where}.growth_per_snapshot: {worker.name} is given one snapshot at a time; write "
            "{snapshots} in its command, and one process gets them all"
        )


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
