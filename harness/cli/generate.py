"""`oomproof generate`: a synthetic snapshot of any size."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from synthetic import Generator

EXAMPLE = (
    "Examples: oomproof generate hero_snapshot --size 200MB --seed 7 -o snapshot.json --- "
    "oomproof generate shape.json --like-original -o twin.json.gz"
)


def generate(
    shape: Annotated[
        str, typer.Argument(help="A shape file, or a built-in shape such as hero_snapshot.")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The file, packed if .gz or .zst, or - for stdout."),
    ],
    size: Annotated[
        str | None, typer.Option(help="How large before it is packed, such as 200MB or 1GiB.")
    ] = None,
    like_original: Annotated[
        bool, typer.Option("--like-original", help="As large as what the shape was learned from.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Print path, size and SHA-256 as JSON.")
    ] = False,
) -> int:
    """Write a synthetic snapshot: as a stream, in memory that does not grow with its size."""
    from harness.cli.spare import spare_memory

    spare_memory()

    import msgspec

    from harness.cli.progress import progress_on
    from harness.core.errors import InputError
    from harness.core.units import format_bytes
    from harness.files import check_writable
    from harness.generating import generator_of, write_snapshot

    generator = generator_of(shape, folder=Path.cwd())
    size_bytes = _size_bytes(generator, size, like_original=like_original)
    if str(output) == "-" and json:
        raise InputError("--json and `-o -` both print to stdout; give one of them")
    if str(output) != "-":
        check_writable(output, option="-o")
    with progress_on(sys.stderr) as progress:
        if str(output) == "-":
            return _to_stdout(generator, size_bytes, seed, progress.bytes)
        written = write_snapshot(
            output, generator, size_bytes=size_bytes, seed=seed, progress=progress.bytes
        )
    if json:
        typer.echo(msgspec.json.encode(written).decode())
    else:
        typer.echo(f"Wrote {output}: {format_bytes(written.bytes)}, SHA-256 {written.sha256}")
    return 0


def _size_bytes(generator: "Generator", size: str | None, *, like_original: bool) -> int:
    from harness.core.errors import InputError
    from harness.core.units import parse_size

    if (size is not None) == like_original:
        raise InputError("give either --size, such as --size 200MB, or --like-original")
    if size is None:
        if generator.original_bytes is None:
            raise InputError(f"--like-original: {generator.name} is built in; give --size")
        return generator.original_bytes
    try:
        return parse_size(size)
    except ValueError as error:
        raise InputError(f"--size: {error}") from None


def _to_stdout(
    generator: "Generator", size_bytes: int, seed: int, progress: Callable[[str, int, int], None]
) -> int:
    from harness.generating import snapshot_chunks

    done = 0
    for chunk in snapshot_chunks(generator, size_bytes=size_bytes, seed=seed):
        sys.stdout.buffer.write(chunk)
        done += len(chunk)
        progress("Generating", done, size_bytes)
    sys.stdout.buffer.flush()
    return 0
