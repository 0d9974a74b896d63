"""The page set from its templates: every text escaped, and a policy that lets nothing else run."""

import base64
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.core.encoding import encode_json
from harness.reporters.html.model import Page
from harness.reporters.words import PROFILED

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_HERE: Final = Path(__file__).parent
_STYLE: Final = "assets/report.css"
_SCRIPT: Final = "assets/report.js"
_FLAMES: Final = (
    "vendor/d3-selection/d3-selection.min.js",
    "vendor/d3-flame-graph/d3-flamegraph.min.js",
)
_NOTICE: Final = (
    "/* d3-flame-graph, Copyright Martin Spier, Apache License 2.0, with parts of d3 in it and "
    "below it, Copyright Mike Bostock, ISC License */\n"
)
# What could end a script, or begin a comment in one; inside JSON they can only stand in strings.
_IN_JSON: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render(page: Page) -> bytes:
    """Return the page as one HTML file in UTF-8, which loads nothing from elsewhere."""
    from markupsafe import Markup  # noqa: PLC0415  (a page is not made by every command)

    style = _asset(_STYLE)
    scripts = [_asset(_SCRIPT)]
    if page.flames:
        scripts.insert(0, _NOTICE + "\n".join(map(_asset, _FLAMES)))
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            policy=policy_of(scripts, style),
            style=Markup(style),  # noqa: S704  (our own file)
            scripts=[Markup(script) for script in scripts],  # noqa: S704  (our own, and the library's)
            flames=[_data(flame) for flame in page.flames],
        )
    )
    return text.encode("utf-8", "backslashreplace")


def policy_of(scripts: Iterable[str], style: str) -> str:
    """Return the Content-Security-Policy that lets these scripts run, and nothing be loaded."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _data(value: object) -> "Markup":
    """Return data as JSON that nothing in it can end, for a script element that is none."""
    from markupsafe import Markup  # noqa: PLC0415  (see render)

    text = encode_json(value).decode()
    return Markup(text.translate(_IN_JSON))  # noqa: S704  (nothing of HTML is left in it)


@functools.cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  (see render)

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters["prose"] = _prose
    environment.filters["whole"] = _whole
    environment.globals["profiled_words"] = PROFILED
    return environment


def _whole(svg: str) -> "Markup":
    """Return a drawing as it is; `html.svg` lets only what is harmless into it."""
    from markupsafe import Markup  # noqa: PLC0415  (see render)

    return Markup(svg)  # noqa: S704  (written by an XML writer from elements that are allowed)


def _prose(text: str) -> "Markup":
    """Return a sentence with its words in backticks as code, and all of it escaped."""
    from markupsafe import Markup, escape  # noqa: PLC0415  (see render)

    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a name from outside has a backtick of its own
        return escape(text)
    shown = (
        Markup("<code>{}</code>").format(piece) if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )
    return Markup("").join(shown)
