"""The fixture `replay`: a command in a sandbox, and the run to assert on."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.core.case import Case, cases_of
from harness.core.errors import OomproofError
from harness.core.run import Run
from harness.core.runtime import takes_what_it_gets
from harness.files import shown
from harness.pytest_plugin.explain import PREFIX, Explanation, numbers_of, with_profile
from harness.pytest_plugin.terms import UNLIMITED
from harness.pytest_plugin.workshop import Bench, Workshop, name_of, readable_errors
from harness.snapshots import resolve_snapshots

_WORKER: Final = "worker"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Made:
    """A replay that was made."""

    bench: Bench
    case: Case
    run: Run


class Replays:
    """Runs commands for one test, and remembers the runs."""

    def __init__(self, workshop: Workshop, item: pytest.Item) -> None:
        """Run commands for `item`."""
        self._workshop = workshop
        self._item = item
        self._made: list[_Made] = []

    def __call__(
        self,
        command: str | Sequence[str],
        *,
        snapshot: str | Path,
        memory: str = UNLIMITED,
        timeout: str = "120s",
        sandbox: str | None = None,
    ) -> Run:
        """Run a command in a sandbox of its own and return the run: its ending, its peak.

        ``{snapshot}`` in the command is replaced by the file, ``{output}`` by a folder to write to
        and ``{python}`` by this interpreter. The path of the snapshot starts from the test's
        folder, the command in the folder that pytest was started in. The test fails where there is
        no verdict: where the sandbox does not work, or somebody else killed the command.
        """
        words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)
        path = self._item.path.parent / snapshot
        with readable_errors("replay"):
            made = self._make(words, path, memory, timeout, sandbox or self._workshop.kind)
        self._made.append(made)
        prefix = f"{PREFIX}replay{len(self._made)}."
        explanation = Explanation(run=made.run, report=shown(made.bench.folder))
        self._item.user_properties.extend(numbers_of(explanation, prefix=prefix))
        if made.run.ending is None:
            pytest.fail(f"oomproof: no verdict: {made.run.reason}", pytrace=False)
        return made.run

    def _make(
        self, words: tuple[str, ...], path: Path, memory: str, timeout: str, sandbox: str
    ) -> _Made:
        number = len(self._made) + 1
        name = name_of(f"{self._item.nodeid}-replay-{number}")
        document = {
            "schema": 1,
            "name": name,
            "snapshots": {"files": [str(path)]},
            "sandbox": {"kind": sandbox},
            "limits": {"memory": [memory], "timeout": timeout},
            "worker": [{"name": _WORKER, "command": list(words)}],
        }
        bench = self._workshop.bench(document, source="the command line")
        snapshots = resolve_snapshots(
            bench.scenario.snapshots,
            folder=self._workshop.folder,
            cache=self._workshop.folder,
            progress=lambda *_: None,
        )
        (case,) = cases_of(bench.scenario, snapshots)
        run = bench.execute(case, number=1)
        bench.keep([run], ())
        return _Made(bench=bench, case=case, run=run)

    def explain(self) -> str:
        """Return what the replays showed, for a test that failed; the last with its top sites."""
        blocks: list[str] = []
        for number, made in enumerate(self._made, start=1):
            explanation = Explanation(run=made.run, report=shown(made.bench.folder))
            if number == len(self._made):
                explanation = _with_sites(explanation, made)
            blocks.append("\n".join((f"replay {number}:", *explanation.lines())))
        return "\n\n".join(blocks) or "nothing was replayed"


def _with_sites(explanation: Explanation, made: _Made) -> Explanation:
    """Add who held the memory, where Python's own profilers can say it."""
    command = made.bench.scenario.worker[0].command_line()
    if takes_what_it_gets(command):
        return explanation
    try:
        profile, why = made.bench.profile(made.case, [made.run])
    except OomproofError as error:
        return with_profile(explanation, None, f"There is no heap profile: {error}")
    return with_profile(explanation, profile, why)
