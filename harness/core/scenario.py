"""The scenario file: its document, strictly read, and the checks that look across its keys."""

import enum
import re
import tomllib
from typing import Any, Final, TypeAlias

import msgspec

from harness.core.ending import Ending
from harness.core.errors import InputError
from harness.core.problems import HOST_IMAGE, RESERVED, RESERVED_FOR, problems_of
from harness.core.quantity import Duration, Limit, Percent, Size, decode_quantity

SCHEMA: Final = 1
Setting: TypeAlias = str | int | float | bool


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
    image: str = HOST_IMAGE
    cpus: float | None = None
    env: dict[str, str] = {}
    mounts: tuple[str, ...] = ()

    def settled(self) -> "SandboxSettings":
        """Return these settings with docker for ``auto`` where an image is named: its alone."""
        if self.kind is SandboxKind.AUTO and self.image != HOST_IMAGE:
            return msgspec.structs.replace(self, kind=SandboxKind.DOCKER)
        return self


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
    """A worker: a command, or a Python callable as ``file.py:function`` taking a path.

    Attributes:
        passes: how many times over the command gets its ``{snapshots}``, one list after the other.

    """

    name: str
    command: tuple[str, ...] = ()
    callable: str | None = None
    sweep: dict[str, tuple[Setting, ...]] = {}
    expect: tuple[Expectation, ...] = ()
    passes: int = 1

    def command_line(self) -> tuple[str, ...]:
        """Return the command, with its placeholders, that runs this worker."""
        if self.callable is None:
            return self.command
        file, _, function = self.callable.rpartition(":")
        return ("{python}", "-c", _CALL, file, function, "{snapshot}")


_CALL: Final = (
    "import os, runpy, sys; file, name, path = sys.argv[1:]; "
    "sys.path.insert(0, os.path.dirname(os.path.abspath(file))); "
    "runpy.run_path(file)[name](path)"
)


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scenario allows one worker.

    Attributes:
        peak: of unreclaimable memory.
        growth: of the peak over the baseline's, beyond the noise floor.
        per_input_byte: bytes of peak that each further byte of snapshot may cost.
        growth_per_snapshot: by which memory may grow from one of the ``{snapshots}`` to the next.

    """

    worker: str
    peak: Size | None = None
    growth: Percent | None = None
    per_input_byte: float | None = None
    growth_per_snapshot: Size | None = None


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


def read_scenario(text: str, *, source: str) -> Scenario:
    """Return the scenario in `text`; `source` names the file in errors.

    Raises:
        InputError: the text is no TOML, a key is unknown, a value or its unit is wrong, or the
            parts do not fit together. The message names the file and the key.

    """
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        # A number of thousands of digits is one, too, and no TOMLDecodeError.
        raise InputError(f"{source}: not a TOML file: {error}") from None
    except RecursionError:
        raise InputError(f"{source}: not a TOML file that can be read: it nests too deep") from None
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
        raise InputError(f"{source}: {_explain_in(document, error)}") from None
    for problem in problems_of(scenario):
        raise InputError(f"{source}: {problem}")
    return msgspec.structs.replace(scenario, sandbox=scenario.sandbox.settled())


def _explain_in(document: dict[str, Any], error: msgspec.ValidationError) -> str:
    """Return what is wrong with a document, and name the key where msgspec writes ``[...]``."""
    text = explain(error, see=_SEE)
    before, found, _ = text.partition(_SOME_KEY)
    if not found:
        return text
    table: Any = document
    for name, index in _STEP.findall(before):
        table = table[name] if name else table[int(index)]
    key = next((key for key, value in table.items() if not _is_taken(value, before)), "...")
    if key == RESERVED and before.endswith("sweep"):
        return f"{before}.{key}: {RESERVED_FOR}"
    return text.replace(_SOME_KEY, f".{key}", 1)


def _is_taken(value: Any, where: str) -> bool:
    """Whether a value may stand in the table at `where`: ``sandbox.env``, or a worker's sweep."""
    kind: Any = str if where.endswith("env") else tuple[Setting, ...]
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


_SOME_KEY: Final = "[...]"
_STEP: Final = re.compile(r"(\w+)|\[(\d+)\]")
_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_CHOICES: Final[dict[str, type[enum.StrEnum]]] = {"ending": Ending, "kind": SandboxKind}
_SEE: Final = "; `oomproof run --schema` lists the known"


def explain(error: msgspec.ValidationError, *, see: str = "") -> str:
    """Return msgspec's message as ``key: what is wrong``, the key as a person would write it.

    `see` is said of a key that is unknown: where the known ones are listed.
    """
    match = _AT.match(str(error))
    what, where = (match["what"], match["where"] or "") if match else (str(error), "")
    prefix = f"{where}." if where else ""
    if unknown := _UNKNOWN.match(what):
        return f"{prefix}{unknown['key']}: unknown key{see}"
    if missing := _MISSING.match(what):
        return f"{prefix}{missing['key']}: this key is missing"
    known = _CHOICES.get(where.rpartition(".")[2]) if what.startswith("Invalid enum") else None
    choices = f"; known are {', '.join(known)}" if known else ""
    return f"{where or 'document'}: {what}{choices}"
