"""The cost model of the interpreter that runs the tests, and x-rays by it."""

from collections.abc import Callable, Iterator

import pytest

from synthetic.xray.examination import XRay, examine
from synthetic.xray.interpreters import Interpreter, measured_at, table_for
from synthetic.xray.model import CostModel

Examine = Callable[..., XRay]


@pytest.fixture(scope="session")
def measured() -> CostModel:
    """Return the model of this interpreter as it is measured now."""
    return measured_at()


@pytest.fixture(scope="session")
def model(measured: CostModel) -> CostModel:
    """Return the table for this interpreter; where there is none, what was measured."""
    table = table_for(measured.implementation, measured.python, measured.build)
    return table or measured


@pytest.fixture(scope="session")
def xray(model: CostModel) -> Examine:
    """Return what makes the x-ray of a text, in pieces of some size."""
    interpreter = Interpreter(
        python="cpython", model=model, bases={"json": 10_000_000}, measured=False
    )

    def examined(
        text: bytes, *, parser: str = "json", size: int = 1 << 18, depth: int | None = None
    ) -> XRay:
        def pieces() -> Iterator[bytes]:
            for at in range(0, len(text), size):
                yield text[at : at + size]

        return examine(pieces(), interpreter, parser=parser, depth=depth)

    return examined
