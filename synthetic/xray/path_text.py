"""Paths of places in a text as people read them: ``$.cities.*.names[*]``."""

import re
from typing import Final

import msgspec

from synthetic.scan.paths import DEEPER_NODE, ROOT_NODE, PathTree

DEEPER: Final = "..*"
"""The step to all that is too deep to be told apart."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_KEY: Final = 80
_ELEMENT: Final = "[*]"
_ANY: Final = ".*"


def step_of(key: str) -> str:
    """Return the step that a key is: ``.name``, or ``["other name"]``; a long one is cut."""
    if _PLAIN.fullmatch(key) and len(key) <= _LONGEST_KEY:
        return f".{key}"
    cut = key if len(key) <= _LONGEST_KEY else key[:_LONGEST_KEY] + "..."
    return f"[{msgspec.json.encode(cut.encode('utf-8', 'replace').decode()).decode()}]"


def label_of(tree: PathTree, node: int) -> str:
    """Return the last step to a node: any key of a map, any element of an array, or a key."""
    place = tree.nodes[node]
    if place.key is not None:
        return _ANY if tree.is_map(place.parent) else step_of(place.key)
    return _ANY if tree.map_values(place.parent) == node else _ELEMENT


def path_of_node(tree: PathTree, node: int) -> str:
    """Return the whole path of a node, as far as is known of the maps on its way."""
    steps: list[str] = []
    while node != ROOT_NODE:
        if node == DEEPER_NODE:
            return "$" + DEEPER
        steps.append(label_of(tree, node))
        node = tree.nodes[node].parent
    return "$" + "".join(reversed(steps))
