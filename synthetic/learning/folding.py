"""Folding: from the census of a text to the drafts of its places."""

import dataclasses
from collections.abc import Mapping
from typing import Final

import numpy as np

from synthetic.learning.census import IS_FLOAT, WIDTHS, Census, TextCensus
from synthetic.learning.drafts import Draft, NumberClass, TextDraft, add_size, width_of
from synthetic.learning.grouping import Grouping, Table, grouped
from synthetic.learning.histograms import totals_by_place
from synthetic.learning.keys_of_maps import put_keys
from synthetic.scan.kinds import FLOAT, INTEGER, KINDS, STRING, Places
from synthetic.scan.paths import DEEPER_NODE

_DEEPER_KEY: Final = "a"
"""Stands for the keys below which all is too deep; nobody looks at these."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settled:
    """The drafts of a text.

    Attributes:
        root: that of the root.
        deeper: that of all that is too deep for places.
        tops: those with values that hold what is too deep.
        data: the keys that were found to be data in the end.

    """

    root: Draft
    deeper: Draft
    tops: list[Draft]
    data: frozenset[str]


def settled(census: Census) -> Settled:
    """Return the drafts of a census, with all that was counted in them, which it forgets."""
    numbers = census.numbers()
    table = _table(census, numbers)
    grouping = grouped(census.tree, table)
    of_nodes = grouping.of_nodes
    kinds = tuple(table[DEEPER_NODE].tolist())
    deeper = of_nodes[DEEPER_NODE] = Draft(nodes=[DEEPER_NODE], kinds=kinds)
    places = np.array(
        [node if draft is None else draft.nodes[0] for node, draft in enumerate(of_nodes)], np.intp
    )
    _put_numbers(numbers, of_nodes)
    _put_texts(census.strings, places, of_nodes, are_keys=False)
    _put_texts(census.keys, places, of_nodes, are_keys=True)
    for owner, cells in census.openings.sizes.cells(places).items():
        draft = _of(of_nodes, owner // 2)
        if owner % 2:
            draft.objects = cells
        else:
            draft.arrays = cells
    for owner, seen in census.sketch.seen(places, 2).items():
        draft = _of(of_nodes, owner // 2)
        if owner % 2:
            draft.seen_numbers = seen
        else:
            draft.seen_strings = seen
    _put_encounters(census, grouping, places)
    counts = [int(table.take(nodes, axis=0).sum()) for _, _, nodes in grouping.data]
    put_keys(census, grouping, places, counts)
    for (draft, key, nodes), count in zip(grouping.data, counts, strict=True):
        _add_key(draft, key, census.tree.key_bytes[nodes[0]], count)
    return Settled(
        root=grouping.root,
        deeper=deeper,
        tops=_put_chains(census, grouping),
        data=frozenset(key for _, key, _ in grouping.data),
    )


def _of(of_nodes: list[Draft | None], node: int) -> Draft:
    draft = of_nodes[node]
    if draft is None:
        raise ValueError(f"node {node} is below no place")
    return draft


def _table(census: Census, numbers: Mapping[tuple[int, int, int, int], int]) -> Table:
    """Return how many values there are, by node and by kind."""
    table = np.zeros((len(census.tree), KINDS), np.intp)
    for code, count in census.others.spent().items():
        table[divmod(code, KINDS)] += count
    for (node, flags, _, _), count in numbers.items():
        table[node, FLOAT if flags & IS_FLOAT else INTEGER] += count
    owners, counts = census.strings.lengths.counts()
    np.add.at(table[:, STRING], owners // WIDTHS, counts)
    return table


def _put_numbers(
    numbers: Mapping[tuple[int, int, int, int], int], of_nodes: list[Draft | None]
) -> None:
    by_place: dict[int, dict[NumberClass, int]] = {}
    for (node, *number), count in numbers.items():
        draft = _of(of_nodes, node)
        found = by_place.setdefault(draft.nodes[0], {})
        draft.numbers = found
        class_ = (number[0], number[1], number[2])
        found[class_] = found.get(class_, 0) + count


def _put_texts(
    texts: TextCensus,
    places: Places,
    of_nodes: list[Draft | None],
    *,
    are_keys: bool,
) -> None:
    extra_bytes = totals_by_place(texts.extra_bytes, WIDTHS, places)
    escaped = totals_by_place(texts.escaped, WIDTHS, places)
    for owner, cells in texts.lengths.cells(places).items():
        place, width = divmod(owner, WIDTHS)
        draft = _of(of_nodes, place)
        text = TextDraft(
            lengths=cells,
            extra_bytes=extra_bytes.get(owner, 0),
            escaped=escaped.get(owner, 0),
        )
        if are_keys:
            draft.keys = {**draft.keys, width: text}
        else:
            draft.strings = {**draft.strings, width: text}


def _put_encounters(census: Census, grouping: Grouping, places: Places) -> None:
    keys = totals_by_place(census.encounters.keys, 1, places)
    again = totals_by_place(census.encounters.again, 1, places)
    for draft in {id(draft): draft for draft in grouping.of_nodes if draft is not None}.values():
        if draft.values is not None:
            place = draft.values.nodes[0]
            draft.met_again = keys.get(place, 0), again.get(place, 0)


def _add_key(draft: Draft, key: str, written_bytes: int, count: int) -> None:
    """Add a key of so many objects, which was found to be data in the end."""
    width = width_of(key)
    text = draft.keys.get(width)
    if text is None:
        text = TextDraft()
        draft.keys = {**draft.keys, width: text}
    add_size(text.lengths, len(key), count)
    encoded = len(key.encode("utf-8", "surrogatepass"))
    text.extra_bytes += (written_bytes - len(key)) * count
    text.escaped += max(0, written_bytes - encoded) * count


def _put_chains(census: Census, grouping: Grouping) -> list[Draft]:
    """Hang what is too deep for places of its own below the places that it is in."""
    tops = []
    for (node, is_in_object), chains in census.openings.chains.items():
        draft = _of(grouping.of_nodes, node)
        if not is_in_object:
            top = draft.elements = draft.elements or Draft()
        elif draft.has_maps:
            top = draft.values = draft.values or Draft()
            _add_key(draft, _DEEPER_KEY, len(_DEEPER_KEY), chains.count)
        else:
            top = draft.members.get(_DEEPER_KEY) or Draft()
            draft.members = {**draft.members, _DEEPER_KEY: top}
        if top.chains is None:
            top.chains = chains
            tops.append(top)
        else:
            top.chains.arrays += chains.arrays
            top.chains.objects += chains.objects
    return tops
