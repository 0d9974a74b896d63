import pytest

from harness.reporters.plain import in_ascii, last_lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is · 語", "as it is · 語"),
        ("two\nlines\ttab\r", "two lines tab "),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x1b[broken", "roken"),
        ("\x1bc\x00\x9b", "�c��"),
        ("a\u202eb\u2066c", "a�b�c"),
        ("\udcff", "�"),
        ("a\u2028b\u00a0c", "a b c"),
    ],
)
def test_a_line_holds_nothing_that_a_terminal_obeys(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_ascii_keeps_the_signs_readable() -> None:
    assert in_ascii("plain") == "plain"
    assert in_ascii("≥ 5 ± 1 · a → b…\ufffd語") == ">= 5 +- 1 - a -> b...??"


def test_the_last_lines_are_bounded_and_not_blank() -> None:
    text = "\n".join(f"line {number}" for number in range(1000)) + "\n\n \n"
    assert last_lines(text, lines=2) == ("line 998", "line 999")
    assert last_lines("x" * 100, lines=2, characters=10) == ("x" * 10,)
    assert last_lines("10%\r20%\rdone", lines=1) == ("done",)
    assert last_lines("", lines=3) == ()
