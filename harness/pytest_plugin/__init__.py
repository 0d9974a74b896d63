"""The pytest plugin: marked tests run in memory-limited sandboxes, and a fixture replays commands.

Every pytest that runs where oomproof is installed imports this module, and the sandboxed one is
charged for it. So nothing but pytest is imported here; the rest is at its place of use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from harness.pytest_plugin.replays import Replays
    from harness.pytest_plugin.workshop import Workshop

MARK: Final = "oomproof"
INSIDE: Final = "oomproof_inside"
_WORKSHOP: Final = pytest.StashKey["Workshop"]()
_REPLAYS: Final = pytest.StashKey["Replays"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings of the plugin."""
    group = parser.getgroup("oomproof", "memory-limited sandboxes (oomproof)")
    group.addoption(
        "--oomproof-sandbox",
        metavar="KIND",
        help="Where marked tests run: auto, docker, cgroup or process.",
    )
    group.addoption("--oomproof-out", metavar="FOLDER", help="Where their reports go.")
    group.addoption(
        "--no-oomproof",
        action="store_true",
        help="Run marked tests as any other, without a sandbox, such as for a debugger.",
    )
    group.addoption(f"--{INSIDE.replace('_', '-')}", action="store_true", help=_HIDDEN)
    parser.addini("oomproof_sandbox", "Where marked tests run.", default="auto")
    parser.addini("oomproof_out", "Where their reports go, from the rootdir.", default=_OUT)


_OUT: Final = "reports/out"
_HIDDEN: Final = "Used by oomproof itself, in a sandbox."


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(memory, peak, snapshot, timeout, ending, sandbox): run the test in a sandbox of "
        "its own with a memory limit, and hold what it needs against a budget.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a marked test in a sandbox; leave all others to pytest."""
    option = item.config.option
    mark = item.get_closest_marker(MARK)
    if mark is None or option.no_oomproof or getattr(option, INSIDE):
        return None
    from harness.pytest_plugin.protocol import run_protocol

    run_protocol(item, nextitem, workshop_of(item.config))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test what its replays showed."""
    report = yield
    replays = item.stash.get(_REPLAYS, None)
    if replays is not None and call.when == "call" and report.failed:
        report.sections.append(("oomproof", replays.explain()))
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the numbers of all tests that have some."""
    reports = (one for group in terminalreporter.stats.values() for one in group)
    # Warnings are among them, which have no properties.
    found = {one.nodeid: one for one in reports if _has_numbers(one)}
    if found:
        from harness.pytest_plugin.summary import table_of

        terminalreporter.section(MARK)
        for line in table_of(found.values()):
            terminalreporter.write_line(line)


def _has_numbers(report: object) -> bool:
    properties = getattr(report, "user_properties", ())
    return any(str(name).startswith(f"{MARK}.") for name, _ in properties)


def workshop_of(config: pytest.Config) -> Workshop:
    """Return what the tests of this session share, made when it is first needed."""
    from harness.pytest_plugin.workshop import Workshop

    if _WORKSHOP not in config.stash:
        kind = config.option.oomproof_sandbox or str(config.getini("oomproof_sandbox"))
        out = config.option.oomproof_out or str(config.getini("oomproof_out"))
        config.stash[_WORKSHOP] = Workshop(
            kind=kind,
            out=config.rootpath / out,
            root=config.rootpath,
            folder=config.invocation_params.dir,
        )
    return config.stash[_WORKSHOP]


@pytest.fixture
def replay(request: pytest.FixtureRequest) -> Replays:
    """Return what runs a command in a sandbox and gives the run: see `Replays.__call__`."""
    from harness.pytest_plugin.replays import Replays

    config = request.config
    if getattr(config.option, INSIDE):
        pytest.fail(
            "oomproof: `replay` makes sandboxes, and this test runs in one already: take its mark "
            "away, or the fixture",
            pytrace=False,
        )
    replays = Replays(workshop_of(config), request.node)
    request.node.stash[_REPLAYS] = replays
    return replays


@pytest.fixture
def oomproof_snapshot(request: pytest.FixtureRequest) -> Path:
    """Return the path of the snapshot that the test's mark names."""
    mark = request.node.get_closest_marker(MARK)
    name = mark.kwargs.get("snapshot") if mark is not None else None
    if name is None:
        pytest.fail("oomproof: the test's mark names no snapshot", pytrace=False)
    found: Path = request.node.path.parent / name
    return found
