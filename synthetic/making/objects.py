"""Objects whose keys are the structure's: each set of keys is a form for the values."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from synthetic.making.layout import Brackets
from synthetic.making.quotas import Quota
from synthetic.making.shuffling import Shuffler

if TYPE_CHECKING:
    from synthetic.making.places import PlaceMaker


class KeySetMaker:
    """Objects that all have the same members, by index."""

    def __init__(self, members: Sequence[int], count: int) -> None:
        """Make `count` objects in all."""
        self.members = tuple(members)
        self.count = count


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemberMaker:
    """A member of objects: its key as it stands in the text, with its colon, and its values."""

    label: bytes
    place: "PlaceMaker"


class ObjectMaker:
    """Makes the objects of a place.

    Attributes:
        labels: the keys as they stand in the text, with their colons.
        places: the makers of the members' values.
        key_sets: the common sets of keys.
        others: how many objects have their members by chance; `present` draws which.

    """

    def __init__(
        self,
        *,
        count: int,
        members: Sequence[MemberMaker],
        key_sets: Sequence[KeySetMaker],
        brackets: Brackets,
        shuffler: Shuffler,
    ) -> None:
        """Make `count` objects in all."""
        self.count = count
        self.labels = [member.label for member in members]
        self.places = [member.place for member in members]
        self.brackets = brackets
        self._shuffler = shuffler
        self.key_sets = list(key_sets)
        self.others = count - sum(key_set.count for key_set in key_sets)
        left = self._left()
        if self.others and all(each in {0, self.others} for each in left):
            always = [member for member, each in enumerate(left) if each]
            self.key_sets.append(KeySetMaker(always, self.others))
            self.others = 0
            left = [0] * len(left)
        self.left = left
        self.present = [Quota([each, max(self.others - each, 0)]) for each in left if self.others]
        self._forms = [self._form(key_set.members) for key_set in self.key_sets]

    def _left(self) -> list[int]:
        """Return how often each member stands in objects of no common set of keys."""
        in_sets = [0] * len(self.places)
        for key_set in self.key_sets:
            for member in key_set.members:
                in_sets[member] += key_set.count
        return [
            max(place.count - used, 0) for place, used in zip(self.places, in_sets, strict=True)
        ]

    @property
    def choices(self) -> int:
        """Between how many kinds of object is chosen."""
        return len(self.key_sets) + bool(self.others)

    def own_bytes(self) -> int:
        """Return the bytes of all objects without their members' values."""
        brackets = self.brackets
        full = sum(key_set.count for key_set in self.key_sets if key_set.members)
        full += min(self.others, sum(self.left))
        frame = len(brackets.opening) + len(brackets.closing) - len(brackets.comma)
        labels = sum(
            place.count * (len(label) + len(brackets.comma))
            for place, label in zip(self.places, self.labels, strict=True)
        )
        return full * frame + (self.count - full) * len(brackets.empty) + labels

    def whole_bytes(self) -> int:
        """Return the bytes of all objects."""
        return self.own_bytes() + sum(place.whole_bytes for place in self.places)

    def plain_bytes(self) -> int:
        """Return the bytes of all objects, were there no giants in them."""
        total = self.own_bytes()
        for place in self.places:
            mean, among = place.mean_plain()
            total += place.count * mean // among
        return total

    def texts(self, drawn: Sequence[int], weight: int) -> list[bytes]:
        """Return the templates of so many objects of each key set, and of the others."""
        others = drawn[len(self.key_sets)] if self.others else 0
        present = self._draw_present(others, weight)
        needed = list(present)
        for key_set, count in zip(self.key_sets, drawn, strict=False):
            for member in key_set.members:
                needed[member] += count
        columns = [
            iter(place.texts(count, weight)) if count else iter(())
            for place, count in zip(self.places, needed, strict=True)
        ]
        texts: list[bytes] = []
        for key_set, form, count in zip(self.key_sets, self._forms, drawn, strict=False):
            if not count:
                continue
            if not key_set.members:
                texts += [self.brackets.empty] * count
                continue
            rows = zip(*[itertools.islice(columns[i], count) for i in key_set.members], strict=True)
            texts += [form % row for row in rows]
        texts += self._others(others, present, columns)
        return texts

    def _draw_present(self, others: int, weight: int) -> list[int]:
        if not others:
            return [0] * len(self.places)
        return [min(quota.draw(others, weight)[0], others) for quota in self.present]

    def _others(
        self, count: int, present: Sequence[int], columns: Sequence[Iterator[bytes]]
    ) -> Iterator[bytes]:
        """Yield objects with each member in as many of them as it is present in, by chance."""
        members: list[list[bytes]] = [[] for _ in range(count)]
        for label, number, column in zip(self.labels, present, columns, strict=True):
            if number:
                chosen = range(count) if number == count else self._shuffler.order(count)[:number]
                for index, value in zip(chosen, column, strict=True):
                    members[index].append(label + value)
        brackets = self.brackets
        for own in members:
            if own:
                yield brackets.opening + brackets.comma.join(own) + brackets.closing
            else:
                yield brackets.empty

    def _form(self, members: Sequence[int]) -> bytes:
        brackets = self.brackets
        each = (self.labels[member].replace(b"%", b"%%") + b"%b" for member in members)
        return brackets.opening + brackets.comma.join(each) + brackets.closing
