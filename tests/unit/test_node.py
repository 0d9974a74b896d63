"""V8's heap limit against the sandbox's."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.core.case import Case
from harness.core.conditions import Conditions
from harness.core.ending import Ending
from harness.core.finding import Finding, Severity
from harness.core.node import (
    fitting_mib,
    heap_limit,
    is_node,
    judge_heap_limits,
    quote_option,
    split_options,
)
from harness.core.report import judge
from harness.core.run import Purpose, Run
from harness.core.scenario import Scenario
from harness.core.verdict import Verdict

MIB = 2**20
Runs = Callable[..., Run]
Cases = Callable[..., Case]
Scenarios = Callable[..., Scenario]


def limit_mib(command: str, node_options: str = "", memory_mib: int | None = 512) -> float | None:
    found = heap_limit(
        command.split(), node_options, None if memory_mib is None else memory_mib * MIB
    )
    return None if found is None else found.bytes / MIB


@pytest.mark.parametrize(
    ("command", "node_options", "mib"),
    [
        ("node w.mjs", "", None),
        ("node --max-old-space-size=64 w.mjs", "", 64),
        ("/opt/node/bin/node --max_old_space_size=64 w.mjs", "", 64),
        ("{node} -r ./x.cjs --max-old-space-size=64 w.mjs", "", 64),
        ("node w.mjs --max-old-space-size=64", "", None),
        ("node w.mjs", "--max-old-space-size=4096", 4096),
        ("node w.mjs", "--max-old-space-size=4096 --max-old-space-size=128", 128),
        ("node --max-old-space-size=64 w.mjs", "--max-old-space-size=4096", 64),
        ("sh -c x", "--trace-gc --max-old-space-size=256", 256),
        ("node --max-old-space-size-percentage=50 w.mjs", "", 256),
        ("node --max-old-space-size-percentage=50 w.mjs", "--max-old-space-size=64", 64),
        ("python3 w.py --max-old-space-size=64", "", None),
    ],
)
def test_the_heap_limit_that_is_asked_for(command: str, node_options: str, mib: int | None) -> None:
    assert limit_mib(command, node_options) == mib


def test_a_percentage_of_no_limit_is_not_known() -> None:
    assert limit_mib("node --max-old-space-size-percentage=50 w.mjs", memory_mib=None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" --a  --b=c ", ("--a", "--b=c")),
        ('--require "./my path/x.cjs"', ("--require", "./my path/x.cjs")),
        (r'--require="a\"b\\c"', ('--require=a"b\\c',)),
    ],
)
def test_node_options_are_split_as_node_splits_them(text: str, words: tuple[str, ...]) -> None:
    assert split_options(text) == words


@pytest.mark.parametrize("word", ["--a=b", "/a path/x", 'a"b', "a\\b", "a\\ b"])
def test_a_quoted_option_is_one_word(word: str) -> None:
    assert split_options(f"--x {quote_option(word)} --y") == ("--x", word, "--y")


def test_programs() -> None:
    assert is_node(("/usr/bin/node", "x"))
    assert not is_node(("python3", "node"))
    assert not is_node(())
    assert fitting_mib(512 * MIB) == 384


@pytest.fixture
def notes(make_scenario: Scenarios, make_run: Runs, make_case: Cases) -> Callable[..., list[str]]:
    def found(command: list[str], env: str = "", mb: int | None = None, **run_: Any) -> list[str]:
        settings = {} if mb is None else {"mb": mb}
        sweep = {name: [value] for name, value in settings.items()}
        scenario = make_scenario(worker=[{"name": "w", "command": command, "sweep": sweep}])
        run = make_run(case=make_case("w", settings=settings), **run_)
        conditions = Conditions(sandbox="docker", environment={"NODE_OPTIONS": env} if env else {})
        return [note.message for note in judge_heap_limits(scenario, [run, run], conditions)]

    return found


def test_the_kernel_is_first(notes: Callable[..., list[str]]) -> None:
    expected = (
        "lets V8's heap grow to 4 GiB, and the sandbox holds 512 MiB in all: the kernel kills "
        "first, and Node.js says nothing."
    )
    command = ["{node}", "--max-old-space-size={mb}", "w.mjs", "{snapshot}"]
    (message,) = notes(command, mb=4096, ending=Ending.OOM_KILLED)
    assert message == f"w[mb=4096]: --max-old-space-size=4096 {expected}"
    assert len(notes(["node", "w.mjs", "{snapshot}"], "--max-old-space-size=512")) == 1
    assert notes(["node", "w.mjs", "{snapshot}"], "--max-old-space-size=384") == []
    assert notes(["python3", "w.py", "{snapshot}"], "--max-old-space-size=4096") == []
    assert notes(["node", "w.mjs", "{snapshot}"]) == []
    assert notes(command, mb=4096, purpose=Purpose.PROFILE) == []


def test_v8_was_first_with_room_left(notes: Callable[..., list[str]]) -> None:
    command = ["node", "--max-old-space-size=64", "w.mjs", "{snapshot}"]
    (message,) = notes(command, ending=Ending.HEAP_EXHAUSTED, peak_mib=112)
    assert message == (
        "w · 5MB · 512MiB: V8 gave up at its own heap limit of 64 MiB (--max-old-space-size=64); "
        "the sandbox had 400 MiB of 512 MiB left."
    )
    (message,) = notes(["sh", "-c", "{snapshot}"], ending=Ending.HEAP_EXHAUSTED)
    assert "own heap limit; the sandbox" in message


@pytest.mark.parametrize(
    ("option", "peak_mib", "advice"),
    [
        ("--max-old-space-size=64", 112, "could hold --max-old-space-size=384."),
        ("--max-old-space-size=64", 320, "could hold --max-old-space-size=256."),
        ("--max-old-space-size=64", 500, "does not fit: 436 MiB lay outside of V8's heap"),
        ("--trace-gc", 500, "--max-old-space-size=384 would be about 75 %"),
    ],
)
def test_a_larger_heap_is_advised_where_it_fits(
    option: str,
    peak_mib: int,
    advice: str,
    make_scenario: Scenarios,
    make_run: Runs,
    make_case: Cases,
) -> None:
    command = ["node", option, "w.mjs", "{snapshot}"]
    scenario = make_scenario(worker=[{"name": "w", "command": command}])
    run = make_run(case=make_case("w"), ending=Ending.HEAP_EXHAUSTED, peak_mib=peak_mib)
    (note,) = judge_heap_limits(scenario, [run], Conditions(sandbox="docker"))
    assert advice in note.next_step


def test_a_note_changes_no_verdict(
    make_scenario: Scenarios, make_run: Runs, make_case: Cases
) -> None:
    command = ["node", "--max-old-space-size=9999", "w.mjs", "{snapshot}"]
    scenario = make_scenario(worker=[{"name": "w", "command": command}])
    runs = [make_run(case=make_case("w"))]
    findings, verdict = judge(scenario, runs, Conditions(sandbox="docker"), None)
    only: Finding = findings[0]
    assert (verdict, only.severity) == (Verdict.PASS, Severity.NOTE)
    assert "--max-old-space-size=384" in only.next_step
