"""`oomproof xray`: which part of a snapshot costs how much memory, predicted from its text."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from synthetic.xray.examination import XRay

EXAMPLE = "Example: oomproof xray snapshot.json --parser json --depth 3"


def xray(
    snapshot: Annotated[Path, typer.Argument(help="The JSON file.")],
    parser: Annotated[
        str, typer.Option(help="Whose objects to show by path: json, orjson or msgspec.")
    ] = "json",
    depth: Annotated[
        int | None,
        typer.Option(min=0, help="Show paths of so many steps; deeper ones count for these."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            help="The interpreter to predict for, such as python3.13; this one if unsaid."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON; people's text goes to stderr.")
    ] = False,
) -> int:
    """Predict the memory that a full parse of a snapshot takes, and by which path of its JSON.

    The file is read once, as a stream, and never parsed: what each value costs follows from its
    text and from a table of the objects that each parser makes on this version of Python.
    """
    from harness.cli.spare import spare_memory

    spare_memory()

    from harness.cli.output import unheard, width_of
    from harness.cli.progress import progress_on
    from harness.core.errors import InputError
    from harness.reporters.xray import render_xray, render_xray_json
    from synthetic.xray.interpreters import PARSERS

    if parser not in PARSERS:
        raise InputError(f'--parser: "{parser}" is none of {", ".join(PARSERS)}')
    with progress_on(sys.stderr) as progress:
        found = examined(snapshot, parser, depth, python or sys.executable, progress.bytes)
    stream = sys.stderr if json else sys.stdout
    is_unicode = "utf" in (stream.encoding or "ascii").lower()
    text = render_xray(found, name=str(snapshot), width=width_of(err=json), unicode=is_unicode)
    with unheard():
        typer.echo(text, err=json, nl=False)
        if json:
            typer.echo(render_xray_json(found), nl=False)
    return 0


def examined(
    snapshot: Path,
    parser: str,
    depth: int | None,
    python: str,
    progress: Callable[[str, int, int], None],
) -> "XRay":
    """Return the x-ray of a file; raises InputError where there can be none."""
    from harness.core.errors import InputError
    from harness.reading import pieces_of
    from synthetic.scan.errors import InvalidJsonError
    from synthetic.xray.examination import examine
    from synthetic.xray.interpreters import UnknownInterpreterError, interpreter_at

    try:
        interpreter = interpreter_at(python)
    except UnknownInterpreterError as error:
        raise InputError(f"--python: {error}") from None
    if parser not in interpreter.model.parsers:
        raise InputError(f"--parser: {parser} is not installed for {python}")
    try:
        return examine(
            pieces_of(snapshot, "Reading the snapshot", progress),
            interpreter,
            parser=parser,
            depth=depth,
        )
    except InvalidJsonError as error:
        raise InputError(f"{snapshot} is no JSON: {error}") from None
    except OSError as error:
        raise InputError(f"{snapshot} cannot be read: {error.strerror}") from None
