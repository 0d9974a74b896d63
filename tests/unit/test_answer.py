"""The answer: the steps that follow from it, and the page that it makes."""

from collections.abc import Callable

import msgspec
import pytest

from harness.core.advice import advise
from harness.core.answer import (
    Against,
    Answer,
    JsonCosts,
    PathShare,
    ProfileSummary,
    SiteShare,
    top_sites,
)
from harness.core.autopsy import Autopsy, Evidence, Process, Standstill, StoppedAt
from harness.core.case import Snapshot
from harness.core.conditions import Conditions
from harness.core.ending import Ending, Killed
from harness.core.estimate import Estimate
from harness.core.manner import Manner
from harness.core.peaks import Sample
from harness.core.profile import Frame, Moment, Profile, Profiler, Site
from harness.core.reconcile import Reconciliation
from harness.core.requirement import Method, Requirement
from harness.core.run import Output, Run
from harness.reporters.answer import (
    render_answer,
    render_answer_json,
    render_answer_markdown,
    sections_of,
)

MIB = 2**20
WHOLE = StoppedAt(snapshot="s", offset_bytes=100, size_bytes=100, reason="Read to its end.")
PART = StoppedAt(snapshot="s", offset_bytes=50, size_bytes=100, path="$.a[7].b")


@pytest.fixture
def make_answer(make_snapshot: Callable[..., Snapshot]) -> Callable[..., Answer]:
    def make(**changes: object) -> Answer:
        answer = Answer(
            oomproof="0",
            started_at="2026-01-01T00:00:00Z",
            command=("python", "w.py", "{snapshot}"),
            snapshot=make_snapshot(50),
            limit_bytes=256 * MIB,
            ceiling_bytes=8192 * MIB,
            conditions=Conditions(sandbox="cgroup"),
            ending=Ending.OOM_KILLED,
            reason="the kernel killed it",
            ended_after_s=1.5,
            peak_bytes=255 * MIB,
            peak_is_lower_bound=True,
            requirement_bytes=400 * MIB,
            requirement=Requirement(requirement_bytes=400 * MIB, method=Method.CONFIRMED),
            stopped_at=WHOLE,
            stack=("load (/app/w.py:3)",),
            manner=Manner.WHOLE,
        )
        return msgspec.structs.replace(answer, **changes)

    return make


def steps(answer: Answer) -> str:
    return " | ".join(f"{step.do} {step.why}" for step in advise(answer))


def test_a_full_parse_is_to_be_streamed(make_answer: Callable[..., Answer]) -> None:
    command = ("python", "w.py", "{snapshot}", "--batch-size", "100")
    text = steps(make_answer(command=command))
    assert text.startswith("Parse the large arrays as a stream")
    assert "batch" not in text
    assert "Raise the limit to 440 MiB only if" in text


def test_what_could_not_be_seen_is_not_said_to_have_been_read(
    make_answer: Callable[..., Answer],
) -> None:
    assert "whole snapshot had been read" in steps(make_answer())
    for offset in (None, 0):
        unknown = msgspec.structs.replace(WHOLE, offset_bytes=offset, reason="Mapped.")
        text = steps(make_answer(stopped_at=unknown))
        assert "parses all of the snapshot" in text
        assert "whole snapshot had been read" not in text


def test_a_streaming_worker_keeps_something(make_answer: Callable[..., Answer]) -> None:
    text = steps(make_answer(stopped_at=PART, manner=Manner.PIECES))
    assert text.startswith("Look at what is kept while $.a[7].b is read")
    assert "from 100 to 50" in text
    assert "as a stream" not in text


def test_a_streaming_worker_at_its_end_is_not_told_to_stream(
    make_answer: Callable[..., Answer],
) -> None:
    text = steps(make_answer(stopped_at=WHOLE, manner=Manner.PIECES))
    assert text.startswith("Look at what is kept: lists")
    assert "as a stream" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch-size", "400"), "from 400 to 200"),
        (("--batch-size=31",), "from 31 to 15"),
        (("--upsert_batch_size", "80"), "from 80 to 40"),
        (("--upsert-batch-size", "80"), "from 80 to 40"),
        (("--batch-size", "{n}"), "such as from 100 to 50"),
        ((), "such as from 100 to 50"),
    ],
)
def test_the_batch_is_halved_from_what_it_is(
    words: tuple[str, ...], said: str, make_answer: Callable[..., Answer]
) -> None:
    command = ("python", "batches.py", "{snapshot}", *words)
    assert said in steps(make_answer(command=command, manner=Manner.PIECES))


def test_a_batch_of_one_cannot_be_less(make_answer: Callable[..., Answer]) -> None:
    command = ("python", "w.py", "{snapshot}", "--batch-size", "1")
    assert "batch size" not in steps(make_answer(command=command, manner=Manner.PIECES))


def test_where_nothing_tells_how_it_reads_the_largest_site_is_named(
    make_answer: Callable[..., Answer],
) -> None:
    site = SiteShare(at="/app/w.py:9", stack=(), bytes=MIB, count=1, share=0.97)
    text = steps(make_answer(manner=None, sites=(site,)))
    assert text.startswith("Look at /app/w.py:9: can it hold less at a time? It holds 97 %")
    assert "stream" not in text.partition("Raise")[0]
    assert steps(make_answer(manner=None)).startswith("Quarantine")


def test_a_worker_that_was_given_no_snapshot_has_none_to_quarantine(
    make_answer: Callable[..., Answer],
) -> None:
    text = steps(make_answer(command=("python", "w.py"), manner=None))
    assert "Quarantine" not in text
    assert "Raise the limit" in text


def test_a_limit_that_is_enough_is_not_to_be_raised(make_answer: Callable[..., Answer]) -> None:
    enough = Requirement(requirement_bytes=200 * MIB, method=Method.PREDICTED)
    assert "Raise the limit" not in steps(make_answer(requirement=enough))


def test_a_worker_with_a_limit_of_its_own(make_answer: Callable[..., Answer]) -> None:
    unknown = Requirement(requirement_bytes=None, method=Method.PREDICTED)
    answer = make_answer(ending=Ending.MEMORY_ERROR, requirement=unknown)
    assert steps(answer).startswith("Look for a limit that the worker sets itself")
    assert "sets itself" not in steps(make_answer(ending=Ending.MEMORY_ERROR))


@pytest.mark.parametrize(
    ("ending", "words"),
    [(Ending.COMPLETED, "Use `s.py`"), (Ending.OOM_KILLED, "Do not expect `s.py`")],
)
def test_what_was_tried_counts_more_than_advice(
    ending: Ending, words: str, make_answer: Callable[..., Answer]
) -> None:
    against = Against(
        command=("s.py",),
        ending=ending,
        reason="",
        peak_bytes=MIB,
        peak_is_lower_bound=False,
        wall_seconds=1,
    )
    assert steps(make_answer(against=against)).startswith(words)


def test_a_size_guard_is_rounded_down(make_answer: Callable[..., Answer]) -> None:
    largest = Estimate(snapshot_bytes=16_960_000, base_bytes=MIB, slope=1, reason="")
    assert "guard to 16.9 MB at most" in steps(make_answer(largest_snapshot=largest))
    unknown = msgspec.structs.replace(largest, snapshot_bytes=None)
    assert "guard" not in steps(make_answer(largest_snapshot=unknown))


def autopsy_of(*held_mib: int) -> Autopsy:
    return Autopsy(
        standstill=Standstill(
            limit_bytes=256 * MIB,
            crossed_bytes=256 * MIB,
            crossed_at_s=1,
            stood=Sample(at_s=1, anon_bytes=256 * MIB),
            freezing_s=0,
        ),
        evidence=Evidence(
            processes=tuple(
                Process(
                    pid=pid,
                    parent=1,
                    command=("w",),
                    rollup={"Anonymous": mib * MIB},
                    areas=(),
                    open_files=(),
                )
                for pid, mib in enumerate(held_mib)
            )
        ),
    )


@pytest.mark.parametrize(
    ("held_mib", "are_several"), [((255, 1), False), ((256,), False), ((100, 90, 66), True)]
)
def test_only_processes_that_hold_much_are_too_many(
    held_mib: tuple[int, ...],
    are_several: bool,
    make_answer: Callable[..., Answer],
    make_run: Callable[..., Run],
) -> None:
    run = msgspec.structs.replace(make_run(ending=Ending.OOM_KILLED), killed=Killed.CHILD)
    answer = make_answer(autopsy=autopsy_of(*held_mib), runs=(run,))
    assert ("Run one process" in steps(answer)) == are_several


def test_a_killed_child_means_fewer_processes(
    make_answer: Callable[..., Answer], make_run: Callable[..., Run]
) -> None:
    run = msgspec.structs.replace(make_run(ending=Ending.OOM_KILLED), killed=Killed.CHILD)
    assert "Run one process" in steps(make_answer(runs=(run,)))


NODE = ("node", "--max-old-space-size={mib}", "w.mjs", "{snapshot}")


@pytest.mark.parametrize(
    ("mib", "ending", "words"),
    [
        (4096, Ending.OOM_KILLED, "Set --max-old-space-size=192, about 75 % of the limit"),
        (4096, Ending.COMPLETED, "Set --max-old-space-size=192, about 75 % of the limit"),
        (64, Ending.HEAP_EXHAUSTED, "The sandbox could hold --max-old-space-size="),
        (192, Ending.HEAP_EXHAUSTED, "A larger heap does not fit"),
    ],
)
def test_the_heap_limit_is_held_against_the_sandboxs(
    mib: int, ending: Ending, words: str, make_answer: Callable[..., Answer]
) -> None:
    command = tuple(word.replace("{mib}", str(mib)) for word in NODE)
    text = steps(make_answer(command=command, ending=ending, peak_bytes=(mib + 20) * MIB))
    assert words in text


def test_the_heap_limit_counts_from_the_environment_too(
    make_answer: Callable[..., Answer],
) -> None:
    conditions = Conditions(
        sandbox="cgroup", environment={"NODE_OPTIONS": "--max-old-space-size=9999"}
    )
    text = steps(make_answer(command=("node", "w.mjs", "{snapshot}"), conditions=conditions))
    assert text.startswith("Set --max-old-space-size=192")
    assert "the kernel kills first" in text


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending.HEAP_EXHAUSTED, "--max-old-space-size=192 would be about 75 %"),
        (Ending.COMPLETED, "something differs"),
        (Ending.REFUSED, "high-memory worker"),
        (Ending.TIMED_OUT, "more time"),
        (Ending.CRASHED, "error stream"),
        (Ending.KILLED_FROM_OUTSIDE, "nothing else limits"),
        (None, "nothing else limits"),
    ],
)
def test_every_ending_has_a_step(
    ending: Ending | None, words: str, make_answer: Callable[..., Answer]
) -> None:
    assert words in steps(make_answer(ending=ending))


def test_sites_are_shares_of_all_that_was_seen() -> None:
    frames = [Frame(function="f", file="/app/w.py", line=n) for n in (1, 2)]
    profile = Profile(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.DEATH,
        total_bytes=400,
        sites=tuple(
            Site(stack=(f,), bytes=b, count=1) for f, b in zip(frames, (300, 50), strict=True)
        ),
    )
    assert [(site.at, site.share) for site in top_sites(profile)] == [
        ("/app/w.py:1", 0.75),
        ("/app/w.py:2", 0.125),
    ]


def test_most_that_no_profile_shows_comes_first(make_answer: Callable[..., Answer]) -> None:
    summary = ProfileSummary(
        profiler=Profiler.MEMRAY,
        version="1",
        moment=Moment.DEATH,
        total_bytes=MIB,
        processes=1,
        capture_bytes=1,
        is_cut=False,
    )
    heap = Reconciliation(
        requested_bytes=MIB,
        resident_bytes=40 * MIB,
        base_bytes=3 * MIB,
        profiler_bytes=5 * MIB,
        kernel_bytes=0,
        others_bytes=30 * MIB,
        remainder_bytes=MIB,
    )
    site = SiteShare(at="/app/w.py:1", stack=(), bytes=MIB, count=1, share=0.8)
    answer = make_answer(profile=summary, heap=heap, sites=(site,))
    (held,) = (section for section in sections_of(answer) if section.label == "Held by")
    assert "30 MiB  processes without a heap profile" in held.lines[0]
    assert "80.0 %" in held.lines[1]
    page = " ".join(render_answer(answer).split())
    assert (
        "40 MiB resident = 1 MiB requested + 3 MiB held before the profiler began + 5 MiB the "
        "profiler's own + 30 MiB held by processes without a profile + 1 MiB slack of the "
        "allocator." in page
    )
    assert "not seen by tracemalloc, or slack" in render_answer(
        msgspec.structs.replace(
            answer, profile=msgspec.structs.replace(summary, profiler=Profiler.TRACEMALLOC)
        ),
        width=500,
    )
    assert "allocated after the capture's end, or slack" in render_answer(
        msgspec.structs.replace(answer, profile=msgspec.structs.replace(summary, is_cut=True)),
        width=500,
    )


def test_a_worker_that_ended_itself_is_heard(
    make_answer: Callable[..., Answer], make_run: Callable[..., Run]
) -> None:
    output = Output(stderr_tail="Traceback\n  at work\n\x1b[31mValueError: no JSON\x1b[0m\n")
    run = msgspec.structs.replace(make_run(ending=Ending.CRASHED), output=output)
    page = render_answer(make_answer(ending=Ending.CRASHED, runs=(run,)))
    assert "It said      Traceback\n" in page
    assert "ValueError: no JSON\n" in page
    killed = msgspec.structs.replace(run, ending=Ending.OOM_KILLED)
    assert "It said" not in render_answer(make_answer(runs=(killed,)))


def test_the_page_is_plain_and_harmless(make_answer: Callable[..., Answer]) -> None:
    hostile = "\x1b[31mred\x1b[0m\nrow | <script>"
    site = SiteShare(at=f"/{hostile}:1", stack=(hostile,), bytes=MIB, count=1, share=0.5)
    answer = make_answer(command=(hostile,), stack=(hostile,), at=hostile, sites=(site,))
    page = render_answer(answer, width=80)
    assert "\x1b" not in page
    assert all(len(line) <= 130 for line in page.splitlines())
    assert [section.label for section in sections_of(answer)][:3] == [
        "Ended",
        "Stack",
        "In the JSON",
    ]
    markdown = render_answer_markdown(answer)
    assert "\x1b" not in markdown
    assert "\n<script>" not in markdown
    decoded = msgspec.json.decode(render_answer_json(answer))
    assert decoded["stopped_at"]["offset"] == 100
    assert decoded["requirement_bytes"] == 400 * MIB


def test_what_the_json_costs_is_told_as_a_prediction(make_answer: Callable[..., Answer]) -> None:
    path = PathShare(path="$.rows[*]", bytes=3 * MIB, count=10, share=0.75, why="10 dicts")
    costs = JsonCosts(
        parser="json", python="cpython 3.11", retained_bytes=4 * MIB, peak_bytes=9 * MIB,
        paths=(path,),
    )  # fmt: skip
    sections = {section.label: section.lines for section in sections_of(make_answer(costs=costs))}
    total, largest = sections["JSON costs"]
    assert "json.loads would hold 4 MiB in the end and 9 MiB at its peak" in total
    assert "predicted" in total
    assert largest.split() == ["75.0", "%", "3", "MiB", "$.rows[*]", "10", "dicts"]
    assert "JSON costs" not in {section.label for section in sections_of(make_answer())}


def test_only_the_costliest_paths_are_on_the_one_page(make_answer: Callable[..., Answer]) -> None:
    shares = (0.5, 0.2, 0.1, 0.05, 0.02, 0.015, 0.009)
    paths = tuple(
        PathShare(path=f"$.p{n}", bytes=n, count=1, share=share, why="")
        for n, share in enumerate(shares)
    )
    costs = JsonCosts(
        parser="json", python="cpython 3.11", retained_bytes=1, peak_bytes=1, paths=paths
    )
    sections = {section.label: section.lines for section in sections_of(make_answer(costs=costs))}
    assert [line.split()[-1] for line in sections["JSON costs"][1:]] == [
        f"$.p{n}" for n in range(5)
    ]
    few = msgspec.structs.replace(costs, paths=paths[5:])
    sections = {section.label: section.lines for section in sections_of(make_answer(costs=few))}
    assert [line.split()[-1] for line in sections["JSON costs"][1:]] == ["$.p5"]


@pytest.mark.parametrize(
    ("killed_bytes", "words"),
    [(396 * MIB, "killed at 396 MiB."), (400 * MIB - 20_000, "killed with 19.5 KiB less.")],
)
def test_the_limit_that_kills_reads_other_than_the_one_that_passes(
    killed_bytes: int, words: str, make_answer: Callable[..., Answer]
) -> None:
    needed = Requirement(
        requirement_bytes=400 * MIB, method=Method.CONFIRMED, killed_at_bytes=killed_bytes
    )
    page = " ".join(render_answer(make_answer(requirement=needed)).split())
    assert f"400 MiB, confirmed: it passes with that limit, and is {words}" in page
