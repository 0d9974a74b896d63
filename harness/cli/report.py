"""`oomproof report`: a saved report, rendered again."""

import contextlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

if TYPE_CHECKING:
    from harness.core.report import Report
    from harness.store import Store

EXAMPLE = (
    "Examples: oomproof report --- oomproof report reports/out/hero-snapshots/latest "
    "--format markdown"
)


class Format(StrEnum):
    """How to render it."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    PICTURE = "picture"
    HTML = "html"
    OPENMETRICS = "openmetrics"


def report(
    path: Annotated[
        Path | None, typer.Argument(help="A report.json or its folder; else the newest.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to render it.")] = Format.TERMINAL,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file, not to stdout.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the reports are.")] = Path("reports/out"),
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    history: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl", help="Render the trend of this history instead of a report."
        ),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            help="Print the JSON Schema of a report, and read none; with --history that of a line "
            "of a history, and with --json too that of its trend.",
        ),
    ] = False,
) -> int:
    """Render a saved report again; exits with the code of its verdict.

    With --history, render the trend of a history, as terminal, markdown, json or picture.
    """
    from harness.cli.output import unheard
    from harness.cli.trend import show_history
    from harness.core.errors import InputError
    from harness.files import check_writable, publish
    from harness.store import load_report, newest_report

    form = Format.JSON if json else form
    if schema:
        return _print_schema(of_history=history is not None, form=form)
    if history is not None:
        if path is not None:
            raise InputError(f"--history renders a history, and {path} is a report; give one")
        return show_history(history, form, output)
    path = path or newest_report(out)
    _refuse_answer(path)
    found, store = load_report(path)
    if output is not None:
        check_writable(output, option="-o")
        publish(output, _render(form, found, store))
        return found.verdict.exit_code
    if form is Format.PICTURE and sys.stdout.isatty():
        raise InputError("a picture cannot be shown on a terminal; give a file with -o")
    with unheard():
        if form is Format.TERMINAL:
            from harness.cli.session import print_report

            print_report(found, err=False)
        else:
            typer.echo(_render(form, found, store), nl=False)
    return found.verdict.exit_code


def _print_schema(*, of_history: bool, form: Format) -> int:
    from harness.cli.output import print_schema
    from harness.reporters.document import history_schema, report_schema, trend_schema

    if not of_history:
        print_schema(report_schema())
    else:
        print_schema(trend_schema() if form is Format.JSON else history_schema())
    return 0


def _refuse_answer(path: Path) -> None:
    """Say so where `path` is a folder of evidence, which looks much like that of a report."""
    from harness.core.errors import InputError
    from harness.store import ANSWER, REPORT

    with contextlib.suppress(OSError):  # what cannot be looked at is refused later
        if (path / ANSWER).is_file() and not (path / REPORT).exists():
            raise InputError(
                f"{path} holds an answer of `oomproof reproduce` and no report; read its answer.md "
                f"or report.html, or have a program read its {ANSWER}"
            )


def _render(form: Format, found: "Report", store: "Store") -> bytes:
    from harness.cli.page import Drawings
    from harness.reporters.document import render_json
    from harness.reporters.junit import render_junit
    from harness.reporters.markdown import render_markdown
    from harness.reporters.metrics import render_metrics
    from harness.reporters.terminal import render_terminal

    match form:
        case Format.TERMINAL:
            return render_terminal(found).encode()
        case Format.JSON:
            return render_json(found)
        case Format.MARKDOWN:
            return render_markdown(found).encode()
        case Format.JUNIT:
            return render_junit(found)
        case Format.PICTURE:
            return Drawings(found, store).picture()
        case Format.HTML:
            return Drawings(found, store, with_picture=False).page()
        case Format.OPENMETRICS:
            return render_metrics(found)
        case _ as never:
            assert_never(never)
