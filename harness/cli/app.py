"""The program: its commands, and the one place where an error becomes a message and an exit code.

Nothing of the harness is imported before a command needs it, so that `--help` answers at once.
"""

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Protocol, runtime_checkable

import typer

from harness.cli import (
    baseline,
    compare,
    doctor,
    generate,
    learn,
    report,
    reproduce,
    requirement,
    run,
    shrink,
    xray,
)
from harness.cli.interrupts import interrupt
from harness.cli.light import LightCommand, LightGroup
from harness.cli.output import hush, prepare_streams

app = typer.Typer(
    name="oomproof",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: oomproof run --snapshot export.json --memory 512MiB -- python worker.py "
    "{snapshot}",
)
app.command("run", epilog=run.EXAMPLE)(run.run)
app.command("reproduce", epilog=reproduce.EXAMPLE)(reproduce.reproduce)
app.command("requirement", epilog=requirement.EXAMPLE)(requirement.requirement)
app.command("generate", cls=LightCommand, epilog=generate.EXAMPLE)(generate.generate)
app.command("learn", cls=LightCommand, epilog=learn.EXAMPLE)(learn.learn)
app.command("shrink", epilog=shrink.EXAMPLE)(shrink.shrink)
app.command("xray", cls=LightCommand, epilog=xray.EXAMPLE)(xray.xray)
app.command("compare", epilog=compare.EXAMPLE)(compare.compare)
app.add_typer(baseline.app, name="baseline")
app.command("report", epilog=report.EXAMPLE)(report.report)
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.doctor)

_NO_VERDICT = 3
_USAGE = 2
_INTERRUPTED = 130
_REQUESTS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _version(wanted: bool) -> None:
    if wanted:
        from harness import __version__

        typer.echo(f"oomproof {__version__}")
        raise typer.Exit


@app.callback(cls=LightGroup)
def _program(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Replay JSON snapshots through workers in memory-limited sandboxes.

    Says who ran out of memory and why, and holds the peaks against budgets. Exit codes: 0 passed, 1
    over budget or an unexpected ending, 2 bad input or usage, 3 no verdict.
    """


def main() -> None:
    """Run a command, and exit with its code."""
    prepare_streams()
    _heed_requests_to_end()
    code = run_words(sys.argv[1:])
    for number in _REQUESTS_TO_END:  # there is nothing left to end but the code
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _heed_requests_to_end() -> None:
    """Let SIGTERM and the end of the terminal stop a command as Ctrl-C does.

    So it takes its half-written files and its sandboxes with it.
    """
    for number in _REQUESTS_TO_END:
        # nohup has one of them ignored
        if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, interrupt)


def run_words(words: Sequence[str]) -> int:
    """Run the command that `words` are, and return its exit code.

    Neither a bug of ours nor a closed pipe may exit with 1, which would read as "over budget".
    """
    try:
        code = int(app(words, prog_name="oomproof", standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except (BrokenPipeError, SystemExit):  # typer exits with 1 where nobody listens any more
        hush(1, 2)
        return _NO_VERDICT
    except OSError as error:
        typer.echo(f"oomproof: the system refused something: {error}", err=True)
        hush(1)  # where it is the output that is full
        return _NO_VERDICT
    except Exception as error:  # noqa: BLE001  (the last resort)
        return _explain(error)
    if code == _INTERRUPTED:  # as typer has it
        typer.echo("oomproof: stopped.", err=True)
        return _NO_VERDICT
    return code


@runtime_checkable
class _UsageError(Protocol):
    """An error of click's, which typer has from click or, in later versions, of its own."""

    def format_message(self) -> str: ...
    def show(self) -> None: ...


def _explain(error: Exception) -> int:
    from harness.core.errors import OomproofError

    if isinstance(error, _UsageError):
        error.show()
        return _USAGE
    if isinstance(error, OomproofError):
        from harness.cli.github import annotate_error
        from harness.reporters.plain import one_line

        typer.echo(f"oomproof: {one_line(str(error))}", err=True)
        annotate_error(str(error))
        return error.exit_code
    traceback.print_exc()
    typer.echo("oomproof: this is a bug in oomproof; nothing is said of the worker.", err=True)
    return _NO_VERDICT
