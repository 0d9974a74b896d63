"""Parts: what was counted in the second half of a text, written down for who has the first."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from synthetic.learning.census import Census
from synthetic.learning.curves import Curve
from synthetic.learning.distinct_keys import DistinctKeys
from synthetic.learning.giants import Large
from synthetic.learning.key_sets import Found
from synthetic.learning.openings import Half
from synthetic.learning.sketch import Sketch
from synthetic.scan.kinds import Kinds
from synthetic.scan.paths import DEEPER_NODE, ROOT_NODE, PathTree

KEYED: Final = 0
ELEMENT: Final = 1
VALUE: Final = 2


class PartNode(msgspec.Struct, frozen=True, array_like=True):
    """A node of the path tree: its parent, and how it is reached from there."""

    parent: int
    step: int
    key: str
    key_bytes: int
    is_map: bool


class PartSketch(msgspec.Struct, frozen=True, kw_only=True):
    """A sample of values: their owners and hashes, as bytes of numbers, one in `stride` blocks."""

    stride: int
    owners: bytes
    hashes: bytes


class PartKeys(msgspec.Struct, frozen=True, kw_only=True):
    """A sample of different keys: their owners and hashes as bytes, and limits by owner."""

    owners: bytes
    hashes: bytes
    limits: dict[int, int]


class PartChains(msgspec.Struct, frozen=True, array_like=True):
    """How many arrays and objects below a node hold what is too deep for places."""

    node: int
    is_in_object: bool
    arrays: int
    objects: int


class PartKeySet(msgspec.Struct, frozen=True, array_like=True):
    """A set of keys: the node of its objects, those of its values, and how often it is there."""

    node: int
    members: tuple[int, ...]
    count: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in the rest of a text, behind a comma.

    Attributes:
        nodes: of the path tree, in its order.
        tallies: by name, how often each code is there, or a sum for it.
        halves: of the arrays and objects that were open at the comma, outermost first.
        remembered: the hashes of strings, as bytes; `echoed`: those of names that are data.
        bytes, token_bytes, greatest_byte, roots, deepest: as the learner has them.

    """

    nodes: list[PartNode]
    tallies: dict[str, dict[int, int]]
    sketches: dict[str, PartSketch]
    keys: PartKeys
    halves: list[Half]
    giants: list[Large]
    curves: list[Curve]
    chains: list[PartChains]
    key_sets: list[PartKeySet]
    remembered: bytes
    echoed: list[int]
    bytes: int
    token_bytes: int
    greatest_byte: int
    roots: int
    deepest: int


def part_of(census: Census) -> dict[str, Any]:
    """Return the fields of a part that are the census's."""
    openings = census.openings
    remembered, echoed = census.echoes.remembered()
    return {
        "nodes": list(_nodes(census.tree)),
        "tallies": {name: tally.totals() for name, (tally, _) in census.tallies().items()},
        "sketches": {name: _sketch(sketch) for name, (sketch, _) in census.sketches().items()},
        "keys": _keys(census.distinct_keys),
        "halves": openings.halves,
        "giants": openings.giants.at_least(0),
        "curves": openings.curves.found,
        "chains": [
            PartChains(node, is_in_object, chains.arrays, chains.objects)
            for (node, is_in_object), chains in openings.chains.items()
        ],
        "key_sets": [
            PartKeySet(one.node, one.members, count)
            for found in openings.key_sets.by_node().values()
            for one, count in found
        ],
        "remembered": remembered.tobytes(),
        "echoed": list(echoed),
        "deepest": openings.deepest,
    }


def _nodes(tree: PathTree) -> Iterator[PartNode]:
    for number, node in enumerate(tree.nodes):
        step = KEYED if node.key is not None else VALUE
        if step == VALUE and node.parent >= 0 and tree.elements(node.parent) == number:
            step = ELEMENT
        key_bytes = tree.key_bytes[number]
        yield PartNode(node.parent, step, node.key or "", key_bytes, tree.is_map(number))


def _sketch(sketch: Sketch) -> PartSketch:
    owners, hashes = sketch.sample()
    return PartSketch(
        stride=sketch.stride, owners=owners.astype("<i8").tobytes(), hashes=hashes.tobytes()
    )


def _keys(keys: DistinctKeys) -> PartKeys:
    owners, hashes, limits = keys.sample()
    return PartKeys(owners=owners.astype("<i8").tobytes(), hashes=hashes.tobytes(), limits=limits)


def join_part(census: Census, part: Part, contexts: Kinds) -> None:
    """Take in what was counted behind a comma, where containers of these contexts are open."""
    nodes = _joined_nodes(census.tree, part.nodes)
    openings = census.openings
    for name, (tally, stride) in census.tallies().items():
        tally.merge(
            {
                nodes[code // stride] * stride + code % stride: count
                for code, count in part.tallies[name].items()
            }
        )
    for name, (sketch, per_node) in census.sketches().items():
        found = part.sketches[name]
        owners = np.frombuffer(found.owners, "<i8").astype(np.intp)
        owners = np.array(nodes, np.intp).take(owners // per_node) * per_node + owners % per_node
        sketch.join(owners, np.frombuffer(found.hashes, np.uint64), found.stride)
    owners = np.frombuffer(part.keys.owners, "<i8").astype(np.intp)
    census.distinct_keys.join(
        np.array(nodes, np.intp).take(owners),
        np.frombuffer(part.keys.hashes, np.uint64),
        {nodes[owner]: limit for owner, limit in part.keys.limits.items()},
    )
    openings.join(part.halves, contexts)
    openings.deepest = max(openings.deepest, part.deepest)
    for giant in part.giants:
        openings.giants.add(dataclasses.replace(giant, node=nodes[giant.node]))
    for curve in part.curves:
        openings.curves.found.append(dataclasses.replace(curve, node=nodes[curve.node]))
    for chains in part.chains:
        openings.add_chains(nodes[chains.node], chains.is_in_object, chains.arrays, chains.objects)
    for key_set in part.key_sets:
        members = tuple(nodes[member] for member in key_set.members)
        openings.key_sets.join(Found(node=nodes[key_set.node], members=members), key_set.count)
    census.echoes.join(np.frombuffer(part.remembered, np.uint64), part.echoed)


def _joined_nodes(tree: PathTree, nodes: Sequence[PartNode]) -> list[int]:
    """Return the numbers that a part's nodes have in a tree, which gets those that it lacks."""
    numbers = [ROOT_NODE, DEEPER_NODE]
    for node in nodes[len(numbers) :]:
        key = node.key if node.step == KEYED else None
        number = tree.join(numbers[node.parent], key, is_element=node.step == ELEMENT)
        tree.set_key_bytes(number, node.key_bytes)
        numbers.append(number)
    for number, node in zip(numbers, nodes, strict=True):
        if node.is_map:
            tree.make_map(number)
    return numbers
