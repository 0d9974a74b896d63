"""The census: takes the blocks of a text, and adds up what their values cost in each parser."""

from typing import Final

import numpy as np

from synthetic.scan.containers import OBJECT, ROOT
from synthetic.scan.kinds import Kind, Places
from synthetic.scan.paths import ROOT_NODE, PathTree, Values
from synthetic.scan.scanner import Block
from synthetic.xray.costs import Allocator, ContainerCosts, Costs
from synthetic.xray.gaps import Gaps, gaps_of
from synthetic.xray.groups import GROUP_OF, Group
from synthetic.xray.integers import IntegerCosts
from synthetic.xray.key_costs import KeyCosts, Keys
from synthetic.xray.large_blocks import LargeBlocks, NewKeys
from synthetic.xray.ledger import Ledger
from synthetic.xray.model import CostModel
from synthetic.xray.oddities import Oddities
from synthetic.xray.open_containers import Closed, OpenContainers
from synthetic.xray.path_text import path_of_node
from synthetic.xray.texts import StringCosts, Strings
from synthetic.xray.whole_text import WholeText

_KEY_TO_VALUE: Final = 2


class Census:
    """What is known of a text once all its blocks are taken in."""

    def __init__(self, model: CostModel, *, follows_heap: bool = True) -> None:
        """Begin with nothing counted; gaps between blocks are, if the heap is to be followed."""
        allocator = Allocator(model)
        self.model = model
        self.tree = PathTree()
        self.ledger = Ledger(tuple(model.parsers))
        self.open = OpenContainers()
        self.text = WholeText()
        self.oddities = Oddities()
        self.documents = 0
        self.widest_paths: list[str] = []
        self.has_byte_order_mark = False
        self.values = 0
        self.keys = 0
        self.containers = {
            name: ContainerCosts(model, parser, allocator) for name, parser in model.parsers.items()
        }
        self._strings = StringCosts(model, allocator)
        self._integers = IntegerCosts(model, allocator)
        self._float = float(allocator.resident(np.array([model.float_bytes], np.intp))[0])
        self.key_costs = KeyCosts(model, self._strings, self.ledger)
        self._large_blocks = {
            name: LargeBlocks(model, parser)
            for name, parser in model.parsers.items()
            if follows_heap and parser.lists and model.has_known_heap
        }
        self.gaps: dict[str, Gaps] = {}

    def take(self, block: Block) -> None:
        """Take in the next block."""
        values = self.tree.values_of(block)
        self.ledger.reserve(len(self.tree))
        kinds = values.kinds
        costs = np.where(kinds == Kind.FLOAT, self._float, 0.0)
        self._take_strings(block, values, np.flatnonzero(kinds == Kind.STRING), costs)
        self._take_integers(block, values, np.flatnonzero(kinds == Kind.INTEGER), costs)
        self.ledger.add_values(values.nodes, GROUP_OF.take(kinds), costs)
        closed = self._take_containers(block, values)
        self._take_large_blocks(block, values, closed, self._take_keys(block, values))
        self.values += len(values.tokens)
        self.text.take(block)
        for widening in self.text.new:
            self.widest_paths.append(self._path_of(block, values, widening.token))
        self.oddities.take(block, values, self.key_costs.are_data)

    def finish(self) -> None:
        """Add what is known in the end alone."""
        self.key_costs.finish()
        self.text.finish()
        for name, blocks in self._large_blocks.items():
            texts = self.text.decoded_sizes() if self.model.parsers[name].decodes else ()
            gaps = gaps_of(blocks, texts, is_one=self.documents <= 1)
            self.gaps[name] = gaps
            cost = np.array([float(gaps.retained_bytes)])
            self.ledger.add_own(name, np.array([ROOT_NODE], np.intp), Group.GAPS, cost)
        self._large_blocks.clear()  # the tree of paths takes their place in memory

    def _take_strings(self, block: Block, values: Values, at: Places, costs: Costs) -> None:
        if not len(at):
            return
        is_value = block.kinds.take(block.strings) == Kind.STRING
        strings = Strings(block, np.flatnonzero(is_value))
        common = self._strings.common(strings)
        costs[at] = common
        nodes = values.nodes.take(at)
        for name, parser in self.model.parsers.items():
            indices, own = self._strings.own(parser, strings, common)
            self.ledger.add_own(name, nodes.take(indices), Group.STRINGS, own)

    def _take_integers(self, block: Block, values: Values, at: Places, costs: Costs) -> None:
        if not len(at):
            return
        tokens = values.tokens.take(at)
        starts, ends = block.starts.take(tokens), block.ends.take(tokens)
        common = self._integers.common(block.view, starts, ends)
        costs[at] = common
        indices, own = self._integers.as_floats(block.view, starts, ends, common)
        for name, parser in self.model.parsers.items():
            if parser.wide_integers_are_floats:
                nodes = values.nodes.take(at.take(indices))
                self.ledger.add_own(name, nodes, Group.INTEGERS, own)

    def _take_large_blocks(
        self, block: Block, values: Values, closed: Closed, keys: NewKeys
    ) -> None:
        is_value = block.kinds.take(block.strings) == Kind.STRING
        strings = Strings(block, np.flatnonzero(is_value))
        for name, blocks in self._large_blocks.items():
            large = self._strings.large(self.model.parsers[name], strings)
            blocks.take(block, values, large, closed, keys)

    def _take_containers(self, block: Block, values: Values) -> Closed:
        closed = self.open.close(block, values)
        for are_objects, group in ((True, Group.OBJECTS), (False, Group.ARRAYS)):
            at = np.flatnonzero(closed.are_objects == are_objects)
            if not len(at):
                continue
            nodes, elements = closed.nodes.take(at), closed.elements.take(at)
            self.ledger.count_sizes(nodes, elements, arrays=not are_objects)
            for name, costs in self.containers.items():
                own = costs.dicts(elements) if are_objects else costs.lists(elements)
                self.ledger.add_own(name, nodes, group, own)
        return closed

    def _take_keys(self, block: Block, values: Values) -> NewKeys:
        key_places = np.flatnonzero(block.kinds.take(block.strings) == Kind.KEY)
        key_tokens = block.strings.take(key_places)
        # Each key is followed by its value, and no block ends between the two.
        named = np.flatnonzero(block.contexts.take(values.tokens) == OBJECT)
        owners = values.container_nodes.take(values.owners.take(named))
        keys = Keys(Strings(block, key_places), values.nodes.take(named), owners)
        new = self.key_costs.add(keys, self._documents_of(block, values, key_tokens), self.tree)
        self.keys += len(key_tokens)
        return NewKeys(tokens=key_tokens.take(new), count=self.key_costs.distinct.count_so_far)

    def _documents_of(self, block: Block, values: Values, tokens: Places) -> Places | None:
        """Return the number of the document that tokens are in, or None if that is the first.

        The documents are counted here.
        """
        before = self.documents
        roots = values.tokens.compress(block.contexts.take(values.tokens) == ROOT)
        if len(roots):
            self.documents += len(roots)
            self.text.begin_documents(block, block.starts.take(roots))
        if self.documents <= 1:
            return None
        return np.searchsorted(roots, tokens, side="right") + (before - 1)

    def _path_of(self, block: Block, values: Values, token: int) -> str:
        """Return the path of the value that a token begins or, of a key, that it names."""
        wanted = token + (_KEY_TO_VALUE if block.kinds[token] == Kind.KEY else 0)
        at = min(int(np.searchsorted(values.tokens, wanted)), len(values.nodes) - 1)
        return path_of_node(self.tree, int(values.nodes[at]))
