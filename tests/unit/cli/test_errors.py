"""The one place where an error becomes a message and an exit code."""

from collections.abc import Callable

import pytest

from harness.cli.app import app, run_words
from harness.core.errors import InputError, NoVerdictError, SandboxError

Raising = Callable[[BaseException], int]


@pytest.fixture
def raising() -> Raising:
    """Return what runs a command that raises an error, as the program would."""
    commands = list(app.registered_commands)

    def run(error: BaseException) -> int:
        def fail() -> None:
            raise error

        app.command("fail")(fail)
        try:
            return run_words(["fail"])
        finally:
            app.registered_commands = commands

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("a: b"), 2, "oomproof: a: b\n"),
        (NoVerdictError("disk full"), 3, "oomproof: disk full\n"),
        (SandboxError("a\n  \x1b[31mb"), 3, "oomproof: a   b\n"),
        (KeyboardInterrupt(), 3, "oomproof: stopped.\n"),
    ],
)
def test_an_error_has_one_line_and_one_code(
    error: BaseException, code: int, said: str, raising: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("error", [ValueError("oops"), RecursionError(), AssertionError("no")])
def test_a_bug_says_so_and_never_exits_like_a_broken_budget(
    error: Exception, raising: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == 3
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.endswith("this is a bug in oomproof; nothing is said of the worker.\n")
