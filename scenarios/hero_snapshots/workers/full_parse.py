"""The worker that dies: it parses a snapshot whole, and only then writes it to the database.

The size of everything that the parser makes of the file is what the worker needs in memory.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the package's whole name, as a type checker at the repository's root needs it
    from scenarios.hero_snapshots.workers.etl import (
        SECTIONS,
        Snapshot,
        SnapshotError,
        argument_parser,
        array,
        as_object,
        job_of,
        run,
    )
else:
    from etl import (
        SECTIONS,
        Snapshot,
        SnapshotError,
        argument_parser,
        array,
        as_object,
        job_of,
        run,
    )


def main() -> int:
    """Run the command line, and return its exit code."""
    parser = argument_parser(__doc__)
    parser.add_argument("--parser", choices=sorted(PARSERS), default="json")
    options = parser.parse_args()
    return run(job_of(options), read=partial(read_snapshot, parse=PARSERS[options.parser]))


def read_snapshot(path: Path, *, parse: Callable[[Path], Any]) -> Snapshot:
    """Return a snapshot, all of it in memory."""
    try:
        document = as_object(parse(path), "the document")
    except json.JSONDecodeError as error:  # orjson's is one of these too
        raise SnapshotError(f"{error} (byte {_byte_position(error)})") from error
    except (ValueError, RecursionError) as error:  # msgspec's own text names the byte, or the end
        raise SnapshotError(f"{error} (in a file of {path.stat().st_size} bytes)") from error
    return Snapshot(head=document, elements=_elements(document))


def parse_with_json(path: Path) -> Any:
    """Parse with the standard library."""
    with path.open("rb") as file:
        return json.load(file)


def parse_with_orjson(path: Path) -> Any:
    """Parse with orjson."""
    import orjson  # noqa: PLC0415 - only the chosen parser shall cost memory

    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        if "memory" in error.msg:  # it calls this, too, a fault of the document
            raise MemoryError(error.msg) from error
        raise


def parse_with_msgspec(path: Path) -> Any:
    """Parse with msgspec, without a type to aim at."""
    import msgspec  # noqa: PLC0415 - only the chosen parser shall cost memory

    return msgspec.json.decode(path.read_bytes())


PARSERS = {"json": parse_with_json, "orjson": parse_with_orjson, "msgspec": parse_with_msgspec}


def _elements(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for section in SECTIONS:
        for element in array(document, section):
            yield section, element


def _byte_position(error: json.JSONDecodeError) -> int:
    """Return where the error is in the file: the parser counts characters, not bytes."""
    return len(error.doc[: error.pos].encode(errors="surrogatepass"))


if __name__ == "__main__":
    sys.exit(main())
