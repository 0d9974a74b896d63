"""`oomproof run`: a scenario, or one command, replayed and judged."""

import contextlib
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from harness.cli.options import SOURCE, as_options

if TYPE_CHECKING:
    from harness.core.attributing import Profiling
    from harness.core.repeating import Repeating
    from harness.core.scenario import Scenario

EXAMPLE = (
    "Examples: oomproof run scenarios/hero_snapshots/scenario.toml --- "
    "oomproof run --snapshot export.json --memory 512MiB -- python worker.py {snapshot}"
)
_OPTIONS: Final = {
    "limits.memory": "--memory",
    "limits.timeout": "--timeout",
    "snapshots.files": "--snapshot",
    "worker[0].command": "COMMAND",
}
_INTERPRETER: Final = re.compile(
    r"(\{python\}|\{node\}|python|pypy|node|nodejs|deno|bun|ruby|perl|php|sh|bash|dash)[\d.]*$"
    # What starts an interpreter.
    r"|(env|nice|uv|poetry|pipenv|npx|tsx)$"
)
_AUTO: Final = "auto"
_SCRIPTS: Final = {".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".php", ".sh"}


def _checked_repeat(text: str | None) -> str | None:
    """Return a `--repeat` that is one; refuse any other as typer does."""
    from harness.core.problems import MOST_REPEATS

    if text in {None, _AUTO}:
        return text
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_REPEATS:
        raise typer.BadParameter(f'"{text}" is neither auto nor a number from 1 to {MOST_REPEATS}')
    return text


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO | -- COMMAND...", help="A scenario file, or a command."),
    ] = None,
    snapshot: Annotated[
        list[Path] | None, typer.Option(help="Replay this file; may be given again.")
    ] = None,
    memory: Annotated[
        list[str] | None, typer.Option(help="A limit, such as 512MiB; may be given again.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(help="How long the command may run; 120s if nothing is said.")
    ] = None,
    sandbox: Annotated[
        str | None, typer.Option(help="auto, docker, cgroup or process; else as the scenario says.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Docker's image; `host` shows this machine.")
    ] = None,
    worker: Annotated[
        list[str] | None, typer.Option(help="Run only this worker; may be given again.")
    ] = None,
    repeat: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            callback=_checked_repeat,
            help="How often to run each case; `auto` repeats until the verdict can no longer "
            "change, at most 10 times.",
        ),
    ] = None,
    confirm_largest: Annotated[
        bool,
        typer.Option(
            "--confirm-largest",
            help="Run snapshots of 97 and 103 % of the largest that fits each limit, too.",
        ),
    ] = False,
    profile: Annotated[
        bool | None,
        typer.Option(
            "--profile/--no-profile",
            help="Run every case, or none, once more with a heap profiler; else those over a "
            "budget `peak` or `growth`, and those that have one but no baseline.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs side by side, while their limits fit in memory.")
    ] = 1,
    history: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Add a line for each case to this history."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the reports go.")] = Path("reports/out"),
    baselines: Annotated[Path, typer.Option(help="Where the baselines are.")] = Path(
        "reports/baselines"
    ),
    keep_output: Annotated[
        bool, typer.Option("--keep-output", help="Keep what the workers wrote.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON; people's text goes to stderr.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a scenario, and run nothing.")
    ] = False,
) -> int:
    """Replay snapshots through workers under a memory limit, and judge how they ended.

    Give a scenario file, or --snapshot, --memory and a command after `--`. In a command, {snapshot}
    is replaced by the file, {snapshots} by all of them, {output} by a folder to write to, and
    {python} by this interpreter.
    """
    from harness.cli.session import Request, run_session

    if schema:
        return _print_schema()
    with as_options(_OPTIONS) if snapshot else contextlib.nullcontext():
        scenario, folder, source = _scenario(words, snapshot, memory, timeout)
        request = Request(
            scenario=_override(scenario, sandbox=sandbox, image=image, repeat=_repeats(repeat)),
            folder=folder,
            source=source,
            workers=tuple(worker or ()),
            jobs=jobs,
            history=history,
            repeating=_repeating(repeat, scenario.repeat),
            out=out,
            baselines=baselines,
            keep_output=keep_output,
            as_json=json,
            confirm_largest=confirm_largest,
            profiling=_profiling(profile),
        )
        return run_session(request)


def _repeats(text: str | None) -> int | None:
    """Return how often each case is run at first; None leaves that to the scenario."""
    return 1 if text == _AUTO else int(text) if text else None


def _repeating(text: str | None, stated: int) -> "Repeating":
    """Return which cases are run again: those that are open, unless it was said how often."""
    from harness.core.repeating import Repeating

    if text == _AUTO:
        return Repeating.AUTO
    return Repeating.OPEN if text is None and stated == 1 else Repeating.NONE


def _profiling(is_wanted: bool | None) -> "Profiling":
    from harness.core.attributing import Profiling

    if is_wanted is None:
        return Profiling.NEEDED
    return Profiling.ALL if is_wanted else Profiling.NEVER


def _print_schema() -> int:
    from harness.cli.output import print_schema
    from harness.reporters.document import scenario_schema

    print_schema(scenario_schema())
    return 0


def _scenario(
    words: list[str] | None,
    snapshots: list[Path] | None,
    memory: list[str] | None,
    timeout: str | None,
) -> "tuple[Scenario, Path, str]":
    """Return the scenario, the folder that its paths start from, and what to call it in errors."""
    from harness.core.errors import InputError
    from harness.core.scenario import read_scenario, scenario_of

    if snapshots:
        if not words:
            raise InputError("give the command after `--`, such as: -- python worker.py {snapshot}")
        if len(words) == 1 and words[0].endswith(".toml"):
            raise InputError(f"--snapshot goes with a command; {words[0]} has snapshots of its own")
        document = _ad_hoc(words, snapshots, memory, timeout)
        return scenario_of(document, source=SOURCE), Path.cwd(), SOURCE
    if not words or len(words) != 1:
        raise InputError(
            "give one scenario file, or --snapshot FILE --memory SIZE -- COMMAND; see `oomproof "
            "run --help`"
        )
    if memory or timeout:
        option = "--memory" if memory else "--timeout"
        raise InputError(f"{option} goes with --snapshot; a scenario states its limits itself")
    path = Path(words[0])
    if path.suffix == ".json":
        raise InputError(
            f"{path} is no scenario; to replay it: --snapshot {path} -- python worker.py "
            "{snapshot}"
        )
    try:
        text = path.read_text("utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"scenario {path} cannot be read: {why}") from error
    return read_scenario(text, source=str(path)), path.resolve().parent, str(path)


def _ad_hoc(
    words: list[str], snapshots: list[Path], memory: list[str] | None, timeout: str | None
) -> dict[str, Any]:
    """Return the scenario's document that one command line amounts to."""
    return {
        "schema": 1,
        "name": "ad-hoc",
        "snapshots": {"files": [str(path.absolute()) for path in snapshots]},
        "limits": {"memory": memory or ["unlimited"], "timeout": timeout or "120s"},
        "worker": [{"name": name_of(words), "command": words}],
    }


def name_of(words: list[str]) -> str:
    """Return what to call a command: its program, or the script that its interpreter runs."""
    program = Path(words[0]).name or words[0]
    if not _INTERPRETER.match(program):
        return program
    for word, following in itertools.zip_longest(words[1:], words[2:], fillvalue=""):
        if word == "-m" and following:
            return following
        if Path(word).suffix in _SCRIPTS:
            return Path(word).name
    return program


def _override(
    scenario: "Scenario", *, sandbox: str | None, image: str | None, repeat: int | None
) -> "Scenario":
    from msgspec.structs import replace

    from harness.core.errors import InputError
    from harness.core.problems import image_problems
    from harness.core.scenario import SandboxKind

    settings = scenario.sandbox
    if sandbox is not None:
        try:
            settings = replace(settings, kind=SandboxKind(sandbox))
        except ValueError:
            known = ", ".join(SandboxKind)
            raise InputError(f'--sandbox: "{sandbox}" is none of {known}') from None
    if image is not None:
        settings = replace(settings, image=image)
    for problem in image_problems(settings):
        raise InputError(problem)
    return replace(scenario, sandbox=settings.settled(), repeat=repeat or scenario.repeat)
