"""The picture and the page of a report, drawn by one process, or not at all."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from harness.cli.page import Drawings, profile_at
from harness.core.errors import NoVerdictError
from harness.core.peaks import Sample
from harness.core.profile import Moment, Profile, Profiler
from harness.core.report import Report
from harness.core.run import Run
from harness.reporters.drawing import Drawn, Wanted
from harness.store import Store, new_store


@pytest.fixture
def saved(
    tmp_path: Path, make_run: Callable[..., Run], make_report: Callable[..., Report]
) -> tuple[Report, Store]:
    """Return a report of one run, and the store that its samples are in."""
    store = new_store(tmp_path, "demo")
    run = make_run()
    store.save_run(run, [Sample(at_s=step / 10, anon_bytes=step * 2**20) for step in range(40)])
    return make_report(run), store


def test_picture_and_plots_are_drawn_at_once(saved: tuple[Report, Store]) -> None:
    asked: list[Wanted] = []

    def draw(wanted: Wanted) -> Drawn:
        asked.append(wanted)
        return Drawn(picture=b"PNG", plots=("<svg><title>drawn</title></svg>",))

    drawings = Drawings(*saved, draw=draw)
    assert drawings.picture() == b"PNG"
    assert b"<svg><title>drawn</title></svg>" in drawings.page()
    (wanted,) = asked
    assert wanted.picture is not None
    assert len(wanted.plots) == 1


def test_where_nothing_can_be_drawn_the_page_sketches_it(saved: tuple[Report, Store]) -> None:
    def draw(wanted: Wanted) -> Drawn:
        raise NoVerdictError(f"{len(wanted.plots)} plots cannot be drawn")

    drawings = Drawings(*saved, draw=draw)
    with pytest.raises(NoVerdictError, match="1 plots"):
        drawings.picture()
    assert drawings.page().count(b"<polyline") == 1


def test_a_page_alone_has_no_picture_drawn(saved: tuple[Report, Store]) -> None:
    asked: list[Wanted] = []

    def draw(wanted: Wanted) -> Drawn:
        asked.append(wanted)
        return Drawn()

    Drawings(*saved, with_picture=False, draw=draw).page()
    assert [wanted.picture for wanted in asked] == [None]


@pytest.mark.parametrize("name", ["../outside.json", "/etc/hostname", "nowhere.json", "half.json"])
def test_no_profile_is_read_but_a_whole_one_of_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    whole = msgspec.json.encode(
        Profile(
            profiler=Profiler.MEMRAY,
            version="1",
            moment=Moment.DEATH,
            total_bytes=1,
            sites=(),
        )
    )
    (tmp_path / "outside.json").write_bytes(whole)
    (folder / "half.json").write_bytes(whole[:20])
    (folder / "whole.json").write_bytes(whole)
    assert profile_at(folder, "whole.json") is not None
    assert profile_at(folder, name) is None
