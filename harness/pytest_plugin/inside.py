"""What runs in the sandbox: one test by pytest itself, with its fixtures, and its reports kept.

The first file that it is given says which test; the second is opened in the moment before the test
begins, which the harness hears from outside: what is held then is pytest's own. Each report is
written at once, because a test that is killed comes to no end.

This is run as a file: pytest warns of plugins whose packages are imported before it knows them.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from _pytest.terminal import TerminalReporter

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator
    from typing import TextIO

REPORTS: Final = "pytest-reports.jsonl"
_TESTS_RAN: Final = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
# Long enough for some samples of memory that stands still.
_STILL_S: Final = 0.04


class Quiet:
    """A terminal for asserts and plugins that ask for one.

    It hears no hooks: the summaries at a session's end would be charged to the test.
    """

    def __init__(self, terminal: TerminalReporter) -> None:
        """Be `terminal` to whoever asks."""
        self._terminal = terminal

    def __getattr__(self, name: str) -> Any:
        """Return what the terminal has of this name."""
        return getattr(self._terminal, name)


class Reporter:
    """Keeps the reports of the test, and marks its beginning."""

    def __init__(self, config: pytest.Config, reports: TextIO, begin: str) -> None:
        """Write to `reports`, and open the file `begin` when the test begins."""
        self._config = config
        self._reports = reports
        self._begin = begin
        self.memory_error = ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Let pytest write its progress to nowhere: the streams are the test's own."""
        manager = self._config.pluginmanager
        if manager.unregister(name="terminalreporter") is not None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (to the very end)
            manager.register(Quiet(TerminalReporter(self._config, nowhere)), "terminalreporter")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Stand still for a moment, so that what pytest itself holds can be seen."""
        gc.collect()
        time.sleep(_STILL_S)
        with open(self._begin, "rb"):
            time.sleep(_STILL_S)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember that Python had no more memory."""
        report = yield
        if report.failed and call.excinfo is not None and call.excinfo.errisinstance(MemoryError):
            self.memory_error = call.excinfo.exconly()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the report of a phase."""
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        self._keep("report", data)

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Keep a warning of the test; those before it were given outside as well."""
        if when == "runtest":
            from harness.pytest_plugin.recorded import describe

            self._keep("warning", describe(warning_message, nodeid, location))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why the test could not be collected."""
        if report.failed:
            self._keep("problem", report.longreprtext)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Keep what failed in pytest or a plugin."""
        self._keep("problem", str(excrepr))

    def _keep(self, kind: str, value: object) -> None:
        self._reports.write(json.dumps({kind: value}, default=str) + "\n")
        self._reports.flush()


def main(words: list[str]) -> int:
    """Run the test that `words` name; return 0 where it came to its end, also if it failed."""
    with open(words[0], encoding="utf-8") as file:
        order: dict[str, Any] = json.load(file)
    sys.path[:] = order["path"]
    options: dict[str, Any] = order["options"]
    # The tests' own folder may be read-only here.
    cache = f"cache_dir={os.environ['TMPDIR']}/pytest-cache"
    options["override_ini"] = [*(options.get("override_ini") or ()), cache]
    if options.get("capture") == "no":
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with open(f"{os.environ['OOMPROOF_OUTPUT']}/{REPORTS}", "w", encoding="utf-8") as reports:
        config = pytest.Config.fromdictargs(options, order["arguments"])
        reporter = Reporter(config, reports, words[1])
        config.pluginmanager.register(reporter, "oomproof-reporter")
        code = config.hook.pytest_cmdline_main(config=config)
    if reporter.memory_error:
        # As Python itself says it when it reaches the top: the harness tells endings by it.
        sys.stderr.write(f"Traceback (most recent call last):\n{reporter.memory_error}\n")
        return 1
    return 0 if code in _TESTS_RAN else int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
