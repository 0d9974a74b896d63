from pathlib import Path
from typing import Any

import pytest

from harness.core.ending import Ending
from harness.core.errors import InputError
from harness.pytest_plugin.terms import terms_of


def _terms(*arguments: object, **named: Any) -> Any:
    return terms_of(arguments, named, folder=Path("/tests"), sandbox="cgroup")


def test_all_terms_are_read() -> None:
    terms = _terms(
        memory="256MiB", peak="64MiB", snapshot="twin.json", timeout="5s", ending="oom_killed"
    )
    assert (terms.memory, terms.timeout, terms.sandbox) == ("256MiB", "5s", "cgroup")
    assert terms.peak.bytes == 64 * 2**20
    assert terms.snapshot == Path("/tests/twin.json")
    assert terms.ending is Ending.OOM_KILLED
    assert _terms(peak="1MB", sandbox="process").sandbox == "process"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"memori": "1GiB"}, '"memori" is not known; there are memory, peak'),
        ({"memory": 256}, "memory: 256 is no text"),
        ({"peak": "64 cats"}, 'peak: "64 cats" is not a size'),
        ({"memory": "1GiB", "ending": "happy"}, 'ending: "happy" is none of completed'),
        ({"timeout": "5s"}, "state `memory`, `peak` or both"),
    ],
)
def test_what_is_not_known_is_refused(named: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _terms(**named)


def test_a_term_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="'256MiB' has none"):
        _terms("256MiB")
