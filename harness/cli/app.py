"""The program: its commands, and the one place where an error becomes a message and an exit code.

Nothing of the harness is imported before a command needs it, so that `--help` answers at once.
"""

import sys
import traceback
from typing import Annotated

import typer

from harness.cli import baseline, doctor, generate, report, run

app = typer.Typer(
    name="oomproof",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", epilog=run.EXAMPLE)(run.run)
app.command("generate", epilog=generate.EXAMPLE)(generate.generate)
app.add_typer(baseline.app, name="baseline")
app.command("report", epilog=report.EXAMPLE)(report.report)
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.doctor)

_NO_VERDICT = 3
_USAGE = 2


def _version(wanted: bool) -> None:
    if wanted:
        from harness import __version__

        typer.echo(f"oomproof {__version__}")
        raise typer.Exit


@app.callback()
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
    sys.exit(_run())


def _run() -> int:
    """Run a command and return its exit code.

    A bug of ours must not exit with 1, which would read as "over budget".
    """
    from click.exceptions import Abort, ClickException

    try:
        return int(app(standalone_mode=False) or 0)
    except ClickException as error:
        error.show()
        return _USAGE
    except (Abort, KeyboardInterrupt):
        typer.echo("oomproof: stopped.", err=True)
        return _NO_VERDICT
    except BrokenPipeError:
        sys.stderr.close()  # nobody listens any more, and the interpreter would complain
        return _NO_VERDICT
    except Exception as error:  # noqa: BLE001  (the last resort)
        return _explain(error)


def _explain(error: Exception) -> int:
    from harness.core.errors import OomproofError

    if isinstance(error, OomproofError):
        typer.echo(f"oomproof: {error}", err=True)
        return error.exit_code
    traceback.print_exc()
    typer.echo("oomproof: this is a bug in oomproof; nothing is said of the worker.", err=True)
    return _NO_VERDICT
