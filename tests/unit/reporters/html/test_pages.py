"""What the page of a report says, and where."""

import re
from collections.abc import Callable
from html import unescape

import msgspec

from harness.core.answer import Answer
from harness.core.ending import Ending
from harness.core.profile import Profile
from harness.core.report import Report
from harness.reporters.html.answer_page import AnswerPage
from harness.reporters.html.cases import group_runs, rows_of
from harness.reporters.html.model import Page
from harness.reporters.html.rendering import render

PageOf = Callable[[Report], Page]
MIB = 2**20


def text_of(page: bytes) -> str:
    """Return what a page says, without its scripts, its style and its markup."""
    body = re.sub(r"(?s)<(script|style|title).*?</\1>", "", page.decode())
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_verdict_comes_first_in_one_sentence(rich_report: Report, page_of: PageOf) -> None:
    text = text_of(render(page_of(rich_report)))
    verdict = text.index("FAIL")
    sentence = text.index("1 failure in 6 runs, and 1 thing could not be decided.")
    assert verdict < sentence < text.index("Failures 1") < text.index("Cases 4 and 1 profiled")


def test_each_part_of_a_report_is_there(rich_report: Report, page_of: PageOf) -> None:
    html = render(page_of(rich_report))
    text = text_of(html)
    for words in (
        "a message on full-parse",
        "a next step",
        "largest snapshot that fits 512MiB: 54.5 MB",
        "rows.append(row)",
        "worker.py:41",
        "growth is not known, for too few",
        "Python 3.13.1",
        "glibc 2.36",
        "ijson 3.3.0",
        "the last words",
        "what is not known",
        "a case that is gone",
    ):
        assert words in text, words
    ids = re.findall(r'<section id="([a-z]+)"', html.decode())
    assert ids == [
        "findings",
        "cases",
        "changes",
        "scaling",
        "growth",
        "details",
        "json",
        "machine",
    ]
    assert re.findall(r'href="#([a-z]+)">', html.decode())[1:9] == ids, "the order of the links"


def test_an_empty_report_has_a_page(rich_report: Report, page_of: PageOf) -> None:
    empty = msgspec.structs.replace(
        rich_report, runs=(), findings=(), laws=(), growth=(), profiles=(), attributions=()
    )
    assert "demo" in text_of(render(page_of(empty)))


def test_repeats_are_one_line_of_the_worst(rich_report: Report) -> None:
    rows = rows_of(group_runs(rich_report.runs, rich_report.findings))
    streaming = next(row for row in rows if row.worker == "streaming")
    assert (streaming.count, streaming.number, streaming.peak) == (3, 3, "49.0")
    assert [row.standing for row in rows] == ["failed", "ok", "open", "ok", "ok"]


def test_a_failed_repeat_is_worse_than_a_large_one(rich_report: Report) -> None:
    runs = rich_report.runs[1:4]
    died = msgspec.structs.replace(runs[0], ending=None)
    row = rows_of(group_runs((died, *runs[1:]), ()))[0]
    assert (row.standing, row.number) == ("open", died.number)


def test_a_bar_shows_the_peak_the_counter_and_the_limit(rich_report: Report) -> None:
    bar = rows_of(group_runs(rich_report.runs[1:2], ()))[0].bar
    assert bar is not None
    assert bar.limit_percent is not None
    assert abs(bar.percent / bar.limit_percent - 48 / 512) < 0.001
    assert abs(bar.upper_percent / bar.limit_percent - 51 / 512) < 0.001


def test_a_peak_far_over_its_limit_stays_in_its_bar(rich_report: Report) -> None:
    over = msgspec.structs.replace(rich_report.runs[1], peak_bytes=5000 * MIB)
    bar = rows_of(group_runs((over,), ()))[0].bar
    assert bar is not None
    assert (bar.percent, bar.upper_percent) == (100.0, 100.0)


def test_without_a_limit_there_is_no_bar(rich_report: Report) -> None:
    run = rich_report.runs[1]
    case = msgspec.structs.replace(
        run.case, memory_limit_bytes=None, memory_limit_label="unlimited"
    )
    free = msgspec.structs.replace(run, case=case)
    row = rows_of(group_runs((free,), ()))[0]
    assert (row.bar, row.share, row.limit) == (None, "", "none")


def test_what_changed_is_told_with_its_case(rich_report: Report, page_of: PageOf) -> None:
    changes = page_of(rich_report).changes
    assert changes is not None
    told = {change.case.partition(" · ")[0]: change.kind for change in changes.changes}
    assert told["streaming"] == "grown"
    assert told["a case that is gone"] == "gone"
    assert told["full-parse[parser=json]"] == "new"
    (grown,) = changes.grown
    assert [(site.before, site.now, site.difference) for site in grown.sites] == [
        ("12 MiB", "58 MiB", "+46 MiB"),
        ("4 MiB", "nothing", "-4 MiB"),
        ("nothing", "9 MiB", "+9 MiB"),
    ]


def test_many_findings_do_not_make_the_list_endless(rich_report: Report, page_of: PageOf) -> None:
    many = msgspec.structs.replace(rich_report, findings=rich_report.findings[:1] * 1000)
    failures = page_of(many).notes[0]
    assert len(failures.notes) == 301
    assert failures.notes[-1].text == "And 700 more, each at its case below."


def test_an_answer_says_what_happened(rich_answer: Answer, profile: Profile) -> None:
    page = AnswerPage(rich_answer, samples_of=lambda _: (), profile=profile).page(())
    assert (page.verdict, page.standing) == ("OOM-killed", "failed")
    assert page.sentence.startswith("after 3.00 s with 200MB (190.7 MiB) under 512 MiB, at a peak")
    text = text_of(render(page))
    assert text.index("Do this. For that.") < text.index("Open all")
    assert page.rows[0].ending == "OOM-killed", "nothing was expected of it"


def test_an_answer_without_an_ending_has_a_page(rich_answer: Answer) -> None:
    none = msgspec.structs.replace(
        rich_answer, ending=None, profile=None, heap=None, costs=None, sites=(), runs=()
    )
    page = AnswerPage(none, samples_of=lambda _: (), profile=None).page(())
    assert page.standing == "open"
    assert "the kernel killed it" in text_of(render(page))


def test_heap_and_resident_add_up(rich_answer: Answer, profile: Profile) -> None:
    (view,) = AnswerPage(rich_answer, samples_of=lambda _: (), profile=profile).page(()).profiles
    *parts, whole = view.heap
    assert whole.name == "resident"
    ends = [part.from_percent + part.percent for part in parts if part.kind == "part"]
    assert max(ends) == 100.0
    less = parts[-1]
    assert (less.name, less.kind, less.size) == ("requested but never touched", "less", "-19 MiB")
    assert abs(less.from_percent - whole.percent) < 0.05


def test_every_ending_has_a_page(rich_report: Report, page_of: PageOf) -> None:
    run = rich_report.runs[1]
    runs = tuple(
        msgspec.structs.replace(run, number=number, ending=ending)
        for number, ending in enumerate((*Ending, None), start=1)
    )
    render(page_of(msgspec.structs.replace(rich_report, runs=runs, findings=())))
