"""Figures that the benchmarks tell, shown together at the end."""

from collections.abc import Callable
from typing import Final

import pytest

_TOLD: Final = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what takes named figures of this benchmark, to be shown at the end."""
    lines = request.config.stash.setdefault(_TOLD, [])

    def told(**figures: object) -> None:
        words = ", ".join(f"{name} {value}" for name, value in figures.items())
        lines.append(f"{request.node.name}: {words}")

    return told


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show the figures."""
    if lines := config.stash.get(_TOLD, []):
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)
