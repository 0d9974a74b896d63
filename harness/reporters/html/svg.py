"""matplotlib's SVG made fit for a page: no style but attributes, no name that is met twice.

The page's Content-Security-Policy forbids styles that stand at elements, and a name in one drawing
would mean the first drawing that has it. Only elements and attributes that are known are kept.
"""

import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_ELEMENTS: Final = frozenset(
    {"svg", "g", "path", "text", "tspan", "use", "defs", "clipPath", "rect"}
)
_ATTRIBUTES: Final = frozenset(
    {"viewBox", "d", "x", "y", "width", "height", "transform", "id", "clip-path", "text-anchor"}
)
_STYLES: Final = frozenset(
    {
        "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-dashoffset",
        "stroke-linecap", "stroke-linejoin", "stroke-opacity", "opacity", "text-anchor",
        "font-size", "font-weight",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"#([\w-]+)")


def inline(svg: str, *, prefix: str, label: str, colours: Mapping[str, str]) -> str:
    """Return a drawing for a page: its names begin with `prefix`, and it is called `label`.

    `colours` are those to be replaced, by what takes their place, such as ``var(--ink)``.
    """
    root = ET.fromstring(svg)  # noqa: S314  (matplotlib wrote it a moment ago, in this process)
    return ET.tostring(_cleaned(root, prefix, label, colours), encoding="unicode")


def _cleaned(root: ET.Element, prefix: str, label: str, colours: Mapping[str, str]) -> ET.Element:
    page = ET.Element("svg", {"viewBox": root.get("viewBox", ""), "role": "img"})
    page.set("class", "plot")
    ET.SubElement(page, "title").text = label
    for child in root:
        _copy(child, page, prefix, colours)
    return page


def _copy(element: ET.Element, into: ET.Element, prefix: str, colours: Mapping[str, str]) -> None:
    name = element.tag.removeprefix(_SVG) if isinstance(element.tag, str) else ""
    if name not in _ELEMENTS:
        return
    kept: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key == "style":
            kept.update(_attributes(value))
        elif key == _LINK:
            kept["href"] = value
        elif key in _ATTRIBUTES:
            kept[key] = value
    if name not in {"path", "clipPath"}:
        kept.pop("id", None)
    kept = {key: _renamed(key, colours.get(value, value), prefix) for key, value in kept.items()}
    copied = ET.SubElement(into, name, kept)
    copied.text = element.text if name in {"text", "tspan"} else None
    for child in element:
        _copy(child, copied, prefix, colours)


def _renamed(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return f"{prefix}-{value}"
    return _NAME.sub(rf"#{prefix}-\1", value) if key in {"href", "clip-path"} else value


def _attributes(style: str) -> dict[str, str]:
    """Return the declarations of a ``style`` as attributes, which no policy forbids."""
    pairs = (declaration.partition(":") for declaration in style.split(";"))
    return {name: value.strip() for key, _, value in pairs if (name := key.strip()) in _STYLES}
