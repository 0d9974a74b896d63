"""Which interpreter a prediction is for, what it holds before it parses, and its cost model."""

import dataclasses
import functools
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from synthetic.xray import measure
from synthetic.xray.model import CostModel, model_of

PARSERS: Final = ("json", "orjson", "msgspec")
_TIMEOUT_S: Final = 60

# What is imported to tell the rest must not count, so memory is read first.
_PROBE: Final = """
import {module}
with open("/proc/self/smaps_rollup") as maps:
    rss = next(int(line.split()[1]) for line in maps if line.startswith("Rss:")) * 1024
import importlib, json, runpy, sys
measure = runpy.run_path({measure!r}, run_name="measure")
print(json.dumps([sys.implementation.name, "%d.%d" % sys.version_info[:2], measure["build"](),
                  getattr(importlib.import_module({name!r}), "__version__", "unknown"), rss]))
"""


class UnknownInterpreterError(ValueError):
    """An interpreter cannot be asked, or cannot be measured; the message says why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interpreter:
    """What was learned of an interpreter.

    Attributes:
        python: its implementation and version, for people.
        model: what objects cost there.
        bases: of each parser that is installed: what an interpreter that has imported it holds.
        measured: whether the model was measured now, since no table is for it.
        notes: what to know of this, in whole sentences.

    """

    python: str
    model: CostModel
    bases: dict[str, int]
    measured: bool
    notes: tuple[str, ...] = ()


class _Probe(msgspec.Struct, frozen=True, array_like=True):
    implementation: str
    python: str
    build: str
    version: str
    base_bytes: int


def interpreter_at(python: str = sys.executable) -> Interpreter:
    """Return what is known of the interpreter that is started by `python`.

    It is started once for each parser, which takes a tenth of a second, and once more for a second
    if there is no table for it, or if one of its parsers is of another version.

    Raises UnknownInterpreterError.
    """
    with ThreadPoolExecutor(len(PARSERS)) as pool:
        found = dict(
            zip(PARSERS, pool.map(functools.partial(_probe, python), PARSERS), strict=True)
        )
    probes = {name: probe for name, probe in found.items() if isinstance(probe, _Probe)}
    if "json" not in probes:
        raise UnknownInterpreterError(f"{python} cannot be asked what it is: {found['json']}")
    one = probes["json"]
    table = table_for(one.implementation, one.python, one.build)
    bases = {name: probe.base_bytes for name, probe in probes.items()}
    label = f"{one.implementation} {one.python}"
    if table is None:
        return Interpreter(
            python=label,
            model=measured_at(python),
            bases=bases,
            measured=True,
            notes=(
                f"There is no table for {label} ({one.build}), so its objects were measured now.",
            ),
        )
    others = [
        name
        for name, probe in probes.items()
        if name != "json" and probe.version != _version_in(table, name)
    ]
    missing = tuple(
        f"{name} is not installed there; its figures are those of {_version_in(table, name)}."
        for name in PARSERS
        if name not in probes
    )
    if not others:
        return Interpreter(python=label, model=table, bases=bases, measured=False, notes=missing)
    fresh = measured_at(python).parsers
    parsers = {**table.parsers, **{name: fresh[name] for name in others if name in fresh}}
    return Interpreter(
        python=label,
        model=msgspec.structs.replace(table, parsers=parsers),
        bases=bases,
        measured=True,
        notes=(
            *missing,
            *(
                f"There is no table for {name} {probes[name].version}, so it was measured now."
                for name in others
            ),
        ),
    )


def _version_in(table: CostModel, name: str) -> str:
    return table.parsers[name].version if name in table.parsers else ""


def tables() -> tuple[CostModel, ...]:
    """Return the cost models that come with this package."""
    folder = resources.files("synthetic.xray") / "tables"
    return tuple(
        msgspec.json.decode(file.read_bytes(), type=CostModel)
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".json")
    )


def table_for(implementation: str, python: str, build: str) -> CostModel | None:
    """Return the cost model of an interpreter, if there is one."""
    for table in tables():
        if (table.implementation, table.python, table.build) == (implementation, python, build):
            return table
    return None


def _probe(python: str, name: str) -> _Probe | str:
    """Return what an interpreter is that has imported a parser, or why it cannot be told."""
    code = _PROBE.format(module=measure.PARSERS[name], name=name, measure=_program())
    try:
        return msgspec.convert(json.loads(_said((python, "-I", "-c", code))), _Probe)
    except (UnknownInterpreterError, ValueError, msgspec.ValidationError) as error:
        return str(error)


def measured_at(python: str = sys.executable) -> CostModel:
    """Return the cost model of an interpreter, measured in a process of its own.

    Raises UnknownInterpreterError.
    """
    try:
        return model_of(json.loads(_said((python, "-I", _program()))))
    except (ValueError, KeyError) as error:
        raise UnknownInterpreterError(f"{python} cannot be measured: {error}") from None


def _program() -> str:
    return str(Path(measure.__file__))


def _said(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, check=True, text=True, timeout=_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        raise UnknownInterpreterError(lines[-1] if lines else f"exit {error.returncode}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnknownInterpreterError(str(error)) from None
    return done.stdout
