"""Paths: the node of each value in the tree of a text's keys, found block by block."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
import numpy as np

from synthetic.scan.containers import OBJECT, ROOT
from synthetic.scan.hashes import Hashes, hashes_of, mixed
from synthetic.scan.kinds import INTEGER, KEY, OPEN_ARRAY, OPEN_OBJECT, STRING, Flags, Kinds, Places
from synthetic.scan.node_table import NodeTable
from synthetic.scan.scanner import Block

ROOT_NODE: Final = 0
DEEPER_NODE: Final = 1
DEEPEST: Final = 64
"""Values below so many containers share one node."""

_CROWDS: Final = ((2048, 256), (4096, 64), (8192, 16), (16384, 8))
"""An object is a map from so many different keys on, while there are fewer nodes than this that are
not below keys of maps."""
_OUTER_LIMITS: Final = (256, 64, 24)
"""But those that few others are around may have so many keys however many nodes there are."""
_MOST_NODES: Final = 20_480
"""From so many nodes on, those included that are below keys of maps, every object with a new key is
a map."""
_CONTAINERS_WEIGH: Final = 4
"""A key of an array or an object counts for so many: below it there are nodes again."""
_ELEMENT: Final = np.uint64(0xA5A5_0001)
_ANY: Final = np.uint64(0xA5A5_0002)
_ROOT_PATH: Final = np.uint64(0x5851_F42D_4C95_7F2D)
_DEEPER_PATH: Final = np.uint64(0x1405_7B7E_F767_814F)
_HINT_SHIFT: Final = np.uint64(64 - 12)
_NO_CHILDREN: Final[Mapping[str, int]] = MappingProxyType({})
"""Of most nodes: a dictionary for each would take more than all else that is known of them."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A place in the tree: what is reached from `parent` by a key, or by any element or key."""

    parent: int
    key: str | None
    depth: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a block, in order.

    Attributes:
        tokens: the token that each begins with.
        kinds: the kind of that.
        owners: the number of the container that each is in.
        nodes: the node of each.
        key_hashes: of the keys of a block, in order, as they are written.
        container_nodes: the nodes of the block's containers, by their numbers.

    """

    tokens: Places
    kinds: Kinds
    owners: Places
    nodes: Places
    key_hashes: Hashes
    container_nodes: Places


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Steps:
    """How each value of a block is reached from the container it is in.

    `keyed` are those with keys, `containers` those that are containers themselves.
    """

    tokens: Places
    owners: Places
    keyed: Places
    containers: Places
    hashes: Hashes


class PathTree:
    """Grows with the texts it is shown; a node's number never changes.

    A node is found by the hash of its path: that of the path of the container, and of the key.

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
        self._children: list[dict[str, int] | None] = [None, None]
        self._weights = [0, 0]
        self._elements: dict[int, int] = {}
        self._map_values: dict[int, int] = {}
        self._is_map = np.zeros(64, np.bool_)
        self._is_buried = bytearray(2)
        self._buried = 0
        self._map_table = NodeTable()
        self._map_hints = np.zeros(1 << 12, np.bool_)
        self._open_paths = np.empty(0, np.uint64)
        self._open_nodes = np.empty(0, np.intp)
        self._table = NodeTable()
        self._table.add(int(_ROOT_PATH), ROOT_NODE)
        self._table.add(int(_DEEPER_PATH), DEEPER_NODE)

    def __len__(self) -> int:
        return len(self.nodes)

    def is_map(self, node: int) -> bool:
        """Whether a node's objects have so many different keys that these are data."""
        return bool(self._is_map[node])

    def are_maps(self, nodes: Places) -> Flags:
        """Return which of the nodes are maps so far."""
        return self._is_map.take(nodes)

    def has_maps(self) -> bool:
        """Whether any node is a map so far."""
        return len(self._map_table) > 0

    def children(self, node: int) -> Mapping[str, int]:
        """Return a node's children by key; of a map, those from before it was known to be one."""
        return self._children[node] or _NO_CHILDREN

    def elements(self, node: int) -> int | None:
        """Return the node of the elements of a node's arrays."""
        return self._elements.get(node)

    def map_values(self, node: int) -> int | None:
        """Return the node of the values of a node's objects, from where they are known for maps."""
        return self._map_values.get(node)

    def resume(self, raw_keys: Sequence[bytes | None]) -> Places:
        """Begin in the middle of a text; return the nodes of what is open there, outermost first.

        `raw_keys` are the keys of these as they are written, without their quotes; None of what is
        an element, or in nothing.
        """
        paths, nodes = [int(_ROOT_PATH)], [ROOT_NODE]
        for raw_key in raw_keys[1:]:
            is_map = self._map_table.get(paths[-1]) >= 0
            step = _ELEMENT if raw_key is None else _ANY if is_map else _step_of(raw_key)
            path = int(mixed(np.array([step]), np.array([paths[-1]], np.uint64))[0])
            node = self._table.get(path)
            if node < 0:
                quoted = b'"%b"' % raw_key if raw_key is not None and not is_map else None
                node = self._reach(nodes[-1], quoted, is_element=raw_key is None)
                self._table.add(path, node)
            paths.append(path)
            nodes.append(node)
        self._open_paths, self._open_nodes = np.array(paths, np.uint64), np.array(nodes, np.intp)
        return self._open_nodes

    def join(self, parent: int, key: str | None, *, is_element: bool) -> int:
        """Return the node of another tree's node, by that of its parent; it may be new."""
        if key is not None:
            return self._child(parent, key)
        return self._reach(parent, None, is_element=is_element)

    def set_key_bytes(self, node: int, bytes_: int) -> None:
        """Say how many bytes a key that joined has as it is written."""
        self.key_bytes[node] = self.key_bytes[node] or bytes_

    def make_map(self, node: int) -> None:
        """Take a node's objects for maps, as another tree does."""
        self._is_map[node] = True

    def close(self) -> None:
        """Give back the memory that finds the nodes of values: it is asked for no more of these."""
        self._table = NodeTable()

    def values_of(self, block: Block) -> Values:
        """Return the values of the next block of the text."""
        containers = block.containers
        is_value = block.kinds >= INTEGER
        for kind in (STRING, OPEN_OBJECT, OPEN_ARRAY):
            is_value |= block.kinds == kind
        tokens = is_value.nonzero()[0]
        kinds = block.kinds.take(tokens)
        steps = _steps(block, tokens, kinds)
        while True:
            container_paths, paths = self._paths(block, steps)
            nodes = self._table.find(paths)
            missing = (nodes < 0).nonzero()[0]
            if not len(missing):
                break
            if self._add(block, steps, missing, paths, container_paths):
                nodes[missing] = self._table.find(paths.take(missing))
                break
        container_nodes = np.empty(len(containers), np.intp)
        container_nodes[0] = self._open_nodes[containers.bottom - 1] if containers.bottom else 0
        container_nodes[1 : 1 + containers.inherited] = self._open_nodes[containers.bottom :]
        container_nodes[1 + containers.inherited :] = nodes.take(steps.containers)
        still = (containers.closers[1:] < 0).nonzero()[0] + 1
        bottom = containers.bottom
        self._open_paths = np.append(self._open_paths[:bottom], container_paths.take(still))
        self._open_nodes = np.append(self._open_nodes[:bottom], container_nodes.take(still))
        return Values(
            tokens=tokens,
            kinds=kinds,
            owners=steps.owners,
            nodes=nodes,
            key_hashes=steps.hashes.take(steps.keyed),
            container_nodes=container_nodes,
        )

    def _paths(self, block: Block, steps: _Steps) -> tuple[Hashes, Hashes]:
        """Return the hashes of the paths of a block's containers, and of its values."""
        containers = block.containers
        first = 1 + containers.inherited
        paths = np.empty(len(containers), np.uint64)
        paths[0] = self._open_paths[containers.bottom - 1] if containers.bottom else _ROOT_PATH
        paths[1:first] = self._open_paths[containers.bottom :]
        levels = containers.levels[first:]
        own = steps.hashes.take(steps.containers)
        parents = containers.parents[first:]
        deepest = int(levels.max(initial=0))
        for level in range(int(levels.min(initial=1)), min(deepest, DEEPEST) + 1):
            here = (levels == level).nonzero()[0]
            if level == 1:
                paths[here + first] = _ROOT_PATH
            elif len(here):
                around = parents.take(here)
                paths[here + first] = self._joined(
                    own.take(here), paths.take(around), containers.contexts.take(around)
                )
        if deepest > DEEPEST:
            paths[(levels > DEEPEST).nonzero()[0] + first] = _DEEPER_PATH
        owners = steps.owners
        found = self._joined(steps.hashes, paths.take(owners), containers.contexts, owners)
        if containers.contexts[0] == ROOT:
            found[owners == 0] = _ROOT_PATH
        if max(deepest, len(self._open_paths)) > DEEPEST:
            found[containers.levels.take(owners) > DEEPEST] = _DEEPER_PATH
            found[steps.containers] = paths[first:]
        return paths, found

    def _joined(
        self, steps: Hashes, around: Hashes, contexts: Kinds, owners: Places | None = None
    ) -> Hashes:
        """Return the paths of steps from what is around; `contexts` are of these, or of owners."""
        if len(self._map_table):
            in_map = self._map_hints.take((around >> _HINT_SHIFT).astype(np.intp)).nonzero()[0]
            if len(in_map):
                at = in_map if owners is None else owners.take(in_map)
                in_map = in_map.compress(contexts.take(at) == OBJECT)
                in_map = in_map.compress(self._are_map_paths(around.take(in_map)))
                steps = steps.copy()
                steps[in_map] = _ANY
        return mixed(steps, around)

    def _are_map_paths(self, paths: Hashes) -> Flags:
        return self._map_table.find(paths) >= 0

    def _add(
        self, block: Block, steps: _Steps, missing: Places, paths: Hashes, container_paths: Hashes
    ) -> bool:
        """Add the nodes of values that have none; or, instead, make maps of crowded objects."""
        _, firsts = np.unique(paths.take(missing), return_index=True)
        firsts.sort()
        new = missing.take(firsts)  # in the order of the text, so that parents come first
        around = container_paths.take(steps.owners.take(new))
        is_element = block.contexts.take(steps.tokens.take(new)) != OBJECT
        is_keyed = ~is_element
        if len(self._map_table):
            is_keyed &= ~self._are_map_paths(around)
        kinds = block.kinds.take(steps.tokens.take(new))
        weights = np.where(kinds <= OPEN_ARRAY, _CONTAINERS_WEIGH, 1)
        levels = block.containers.levels.take(steps.owners.take(new))
        of_keyed = (each.compress(is_keyed) for each in (weights, levels))
        if self._make_maps(around.compress(is_keyed), *of_keyed):
            return False
        new_paths = paths.take(new)
        numbers = self._append_all(
            zip(
                new_paths.tolist(),
                around.tolist(),
                self._table.find(around).tolist(),
                _raw_keys(block, steps.tokens.take(new), is_keyed),
                is_element.tolist(),
                weights.tolist(),
                strict=True,
            )
        )
        self._table.add_all(new_paths, numbers)
        if len(self._map_table):
            self._is_map[numbers.compress(self._are_map_paths(new_paths))] = True
        return True

    def _append_all(
        self, wanted: Iterable[tuple[int, int, int, bytes | None, bool, int]]
    ) -> Places:
        """Add nodes, parents first, and return their numbers.

        Each comes as the hash of its path, that of what it is in, the node of that if it was there
        before, its key, whether it is an element, and its weight.
        """
        numbers: dict[int, int] = {}
        for path, parent_path, known, raw_key, is_element, weight in wanted:
            parent = numbers[parent_path] if known < 0 else known
            numbers[path] = self._reach(parent, raw_key, is_element=is_element)
            if raw_key is not None:
                self._weights[parent] += weight
        return np.fromiter(numbers.values(), np.intp, len(numbers))

    def _make_maps(self, around: Hashes, weights: Places, levels: Places) -> bool:
        """Make maps of what is about to have too many keys; return whether there is any.

        Of these only the outermost, for what is in a map shares its nodes from there on. `around`
        are the paths that new keys belong to, once for each; `weights` and `levels` are theirs.
        """
        limit = self._limit(len(around))
        owners, firsts, numbers = np.unique(around, return_index=True, return_inverse=True)
        added = np.bincount(numbers, weights, minlength=len(owners))
        nodes = self._table.find(owners).tolist()
        levels = levels.take(firsts).tolist()
        outermost = DEEPEST
        crowded: list[tuple[int, int]] = []
        for path, node, weight, level in zip(
            owners.tolist(), nodes, added.tolist(), levels, strict=True
        ):
            if level > outermost:
                continue
            if weight + (self._weights[node] if node >= 0 else 0) <= limit:
                continue
            depth = self.nodes[node].depth if node >= 0 else len(_OUTER_LIMITS)
            if depth < len(_OUTER_LIMITS) and weight + self._weights[node] <= _OUTER_LIMITS[depth]:
                continue
            if level < outermost:
                outermost, crowded = level, []
            crowded.append((path, node))
        for path, node in crowded:
            self._map_table.add(path, 1)
            self._map_hints[path >> int(_HINT_SHIFT)] = True
            if node >= 0:
                self._is_map[node] = True
                self._bury(self.children(node).values())
        return bool(crowded)

    def _limit(self, new: int) -> int:
        """Return how many different keys an object may have that is no map, before so many new."""
        if len(self) >= _MOST_NODES:
            return 0
        nodes = len(self) - self._buried
        most, least = _CROWDS[-1]
        if nodes < most <= nodes + new:
            return least  # one block alone has more paths than there should be
        return next((keys for limit, keys in _CROWDS if nodes < limit), 0)

    def _bury(self, nodes: Iterable[int]) -> None:
        """Count nodes no more that hardly any value comes to: those below the keys of a map."""
        waiting = [*nodes]
        while waiting:
            node = waiting.pop()
            if self._is_buried[node]:
                continue
            self._is_buried[node] = True
            self._buried += 1
            waiting += self.children(node).values()
            below = (self._elements.get(node), self._map_values.get(node))
            waiting += (each for each in below if each is not None)

    def _reach(self, parent: int, raw_key: bytes | None, *, is_element: bool) -> int:
        """Return the node that is reached by a key, or as any element or value of a map."""
        if raw_key is not None:
            return self._add_member(parent, raw_key)
        below = self._elements if is_element else self._map_values
        if parent not in below:
            below[parent] = self._append(parent, None)
        return below[parent]

    def _add_member(self, parent: int, raw_key: bytes) -> int:
        """Return the node of a key, which may be there as written with other escapes."""
        number = self._child(parent, _key_of(raw_key))
        self.key_bytes[number] = self.key_bytes[number] or len(raw_key) - 2
        return number

    def _child(self, parent: int, key: str) -> int:
        """Return the node of a key below another, which it may get just now."""
        children = self._children[parent]
        if children is None:
            children = self._children[parent] = {}
        if key not in children:
            children[key] = self._append(parent, key)
        return children[key]

    def _append(self, parent: int, key: str | None) -> int:
        number = len(self.nodes)
        self.nodes.append(Node(parent=parent, key=key, depth=self.nodes[parent].depth + 1))
        self.key_bytes.append(0)
        self._weights.append(0)
        self._is_buried.append(False)
        self._children.append(None)
        if number >= len(self._is_map):
            self._is_map = np.concatenate((self._is_map, np.zeros_like(self._is_map)))
        return number


def _steps(block: Block, tokens: Places, kinds: Kinds) -> _Steps:
    """Return how the values of a block are reached."""
    keyed = (block.contexts.take(tokens) == OBJECT).nonzero()[0]
    hashes = np.full(len(tokens), _ELEMENT, np.uint64)
    if len(keyed):
        key_starts = block.starts.take(tokens.take(keyed) - 2)
        key_starts += 1
        is_key = block.kinds.take(block.strings) == KEY
        lengths = block.tokens.string_ends.compress(is_key)
        lengths -= 1
        lengths -= key_starts
        hashes[keyed] = hashes_of(block.text, key_starts, lengths)
    return _Steps(
        tokens=tokens,
        owners=block.containers.of_tokens.take(tokens),
        keyed=keyed,
        containers=(kinds <= OPEN_ARRAY).nonzero()[0],
        hashes=hashes,
    )


def _step_of(raw_key: bytes) -> np.uint64:
    found: np.uint64 = hashes_of(raw_key, np.zeros(1, np.intp), np.array([len(raw_key)]))[0]
    return found


def _raw_keys(block: Block, values: Places, are_keyed: Flags) -> Iterator[bytes | None]:
    """Yield the keys of values with their quotes; None for each that has none."""
    text = block.text
    tokens = np.where(are_keyed, values - 2, values)
    starts, ends = block.starts.take(tokens), block.ends.take(tokens)
    for start, end, is_keyed in zip(
        starts.tolist(), ends.tolist(), are_keyed.tolist(), strict=True
    ):
        yield text[start:end] if is_keyed else None


def _key_of(raw_key: bytes) -> str:
    try:
        return str(msgspec.json.decode(raw_key))
    except (ValueError, UnicodeError):
        return raw_key[1:-1].decode("utf-8", "surrogateescape")
