"""`oomproof shrink`: the smallest snapshot that still shows what a snapshot shows."""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cli.inquiry import Asked
    from harness.cli.progress import AnyProgress
    from harness.shrinking import Shrinking
    from synthetic.shrinking.costs import Costs
    from synthetic.shrinking.trials import Check

EXAMPLE = "Example: oomproof shrink export.json -o min.json --check 'grep -q troop {snapshot}'"
_WORKER = "python worker.py {snapshot}"
_SHELL = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1"}


def shrink(
    snapshot: Annotated[Path, typer.Argument(help="The JSON file to be shrunk.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the smaller one goes.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="The worker's command.")
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(help="A command that exits with 0 where {snapshot} still shows it."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Still runs out of memory under this limit: 512MiB.")
    ] = None,
    peak: Annotated[str | None, typer.Option(help="Still peaks above this size: 400MiB.")] = None,
    command: Annotated[
        str | None, typer.Option(help="The worker's command as one text, not after `--`.")
    ] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, cgroup or process.")] = None,
    image: Annotated[
        str | None, typer.Option(help="Docker's image; `host` shows this machine.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="How long each check may take.")] = "10m",
    max_checks: Annotated[
        int | None, typer.Option(min=3, help="How many checks to make at most.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the replays are kept.")] = Path("reports/out"),
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON; people's text goes to stderr.")
    ] = False,
) -> int:
    """Find the smallest snapshot that still shows it: that a check passes, or a worker dies.

    What to look for is --check, or --memory or --peak with a worker's command. The best so far is
    in the output at any time, and stays there when this is stopped. In commands, {snapshot} is
    replaced by the file that is tried, {python} by this interpreter.
    """
    from harness.core.errors import InputError
    from harness.files import check_writable

    wanted = _Wanted(
        snapshot=snapshot,
        output=output,
        words=words,
        check=check,
        memory=memory,
        peak=peak,
        command=command,
        sandbox=sandbox,
        image=image,
        timeout=timeout,
        out=out,
    )
    if [check, memory, peak].count(None) != 2:
        raise InputError("say what to look for: one of --check, --memory and --peak")
    check_writable(output, option="-o")
    with wanted.ready() as ready:
        from harness.shrinking import shrink as shrunk

        result = shrunk(
            snapshot,
            output,
            ready.check,
            progress=ready.progress,
            stop=ready.stop,
            most_checks=max_checks,
            costs=ready.costs,
        )
    _print(result, ready.runs, as_json=json)
    return result.exit_code


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ready:
    """A check that can be made, and who is told."""

    check: "Check"
    progress: "AnyProgress"
    stop: "Callable[[], bool]"
    runs: Path | None
    costs: "Callable[[], Costs]"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What was asked on the command line."""

    snapshot: Path
    output: Path
    words: list[str] | None
    check: str | None
    memory: str | None
    peak: str | None
    command: str | None
    sandbox: str | None
    image: str | None
    timeout: str
    out: Path

    @contextlib.contextmanager
    def ready(self) -> Iterator[_Ready]:
        """Prepare the check.

        Raises:
            InputError: what was named is not there, or does not fit together.
            SandboxError: no sandbox works here.

        """
        if self.check is not None:
            with self._ready_command(self.check) as ready:
                yield ready
            return
        from harness.cli.inquiry import Question, asked, command_of
        from harness.shrink_costs import parse_costs

        question = Question(
            name="shrink",
            snapshot=self.snapshot,
            command=command_of(self.command, self.words, example=_WORKER),
            sandbox=self.sandbox,
            image=self.image,
            timeout=self.timeout,
            ceiling=None,
            out=self.out,
            memory=self.memory,
        )
        with asked(question) as prepared:
            yield _Ready(
                check=self._replayed(prepared),
                progress=prepared.progress,
                stop=prepared.stop,
                runs=prepared.store.folder,
                costs=functools.partial(
                    parse_costs, self.snapshot, progress=prepared.progress.bytes, stop=prepared.stop
                ),
            )

    @contextlib.contextmanager
    def _ready_command(self, text: str) -> Iterator[_Ready]:
        from harness.checks import CommandCheck
        from harness.cli.progress import progress_on
        from harness.cli.session import stopping
        from harness.core.errors import InputError
        from harness.core.units import parse_duration
        from synthetic.shrinking.costs import TextCosts

        if self.command is not None or self.words:
            raise InputError("--check is a command already; leave out the worker's")
        try:
            timeout_s = parse_duration(self.timeout)
        except ValueError as error:
            raise InputError(f"--timeout: {error}") from None
        words = _check_words(text)
        with progress_on(sys.stderr) as progress, stopping() as stop:
            check = CommandCheck(words, timeout_s=timeout_s, stop=stop)
            yield _Ready(check=check, progress=progress, stop=stop, runs=None, costs=TextCosts)

    def _replayed(self, prepared: "Asked") -> "Check":
        from harness.checks import KilledCheck, PeakCheck
        from harness.core.errors import InputError
        from harness.core.units import format_bytes, parse_size
        from harness.execution import Executor

        executor = Executor(sandbox=prepared.sandbox, orders=prepared.orders, store=prepared.store)
        kind = str(prepared.sandbox.kind)
        case, stop = prepared.case, prepared.stop
        if case.memory_limit_bytes is not None:
            limit_bytes = case.memory_limit_bytes
            return KilledCheck(case, executor, limit_bytes=limit_bytes, sandbox=kind, stop=stop)
        if self.memory is not None:
            raise InputError(f"--memory: {self.memory} is no limit that a worker could reach")
        try:
            above_bytes = parse_size(self.peak or "")
        except ValueError as error:
            raise InputError(f"--peak: {error}") from None
        ceiling_bytes = prepared.inquiry.ceiling_bytes
        if above_bytes >= ceiling_bytes:
            raise InputError(
                f"--peak: {self.peak} is more than this machine has to spare now, "
                f"{format_bytes(ceiling_bytes)}; lower it"
            )
        return PeakCheck(
            case,
            executor,
            above_bytes=above_bytes,
            ceiling_bytes=ceiling_bytes,
            sandbox=kind,
            stop=stop,
        )


def _check_words(text: str) -> tuple[str, ...]:
    """Return the words of a check.

    Raises:
        InputError: it is no command, needs a shell, or never gets the snapshot.

    """
    import shlex

    from harness.core.command import placeholders
    from harness.core.errors import InputError

    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"--check: {error}: {text}") from None
    if not words:
        raise InputError("--check: it is empty")
    if _SHELL.intersection(words) or words[0] == "!":
        raise InputError(f"--check: no shell reads it; write --check \"sh -c '...'\" for: {text}")
    if "snapshot" not in placeholders(words):
        raise InputError(f"--check: it never gets the snapshot; put {{snapshot}} into: {text}")
    return words


def _print(result: "Shrinking", runs: Path | None, *, as_json: bool) -> None:
    from harness.cli.output import unheard
    from harness.files import shown
    from harness.reporters.shrunk import render_shrunk, shrunk_document

    with unheard():
        typer.echo(render_shrunk(result), err=as_json)
        if runs is not None:
            typer.echo(f"Runs: {shown(runs)}", err=as_json)
        if as_json:
            typer.echo(shrunk_document(result, None if runs is None else str(runs)), nl=False)
