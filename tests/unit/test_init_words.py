import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sandbox.init_words import LENGTH_BYTES, read_init_words

SPAWNED = "[INFO  tini (1)] Spawned child process 'python3' with pid '7'\n"
EXITED = "[INFO  tini (1)] Main child exited normally (with status '{}')\n"
DIED = "[INFO  tini (1)] Main child exited with signal (with signal '{}')\n"


@pytest.mark.parametrize("code", [0, 1, 137])
def test_an_exit_is_no_death(code: int) -> None:
    words = read_init_words("hello\n" + SPAWNED + EXITED.format(code))
    assert (words.text, words.spoken, words.signal) == ("hello\n", True, None)
    assert words.length_bytes == len(SPAWNED + EXITED.format(code))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_death_names_its_signal(number: signal.Signals) -> None:
    words = read_init_words(SPAWNED + DIED.format(signal.strsignal(number)))
    assert (words.text, words.spoken, words.signal) == ("", True, number)


def test_a_signal_that_nobody_knows_is_none() -> None:
    words = read_init_words(SPAWNED + DIED.format("Vanished"))
    assert (words.spoken, words.signal) == (True, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no words at all\n",
        SPAWNED,
        EXITED.format(0),
        SPAWNED + "a line of the worker\n" + EXITED.format(0),
        SPAWNED + EXITED.format(0) + "more",
        SPAWNED + EXITED.format(0).rstrip("\n"),
    ],
)
def test_an_init_that_was_killed_said_nothing(text: str) -> None:
    words = read_init_words(text)
    assert (words.text, words.spoken, words.length_bytes) == (text, False, 0)


@given(st.text())
def test_the_workers_output_is_given_back_as_it_was(text: str) -> None:
    words = read_init_words(text + SPAWNED + EXITED.format(0))
    assert (words.text, words.spoken) == (text, True)


def test_a_worker_cannot_speak_for_the_init() -> None:
    forged = SPAWNED + DIED.format("Killed")
    words = read_init_words(forged + SPAWNED + EXITED.format(3))
    assert (words.text, words.signal) == (forged, None)


def test_a_worker_cannot_make_the_search_long() -> None:
    # Searched from each of its beginnings to the end of the line, this took minutes.
    hostile = "[INFO  tini (1)] Spawned child process '" * 25_000
    words = read_init_words(hostile + "\n" + SPAWNED + EXITED.format(0))
    assert words.text == hostile + "\n"
    assert not read_init_words(hostile).spoken


def test_a_program_may_have_a_long_name() -> None:
    spawned = SPAWNED.replace("python3", "/" + "x" * 4095)
    assert read_init_words(spawned + EXITED.format(0)).length_bytes < LENGTH_BYTES
