import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

import harness
from harness.core.ending import Ending, Killed
from harness.core.peaks import Sample
from harness.core.report import Report
from harness.reporters.drawing import Wanted, decode_drawn, encode_wanted
from harness.reporters.picture import picture_of
from harness.reporters.plots import draw

_ROOT = Path(harness.__file__).parents[1]
Timelines = Mapping[int, Sequence[Sample]]
TimelinesOf = Callable[[Report], Timelines]


def _size(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels of what must be a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_pictures_of_no_run_of_one_and_of_many(
    empty: Report, many_runs: Callable[[int], Report], timelines_of: TimelinesOf
) -> None:
    sizes = []
    for report in (empty, many_runs(1), many_runs(60)):
        png = draw(picture_of(report, timelines_of(report)))
        sizes.append(len(png))
        width, height = _size(png)
        assert 600 <= width <= 2_400
        assert 400 <= height <= 2_400
    assert 5_000 < sizes[0] < sizes[1] < sizes[2]


def test_a_bad_night_can_be_drawn(night: Report, timelines_of: TimelinesOf) -> None:
    assert len(draw(picture_of(night, timelines_of(night)))) > 50_000


def test_names_that_matplotlib_would_read_are_drawn_as_they_are(
    passing: Report, timelines_of: TimelinesOf
) -> None:
    case = msgspec.structs.replace(passing.runs[0].case, worker="_$\\frac{$ 語 %s {0}")
    runs = (msgspec.structs.replace(passing.runs[0], case=case), *passing.runs[1:])
    report = msgspec.structs.replace(passing, runs=runs)
    _size(draw(picture_of(report, timelines_of(report))))


def test_a_picture_has_a_panel_for_each_snapshot_smallest_first(
    night: Report, timelines_of: TimelinesOf
) -> None:
    picture = picture_of(night, timelines_of(night))
    assert [panel.title for panel in picture.panels] == ["5MB", "50MB", "200MB"]
    assert all(panel.limits == {"512MiB": 512.0} for panel in picture.panels)
    assert sum(len(panel.lines) for panel in picture.panels) == 11
    assert picture.missing == "not drawn, for nothing was measured: run 9"
    killed = picture.panels[2].lines[0]
    assert (killed.ending, killed.confirming) == (Ending.OOM_KILLED, False)
    assert max(killed.mib) == (night.runs[2].peak_bytes or 0) / 2**20


def test_a_run_without_a_timeline_is_a_point_at_its_peak(passing: Report) -> None:
    picture = picture_of(passing, {})
    assert [len(line.at_s) for line in picture.panels[0].lines] == [1, 1]
    assert picture.panels[0].lines[1].mib == (48.0,)
    _size(draw(picture_of(passing, {})))


def test_long_timelines_are_thinned_and_keep_peak_and_ends(passing: Report) -> None:
    samples = [
        Sample(at_s=number / 100, anon_bytes=2**30 if number == 1234 else 2**20)
        for number in range(4096)
    ]
    runs = tuple(
        msgspec.structs.replace(run, killed=None, ending=Ending.COMPLETED) for run in passing.runs
    )
    completed = msgspec.structs.replace(passing, runs=runs)
    line = picture_of(completed, {1: samples}).panels[0].lines[0]
    assert len(line.at_s) <= 800
    assert (line.at_s[0], line.at_s[-1]) == (0.0, 40.95)
    assert max(line.mib) == 1024.0


def test_the_line_of_a_killed_worker_ends_at_its_peak(passing: Report) -> None:
    samples = [Sample(at_s=step, anon_bytes=mib << 20) for step, mib in enumerate((1, 9, 2, 0))]
    killed = msgspec.structs.replace(passing.runs[0], killed=Killed.MAIN)
    report = msgspec.structs.replace(passing, runs=(killed, *passing.runs[1:]))
    line = picture_of(report, {1: samples}).panels[0].lines[0]
    assert line.mib == (1.0, 9.0)


def test_times_far_apart_share_a_panel(passing: Report, timelines_of: TimelinesOf) -> None:
    runs = tuple(
        msgspec.structs.replace(run, wall_seconds=seconds)
        for run, seconds in zip(passing.runs, (0.3, 300.0), strict=True)
    )
    report = msgspec.structs.replace(passing, runs=runs)
    _size(draw(picture_of(report, timelines_of(report))))


def test_another_process_draws_the_same_picture(passing: Report, timelines_of: TimelinesOf) -> None:
    drawn = subprocess.run(
        [sys.executable, "-m", "harness.reporters.drawing"],
        input=encode_wanted(Wanted(picture=picture_of(passing, timelines_of(passing)))),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        cwd=_ROOT,
    )
    picture = decode_drawn(drawn.stdout).picture
    assert picture is not None
    assert _size(picture) == _size(draw(picture_of(passing, timelines_of(passing))))


def test_matplotlib_is_not_imported_before_a_picture_is_drawn() -> None:
    code = "import sys, harness.reporters.drawing; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=_ROOT)
