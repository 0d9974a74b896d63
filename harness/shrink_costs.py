"""What a snapshot's values cost a worker, so that the costliest are the first to go."""

import sys
from collections.abc import Callable
from pathlib import Path

from harness.reading import ByteProgress, pieces_of, until_stopped
from synthetic.shrinking.costs import Costs, TextCosts
from synthetic.shrinking.retained import retained_costs
from synthetic.xray.interpreters import UnknownInterpreterError, interpreter_at

_PARSER = "json"


def parse_costs(snapshot: Path, *, progress: ByteProgress, stop: Callable[[], bool]) -> Costs:
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
    told = until_stopped(progress, stop, "stopped between two checks")
    pieces = pieces_of(snapshot, f"Predicting what {snapshot.name} costs", told)
    return retained_costs(pieces, model, _PARSER)
