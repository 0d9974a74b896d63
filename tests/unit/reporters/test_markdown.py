import re

import msgspec

from harness.core.report import Report
from harness.reporters.markdown import escape, prose, render_markdown


def test_the_verdict_comes_first(night: Report, passing: Report) -> None:
    assert render_markdown(night).startswith("## ❌ FAIL: hero-snapshots\n")
    assert render_markdown(passing).startswith("## ✅ PASS: hero-snapshots\n")
    assert "\n3 " not in render_markdown(passing)


def test_every_run_has_a_row_of_as_many_cells_as_the_heading(night: Report) -> None:
    rows = [line for line in render_markdown(night).splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(night.runs)
    cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert cells == {10}


def test_every_finding_is_listed_with_its_next_step(night: Report) -> None:
    text = render_markdown(night)
    for finding in night.findings:
        assert prose(finding.message) in text
        assert prose(finding.next_step) in text


def test_text_from_outside_is_inert(night: Report) -> None:
    text = render_markdown(night)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\\`x\\`" in text
    assert "@team" not in text.split("<pre>", maxsplit=1)[0]
    assert {character for character in text if not character.isprintable()} == {"\n"}


def test_words_in_backticks_are_code() -> None:
    assert prose("run `a_b` <now>") == "run <code>a\\_b</code> &lt;now&gt;"
    assert prose("a ` alone") == "a \\` alone"
    assert prose("`<script>`") == "<code>&lt;script&gt;</code>"


def test_escape_keeps_the_words_and_takes_their_power() -> None:
    assert escape("a|b\nc") == "a\\|b c"
    assert escape("<b>&") == "&lt;b&gt;&amp;"
    assert escape("`x` *y* _z_ [l](u) ~s~") == "\\`x\\` \\*y\\* \\_z\\_ \\[l\\](u) \\~s\\~"


def test_the_error_streams_of_good_runs_are_left_out(night: Report) -> None:
    text = render_markdown(night)
    assert "Run 7: the end of its error stream" in text
    runs = tuple(
        msgspec.structs.replace(run, output=night.runs[6].output) for run in night.runs[:1]
    )
    assert "<pre>" not in render_markdown(msgspec.structs.replace(night, runs=runs, findings=()))


def test_an_error_stream_cannot_leave_its_block(night: Report) -> None:
    output = msgspec.structs.replace(night.runs[6].output, stderr_tail="</pre></details><h1>x")
    run = msgspec.structs.replace(night.runs[6], output=output)
    text = render_markdown(
        msgspec.structs.replace(night, runs=(run,), findings=night.findings[1:2])
    )
    assert text.count("</pre>") == 1
    assert "<h1>" not in text


def test_a_report_without_runs_has_no_table(empty: Report) -> None:
    assert "|" not in render_markdown(empty)
