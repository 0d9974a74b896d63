"""Nothing that comes from outside is obeyed by a page, wherever it stands."""

import base64
import enum
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, Final

import msgspec
import pytest

from harness.core.answer import Answer
from harness.core.profile import Frame, Profile, Site
from harness.core.report import Report
from harness.reporters.html.answer_page import AnswerPage
from harness.reporters.html.model import Page
from harness.reporters.html.rendering import render
from harness.reporters.html.report_page import ReportPage

PAYLOADS: Final = (
    "</script><script>window.hit=1</script>",
    "\"><img src=x onerror='window.hit=1'>",
    "' autofocus onfocus=window.hit=1 x='",
    "{{ 7 * 7 }}{% raw %}`<b>`",
    "</title></style></pre><svg onload=window.hit=1>",
    "<!--<script>\u2028]]>&lt;&amp;&#60;",
    "javascript:window.hit=1",
)
# What means something to the program, so that hostile text cannot stand there.
_KEPT: Final = frozenset({"sandbox", "files"})


class Structure(HTMLParser):
    """The elements of a page with their attributes' names, and the texts of its scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.data: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.values += [(name, value or "") for name, value in attrs]
        if tag == "script":
            self._in = "data" if dict(attrs).get("type") == "application/json" else "script"

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", ()))
        self._in = "" if tag == "script" else self._in

    def handle_data(self, data: str) -> None:
        if self._in:
            (self.data if self._in == "data" else self.scripts).append(data)


def structure(page: bytes) -> Structure:
    parser = Structure()
    parser.feed(page.decode())
    parser.close()
    return parser


def replaced(value: Any, text: str) -> Any:
    """Return `value` with every text in it replaced: of structs, tuples and dictionaries."""
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return text if value else ""
    if isinstance(value, tuple):
        return tuple(replaced(inner, text) for inner in value)
    if isinstance(value, dict):
        return {replaced(key, text): replaced(inner, text) for key, inner in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = {
            field: getattr(value, field)
            if field in _KEPT
            else replaced(getattr(value, field), text)
            for field in value.__struct_fields__
        }
        return type(value)(**{
            name: fields[name] for name in value.__struct_fields__
        })  # fmt: skip
    return value


def hostile_page(report: Report, profile: Profile, text: str) -> bytes:
    hostile, seen = replaced(report, text), replaced(profile, text)
    page = ReportPage(hostile, samples_of=lambda _: (), profile_of=lambda _: seen)
    return render(page.page(()))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_in_each_field_of_a_report_makes_no_element(
    payload: str, rich_report: Report, profile: Profile
) -> None:
    harmless = structure(hostile_page(rich_report, profile, "harmless"))
    hostile = structure(hostile_page(rich_report, profile, payload))
    assert _without_code(hostile.elements) == _without_code(harmless.elements)
    assert hostile.scripts == harmless.scripts
    assert not [name for name, _ in hostile.values if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_in_each_field_of_an_answer_makes_no_element(
    payload: str, rich_answer: Answer, profile: Profile
) -> None:
    def made(text: str) -> Structure:
        answer, seen = replaced(rich_answer, text), replaced(profile, text)
        return structure(render(AnswerPage(answer, samples_of=_none, profile=seen).page(())))

    harmless, hostile = made("harmless"), made(payload)
    assert _without_code(hostile.elements) == _without_code(harmless.elements)
    assert hostile.scripts == harmless.scripts


def _none(_: object) -> None:
    return None


def _without_code(elements: list[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements but for those that words in backticks, and parts of paths, make."""
    return [one for one in elements if one[0] not in {"code", "/code"}]


def test_a_flame_graph_is_data_that_nothing_ends(rich_report: Report, profile: Profile) -> None:
    name = "</script><script>window.hit=1</script>\u2028"
    frame = Frame(function=name, file=name, line=1)
    hostile = msgspec.structs.replace(
        profile, sites=(Site(stack=(frame,), bytes=100, count=1),), total_bytes=100, left_out=0
    )
    page = ReportPage(rich_report, samples_of=_none, profile_of=lambda _: hostile).page(())
    (tree, _) = [json.loads(data) for data in structure(render(page)).data]
    assert tree["c"][0]["n"].startswith("</script><script>window.hit=1</script>")


def test_the_policy_lets_only_the_pages_own_scripts_run(
    rich_report: Report, page_of: Callable[[Report], Page]
) -> None:
    page = structure(render(page_of(rich_report)))
    policy = next(value for name, value in page.values if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    allowed = re.findall(r"'sha256-([^']+)'", policy.split("script-src")[1].split(";")[0])
    made = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in page.scripts]
    assert allowed == made
    assert len(made) == 2


def test_nothing_is_loaded_from_elsewhere(
    rich_report: Report, page_of: Callable[[Report], Page]
) -> None:
    page = structure(render(page_of(rich_report)))
    places = [value for name, value in page.values if name in {"src", "href", "action", "srcset"}]
    assert places
    assert [place for place in places if not place.startswith(("#", "data:,"))] == []
    assert not {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "img", "base"}
    assert not re.search(r"url\(|@import", render(page_of(rich_report)).decode())


def test_a_link_leads_to_an_element_of_the_page(
    rich_report: Report, page_of: Callable[[Report], Page]
) -> None:
    page = structure(render(page_of(rich_report)))
    ids = [value for name, value in page.values if name == "id"]
    links = {value[1:] for name, value in page.values if name == "href" and len(value) > 1}
    assert len(ids) == len(set(ids))
    assert {link for link in links if not link.startswith("ata:")} <= set(ids)


def test_control_characters_and_halves_of_characters_are_shown_as_what_they_are_not(
    rich_report: Report, page_of: Callable[[Report], Page]
) -> None:
    odd = msgspec.structs.replace(rich_report, scenario="a\x1b[31mb\u202ec\udc80\x00d")
    text = render(page_of(odd)).decode()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x00" not in text
    assert "ab" in text


def test_a_very_long_text_is_cut(rich_report: Report, page_of: Callable[[Report], Page]) -> None:
    long = msgspec.structs.replace(rich_report, scenario="x" * 10**6)
    assert len(render(page_of(long))) < len(render(page_of(rich_report))) + 10_000
