from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "nowhere://")


def test_what_works_is_proved(oomproof: Command, tmp_path: Path) -> None:
    done = oomproof("doctor", "--json")
    document = done.document()
    assert (done.code, document["schema"]) == (0, 1)
    process = document["sandboxes"]["process"]
    assert process["works"] is True
    assert process["trial_seconds"] > 0
    assert document["auto"] in {"cgroup", "process"}
    assert f"auto takes: {document['auto']}" in done.err
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_work_has_a_reason_and_a_remedy(oomproof: Command) -> None:
    done = oomproof("doctor")
    assert done.code == 0
    assert "no  docker: no container engine answers" in done.out
    assert "to enable it: check DOCKER_HOST" in done.out
