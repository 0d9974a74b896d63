from hypothesis import given
from hypothesis import strategies as st

from harness.core.command import fill, placeholders

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def test_placeholders_are_found_wherever_they_stand() -> None:
    command = ("{python}", "w.py", "--in={snapshot}", "{output}/{batch_size}.db")
    assert placeholders(command) == {"python", "snapshot", "output", "batch_size"}


def test_other_braces_are_no_placeholders() -> None:
    words = ("{}", "{1}", "{a-b}", '{"key": 1}', "{{snapshot}}", "a{b", "c}d", "{ x }", "${1}")
    assert placeholders(words) == frozenset()
    assert fill(words, {"snapshot": "/s"}, ()) == (
        *words[:4],
        "{snapshot}",
        *words[5:],
    )


def test_placeholders_are_filled() -> None:
    command = ("{python}", "--in={snapshot}", "{n}{n}")
    values = {"python": "/usr/bin/python3", "snapshot": "/tmp/a b.json", "n": "7"}
    assert fill(command, values, ()) == ("/usr/bin/python3", "--in=/tmp/a b.json", "77")


def test_a_word_of_snapshots_becomes_one_for_each() -> None:
    assert fill(("w", "{snapshots}", "end"), {}, ("/a", "/b c")) == ("w", "/a", "/b c", "end")
    assert fill(("w", "{snapshots}"), {}, ()) == ("w",)


def test_what_was_filled_in_is_not_filled_again() -> None:
    assert fill(("{a}",), {"a": "{b}", "b": "no"}, ()) == ("{b}",)


def test_what_nothing_fills_stays() -> None:
    assert fill(("{unknown}",), {}, ()) == ("{unknown}",)


@given(NAMES, st.text())
def test_every_name_is_filled_with_any_text(name: str, value: str) -> None:
    assert fill((f"<{{{name}}}>",), {name: value}, ()) == (f"<{value}>",)


@given(NAMES)
def test_a_doubled_pair_is_the_way_to_write_braces(name: str) -> None:
    assert placeholders((f"{{{{{name}}}}}",)) == frozenset()
    assert fill((f"{{{{{name}}}}}",), {name: "no"}, ()) == (f"{{{name}}}",)


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="{}"))))
def test_words_without_braces_are_left_alone(words: list[str]) -> None:
    assert fill(tuple(words), {"a": "b"}, ("s",)) == tuple(words)
