import io
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli.progress import EventLines
from harness.cli.session import Request, _snapshots, cache_folder, stopping
from harness.core.errors import InputError, InterruptedRunError
from harness.core.scenario import Scenario
from harness.files import shown


def test_the_cache_is_where_the_desktop_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path("/home/somebody/.cache/oomproof/snapshots")
    monkeypatch.setenv("XDG_CACHE_HOME", "/large/disk")
    assert cache_folder() == Path("/large/disk/oomproof/snapshots")
    # Workers start in another folder, so their snapshots need whole paths.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / "relative" / "oomproof" / "snapshots"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(InputError, match="Set XDG_CACHE_HOME"):
        cache_folder()


def test_paths_are_shown_as_people_type_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "reports" / "out") == "reports/out"
    assert shown(Path("/elsewhere")) == "/elsewhere"


def test_generating_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_scenario: Callable[..., Scenario]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    request = Request(
        scenario=make_scenario(),
        folder=tmp_path,
        source="scenario.toml",
        workers=(),
        jobs=1,
        out=tmp_path,
        baselines=tmp_path,
        keep_output=False,
        as_json=False,
    )
    with pytest.raises(InterruptedRunError, match="before any run"):
        _snapshots(request, EventLines(io.StringIO()), lambda: True)
    assert not list(tmp_path.rglob("*.json*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_requests_to_stop_that_come_together_are_one(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    before = signal.getsignal(number)
    with stopping(lambda: now) as stop:
        assert not stop()
        signal.raise_signal(number)
        signal.raise_signal(number)
        now = 100.9
        signal.raise_signal(signal.SIGINT)
        assert stop()
        now = 101.1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) == before
    assert capfd.readouterr().err == "oomproof: stopping; what has finished is reported.\n"
