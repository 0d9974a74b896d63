"""`oomproof run --history` and `oomproof report --history`, from one to the other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

Command = Callable[..., Any]


def test_a_history_grows_by_a_line_a_case_and_is_shown(
    oomproof: Command, scenario: Callable[..., Path], tmp_path: Path
) -> None:
    path = scenario("sleep 0.1")
    file = tmp_path / "memory" / "history.jsonl"
    for count in (1, 2):
        assert oomproof("run", path, "--history", file).code == 0
        assert len(file.read_text("utf-8").splitlines()) == count
    shown = oomproof("report", "--history", file)
    assert (shown.code, shown.err) == (0, "")
    assert "worker · export.json · 64MiB" in shown.out
    assert "2 commits; from the first few to the last few" in shown.out
    document = oomproof("report", "--history", file, "--json").document()
    assert len(document["trends"][0]["points"]) == 2
    assert oomproof("report", "--history", file, "--format", "markdown").out.startswith("### demo")
    drawn = oomproof("report", "--history", file, "--format", "picture", "-o", "trend.png")
    assert (drawn.code, drawn.out) == (0, "")
    assert (tmp_path / "trend.png").read_bytes().startswith(b"\x89PNG")


def test_a_history_keeps_to_the_published_schemas(
    oomproof: Command, scenario: Callable[..., Path], tmp_path: Path
) -> None:
    file = tmp_path / "history.jsonl"
    assert oomproof("run", scenario("sleep 0.1"), "--history", file).code == 0
    assert oomproof("run", scenario("exit 3"), "--history", file).code == 1
    of_lines = oomproof("report", "--history", file, "--schema").document()
    of_trend = oomproof("report", "--history", file, "--json", "--schema").document()
    for schema in (of_lines, of_trend):
        jsonschema.Draft202012Validator.check_schema(schema)
    completed, crashed = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert (completed["entry"]["runs"], crashed["entry"]) == (1, None)
    validator = jsonschema.Draft202012Validator(of_lines)
    validator.validate(completed)
    validator.validate(crashed)
    for wrong in ({"schema": 2}, {"verdict": "perhaps"}, {"endings": {"completed": "once"}}):
        assert not validator.is_valid({**completed, **wrong})
    trend = oomproof("report", "--history", file, "--json").document()
    jsonschema.Draft202012Validator(of_trend).validate(trend)


def test_a_half_written_line_is_told(
    oomproof: Command, scenario: Callable[..., Path], tmp_path: Path
) -> None:
    file = tmp_path / "history.jsonl"
    assert oomproof("run", scenario("sleep 0.1"), "--history", file).code == 0
    with file.open("ab") as more:
        more.write(b'{"schema": 1, "at": "2025')
    shown = oomproof("report", "--history", file)
    assert shown.code == 0
    assert f"{file}: line 2 is only half written, and was left out" in shown.err


def test_a_history_that_cannot_be(
    oomproof: Command, scenario: Callable[..., Path], tmp_path: Path
) -> None:
    refused = oomproof("run", scenario("sleep 0.1"), "--history", tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert f"--history: {tmp_path} cannot be added to: Is a directory" in refused.err
    assert not (tmp_path / "reports").exists(), "before anything was run"
    assert oomproof("report", "--history", "nowhere.jsonl").code == 2
    for words in (("demo",), ("--format", "junit")):
        done = oomproof("report", "--history", "nowhere.jsonl", *words)
        assert done.code == 2
        assert "--history" in done.err or "a history is rendered as one of" in done.err


def test_a_history_that_fills_up_costs_no_verdict(
    oomproof: Command, scenario: Callable[..., Path]
) -> None:
    done = oomproof("run", scenario("sleep 0.1"), "--history", "/dev/full")
    assert done.code == 0
    assert "PASS" in done.out
    assert "The history was not added to: /dev/full cannot be added to" in done.err
