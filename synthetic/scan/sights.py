"""Sights: the tokens of a text, as they are in it and as they were found, and their strings."""

import dataclasses

import numpy as np

from synthetic.scan.characters import leads_of
from synthetic.scan.containers import Containers
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.excerpts import Excerpt, wide_of
from synthetic.scan.kinds import COLON, STRING, Bytes, Flags, Kinds, Places
from synthetic.scan.long_string import Stretch
from synthetic.scan.marks import Marks
from synthetic.scan.numbers import kinds_of_scalars, oddities_of
from synthetic.scan.strings import Texts, texts_of
from synthetic.scan.tokens import Tokens


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sight:
    """The complete tokens of a text: as they are in it, and as the marks have them.

    The marks are those of the text, or of its excerpt if there is one.
    """

    text: bytes
    view: Bytes
    tokens: Tokens
    found: Tokens
    excerpt: Excerpt | None = None

    def texts(self, marks: Marks, tokens: Tokens, *, is_sound: bool) -> Texts:
        """Return what is known of the strings among tokens, which are checked.

        Raises InvalidJsonError, with the offset in the text, for what may not be in a string.
        """
        starts, ends = tokens.starts.take(tokens.strings), tokens.string_ends
        if self.excerpt is not None:
            wide = wide_of(self.text, self.view, starts, ends)
            escapes = self.excerpt.escapes
            escapes = escapes[: np.searchsorted(escapes, tokens.end)]
            return texts_of(self.view, starts, ends, wide, escapes)
        check_controls(marks, tokens.end)
        leads = leads_of(self.text, marks.padded, tokens.end)
        escapes = marks.escapes[: np.searchsorted(marks.escapes, tokens.end)]
        if not is_sound:  # there may be backslashes outside of strings
            escapes = escapes.compress(are_inside(escapes, starts, ends))
        return texts_of(self.view, starts, ends, leads, escapes)


def with_stretches(texts: Texts, tokens: Tokens, stretches: tuple[Stretch, ...]) -> Texts:
    """Put in what is known of the long strings."""
    if stretches and texts.are_plain:
        texts = dataclasses.replace(texts, characters=texts.contents.copy(), are_plain=False)
    starts = tokens.starts.take(tokens.strings) if stretches else tokens.starts
    lone = texts.has_lone_surrogate
    for stretch in stretches:
        at = int(np.searchsorted(starts, stretch.place))
        if at == len(starts) or starts[at] != stretch.place:
            continue
        texts.contents[at] = stretch.string.content_bytes
        texts.characters[at] = stretch.string.characters
        texts.widths[at] = stretch.string.width
        texts.escaped[at] = stretch.string.escaped
        lone |= stretch.string.has_lone_surrogate
    return dataclasses.replace(texts, has_lone_surrogate=lone) if stretches else texts


def tell_scalars(tokens: Tokens, marks: Marks) -> None:
    """Turn, in place, the kinds of scalars to what they are."""
    at = tokens.scalars
    odd = oddities_of(marks).before(tokens.end)
    kinds = kinds_of_scalars(marks.padded, tokens.starts.take(at), tokens.scalar_ends, odd)
    tokens.kinds[at] = kinds


def complete(kinds: Kinds) -> int:
    """Return how many tokens are complete: a last string, or key and colon, may be a key's."""
    count = len(kinds)
    if count and kinds[count - 1] == STRING:
        count -= 1
    if count and kinds[count - 1] == COLON:
        count -= 2
    return max(0, count)


def open_contexts(before: Kinds, containers: Containers) -> Kinds:
    """Return the contexts that are open behind a block."""
    still = np.flatnonzero(containers.closers[1:] < 0) + 1
    return np.concatenate((before[: containers.bottom], containers.contexts.take(still)))


def are_inside(places: Places, starts: Places, ends: Places) -> Flags:
    """Return which places are inside of strings."""
    if not len(starts):
        return np.zeros(len(places), np.bool_)
    owners = np.searchsorted(starts, places, side="right") - 1
    inside: Flags = (owners >= 0) & (places < ends.take(owners))
    return inside


def check_controls(marks: Marks, end: int) -> None:
    """Raise InvalidJsonError for a control character in a string."""
    if len(marks.controls) and int(marks.controls[0]) < end:
        raise InvalidJsonError(int(marks.controls[0]), "a string holds a control character")
