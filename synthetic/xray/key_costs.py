"""What the keys of a block's objects cost in each parser, by how it shares them."""

from typing import Final

import numpy as np

from synthetic.scan.hashes import Hashes, hashes_of, mixed
from synthetic.scan.kinds import Flags, Places
from synthetic.scan.paths import DEEPER_NODE, PathTree
from synthetic.scan.strings import ASCII
from synthetic.xray.groups import Group
from synthetic.xray.key_hashes import HASHES
from synthetic.xray.keys import DistinctKeys, KeyCache
from synthetic.xray.ledger import Ledger
from synthetic.xray.model import Cache, CostModel, ParserCosts
from synthetic.xray.texts import StringCosts, Strings

_WORD: Final = (1 << 64) - 1


class Keys:
    """The keys of a block: `strings` and their `hashes`, their own and their objects' nodes."""

    def __init__(self, strings: Strings, nodes: Places, owners: Places) -> None:
        """Hold keys, of which `nodes` are those of the values that they name."""
        self.strings = strings
        self.nodes = nodes
        self.owners = owners

    def take(self, indices: Places) -> "Keys":
        """Return some of them."""
        return Keys(self.strings.take(indices), self.nodes.take(indices), self.owners.take(indices))


class NodeKeys:
    """What is known of nodes by their keys: a hash, whether keys are data there, and slots."""

    def __init__(self, caches: dict[str, Cache]) -> None:
        """Hold none yet; `caches` are those that keys are to have slots in."""
        self._caches = caches
        self._known: dict[str, dict[str, int]] = {name: {} for name in caches}
        self.hashes = np.zeros(0, np.uint64)
        self.are_data = np.zeros(0, np.bool_)
        self.slots: dict[str, Places] = {name: np.zeros(0, np.intp) for name in caches}

    def learn(self, tree: PathTree) -> None:
        """Take in the nodes that the tree has got since."""
        keys = [node.key for node in tree.nodes[len(self.hashes) :]]
        if not keys:
            return
        first = len(self.hashes)
        are_data = np.array([key is None for key in keys])
        hashes = np.array([hash(key) & _WORD | 1 for key in keys], np.uint64)
        self.are_data = np.concatenate((self.are_data, are_data))
        self.hashes = np.concatenate((self.hashes, hashes))
        if first <= DEEPER_NODE < len(self.are_data):
            self.are_data[DEEPER_NODE] = True
        for name, cache in self._caches.items():
            known = self._known[name]
            for key in keys:
                if key is not None and key not in known:
                    known[key] = _slot(cache, key, hash(key))
            slots = [-1 if key is None else known[key] for key in keys]
            self.slots[name] = np.concatenate((self.slots[name], np.array(slots, np.intp)))


def _slot(cache: Cache, key: str, otherwise: int) -> int:
    """Return the slot of a key in a cache, or -1 if it is never in it."""
    data = key.encode("utf-8", "surrogatepass")
    if len(data) > cache.most_bytes or (cache.ascii_only and not (key.isascii() and key)):
        return -1
    return (HASHES[cache.hash](data) if cache.hash else otherwise) % cache.slots


class KeyCosts:
    """Adds what keys cost to a ledger."""

    def __init__(self, model: CostModel, strings: StringCosts, ledger: Ledger) -> None:
        """Begin with nothing shared."""
        self._strings = strings
        self._ledger = ledger
        self._parsers = model.parsers
        caches = {name: costs.keys for name, costs in model.parsers.items() if costs.keys.slots}
        self._caches = {name: KeyCache(cache.slots) for name, cache in caches.items()}
        self._of_nodes = NodeKeys(caches)
        self._seen = np.zeros(0, np.bool_)
        self.distinct = DistinctKeys()

    def add(self, keys: Keys, documents: Places | None, tree: PathTree) -> Places:
        """Take in the keys of a block, and the document of each; None if that is the first.

        Returns the indices of those that are new.
        """
        self._of_nodes.learn(tree)
        self._seen = np.concatenate(
            (self._seen, np.zeros(len(self._of_nodes.hashes) - len(self._seen), np.bool_))
        )
        if not len(keys.nodes):
            return np.empty(0, np.intp)
        self._ledger.count_keys(keys.owners)
        are_data = self._of_nodes.are_data.take(keys.nodes)
        hashes = self._hashes(keys, are_data)
        new = self._add_distinct(keys, hashes, are_data, documents)
        for name, parser in self._parsers.items():
            if parser.keys.slots:
                self._add_missed(name, parser, keys, hashes, are_data)
            elif not parser.keys.most_bytes:
                self._add_all(name, parser, keys)
        return new

    @property
    def are_data(self) -> Flags:
        """By node: whether its keys are data, or unknown."""
        return self._of_nodes.are_data

    def finish(self) -> None:
        """Add what is known in the end alone: keys that are shared by a whole call."""
        for name, parser in self._parsers.items():
            if parser.keys.most_bytes and not parser.keys.slots:
                costs = self.distinct.costs_by_owner(len(self._seen))
                self._ledger.add_own(name, np.arange(len(costs)), Group.KEYS, costs)

    def _hashes(self, keys: Keys, are_data: Flags) -> Hashes:
        hashes = self._of_nodes.hashes.take(keys.nodes)
        data = np.flatnonzero(are_data)
        if len(data):
            some = keys.strings.take(data)
            starts = some.starts + 1
            hashes[data] = hashes_of(some.block.text, starts, some.ends - 1 - starts) | np.uint64(1)
        return hashes

    def _add_distinct(
        self, keys: Keys, hashes: Hashes, are_data: Flags, documents: Places | None
    ) -> Places:
        """Hand on the keys that this document may not have had before, and return the new ones."""
        if documents is not None:
            hashes = mixed(hashes, documents.astype(np.uint64))
            _, firsts = np.unique(hashes, return_index=True)
            new = np.sort(firsts)
        else:
            new = np.flatnonzero(are_data | ~self._seen.take(keys.nodes))
        self._seen[keys.nodes] = True
        if not len(new):
            return new
        some = keys.take(new)
        costs = self._strings.common(some.strings)
        return new.take(self.distinct.add(hashes.take(new), costs, some.owners))

    def _add_missed(
        self, name: str, parser: ParserCosts, keys: Keys, hashes: Hashes, are_data: Flags
    ) -> None:
        """Add the keys that a cache does not hold, and those that it never does."""
        cache = self._caches[name]
        slots = self._of_nodes.slots[name].take(keys.nodes)
        data = np.flatnonzero(are_data)
        if len(data):
            some = keys.strings.take(data)
            fits = some.utf8_bytes() <= parser.keys.most_bytes
            if parser.keys.ascii_only:
                fits &= (some.widths == ASCII) & (some.characters > 0)
            slots[data] = np.where(fits, cache.any_slots(hashes.take(data)), -1)
        held = np.flatnonzero(slots >= 0)
        missed = held.take(cache.misses(slots.take(held), hashes.take(held)))
        self._add_all(name, parser, keys.take(np.concatenate((missed, np.flatnonzero(slots < 0)))))

    def _add_all(self, name: str, parser: ParserCosts, keys: Keys) -> None:
        if not len(keys.nodes):
            return
        common = self._strings.common(keys.strings)
        self._ledger.add_own(name, keys.owners, Group.KEYS, common)
        if parser.grows_wide:
            indices, costs = self._strings.wide(keys.strings, common)
            self._ledger.add_own(name, keys.owners.take(indices), Group.KEYS, costs)
