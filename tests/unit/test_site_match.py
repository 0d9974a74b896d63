"""Which line is which, over the edits that people make."""

import pytest

from harness.core.site_match import Pair, match_places
from harness.core.sites import SiteRow


def row(source: str, size: int = 10, **changes: object) -> SiteRow:
    values = {"function": "load", "file": "app/full_parse.py", "line": 41, **changes}
    return SiteRow(source=source, bytes=size, **values)  # type: ignore[arg-type]


def pairs(before: list[SiteRow], now: list[SiteRow]) -> set[tuple[int | None, int | None]]:
    """Return the lines of each pair."""
    return {(_line(pair, "before"), _line(pair, "now")) for pair in match_places(before, now)}


def _line(pair: Pair, side: str) -> int | None:
    place = getattr(pair, side)
    return place.row.line if place else None


@pytest.mark.parametrize(
    "now",
    [
        row("rows.append(row)", line=57),
        row("rows.append(row)", line=57, file="app/parsing/full_parse.py"),
        row("rows.append(row)", line=57, file="app/whole.py"),
        row("rows.append(row)", line=57, function="load_all"),
        row("rows.append(dict(row))", line=57),
    ],
    ids=["moved line", "moved file", "renamed file", "renamed function", "edited text"],
)
def test_a_line_is_found_again(now: SiteRow) -> None:
    other = row("return json.load(file)", line=12)
    assert pairs([row("rows.append(row)"), other], [other, now]) == {(41, 57), (12, 12)}


@pytest.mark.parametrize(
    "now",
    [
        row("self.cache[key] = value", line=57),
        row("rows.append(row)", line=57, file="app/whole.py", function="other"),
        row("", line=57, function="other"),
    ],
    ids=["other text", "other file and function", "nothing known"],
)
def test_what_is_no_candidate_is_new_and_gone(now: SiteRow) -> None:
    assert pairs([row("rows.append(row)")], [now]) == {(41, None), (None, 57)}


def test_a_text_that_was_edited_in_a_file_that_was_renamed() -> None:
    """That the file has another name is known by another line of it."""
    before = [row("rows.append(row)"), row("json.load(file)", line=12)]
    now = [
        row("rows.append(dict(row))", line=57, file="app/whole.py"),
        row("json.load(file)", line=13, file="app/whole.py"),
    ]
    assert pairs(before, now) == {(41, 57), (12, 13)}
    assert pairs(before[:1], now[:1]) == {(41, None), (None, 57)}


def test_two_candidates_are_none() -> None:
    now = [
        row("rows.append(row)", line=5, file="one.py"),
        row("rows.append(row)", line=6, file="two.py"),
    ]
    assert pairs([row("rows.append(row)")], now) == {(41, None), (None, 5), (None, 6)}


def test_two_edited_texts_that_are_alike_to_the_same_degree_are_none() -> None:
    now = [row("rows.append(a)", line=5), row("rows.append(b)", line=6)]
    assert pairs([row("rows.append(c)")], now) == {(41, None), (None, 5), (None, 6)}


def test_a_text_that_stands_twice_in_a_function_is_one_place() -> None:
    """Which of the two is which after an edit, nobody can tell; their sum is certain."""
    before = [row("rows.append(row)", 10, line=10), row("rows.append(row)", 30, line=20)]
    now = [row("rows.append(row)", 50, line=14), row("rows.append(row)", 10, line=24)]
    (pair,) = match_places(before, now)
    assert pair.before is not None
    assert pair.now is not None
    assert (pair.before.bytes, pair.now.bytes) == (40, 60)
    assert pair.now.row.line == 14, "the one that holds most"


def test_lines_without_text_are_known_by_file_and_function() -> None:
    before = [row("", function="build", line=0, file="/image/app.py")]
    now = [row("", function="build", line=9, file="/image/app.py")]
    assert pairs(before, now) == {(0, 9)}


def test_the_order_of_the_tables_does_not_matter() -> None:
    before = [row(f"a{n}.append(x)", n, line=n) for n in range(1, 9)]
    now = [row(f"a{n}.append(x, y)", n, line=n + 100) for n in range(1, 9)]
    assert match_places(before, now) == match_places(before[::-1], now[::-1])
