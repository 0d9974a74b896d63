"""Writing: from drafts to the places of a shape."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from synthetic.learning.bins import ends_of
from synthetic.learning.drafts import Draft, TextDraft, add_size, less
from synthetic.learning.fresh_keys import FreshKeys
from synthetic.learning.giants import Large
from synthetic.learning.histograms import Cells
from synthetic.learning.key_sets import Found
from synthetic.learning.openings import Chains
from synthetic.learning.sketch import Seen, distinct_of
from synthetic.scan.kinds import FALSE, NULL, OPEN_ARRAY, OPEN_OBJECT, TRUE
from synthetic.shape import (
    Arrays,
    Bin,
    Floats,
    Giant,
    Integers,
    KeySet,
    Maps,
    Member,
    Nests,
    Numbers,
    Objects,
    Place,
    Strings,
    Texts,
    Width,
)

_WIDTH_NAMES: Final[tuple[Width, ...]] = ("ascii", "latin-1", "ucs-2", "ucs-4")
_HARDLY_REPEATED: Final = 0.9
_NEARLY_ALL: Final = 0.99
_MOST_KEY_SETS: Final = 64
_MOST_PIECES: Final = 12
_NEGATIVE: Final = 4
_EXPONENT: Final = 2
_FLOAT: Final = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Findings:
    """What is known beside the drafts.

    Attributes:
        total_bytes: of the whole text.
        giants: by node, those values that are to be made on their own.
        key_sets: by node.
        along: by node, the sizes along the way of a long container.
        key_of: the key of a node.
        name_of: the name that a key gets in the shape.
        fresh_keys: tells how many of the keys of maps no place before had.

    """

    total_bytes: int
    giants: Mapping[int, list[Large]]
    key_sets: Mapping[int, list[tuple[Found, int]]]
    along: Mapping[int, tuple[float, ...]]
    key_of: Callable[[int], str | None]
    name_of: Callable[[str], str]
    fresh_keys: FreshKeys


def place_of(draft: Draft, findings: Findings) -> Place:
    """Return the place of a draft."""
    kinds = draft.kinds
    objects = kinds[OPEN_OBJECT]
    return Place(
        count=draft.count,
        nulls=kinds[NULL],
        trues=kinds[TRUE],
        falses=kinds[FALSE],
        strings=_strings(draft, findings) if draft.strings else None,
        numbers=_numbers(draft) if draft.numbers else None,
        arrays=_arrays(draft, findings) if kinds[OPEN_ARRAY] else None,
        objects=_objects(draft, findings) if objects and not draft.has_maps else None,
        maps=_maps(draft, findings) if objects and draft.has_maps else None,
        nests=draft.nests,
    )


def _strings(draft: Draft, findings: Findings) -> Strings:
    giants = _giants(draft, findings, "string") if _number_of(draft.strings) > 1 else []
    texts = _texts(draft.strings, giants, findings)
    return Strings(
        texts=texts,
        distinct=_unless_all(draft.seen_strings, _number_of(draft.strings)),
    )


def _number_of(strings: Mapping[int, TextDraft]) -> int:
    return sum(count for text in strings.values() for count, _ in text.lengths.values())


def _texts(
    strings: Mapping[int, TextDraft], giants: list[Large], findings: Findings
) -> tuple[Texts, ...]:
    found = []
    for width, text in sorted(strings.items()):
        mine = [giant for giant in giants if giant.width == width]
        cells = _without(text.lengths, mine)
        characters = sum(total for _, total in text.lengths.values())
        found.append(
            Texts(
                width=_WIDTH_NAMES[width],
                characters=bins(cells),
                bytes=characters + text.extra_bytes,
                escaped=text.escaped,
                giants=_written(mine, findings),
            )
        )
    return tuple(found)


def _unless_all(seen: Seen, count: int) -> int | None:
    distinct = distinct_of(seen, count)
    return None if distinct > _HARDLY_REPEATED * count else distinct


def _numbers(draft: Draft) -> Numbers:
    integers, floats = [], []
    for (flags, detail, characters), count in sorted(draft.numbers.items()):
        negative = bool(flags & _NEGATIVE)
        if flags & _FLOAT:
            floats.append(
                Floats(
                    characters=characters,
                    whole=detail,
                    count=count,
                    negative=negative,
                    has_exponent=bool(flags & _EXPONENT),
                )
            )
        else:
            integers.append(
                Integers(characters=characters, limbs=detail, count=count, negative=negative)
            )
    return Numbers(
        integers=tuple(integers),
        floats=tuple(floats),
        distinct=_unless_all(draft.seen_numbers, sum(draft.numbers.values())),
    )


def _arrays(draft: Draft, findings: Findings) -> Arrays:
    is_one = draft.kinds[OPEN_ARRAY] == 1
    giants = [] if is_one else _giants(draft, findings, "array")
    elements = draft.elements
    return Arrays(
        lengths=bins(_without(draft.arrays, giants)),
        elements=place_of(elements, findings) if elements and elements.count else None,
        giants=_written(giants, findings),
        sizes_along=_along(draft, findings) if is_one else (),
    )


def _maps(draft: Draft, findings: Findings) -> Maps:
    is_one = draft.kinds[OPEN_OBJECT] == 1
    giants = [] if is_one else _giants(draft, findings, "object")
    values = place_of(draft.values or Draft(), findings)  # the keys in these come first
    return Maps(
        lengths=bins(_without(draft.objects, giants)),
        keys=_keys(draft, findings, is_one=is_one),
        values=values,
        giants=_written(giants, findings),
        sizes_along=_along(draft, findings) if is_one else (),
    )


def _keys(draft: Draft, findings: Findings, *, is_one: bool) -> Strings:
    """Return the keys of maps; those of a single one all differ."""
    texts = _texts(draft.keys, [], findings)
    count = draft.keys_count
    distinct = draft.distinct_keys
    if is_one or not distinct or distinct > _HARDLY_REPEATED * count:
        return Strings(texts=texts, fresh=_fresh(draft, count, findings))
    looked, again = draft.met_again
    return Strings(
        texts=texts,
        distinct=distinct,
        fresh=_fresh(draft, distinct, findings),
        commonest=_commonest(draft.key_uses),
        met_again=round(again / looked, 4) if looked else None,
    )


def _fresh(draft: Draft, distinct: int, findings: Findings) -> int | None:
    """Return how many of the distinct keys are fresh; None where hardly any is not."""
    fresh = findings.fresh_keys.of(draft.keys_sample, distinct)
    return None if fresh >= _NEARLY_ALL * distinct else fresh


def _commonest(uses: Sequence[float]) -> tuple[int, ...]:
    """Return how many keys are the commonest one, the next two, the next four, and so on.

    `uses` are how often each is used, from the commonest on.
    """
    found: list[int] = []
    first = 0
    while len(found) < _MOST_PIECES and first + (1 << len(found)) <= len(uses):
        end = first + (1 << len(found))
        found.append(round(sum(uses[first:end])))
        first = end
    return tuple(found)


def _along(draft: Draft, findings: Findings) -> tuple[float, ...]:
    return next((findings.along[node] for node in draft.nodes if node in findings.along), ())


def _objects(draft: Draft, findings: Findings) -> Objects:
    count = draft.kinds[OPEN_OBJECT]
    sets = _key_sets_of(draft, findings)
    order = in_order(list(draft.members), [keys for keys, _ in sets.most_common()])
    members = tuple(
        Member(key=findings.name_of(key), place=place_of(draft.members[key], findings))
        for key in order
    )
    is_fixed = all(member.place.count == count for member in members)
    numbers = {key: number for number, key in enumerate(order)}
    key_sets = tuple(
        KeySet(keys=tuple(sorted(numbers[key] for key in keys)), count=times)
        for keys, times in sets.most_common(_MOST_KEY_SETS)
    )
    if is_fixed or not _agree(members, key_sets, count):
        key_sets = ()
    return Objects(count=count, members=members, key_sets=key_sets)


def _agree(members: Sequence[Member], key_sets: Sequence[KeySet], count: int) -> bool:
    """Whether there are objects enough, beyond those of the sets, for the rest of each member.

    There are not where objects hold one key twice.
    """
    used = Counter(dict.fromkeys(range(len(members)), 0))
    for key_set in key_sets:
        used.update(dict.fromkeys(key_set.keys, key_set.count))
    others = count - sum(key_set.count for key_set in key_sets)
    return others >= 0 and all(
        used[key] <= member.place.count <= used[key] + others for key, member in enumerate(members)
    )


def _key_sets_of(draft: Draft, findings: Findings) -> Counter[tuple[str, ...]]:
    """Return the sets of keys of a draft's objects, each in the order of the text."""
    sets: Counter[tuple[str, ...]] = Counter()
    for node in draft.nodes:
        for found, count in findings.key_sets.get(node, ()):
            keys = [findings.key_of(member) for member in found.members]
            names = tuple(key for key in keys if key is not None and key in draft.members)
            if count and len(names) == len(set(names)) == len(found.members):
                sets[names] += count
    return sets


def in_order(keys: Sequence[str], sets: Sequence[Sequence[str]]) -> list[str]:
    """Return keys in an order that agrees with that of the sets, the first of all."""
    order: list[str] = []
    known: set[str] = set()
    for names in [*sets, keys]:
        at = 0
        for key in names:
            if key in known:
                at = order.index(key) + 1
                continue
            order.insert(at, key)
            known.add(key)
            at += 1
    return order


def empty_nests(chains: Chains) -> Nests:
    """Return nests with nothing in them."""
    return Nests(count=chains.count, arrays=chains.arrays, objects=chains.objects)


def nests_of(deeper: Draft, count: int, levels: int, findings: Findings) -> Nests:
    """Return the nests that hold all that is too deep for places."""
    arrays, objects = deeper.kinds[OPEN_ARRAY], deeper.kinds[OPEN_OBJECT]
    leaves = Draft(
        kinds=less(deeper.kinds, {OPEN_ARRAY: arrays, OPEN_OBJECT: objects}),
        strings=deeper.strings,
        numbers=deeper.numbers,
        seen_strings=deeper.seen_strings,
        seen_numbers=deeper.seen_numbers,
    )
    return Nests(
        count=count,
        arrays=arrays,
        objects=objects,
        levels=levels,
        leaves=place_of(leaves, findings) if leaves.count else None,
    )


def bins(cells: Cells) -> tuple[Bin, ...]:
    """Return the bins of a histogram."""
    found = []
    for bin_, (count, total) in sorted(cells.items()):
        low, high = ends_of(bin_)
        if total == count * low:
            high = low
        found.append(Bin(low=low, high=high, count=count, total=total))
    return tuple(found)


def _without(cells: Cells, giants: list[Large]) -> Cells:
    if not giants:
        return cells
    rest = dict(cells)
    for giant in giants:
        add_size(rest, giant.size, -1)
    return rest


def _giants(draft: Draft, findings: Findings, kind: str) -> list[Large]:
    return [
        giant
        for node in draft.nodes
        for giant in findings.giants.get(node, ())
        if giant.kind == kind
    ]


def _written(giants: list[Large], findings: Findings) -> tuple[Giant, ...]:
    return tuple(
        Giant(at=round(giant.offset / findings.total_bytes, 4), size=giant.size)
        for giant in sorted(giants, key=lambda one: one.offset)
    )
