"""What a snapshot's values cost a worker, so that the costliest are the first to go."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.core.errors import InterruptedRunError
from synthetic.scan.scanner import BLOCK_BYTES
from synthetic.shrinking.costs import Costs, TextCosts
from synthetic.shrinking.retained import retained_costs
from synthetic.xray.interpreters import UnknownInterpreterError, interpreter_at

_PARSER = "json"


def parse_costs(
    snapshot: Path, *, progress: Callable[[str, int, int], None], stop: Callable[[], bool]
) -> Costs:
    """Return what a full parse of a snapshot would cost by path; of text where it is not known.

    The worker may parse otherwise, or not be Python at all: what counts here is only that many
    small values cost more than a long text.

    Raises:
        InterruptedRunError: it was stopped.

    """
    try:
        model = interpreter_at(sys.executable).model
    except UnknownInterpreterError:
        return TextCosts()
    return retained_costs(_pieces(snapshot, progress, stop), model, _PARSER)


def _pieces(
    file: Path, progress: Callable[[str, int, int], None], stop: Callable[[], bool]
) -> Iterator[bytes]:
    done, total = 0, file.stat().st_size
    with file.open("rb", buffering=0) as source:
        while piece := source.read(BLOCK_BYTES):
            yield piece
            done += len(piece)
            progress(f"Predicting what {file.name} costs", done, max(done, total))
            if stop():
                raise InterruptedRunError("stopped between two checks")
