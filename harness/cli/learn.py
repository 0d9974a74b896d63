"""`oomproof learn`: the shape of a snapshot, which holds none of its values."""

import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: oomproof learn export.json -o shape.json"


def learn(
    snapshot: Annotated[Path, typer.Argument(help="The JSON file, also NDJSON or packed as .gz.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Where the shape goes, or - for stdout.")
    ],
    rename_keys: Annotated[
        bool,
        typer.Option(
            "--rename-keys",
            help="Replace all keys by others as long; those that are data are never kept.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the sizes of both as JSON.")] = False,
) -> int:
    """Learn the shape of a snapshot: its structure, counts and sizes, and no value of it.

    The file is read once, as a stream. What `oomproof generate` makes of the shape costs a worker
    the same memory, and can be shared.
    """
    from harness.cli.spare import spare_memory

    spare_memory()

    import msgspec

    from harness.cli.progress import progress_on
    from harness.core.errors import InputError
    from harness.core.units import format_bytes
    from harness.files import check_writable
    from harness.learning import learn_file, write_shape
    from synthetic.shape_text import text_of_shape

    is_to_stdout = str(output) == "-"
    if is_to_stdout and json:
        raise InputError("--json and `-o -` both print to stdout; give one of them")
    if not is_to_stdout:
        check_writable(output, option="-o")
    with progress_on(sys.stderr) as progress:
        shape = learn_file(snapshot, rename_keys=rename_keys, progress=progress.bytes)
    text = text_of_shape(shape)
    if is_to_stdout:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
        return 0
    write_shape(output, text)
    if json:
        sizes = {"shape": str(output), "shape_bytes": len(text), "snapshot_bytes": shape.bytes}
        typer.echo(msgspec.json.encode(sizes).decode())
        return 0
    typer.echo(
        f"Wrote {output}: the shape of {format_bytes(shape.bytes)} in {format_bytes(len(text))}, "
        "with no value of it"
    )
    return 0
