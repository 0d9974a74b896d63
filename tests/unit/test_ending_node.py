"""How V8's own heap limit shows: texts of Node.js 20; 24 says the same."""

import signal

import pytest

from harness.core.ending import Ending, ExitFacts, LimitReached, conclude

HEAP = """\

<--- Last few GCs --->

[18069:0x367a8ca0]      146 ms: Mark-Compact 33.1 (50.0) -> 32.6 (65.7) MB, 24.77 / 0.00 ms

<--- JS stacktrace --->

FATAL ERROR: {} Allocation failed - JavaScript heap out of memory
----- Native stack trace -----

 1: 0xb78db3 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]
"""
THREAD = """\
node:events:502
      throw er; // Unhandled 'error' event
      ^

Error [ERR_WORKER_OUT_OF_MEMORY]: Worker terminated due to reaching memory limit: JS heap out of \
memory
    at [kOnExit] (node:internal/worker:320:26)
  code: 'ERR_WORKER_OUT_OF_MEMORY'
}

Node.js v20.20.2
"""


@pytest.mark.parametrize(
    "why",
    ["Reached heap limit", "Ineffective mark-compacts near heap limit", "CALL_AND_RETRY_LAST"],
)
@pytest.mark.parametrize(("exit_code", "signal_"), [(134, signal.SIGABRT), (134, None), (1, None)])
def test_the_heap_is_exhausted(why: str, exit_code: int, signal_: int | None) -> None:
    facts = ExitFacts(exit_code=exit_code, signal=signal_, stderr_tail=HEAP.format(why))
    assert conclude(facts).ending is Ending.HEAP_EXHAUSTED


def test_a_stream_that_was_cut_short_still_tells() -> None:
    tail = HEAP.format("Reached heap limit").partition("FATAL ERROR: ")[2].partition("\n")[2]
    facts = ExitFacts(exit_code=139, signal=signal.SIGSEGV, stderr_tail=tail)
    assert conclude(facts).ending is Ending.HEAP_EXHAUSTED


def test_a_worker_thread_has_a_heap_of_its_own() -> None:
    assert conclude(ExitFacts(exit_code=1, stderr_tail=THREAD)).ending is Ending.HEAP_EXHAUSTED


@pytest.mark.parametrize(
    "stderr_tail",
    [
        "JavaScript heap out of memory, said a log line\n",
        "caught ERR_WORKER_OUT_OF_MEMORY, going on\n",
        "FATAL ERROR: v8::ToLocalChecked Empty MaybeLocal\n",
        "FATAL ERROR: Zone Allocation failed - process out of memory\n",
        "RangeError: Invalid string length\n    at String.repeat (<anonymous>)\n",
        'RangeError [ERR_OUT_OF_RANGE]: The value of "size" is out of range.\n',
    ],
)
def test_other_ends_of_node(stderr_tail: str) -> None:
    facts = ExitFacts(exit_code=134, signal=signal.SIGABRT, stderr_tail=stderr_tail)
    assert conclude(facts).ending is Ending.CRASHED


def test_a_worker_that_lived_on_completed() -> None:
    text = HEAP.format("Reached heap limit")
    assert conclude(ExitFacts(exit_code=0, stderr_tail=text)).ending is Ending.COMPLETED


def test_the_kernels_word_comes_first() -> None:
    facts = ExitFacts(
        exit_code=137,
        signal=signal.SIGKILL,
        oom_kills=1,
        limit_reached=LimitReached.OWN,
        stderr_tail=HEAP.format("Reached heap limit"),
    )
    assert conclude(facts).ending is Ending.OOM_KILLED
