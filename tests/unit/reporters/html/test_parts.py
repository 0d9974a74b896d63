"""The parts of a page one by one: timelines, sketches, drawings, flame graphs, trees."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from harness.core.attribution import StackChange
from harness.core.ending import Ending
from harness.core.peaks import Sample
from harness.core.profile import Frame, Profile, Site
from harness.core.report import Report
from harness.core.run import Purpose
from harness.reporters.drawing import Wanted, WantedPlot, draw_all
from harness.reporters.html.cases import facts_of, group_runs, rows_of
from harness.reporters.html.flames import Flames, flame_of, growth_flame_of
from harness.reporters.html.laws import scaling_of
from harness.reporters.html.report_page import ReportPage
from harness.reporters.html.shapes import MarkKind, Timeline
from harness.reporters.html.svg import inline
from harness.reporters.html.timelines import HEIGHT, WIDTH, sketch_of, timeline_of
from harness.reporters.html.xrays import view_of_table

MIB = 2**20


def growing(peak_bytes: int, count: int = 300, **changes: Any) -> tuple[Sample, ...]:
    return tuple(
        Sample(at_s=step / 100, anon_bytes=peak_bytes * step // (count - 1), **changes)
        for step in range(count)
    )


def timeline(report: Report, index: int, samples: tuple[Sample, ...]) -> Timeline:
    run = report.runs[index]
    made = timeline_of(run, (run,), lambda _: samples)
    assert made is not None
    return made


def test_a_killed_run_has_its_limit_and_its_death_marked(rich_report: Report) -> None:
    made = timeline(rich_report, 0, (*growing(511 * MIB), Sample(at_s=3.1, anon_bytes=9)))
    assert [mark.kind for mark in made.marks] == [MarkKind.LIMIT, MarkKind.KILLED]
    assert made.marks[1].at_s == 2.99, "what follows the largest sample is its death"
    assert made.curves[0].at_s[-1] == 2.99
    assert made.limit_mib == 512


def test_a_run_that_completed_has_its_peak_marked(rich_report: Report) -> None:
    made = timeline(rich_report, 1, (*growing(48 * MIB), Sample(at_s=3.1, anon_bytes=9)))
    (peak,) = made.marks
    assert (peak.kind, peak.at_s, peak.text) == (MarkKind.PEAK, 2.99, "peak 48 MiB")
    assert made.curves[0].at_s[-1] == 3.1


def test_a_profiled_run_has_the_profiles_peak_marked(rich_report: Report) -> None:
    assert rich_report.runs[5].purpose is Purpose.PROFILE
    made = timeline(rich_report, 5, growing(90 * MIB))
    assert made.marks[0].kind is MarkKind.PROFILE


def test_a_profiled_run_is_held_against_no_limit(rich_report: Report) -> None:
    ended = msgspec.structs.replace(rich_report.runs[5], ending=Ending.OOM_KILLED)
    runs = (*rich_report.runs[:5], ended)
    *_, group = group_runs(runs, rich_report.findings)
    (row,) = rows_of([group])
    assert (row.limit, row.share, row.bar, row.is_profiled) == ("-", "", None, True)
    facts = {fact.name: fact.value for fact in facts_of(group)}
    assert facts["Limit"].startswith("512 MiB in the sandbox, most of the machine's memory")
    assert facts["Limit"].endswith("where the worker was over the case's own limit")
    page = ReportPage(msgspec.structs.replace(rich_report, runs=runs), samples_of=lambda _: None)
    assert not page.page(()).cases[-1].is_open, "although it did not complete"


def test_the_read_offset_is_a_share_of_the_snapshot(rich_report: Report) -> None:
    size_bytes = rich_report.runs[1].case.snapshot.bytes
    made = timeline(rich_report, 1, growing(48 * MIB, offset_bytes=size_bytes // 4))
    assert set(made.curves[0].read) == {0.25}


def test_another_snapshot_is_marked_when_it_is_opened(rich_report: Report) -> None:
    samples = (
        *growing(10 * MIB, 10, snapshot_index=0),
        *(
            msgspec.structs.replace(sample, at_s=sample.at_s + 1, snapshot_index=1)
            for sample in growing(10 * MIB, 10)
        ),
    )
    assert timeline(rich_report, 1, samples).openings_s == (1.0,)


def test_nothing_sampled_is_no_timeline(rich_report: Report) -> None:
    run = rich_report.runs[0]
    assert timeline_of(run, (run,), lambda _: ()) is None
    assert timeline_of(run, (run,), lambda _: None) is None


def test_a_long_timeline_keeps_its_peak(rich_report: Report) -> None:
    flat = [Sample(at_s=step / 100, anon_bytes=MIB) for step in range(4000)]
    flat[1234] = Sample(at_s=12.34, anon_bytes=99 * MIB)
    made = timeline(rich_report, 1, tuple(flat))
    assert max(made.curves[0].mib) == 99
    assert len(made.curves[0].mib) <= 402
    sketch = sketch_of(made)
    heights = [float(point.split(",")[1]) for point in sketch.lines[0].split()]
    assert len(heights) <= 102
    assert min(heights) < HEIGHT / 2 < max(heights)


def test_a_sketch_stays_in_its_box(rich_report: Report) -> None:
    sketch = sketch_of(timeline(rich_report, 0, growing(511 * MIB, offset_bytes=1)))
    for line in (*sketch.lines, sketch.read):
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    assert sketch.limit_y is not None
    assert len(sketch.marks) == 2


def test_plots_are_drawn_with_their_words_and_without_styles(rich_report: Report) -> None:
    made = timeline(rich_report, 0, growing(511 * MIB, offset_bytes=1))
    odd = msgspec.structs.replace(made, limit="<b>$\\frac{1}{2}$_x</b>")
    scaling = scaling_of(rich_report.laws[0], rich_report.runs)
    plots = draw_all(
        Wanted(
            plots=(
                WantedPlot(label="first", timeline=odd),
                WantedPlot(label="second", timeline=odd),
                WantedPlot(label="third", scaling=scaling),
            )
        )
    ).plots
    together = "".join(plots)
    assert "style" not in together
    assert "&lt;b&gt;$\\frac{1}{2}$_x&lt;/b&gt;" in plots[0]
    assert "OOM-killed after 2.99 s" in plots[0]
    assert "54.5 MB fit" in plots[2]
    assert "<title>third</title>" in plots[2]
    ids = re.findall(r' id="([^"]+)"', together)
    assert ids
    assert len(ids) == len(set(ids)), "a name would mean another drawing's"
    links = set(re.findall(r'(?:href="|url\()#([^")]+)', together))
    assert links <= set(ids)
    assert not re.findall(r'(?:fill|stroke)="#0\d0\d0\d"', together), "colours are the page's"


def test_only_known_elements_come_into_a_page() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><style>*{fill:red}</style>'
        '<script>hit()</script><g onclick="hit()" style="fill: #010101; x: url(#a)">'
        '<path id="a" d="M0 0"/><foreignObject/><a href="javascript:hit()"><text>t</text></a></g>'
        "</svg>"
    )
    made = inline(svg, prefix="p", label="l", colours={"#010101": "var(--ink)"})
    assert made == (
        '<svg viewBox="0 0 1 1" role="img" class="plot"><title>l</title>'
        '<g fill="var(--ink)"><path id="p-a" d="M0 0" /></g></svg>'
    )


def node(tree: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        tree = next(child for child in tree["c"] if child["n"] == name)
    return tree


def test_a_flame_graph_holds_what_the_profile_does(profile: Profile) -> None:
    tree = flame_of(profile)
    assert tree["v"] == profile.total_bytes
    main = node(tree, "main (worker.py:9)")
    assert main["v"] == 95 * MIB
    keep = node(main, "keep (worker.py:41)")
    assert (keep["v"], keep["o"], keep["f"]) == (85 * MIB, 1, "/app/worker.py:41")
    loads = node(keep, "loads (decoder.py:353)")
    assert "o" not in loads
    assert loads["v"] == 60 * MIB
    assert node(tree, "12 smaller sites")["v"] == 5 * MIB


def test_what_cannot_be_seen_is_not_drawn(profile: Profile) -> None:
    frame = Frame(function="speck", file="/app/worker.py", line=1)
    sites = (*profile.sites, Site(stack=(frame,), bytes=10, count=1))
    tree = flame_of(msgspec.structs.replace(profile, sites=sites))
    assert "speck" not in json.dumps(tree)


def test_a_very_deep_stack_is_drawn_to_a_depth(profile: Profile) -> None:
    stack = tuple(Frame(function=f"f{n}", file="a.py", line=n + 1) for n in range(5000))
    deep = msgspec.structs.replace(
        profile, sites=(Site(stack=stack, bytes=100, count=1),), total_bytes=100
    )
    depth, tree = 0, flame_of(deep)
    while "c" in tree:
        (tree,) = tree["c"]  # type: ignore[misc]
        depth += 1
    assert depth == 120
    assert tree["n"] == "f0 (a.py:1)", "the innermost is what allocated"


def test_a_page_takes_as_many_flame_graphs_as_it_has_room_for() -> None:
    flames = Flames()
    large = {"n": "x" * 1_000_000, "v": 1}
    assert [flames.add(lambda: large)[0] for _ in range(3)] == [0, 1, None]
    assert "page is full" in flames.add(lambda: large)[1]
    assert Flames().add(lambda: None)[0] is None


def test_the_graph_of_a_difference_shows_what_is_gone() -> None:
    tree = growth_flame_of(
        (
            StackChange(stack=("main", "keep"), old_bytes=10, new_bytes=50),
            StackChange(stack=("main", "gone"), old_bytes=30, new_bytes=0),
        )
    )
    assert {key: tree[key] for key in "vbd"} == {"v": 80, "b": 50, "d": 10}
    gone = node(tree, "main", "gone")
    assert (gone["v"], gone["b"], gone["d"]) == (30, 0, -30)


def test_an_xray_is_a_tree_of_its_paths(rich_report: Report) -> None:
    table = rich_report.profiles[0].paths
    assert table is not None
    root = view_of_table(table, "50MB").root
    (heroes,) = root.children
    (element,) = heroes.children
    (odd,) = element.children
    assert [branch.label for branch in (root, heroes, element, odd)] == [
        "$",
        ".heroes",
        "[*]",
        '["odd key"]',
    ]
    assert [branch.percent for branch in (root, heroes, element, odd)] == [100.0, 80.0, 79.0, 30.0]


@pytest.mark.parametrize("path", ['$["a.b[0]\\"]"].c', "$..*", "", "no path", "$" + ".x" * 500])
def test_any_path_finds_its_place(path: str, rich_report: Report) -> None:
    table = rich_report.profiles[0].paths
    assert table is not None
    row = msgspec.structs.replace(table.rows[1], path=path, bytes=7 * MIB)
    root = view_of_table(msgspec.structs.replace(table, rows=(row,)), "50MB").root
    labels, branch = "", root
    while branch.children:
        branch = branch.children[0]
        labels += branch.label
    assert branch.size in {"7 MiB", "93 MiB"}
    assert path.removeprefix("$").startswith(labels[:20]) or not path.removeprefix("$")


def test_the_scaling_plot_shows_what_fits_and_what_died(rich_report: Report) -> None:
    made = scaling_of(rich_report.laws[0], rich_report.runs)
    assert made is not None
    assert made.points == ((5.0, 54.0), (50.0, 469.0))
    assert made.killed == ((200.0, 511.0),)
    assert rich_report.runs[0].ending is Ending.OOM_KILLED
    (fit,) = made.fits
    assert (fit.largest_mb, fit.text) == (54.5, "54.5 MB fit")
