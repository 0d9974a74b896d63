"""`oomproof requirement`: the smallest memory limit that a command passes with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.cli.inquiry import Asked
    from harness.core.requirement import Requirement

EXAMPLE = "Example: oomproof requirement export.json -- python worker.py {snapshot}"


def requirement(
    snapshot: Annotated[Path, typer.Argument(help="The JSON file to be read.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="The command.")
    ] = None,
    command: Annotated[
        str | None, typer.Option(help="The command as one text, instead of `-- COMMAND`.")
    ] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, docker, cgroup or process.")] = None,
    image: Annotated[
        str | None, typer.Option(help="Docker's image; `host` shows this machine.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="How long each run may take.")] = "10m",
    ceiling: Annotated[
        str | None,
        typer.Option(help="The largest limit to try; what the machine can spare if not said."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the runs are kept.")] = Path("reports/out"),
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON; people's text goes to stderr.")
    ] = False,
) -> int:
    """Find the smallest memory limit that a command passes with, within 1 %.

    One run under a large limit predicts it. Where its page cache blurs the prediction, two more
    confirm: one that passes, and one 1 % below that is killed. In the command, {snapshot} is
    replaced by the file, {output} by a folder to write to, {python} by this interpreter.
    """
    from harness.cli.inquiry import Question, asked, command_of

    question = Question(
        name="requirement",
        snapshot=snapshot,
        command=command_of(command, words, example=EXAMPLE.partition(": ")[2]),
        sandbox=sandbox,
        image=image,
        timeout=timeout,
        ceiling=ceiling,
        out=out,
    )
    with asked(question) as prepared:
        found = prepared.inquiry.requirement(prepared.case)
    _print(prepared, found, as_json=json)
    return 3 if found.requirement_bytes is None else 0


def _print(prepared: "Asked", found: "Requirement", *, as_json: bool) -> None:
    from harness.core.command import NO_SNAPSHOT, knows_snapshot
    from harness.files import shown
    from harness.reporters.answer import render_requirement, requirement_document

    inquiry = prepared.inquiry
    text = render_requirement(found, prepared.case.snapshot, inquiry.runs)
    typer.echo(text, err=as_json)
    told = () if knows_snapshot(prepared.command) else (NO_SNAPSHOT,)
    for problem in (*told, *inquiry.problems):
        typer.echo(problem, err=True)
    typer.echo(f"Runs: {shown(prepared.store.folder)}", err=as_json)
    if as_json:
        document = requirement_document(
            found, inquiry.runs, prepared.conditions, str(prepared.store.folder)
        )
        typer.echo(document, nl=False)
