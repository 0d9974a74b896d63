"""`oomproof reproduce`: the one-page answer to how a worker died, and the evidence for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cli.inquiry import Asked
    from harness.core.answer import Answer

EXAMPLE = "Example: oomproof reproduce export.json --memory 512MiB -- python worker.py {snapshot}"


def reproduce(
    snapshot: Annotated[Path, typer.Argument(help="The exported JSON file.")],
    memory: Annotated[str, typer.Option(help="The limit that the worker had, such as 512MiB.")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="The command.")
    ] = None,
    command: Annotated[
        str | None, typer.Option(help="The command as one text, instead of `-- COMMAND`.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another command to try, such as a streaming worker's.")
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
    with_locals: Annotated[
        bool, typer.Option("--locals", help="Keep variables' values of the stack: they hold data.")
    ] = False,
    capture_cap: Annotated[
        str, typer.Option(help="Cut the heap profiler's captures here; the answer says so.")
    ] = "40MB",
    heap_snapshot: Annotated[
        bool,
        typer.Option(
            "--heap-snapshot",
            help="Node.js: have V8 write its heap near its limit. It holds data, and takes 25 "
            "times the heap's limit of memory.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(help="Where the evidence goes.")] = Path("reports/out"),
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON; people's text goes to stderr.")
    ] = False,
) -> int:
    """Say how a worker dies with a snapshot: where, what held the memory, what it needs.

    Runs it under its limit, then under a larger one where it is frozen at the limit and looked at,
    then with a heap profiler. In the command, {snapshot} is replaced by the file, {output} by a
    folder to write to, {python} by this interpreter. Exits with 0 whenever there is an answer.
    """
    from harness.cli.inquiry import Question, asked, command_of, words_of
    from harness.heap_snapshot import HeapSnapshotPass
    from harness.profiled_pass import ProfiledPass
    from harness.reproduce import Reproduction

    cap_bytes = _cap_bytes(capture_cap)
    question = Question(
        name="reproduce",
        snapshot=snapshot,
        memory=memory,
        command=command_of(command, words, example=EXAMPLE.partition(": ")[2]),
        against=() if against is None else words_of(against, name="--against"),
        sandbox=sandbox,
        image=image,
        timeout=timeout,
        ceiling=ceiling,
        out=out,
    )
    with asked(question) as prepared:
        if heap_snapshot:
            _check_heap_snapshot(prepared)
        answer = Reproduction(
            prepared.inquiry,
            case=prepared.case,
            against=prepared.against,
            commands=(question.command, question.against),
            conditions=prepared.conditions,
            store=prepared.store,
            progress=prepared.progress,
            profiled=ProfiledPass(
                prepared.inquiry,
                prepared.sandbox,
                folder=prepared.store.folder,
                python=prepared.python,
                node=prepared.node,
                stop=prepared.stop,
                cap_bytes=cap_bytes,
            ),
            with_locals=with_locals,
            heap_snapshot=HeapSnapshotPass(prepared.inquiry, folder=prepared.store.folder)
            if heap_snapshot
            else None,
        ).answer()
        problems = _write(prepared, answer)
    _print(prepared, answer, problems, as_json=json)
    return 3 if answer.ending is None else 0


def _check_heap_snapshot(prepared: "Asked") -> None:
    from harness.core.errors import InputError
    from harness.core.node import OPTIONS
    from harness.profilers.v8_snapshot import check_snapshot_room

    options = prepared.orders.environment.get(OPTIONS, "")
    try:
        check_snapshot_room(prepared.command, options, prepared.inquiry.ceiling_bytes)
    except InputError as error:
        raise InputError(f"--heap-snapshot: {error}") from None


def _cap_bytes(option: str) -> int:
    from harness.core.errors import InputError
    from harness.core.units import parse_size

    try:
        return parse_size(option)
    except ValueError as error:
        raise InputError(f"--capture-cap: {error}") from None


def _write(prepared: "Asked", answer: "Answer") -> tuple[str, ...]:
    """Write the answer into the folder of evidence; return what could not be written."""
    from harness.cli.page import PAGE, render_answer_page
    from harness.core.errors import NoVerdictError
    from harness.files import publish
    from harness.reporters.answer import render_answer_json, render_answer_markdown
    from harness.store import ANSWER

    problems: list[str] = []
    renders: dict[str, Callable[[], bytes]] = {
        ANSWER: lambda: render_answer_json(answer),
        "answer.md": lambda: render_answer_markdown(answer).encode(),
        PAGE: lambda: render_answer_page(answer, prepared.store),
    }
    for name, render in renders.items():
        prepared.progress.task(f"Writing {name}")
        try:
            publish(prepared.store.folder / name, render())
        except NoVerdictError as error:
            problems.append(f"{name} was not written: {error}")
    return tuple(problems)


def _print(
    prepared: "Asked", answer: "Answer", problems: tuple[str, ...], *, as_json: bool
) -> None:
    from harness.cli.output import unheard, width_of
    from harness.files import shown
    from harness.reporters.answer import render_answer, render_answer_json

    with unheard():
        typer.echo(render_answer(answer, width=width_of(err=as_json)), err=as_json)
        for problem in problems:
            typer.echo(problem, err=True)
        typer.echo(f"Evidence: {shown(prepared.store.folder)}", err=as_json)
        if as_json:
            typer.echo(render_answer_json(answer), nl=False)
