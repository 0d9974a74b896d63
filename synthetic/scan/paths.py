"""Paths: the node of each value in the tree of a text's keys, found block by block."""

import dataclasses
from typing import Final

import msgspec
import numpy as np

from synthetic.scan.containers import OBJECT, ROOT
from synthetic.scan.hashes import Hashes, hashes_of, mixed
from synthetic.scan.kinds import IS_VALUE, Flags, Kind, Places
from synthetic.scan.scanner import Block

ROOT_NODE: Final = 0
DEEPER_NODE: Final = 1
DEEPEST: Final = 64
"""Values below so many containers share one node."""

_KEYS_OF_MAP: Final = 256
_CROWDS: Final = ((4096, _KEYS_OF_MAP), (16384, 32))
"""An object is a map from so many different keys on, while there are fewer nodes than this."""
_ELEMENT: Final = np.uint64(0xA5A5_0001)
_ANY: Final = np.uint64(0xA5A5_0002)
_PARENT_FACTOR: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_FIRST_BITS: Final = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A place in the tree: what is reached from `parent` by a key, or by any element or key."""

    parent: int
    key: str | None
    depth: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a block, in order: the token of each, and its node.

    `container_nodes` are the nodes of the block's containers, by their numbers.
    """

    tokens: Places
    nodes: Places
    container_nodes: Places


class PathTree:
    """Grows with the texts it is shown; a node's number never changes.

    Attributes:
        nodes: by number.
        key_bytes: of each node's key, as it was first written, without its quotes.

    """

    def __init__(self) -> None:
        self.nodes: list[Node] = [
            Node(parent=-1, key=None, depth=0),
            Node(parent=0, key=None, depth=1),
        ]
        self.key_bytes = [0, 0]
        self._children: list[dict[str | None, int]] = [{}, {}]
        self._is_map = np.zeros(64, np.bool_)
        self._open: list[int] = []
        self._table = _Table()

    def __len__(self) -> int:
        return len(self.nodes)

    def is_map(self, node: int) -> bool:
        """Whether a node's objects have so many different keys that these are data."""
        return bool(self._is_map[node])

    def are_maps(self, nodes: Places) -> Flags:
        """Return which of the nodes are maps so far."""
        return self._is_map.take(nodes)

    def children(self, node: int) -> dict[str | None, int]:
        """Return a node's children by key; under None, the elements or the values of a map."""
        return self._children[node]

    def values_of(self, block: Block) -> Values:
        """Return the values of the next block of the text."""
        containers = block.containers
        tokens = np.flatnonzero(IS_VALUE.take(block.kinds))
        steps = np.full(len(block.kinds), _ELEMENT, np.uint64)
        in_object = tokens.compress(block.contexts.take(tokens) == OBJECT)
        key_tokens = in_object - 2
        key_starts = block.starts.take(key_tokens) + 1
        steps[in_object] = hashes_of(
            block.text, key_starts, block.ends.take(key_tokens) - 1 - key_starts
        )
        container_nodes = self._container_nodes(block, steps)
        around = container_nodes.take(containers.of_tokens.take(tokens))
        openers = containers.openers[1 + containers.inherited :]
        by_token = np.zeros(len(block.kinds), np.intp)
        by_token[openers] = container_nodes[1 + containers.inherited :]
        nodes = by_token.take(tokens)
        is_leaf = (block.kinds.take(tokens) >= Kind.STRING) & (block.contexts.take(tokens) != ROOT)
        leaves = np.flatnonzero(is_leaf)
        if len(leaves):
            nodes[leaves] = self._nodes(block, around.take(leaves), tokens.take(leaves), steps)
        still = np.flatnonzero(containers.closers[1:] < 0) + 1
        self._open = self._open[: containers.bottom] + container_nodes.take(still).tolist()
        return Values(tokens=tokens, nodes=nodes, container_nodes=container_nodes)

    def _container_nodes(self, block: Block, steps: Hashes) -> Places:
        containers = block.containers
        nodes = np.full(len(containers), ROOT_NODE, np.intp)
        if containers.bottom:
            nodes[0] = self._open[containers.bottom - 1]
        nodes[1 : 1 + containers.inherited] = self._open[containers.bottom :]
        first = 1 + containers.inherited
        levels = containers.levels[first:]
        if not len(levels):
            return nodes
        deep = np.flatnonzero(levels > DEEPEST) + first
        nodes[deep] = DEEPER_NODE
        for level in range(int(levels.min()), min(int(levels.max()), DEEPEST) + 1):
            here = np.flatnonzero(levels == level) + first
            if level == 1:
                nodes[here] = ROOT_NODE
            elif len(here):
                parents = nodes.take(containers.parents.take(here))
                nodes[here] = self._nodes(block, parents, containers.openers.take(here), steps)
        return nodes

    def _nodes(self, block: Block, parents: Places, tokens: Places, steps: Hashes) -> Places:
        """Return the nodes of values, by the nodes they are in and their steps from there."""
        own = steps.take(tokens)
        maps = self._is_map.take(parents)
        if maps.any():
            own = np.where(maps & (own != _ELEMENT), _ANY, own)
        hashes = mixed(own, (parents.astype(np.uint64) + np.uint64(1)) * _PARENT_FACTOR)
        nodes = self._table.find(hashes)
        nodes[parents == DEEPER_NODE] = DEEPER_NODE
        missing = np.flatnonzero(nodes < 0)
        if not len(missing):
            return nodes
        _, firsts = np.unique(hashes.take(missing), return_index=True)
        new = missing.take(np.sort(firsts))
        is_keyed = (own.take(new) != _ELEMENT) & (own.take(new) != _ANY)
        if self._make_maps(parents.take(new.compress(is_keyed))):
            return self._nodes(block, parents, tokens, steps)
        for index, keyed in zip(new.tolist(), is_keyed.tolist(), strict=True):
            key_token = int(tokens[index]) - 2
            key = _key_of(block, key_token) if keyed else None
            self._table.add(hashes[index], self._append(int(parents[index]), key))
            if keyed and len(self.key_bytes) < len(self):
                self.key_bytes.append(int(block.ends[key_token] - block.starts[key_token]) - 2)
            elif len(self.key_bytes) < len(self):
                self.key_bytes.append(0)
        nodes[missing] = self._table.find(hashes.take(missing))
        return nodes

    def _make_maps(self, parents: Places) -> bool:
        """Make those maps that are about to have too many keys; return whether there are any.

        `parents` are the nodes that new keys belong to, once for each.
        """
        limit = next((keys for nodes, keys in _CROWDS if len(self) < nodes), 0)
        owners, counts = np.unique(parents, return_counts=True)
        before = np.array([len(self._children[owner]) for owner in owners.tolist()], np.intp)
        crowded = owners.compress(before + counts > limit)
        self._is_map[crowded] = True
        return len(crowded) > 0

    def _append(self, parent: int, key: str | None) -> int:
        children = self._children[parent]
        if key in children:  # written with other escapes, or an array and a map in one place
            return children[key]
        number = len(self.nodes)
        self.nodes.append(Node(parent=parent, key=key, depth=self.nodes[parent].depth + 1))
        self._children.append({})
        children[key] = number
        if number >= len(self._is_map):
            self._is_map = np.concatenate((self._is_map, np.zeros_like(self._is_map)))
        return number


def _key_of(block: Block, token: int) -> str:
    raw = block.text[block.starts[token] : block.ends[token]]
    try:
        return str(msgspec.json.decode(raw))
    except (ValueError, UnicodeError):
        return raw[1:-1].decode("utf-8", "surrogateescape")


class _Table:
    """From hashes to node numbers, thousands at a time: open addressing over numpy arrays."""

    def __init__(self) -> None:
        self._bits = _FIRST_BITS
        self._hashes = np.zeros(1 << self._bits, np.uint64)
        self._numbers = np.full(1 << self._bits, -1, np.intp)
        self._used = 0

    def find(self, hashes: Hashes) -> Places:
        """Return the number of each hash, or -1."""
        slots = (hashes >> np.uint64(64 - self._bits)).astype(np.intp)
        numbers = self._numbers.take(slots)
        todo = np.flatnonzero((self._hashes.take(slots) != hashes) & (numbers >= 0))
        mask = (1 << self._bits) - 1
        while len(todo):
            slots[todo] = (slots.take(todo) + 1) & mask
            at = slots.take(todo)
            numbers[todo] = self._numbers.take(at)
            todo = todo.compress(
                (self._hashes.take(at) != hashes.take(todo)) & (self._numbers.take(at) >= 0)
            )
        return numbers

    def add(self, hash_: np.uint64, number: int) -> None:
        if self._used * 4 > len(self._numbers):
            self._grow()
        slot = int(hash_) >> (64 - self._bits)
        while self._numbers[slot] >= 0:
            slot = (slot + 1) & (len(self._numbers) - 1)
        self._hashes[slot] = hash_
        self._numbers[slot] = number
        self._used += 1

    def _grow(self) -> None:
        old = [(h, n) for h, n in zip(self._hashes, self._numbers, strict=True) if n >= 0]
        self._bits += 2
        self._hashes = np.zeros(1 << self._bits, np.uint64)
        self._numbers = np.full(1 << self._bits, -1, np.intp)
        self._used = 0
        for hash_, number in old:
            self.add(hash_, int(number))
