"""The scenario file: its document, strictly read, and the checks that look across its keys."""

import enum
import re
import tomllib
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgspec

from harness.core.command import placeholders
from harness.core.ending import Ending
from harness.core.errors import InputError
from harness.core.quantity import Duration, Limit, Percent, Size, decode_quantity

SCHEMA: Final = 1
Setting: TypeAlias = str | int | float | bool
_BUILT_IN: Final = frozenset({"python", "snapshot", "snapshots", "output"})
_RESERVED: Final = "concurrency"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class SandboxKind(enum.StrEnum):
    """Where a case runs; ``auto`` takes the first that works: docker, cgroup, process."""

    AUTO = "auto"
    DOCKER = "docker"
    CGROUP = "cgroup"
    PROCESS = "process"


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sandbox is and holds.

    Attributes:
        kind: which sandbox enforces the limit.
        image: of Docker; ``host`` is an empty image that shows this machine's own environment.
        cpus: how many processors the worker may use at once; None leaves them all.
        env: environment variables for the worker, above those it gets anyway.
        mounts: folders or files the worker sees, read-only unless they end in ``:rw``.

    """

    kind: SandboxKind = SandboxKind.AUTO
    image: str = "host"
    cpus: float | None = None
    env: dict[str, str] = {}
    mounts: tuple[str, ...] = ()


class SnapshotSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the snapshots come from: a built-in shape in some sizes, or files."""

    shape: str | None = None
    sizes: tuple[Size, ...] = ()
    seed: int = 0
    files: tuple[str, ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The memory limits to try (sizes, or ``unlimited``) and the time that one run may take."""

    memory: tuple[Limit, ...] = (Limit(text="unlimited", bytes_=None),)
    timeout: Duration = Duration(text="120s", seconds=120.0)


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ending expected for a snapshot and a limit; left out, a key matches every one."""

    ending: Ending
    snapshot: str | None = None
    memory: str | None = None


class Worker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker: a command, or a Python callable as ``file.py:function`` taking a path."""

    name: str
    command: tuple[str, ...] = ()
    callable: str | None = None
    sweep: dict[str, tuple[Setting, ...]] = {}
    expect: tuple[Expectation, ...] = ()

    def command_line(self) -> tuple[str, ...]:
        """Return the command, with its placeholders, that runs this worker."""
        if self.callable is None:
            return self.command
        file, _, function = self.callable.rpartition(":")
        return ("{python}", "-c", _CALL, file, function, "{snapshots}")


_CALL: Final = (
    "import os, runpy, sys; file, name, *paths = sys.argv[1:]; "
    "sys.path.insert(0, os.path.dirname(os.path.abspath(file))); "
    "worker = runpy.run_path(file)[name]; [worker(path) for path in paths]"
)


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scenario allows one worker.

    Attributes:
        peak: of unreclaimable memory.
        growth: of the peak over the baseline's, beyond the noise floor.
        per_input_byte: bytes of peak that each further byte of snapshot may cost.

    """

    worker: str
    peak: Size | None = None
    growth: Percent | None = None
    per_input_byte: float | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario file."""

    schema: int
    name: str
    snapshots: SnapshotSource
    worker: tuple[Worker, ...]
    repeat: int = 1
    sandbox: SandboxSettings = SandboxSettings()
    limits: Limits = Limits()
    budget: tuple[Budget, ...] = ()

    def budgets_of(self, worker: str) -> tuple[Budget, ...]:
        """Return the budgets of one worker."""
        return tuple(budget for budget in self.budget if budget.worker == worker)


def read_scenario(text: str, *, source: str) -> Scenario:
    """Return the scenario in `text`; `source` names the file in errors.

    Raises:
        InputError: the text is no TOML, a key is unknown, a value or its unit is wrong, or the
            parts do not fit together. The message names the file and the key.

    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source}: not a TOML file: {error}") from None
    return scenario_of(document, source=source)


def scenario_of(document: dict[str, Any], *, source: str) -> Scenario:
    """Return the scenario that a TOML document holds; see `read_scenario`."""
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise InputError(
            f"{source}: schema: {schema} is newer than this oomproof reads ({SCHEMA}); update it"
        )
    if schema != SCHEMA:
        raise InputError(f"{source}: schema: write `schema = {SCHEMA}` at the top of the file")
    try:
        scenario = msgspec.convert(document, Scenario, dec_hook=decode_quantity)
    except msgspec.ValidationError as error:
        raise InputError(f"{source}: {explain(error)}") from None
    for problem in _problems(scenario):
        raise InputError(f"{source}: {problem}")
    return scenario


_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>[^`]*)`")


def explain(error: msgspec.ValidationError) -> str:
    """Return msgspec's message as ``key: what is wrong``, the key as a person would write it."""
    match = _AT.match(str(error))
    what, where = (match["what"], match["where"] or "") if match else (str(error), "")
    prefix = f"{where}." if where else ""
    if unknown := _UNKNOWN.match(what):
        return f"{prefix}{unknown['key']}: unknown key; `oomproof run --schema` lists the known"
    if missing := _MISSING.match(what):
        return f"{prefix}{missing['key']}: this key is missing"
    return f"{where or 'document'}: {what}"


def _problems(scenario: Scenario) -> Iterable[str]:
    """Yield what is wrong with a scenario whose every value alone is right."""
    if not _NAME.fullmatch(scenario.name):
        yield f'name: "{scenario.name}" names a folder, so use letters, digits, ".", "_" and "-"'
    if scenario.repeat < 1:
        yield "repeat: a case is run at least once"
    yield from _source_problems(scenario.snapshots)
    yield from _limit_problems(scenario.limits)
    yield from _sandbox_problems(scenario.sandbox)
    if not scenario.worker:
        yield "worker: a scenario needs at least one [[worker]]"
    names = [worker.name for worker in scenario.worker]
    for index, worker in enumerate(scenario.worker):
        where = f"worker[{index}]"
        if worker.name in names[:index]:
            yield f'{where}.name: "{worker.name}" names two workers'
        yield from _worker_problems(worker, where, scenario)
    for index, budget in enumerate(scenario.budget):
        yield from _budget_problems(budget, f"budget[{index}]", names)


def _source_problems(source: SnapshotSource) -> Iterable[str]:
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


def _sandbox_problems(sandbox: SandboxSettings) -> Iterable[str]:
    if sandbox.cpus is not None and sandbox.cpus <= 0:
        yield "sandbox.cpus: a worker needs some part of a processor"
    for index, mount in enumerate(sandbox.mounts):
        if not mount.removesuffix(":rw").startswith("/"):
            yield f'sandbox.mounts[{index}]: "{mount}" is not an absolute path'


def _limit_problems(limits: Limits) -> Iterable[str]:
    if not limits.memory:
        yield 'limits.memory: give at least one limit, or "unlimited"'
    for index, limit in enumerate(limits.memory):
        if limit.bytes == 0:
            yield f"limits.memory[{index}]: a limit of zero kills every worker before it starts"
    if limits.timeout.seconds <= 0:
        yield "limits.timeout: a run needs some time"


def _worker_problems(worker: Worker, where: str, scenario: Scenario) -> Iterable[str]:
    if bool(worker.command) == (worker.callable is not None):
        yield f"{where}: give either `command` or `callable`"
        return
    if worker.callable is not None and not all(worker.callable.rpartition(":")):
        yield f'{where}.callable: write "file.py:function"'
    yield from _command_problems(worker, where)
    yield from _sweep_problems(worker, where)
    for index, expectation in enumerate(worker.expect):
        yield from _expectation_problems(expectation, f"{where}.expect[{index}]", scenario)


def _command_problems(worker: Worker, where: str) -> Iterable[str]:
    asked = placeholders(worker.command_line())
    for name in sorted(asked - _BUILT_IN - worker.sweep.keys()):
        yield (
            f"{where}.command: nothing fills {{{name}}}; add it to the worker's sweep, or write "
            f"{{{{{name}}}}} if the braces are meant"
        )
    if "snapshots" in asked and "{snapshots}" not in worker.command_line():
        yield f"{where}.command: {{snapshots}} must be a word of its own"


def _sweep_problems(worker: Worker, where: str) -> Iterable[str]:
    if _RESERVED in worker.sweep:
        yield (
            f"{where}.sweep.{_RESERVED}: this name is reserved for several workers in one sandbox, "
            "which this version does not run"
        )
    asked = placeholders(worker.command_line())
    for name, values in worker.sweep.items():
        if name in _BUILT_IN:
            yield f"{where}.sweep.{name}: this placeholder is filled by oomproof"
        elif name not in asked:
            yield f"{where}.sweep.{name}: the command has no {{{name}}}"
        if not values:
            yield f"{where}.sweep.{name}: give at least one value"


def _expectation_problems(expected: Expectation, where: str, scenario: Scenario) -> Iterable[str]:
    source = scenario.snapshots
    labels = [size.text for size in source.sizes]
    if expected.snapshot is not None and source.sizes and expected.snapshot not in labels:
        yield f'{where}.snapshot: "{expected.snapshot}" is none of {", ".join(labels)}'
    limits = [limit.text for limit in scenario.limits.memory]
    if expected.memory is not None and expected.memory not in limits:
        yield f'{where}.memory: "{expected.memory}" is none of {", ".join(limits)}'


def _budget_problems(budget: Budget, where: str, workers: list[str]) -> Iterable[str]:
    if budget.worker not in workers:
        yield f'{where}.worker: no worker is named "{budget.worker}"; there are {_list(workers)}'
    if budget.peak is None and budget.growth is None and budget.per_input_byte is None:
        yield f"{where}: allow something: `peak`, `growth` or `per_input_byte`"
    if budget.peak is not None and budget.peak.bytes == 0:
        yield f"{where}.peak: no worker fits in no memory"
    if budget.per_input_byte is not None and budget.per_input_byte < 0:
        yield f"{where}.per_input_byte: a slope below nothing cannot be held"


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
