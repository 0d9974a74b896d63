"""`oomproof doctor`: which sandboxes work here, why, and what would enable the others."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.core.scenario import SandboxKind

EXAMPLE = "Example: oomproof doctor --json"


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> int:
    """Say which sandboxes work here: each that says so must run a command to prove it."""
    import msgspec

    from harness.sandbox.choose import ORDER

    found = {str(kind): _examine(kind) for kind in ORDER}
    chosen = next((kind for kind, answer in found.items() if answer["works"]), None)
    for kind, answer in found.items():
        typer.echo(
            f"{'works' if answer['works'] else 'no':>5}  {kind}: {answer['reason']}", err=json
        )
        if answer["remedy"]:
            typer.echo(f"       to enable it: {answer['remedy']}", err=json)
    typer.echo(f"auto takes: {chosen or 'none'}", err=json)
    if json:
        typer.echo(msgspec.json.encode({"schema": 1, "auto": chosen, "sandboxes": found}).decode())
    return 0 if chosen else 3


def _examine(kind: "SandboxKind") -> dict[str, object]:
    from harness.core.errors import OomproofError
    from harness.core.scenario import SandboxSettings
    from harness.sandbox.choose import sandbox_of

    sandbox = sandbox_of(kind, SandboxSettings(kind=kind))
    answer = sandbox.availability()
    found: dict[str, object] = {
        "works": answer.works,
        "reason": answer.reason,
        "remedy": answer.remedy,
    }
    if answer.works:
        started_s = time.perf_counter()
        try:
            _try(kind)
        except OomproofError as error:
            found.update(works=False, reason=f"{answer.reason}; but a trial failed: {error}")
        else:
            found["trial_seconds"] = round(time.perf_counter() - started_s, 3)
    return found


def _try(kind: "SandboxKind") -> None:
    """Run a command that does nothing, under a limit."""
    import os
    import tempfile

    from harness.core.scenario import SandboxSettings
    from harness.sandbox.choose import sandbox_of
    from harness.sandbox.contract import Order

    with tempfile.TemporaryDirectory(prefix="oomproof-doctor-") as folder:
        order = Order(
            command=("/bin/sh", "-c", ":"),
            environment=dict(os.environ),
            working_folder=Path(folder),
            output_folder=Path(folder),
            snapshots=(),
            memory_limit_bytes=64 * 2**20,
            timeout_s=60,
        )
        sandbox_of(kind, SandboxSettings(kind=kind)).run(order, lambda: False)
