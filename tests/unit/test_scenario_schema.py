"""The JSON Schema of a scenario that editors and CI systems check against."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import InputError
from harness.core.scenario import scenario_of
from harness.reporters.document import scenario_schema

HERO = Path(__file__).parents[2] / "scenarios" / "hero_snapshots" / "scenario.toml"
VALIDATOR = jsonschema.Draft202012Validator(scenario_schema())
Documents = Callable[..., dict[str, Any]]


def test_the_scenario_of_the_repository_keeps_to_it() -> None:
    jsonschema.Draft202012Validator.check_schema(scenario_schema())
    VALIDATOR.validate(tomllib.loads(HERO.read_text("utf-8")))


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"schema": "1"},
        {"extra": 1},
        {"repeat": "3"},
        {"worker": [{"command": ["w"]}]},
        {"worker": [{"name": "w", "comand": ["w"]}]},
        {"worker": [{"name": "w", "command": "w"}]},
        {"worker": [{"name": "w", "command": ["w"], "expect": [{"ending": "died"}]}]},
        {"limits": {"memory": ["512Mb"]}},
        {"limits": {"memory": [512]}},
        {"limits": {"timeout": 120}},
        {"limits": {"timeout": "2 minutes"}},
        {"sandbox": {"kind": "dokcer"}},
        {"snapshots": {"shape": "hero_snapshot", "sizes": ["many"]}},
        {"budget": [{"peak": "64MiB"}]},
        {"budget": [{"worker": "streaming", "growth": "2"}]},
        {"budget": [{"worker": "streaming", "pek": "64MiB"}]},
    ],
)
def test_it_refuses_what_oomproof_refuses(
    changes: dict[str, Any], make_document: Documents
) -> None:
    VALIDATOR.validate(make_document())
    document = make_document(**changes)
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InputError):
        scenario_of(document, source="s.toml")


@given(st.from_regex(r"[0-9]{1,3}(\.[0-9])? ?[kMGTKBi]{0,3}", fullmatch=True))
def test_it_takes_the_limits_that_oomproof_takes(text: str) -> None:
    document = {
        "schema": 1,
        "name": "demo",
        "snapshots": {"files": ["a.json"]},
        "limits": {"memory": [text]},
        "worker": [{"name": "w", "command": ["w", "{snapshot}"]}],
    }
    try:
        scenario_of(document, source="s.toml")
    except InputError as error:
        is_too_small = re.search("limit of zero|can start|needs to start", str(error))
        assert is_too_small or not VALIDATOR.is_valid(document)
    else:
        assert VALIDATOR.is_valid(document)
