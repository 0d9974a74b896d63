"""`oomproof report --history`: the trend of a history, rendered."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.history import Trend


class TrendFormat(StrEnum):
    """How a trend can be rendered."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    PICTURE = "picture"


def show_history(path: Path, form_name: str, output: Path | None) -> int:
    """Render the trend of the history at `path`; exits with 0, for it judges nothing.

    Raises:
        InputError: the file is no history, or nothing is rendered in this form.

    """
    from harness.cli.output import unheard
    from harness.core.errors import InputError
    from harness.core.history import trends_of
    from harness.files import check_writable, publish
    from harness.history import load_history

    try:
        form = TrendFormat(form_name)
    except ValueError:
        known = ", ".join(TrendFormat)
        raise InputError(f"--format: a history is rendered as one of {known}") from None
    if output is not None:
        check_writable(output, option="-o")
    elif form is TrendFormat.PICTURE and sys.stdout.isatty():
        raise InputError("a picture cannot be shown on a terminal; give a file with -o")
    lines, halves = load_history(path)
    for number in halves:
        typer.echo(f"{path}: line {number} is only half written, and was left out", err=True)
    is_unicode = output is not None or "utf" in (sys.stdout.encoding or "ascii").lower()
    rendered = _render(form, trends_of(lines), is_unicode=is_unicode)
    if output is not None:
        publish(output, rendered)
        return 0
    with unheard():
        typer.echo(rendered, nl=False)
    return 0


def _render(form: TrendFormat, trends: "Sequence[Trend]", *, is_unicode: bool) -> bytes:
    from harness.reporters.trend import render_trend, render_trend_json, render_trend_markdown

    match form:
        case TrendFormat.TERMINAL:
            return render_trend(trends, unicode=is_unicode).encode()
        case TrendFormat.JSON:
            return render_trend_json(trends)
        case TrendFormat.MARKDOWN:
            return render_trend_markdown(trends).encode()
        case TrendFormat.PICTURE:
            from harness.reporters.trend_plot import draw_trends

            return draw_trends(trends)
        case _ as never:
            assert_never(never)
