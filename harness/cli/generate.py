"""`oomproof generate`: a synthetic snapshot of any size."""

import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: oomproof generate hero_snapshot --size 200MB --seed 7 -o snapshot.json"


def generate(
    shape: Annotated[str, typer.Argument(help="A built-in shape, such as hero_snapshot.")],
    size: Annotated[str, typer.Option(help="How large, such as 200MB or 1GiB.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file, or - for stdout.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Print path, size and SHA-256 as JSON.")
    ] = False,
) -> int:
    """Write a synthetic snapshot: as a stream, in memory that does not grow with its size."""
    import msgspec

    from harness.cli.progress import progress_on
    from harness.core.errors import InputError
    from harness.core.units import format_bytes, parse_size
    from harness.snapshots import write_snapshot
    from harness.store import check_writable

    try:
        size_bytes = parse_size(size)
    except ValueError as error:
        raise InputError(f"--size: {error}") from None
    if str(output) == "-":
        if json:
            raise InputError("--json and `-o -` both print to stdout; give one of them")
        return _to_stdout(shape, size_bytes, seed)
    check_writable(output, option="-o")
    with progress_on(sys.stderr) as progress:
        written = write_snapshot(
            output, shape, size_bytes=size_bytes, seed=seed, progress=progress.bytes
        )
    if json:
        typer.echo(msgspec.json.encode(written).decode())
    else:
        typer.echo(f"Wrote {output}: {format_bytes(written.bytes)}, SHA-256 {written.sha256}")
    return 0


def _to_stdout(shape: str, size_bytes: int, seed: int) -> int:
    from harness.snapshots import snapshot_chunks

    for chunk in snapshot_chunks(shape, size_bytes=size_bytes, seed=seed):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    return 0
