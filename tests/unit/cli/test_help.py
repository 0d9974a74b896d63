from collections.abc import Callable
from typing import Any

import pytest

from harness import __version__

Command = Callable[..., Any]
COMMANDS = [
    (),
    ("run",),
    ("generate",),
    ("xray",),
    ("shrink",),
    ("report",),
    ("compare",),
    ("doctor",),
    ("baseline",),
    ("baseline", "accept"),
    ("baseline", "show"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_has_an_example(command: tuple[str, ...], option: str, oomproof: Command) -> None:
    done = oomproof(*command, option)
    assert (done.code, done.err) == (0, "")
    words = " ".join(done.out.split())
    assert f"Usage: oomproof {' '.join(command)}".strip() in words
    assert "Example" in words
    assert f"oomproof {' '.join(command)}".strip() in words.partition("Example")[2]


def test_the_version(oomproof: Command) -> None:
    assert oomproof("--version").out == f"oomproof {__version__}\n"


@pytest.mark.parametrize("command", [(), ("baseline",)])
def test_no_command_is_a_question(command: tuple[str, ...], oomproof: Command) -> None:
    done = oomproof(*command)
    assert done.code == 2
    assert "Usage: oomproof" in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("run",), "scenario"),
        (("report",), "report"),
        (("compare",), "comparison"),
        (("report", "--history", "nowhere.jsonl"), "history-line"),
        (("report", "--history", "nowhere.jsonl", "--json"), "trend"),
    ],
)
def test_schemas_are_printed(words: tuple[str, ...], name: str, oomproof: Command) -> None:
    done = oomproof(*words, "--schema")
    assert (done.code, done.err) == (0, "")
    schema = done.document()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["$id"] == f"urn:oomproof:{name}:1"
