"""The profiled passes of `run`: what held a case's memory, by line of code and part of its input.

They are made after the runs that give the verdict, and none of their numbers enters it.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.core.attributing import Wanted
from harness.core.case import Case
from harness.core.errors import InterruptedRunError, OomproofError
from harness.core.profile import Moment
from harness.core.run import Run
from harness.core.sites import CaseProfile, PathTable, SiteTable, site_table
from harness.execution import Executor
from harness.inquiry import Inquiry, default_ceiling_bytes
from harness.orders import OrderMaker
from harness.profiled_pass import Profiled, ProfiledPass
from harness.profilers.collect import PROFILE, SPEEDSCOPE
from harness.reading import ByteProgress
from harness.sandbox.contract import Sandbox
from harness.snapshot_costs import paths_of
from harness.source_text import source_of

_KEPT: Final = frozenset({PROFILE, SPEEDSCOPE})
# Captures are removed once they are read, so they may be larger than those that are evidence:
# streaming 50 MB makes 14 MB of them.
_CAP_BYTES: Final = 200_000_000
# What lies before is of one machine; what follows is the same on every one.
_INSTALLED: Final = re.compile(
    r"^.*/(?=(site-packages|dist-packages|node_modules)/)|^.*/lib(64)?/(?=python\d+\.\d+/)"
)


class Quiet:
    """Hears nothing: what an inquiry tells is told by the run that it makes."""

    def task(self, text: str) -> None:
        """Hear what is being done."""

    def note(self, text: str) -> None:
        """Hear something that is to stay."""


class SitePass:
    """Makes the profiled pass of one case after the other."""

    def __init__(
        self,
        executor: Executor,
        *,
        sandbox: Sandbox,
        orders: OrderMaker,
        folder: Path,
        memory_bytes: int,
    ) -> None:
        """Keep profiles below the report's `folder`; a run may have most of `memory_bytes`."""
        self._executor = executor
        self._sandbox = sandbox
        self._orders = orders
        self._folder = folder
        self._ceiling_bytes = default_ceiling_bytes(memory_bytes)
        self.profiles: list[CaseProfile] = []
        self._paths: dict[tuple[str, ...], PathTable | str] = {}

    def make(
        self,
        wanted: Wanted,
        *,
        number: int,
        known_paths: PathTable | None,
        progress: ByteProgress,
        stop: Callable[[], bool],
    ) -> tuple[Run, ...]:
        """Add what a profiled pass tells of a case to `profiles`; return its runs, from `number`.

        `known_paths` are those of the case's input, where a baseline knows them already.

        Raises:
            InterruptedRunError: it was stopped.

        """
        case = wanted.run.case
        inquiry = Inquiry(
            self._executor,
            ceiling_bytes=self._ceiling_bytes,
            progress=Quiet(),
            stop=stop,
            first_number=number,
        )
        folder = self._folder / "runs" / f"{number:03d}"
        profiled = self._profiled(case, wanted.run, inquiry, folder, stop)
        problems = list(profiled.problems)
        paths = known_paths or self._paths_of(case, progress, stop)
        if isinstance(paths, str):
            problems.append(paths)
        sites = _sites(wanted.run, profiled, inquiry.runs, problems)
        self.profiles.append(
            CaseProfile(
                case=case.name,
                run=inquiry.runs[-1].number if inquiry.runs else None,
                files=self._keep(folder, profiled),
                sites=sites,
                paths=None if isinstance(paths, str) else paths,
                problems=tuple(problems),
            )
        )
        return tuple(inquiry.runs)

    def _profiled(
        self, case: Case, verdict: Run, inquiry: Inquiry, folder: Path, stop: Callable[[], bool]
    ) -> Profiled:
        command = self._orders.command_of(case)
        try:
            making = ProfiledPass(
                inquiry,
                self._sandbox,
                folder=folder,
                python=self._orders.python_of(command),
                node=self._orders.node_of(command),
                stop=stop,
                cap_bytes=_CAP_BYTES,
                is_brief=True,
            )
            return making.make(case, verdict, None)
        except InterruptedRunError:
            raise
        except (OomproofError, OSError) as error:
            return Profiled(problems=(f"The profiled pass could not be made: {error}.",))

    def _paths_of(
        self, case: Case, progress: ByteProgress, stop: Callable[[], bool]
    ) -> PathTable | str:
        """Return the paths of a case's input, or why they are not known; each file is read once."""
        files = tuple(dict.fromkeys(snapshot.path for snapshot in case.snapshots))
        command = self._orders.command_of(case)
        key = (command[0], *files)
        if key not in self._paths:
            self._paths[key] = self._looked_at(files, command, progress, stop)
        return self._paths[key]

    def _looked_at(
        self,
        files: tuple[str, ...],
        command: tuple[str, ...],
        progress: ByteProgress,
        stop: Callable[[], bool],
    ) -> PathTable | str:
        until_s = time.monotonic() + self._orders.timeout_s

        def told(doing: str, done: int, total: int) -> None:
            if stop() or time.monotonic() > until_s:
                raise InterruptedRunError("stopped while the snapshot was looked at")
            progress(doing, done, total)

        try:
            found = paths_of(map(Path, files), command, told)
        except InterruptedRunError:
            if stop():
                raise
            return "Its input was not looked at, which would take longer than a run may."
        return found or "Its input was not looked at: it is no JSON, or cannot be read."

    def _keep(self, folder: Path, profiled: Profiled) -> tuple[str, ...]:
        """Remove the captures, which are large, and return what is kept."""
        if profiled.summary is None:
            return ()
        for name in profiled.summary.files:
            if Path(name).name not in _KEPT:
                with contextlib.suppress(OSError):
                    (folder / name).unlink()
        kept = [folder / name for name in profiled.summary.files if Path(name).name in _KEPT]
        return tuple(str(path.relative_to(self._folder)) for path in kept)


def _sites(
    verdict: Run, profiled: Profiled, runs: list[Run], problems: list[str]
) -> SiteTable | None:
    """Return the table of a profile that is of the moment it must be of; else say why not."""
    profile = profiled.profile
    if profile is None:
        return None
    if verdict.completed and profile.moment is not Moment.HIGH_WATER:
        ended = runs[-1].ending if runs else "otherwise"
        problems.append(
            f"The worker completes, but with a profiler it ended {ended}, so its profile is not of "
            "its peak and was not used."
        )
        return None
    return site_table(profile, source_of=source_of, shown=shown)


def shown(file: str) -> str:
    """Return a file's name as it is the same on every machine, where there is such a name.

    From the folder that oomproof was started in; of what is installed, from where that begins.
    """
    if (short := _INSTALLED.sub("", file)) != file:
        return short
    if not file.startswith("/"):
        return file
    with contextlib.suppress(OSError):
        beside = os.path.relpath(file)
        return file if beside.startswith("..") else beside
    return file
