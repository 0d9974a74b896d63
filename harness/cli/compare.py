"""`oomproof compare`: two reports or baselines, case by case."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, assert_never

import typer

EXAMPLE = (
    "Examples: oomproof compare reports/baselines/hero-snapshots.json "
    "reports/out/hero-snapshots/latest --- oomproof compare main/reports/out reports/out "
    "--format markdown"
)


class Form(StrEnum):
    """How to render it."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    JSON = "json"


def _print_schema(wanted: bool) -> None:
    if wanted:
        from harness.cli.output import print_schema
        from harness.reporters.document import comparison_schema

        print_schema(comparison_schema())
        raise typer.Exit


def compare(
    old: Annotated[Path, typer.Argument(help="A report, a baseline, or a folder of them.")],
    new: Annotated[Path, typer.Argument(help="What to hold against it.")],
    form: Annotated[Form, typer.Option("--format", help="How to render it.")] = Form.TERMINAL,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file, not to stdout.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    _: Annotated[
        bool,
        typer.Option(
            "--schema",
            callback=_print_schema,
            is_eager=True,  # it takes no reports
            help="Print the JSON Schema of what --json prints, and read nothing.",
        ),
    ] = False,
) -> int:
    """Say of each case how its peak changed, how sure that is, and what cannot be compared.

    Exits with 0 whatever changed: budgets are for `oomproof run` to judge.
    """
    from harness.cli.output import unheard
    from harness.core.comparison import compare as compare_sides
    from harness.files import check_writable, publish
    from harness.reporters.comparison import (
        render_comparison,
        render_comparison_json,
        render_comparison_markdown,
    )
    from harness.sides import load_sides

    if output is not None:
        check_writable(output, option="-o")
    found = compare_sides(load_sides(old), load_sides(new))
    is_shown = output is None and form is Form.TERMINAL
    match Form.JSON if json else form:
        case Form.TERMINAL:
            is_unicode = not is_shown or "utf" in (sys.stdout.encoding or "ascii").lower()
            text = render_comparison(found, unicode=is_unicode)
        case Form.MARKDOWN:
            text = render_comparison_markdown(found)
        case Form.JSON:
            text = render_comparison_json(found).decode()
        case _ as never:
            assert_never(never)
    if output is not None:
        publish(output, text.encode())
        return 0
    with unheard():
        typer.echo(text, nl=False)
    return 0
