"""From a case to what a sandbox is asked: the command filled in, the worker's variables, mounts."""

import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from harness.core.case import Case
from harness.core.command import fill, placeholders
from harness.core.conditions import PYTHON_HASH_SEED
from harness.core.errors import InputError, SandboxError
from harness.core.node import is_node
from harness.core.scenario import SandboxKind, SandboxSettings, Scenario, Worker
from harness.core.units import format_bytes
from harness.node_program import ADVICE, find_node
from harness.sandbox.contract import MountRequest, Order
from harness.sandbox.engine import HOST_IMAGE
from harness.sandbox.machine import machine_memory_bytes
from harness.sandbox.processors import can_bind

_IMAGE_PYTHON: Final = "python3"
_IMAGE_NODE: Final = "node"


class OrderMaker:
    """Makes orders for one scenario in one kind of sandbox."""

    def __init__(self, scenario: Scenario, *, folder: Path, kind: SandboxKind) -> None:
        """Make orders for commands that start in `folder`."""
        self._scenario = scenario
        self._folder = folder
        self._kind = kind
        self._settings: SandboxSettings = scenario.sandbox
        self._is_here = kind is not SandboxKind.DOCKER or self._settings.image == HOST_IMAGE

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every worker; a user's own image gets none of this machine's."""
        return {
            **(os.environ if self._is_here else {}),
            **self._settings.env,
            "PYTHONHASHSEED": PYTHON_HASH_SEED,
            # The folder of the worker's code is shown read-only, or should be left as it is.
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @property
    def python(self) -> str:
        """What ``{python}`` stands for."""
        return sys.executable if self._is_here else _IMAGE_PYTHON

    @property
    def timeout_s(self) -> float:
        """How long a run may take."""
        return self._scenario.limits.timeout.seconds

    def command_of(self, case: Case) -> tuple[str, ...]:
        """Return the command of a case's worker as it was asked, its placeholders not filled in."""
        return self._worker(case).command_line()

    def order(self, case: Case, output_folder: Path) -> Order:
        """Return the order for one run of `case` that writes to `output_folder`.

        Raises:
            SandboxError: the command asks for Node.js, which is not here.

        """
        return Order(
            command=self._command(self._worker(case), case, output_folder),
            environment={
                **self.environment,
                "OOMPROOF_OUTPUT": str(output_folder),
                # On disk: a tmpfs would count as the worker's memory.
                "TMPDIR": str(output_folder / "tmp"),
            },
            working_folder=self._folder,
            output_folder=output_folder,
            snapshots=case.snapshots,
            memory_limit_bytes=case.memory_limit_bytes,
            timeout_s=self.timeout_s,
            cpus=self._settings.cpus,
            mounts=tuple(_mount(text) for text in self._settings.mounts),
        )

    def _worker(self, case: Case) -> Worker:
        return next(worker for worker in self._scenario.worker if worker.name == case.worker)

    def _command(self, worker: Worker, case: Case, output_folder: Path) -> tuple[str, ...]:
        values = {
            **{name: _text(value) for name, value in case.settings.items()},
            "python": self.python,
            "snapshot": case.snapshot.path,
            "output": str(output_folder),
        }
        if "node" in placeholders(worker.command_line()):
            values["node"] = self.node()
        paths = tuple(snapshot.path for snapshot in case.snapshots)
        return fill(worker.command_line(), values, paths)

    def node(self) -> str:
        """Return what ``{node}`` stands for; where there is none, its cases have no verdict."""
        if not self._is_here:
            return _IMAGE_NODE
        node = find_node(search_path=self.environment.get("PATH"))
        if node is None:
            raise SandboxError(f"the worker was not run, because {ADVICE}")
        return node

    def python_of(self, command: Sequence[str]) -> str:
        """Return the interpreter of Python that a command names first; else what is like it."""
        is_named = re.match(r"(python|pypy)[\d.]*$", Path(command[0]).name)
        return command[0] if is_named else self.python

    def node_of(self, command: Sequence[str]) -> str | None:
        """Return the program of Node.js that a command starts, or None where it starts none."""
        if not is_node(command):
            return None
        is_itself = Path(command[0]).name in {"node", "nodejs"}
        return command[0] if is_itself else self.node()

    def check(self, *, source: str, only: Collection[str] = ()) -> None:
        """Check what can be known before any run: commands, mounts, limits.

        `only` names the workers that are wanted; empty wants all.

        Raises:
            InputError: a command or a mount is not there, a limit is above this machine's
                memory, or the sandbox cannot hold what was asked; the message names the key in
                `source`.

        """
        for problem in (
            *self._missing_commands(only),
            *self._missing_mounts(),
            *self._high_limits(),
            *self._unheld_settings(),
        ):
            raise InputError(f"{source}: {problem}")

    def _missing_commands(self, only: Collection[str]) -> Iterable[str]:
        if not self._is_here:
            return  # what an image holds is not known from here
        for index, worker in enumerate(self._scenario.worker):
            if only and worker.name not in only:
                continue
            file = (worker.callable or "").rpartition(":")[0]
            if file and not os.path.isfile(self._folder / file):  # noqa: PTH113  (never raises)
                yield f'worker[{index}].callable: there is no file "{file}" in {self._folder}'
            word = worker.command_line()[0]
            if "{" in word:
                continue  # a placeholder; the interpreter is there, a setting is the worker's own
            if _find_program(word, self.environment, self._folder) is None:
                yield (
                    f'worker[{index}].command: "{word}" is not found, or cannot be executed; write '
                    "its path, or add its folder to PATH"
                )

    def _missing_mounts(self) -> Iterable[str]:
        for index, text in enumerate(self._settings.mounts):
            if not os.path.exists(_mount(text).path):  # noqa: PTH110  (never raises)
                yield f'sandbox.mounts[{index}]: "{text}" is not there'

    def _unheld_settings(self) -> Iterable[str]:
        cpus, here = self._settings.cpus, os.cpu_count()
        is_engine_here = self._kind is SandboxKind.DOCKER and self._is_here
        if is_engine_here and cpus is not None and here is not None and cpus > here:
            yield (
                f"sandbox.cpus: {cpus:g} is above the processors of this machine, {here}, which "
                "the engine refuses; lower it, or leave it out"
            )
        if self._kind is SandboxKind.PROCESS and not can_bind(self._settings.cpus):
            yield (
                f"sandbox.cpus: the process sandbox cannot hold a worker to "
                f"{self._settings.cpus:g} processors; give a whole number, or use docker or cgroup"
            )

    def _high_limits(self) -> Iterable[str]:
        machine_bytes = machine_memory_bytes()
        for index, limit in enumerate(self._scenario.limits.memory):
            if limit.bytes is not None and limit.bytes > machine_bytes:
                yield (
                    f"limits.memory[{index}]: {limit.text} is above the memory of this machine, "
                    f'{format_bytes(machine_bytes)}; lower it, or write "unlimited"'
                )


def _find_program(word: str, environment: dict[str, str], folder: Path) -> str | None:
    """Return the program that a command's first word names; a path starts in its folder."""
    if "/" in word:
        return shutil.which(folder / word)
    return shutil.which(word, path=environment.get("PATH", os.defpath))


def _text(value: object) -> str:
    """Return a setting as a word of a command: TOML's true is ``true``, not ``True``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mount(text: str) -> MountRequest:
    return MountRequest(path=Path(text.removesuffix(":rw")), writable=text.endswith(":rw"))
