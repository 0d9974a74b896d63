"""The scanner: takes the bytes of a JSON text piece by piece, and gives blocks of its tokens."""

import codecs
import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from synthetic.scan.containers import OBJECT, ROOT, Containers, UnopenedError, containers_of
from synthetic.scan.errors import InvalidJsonError
from synthetic.scan.excerpts import excerpt_of
from synthetic.scan.grammar import mark_keys, misplaced_at, why_misplaced
from synthetic.scan.kinds import IS_VALUE, SCALAR, Bytes, Kind, Kinds, Places
from synthetic.scan.long_string import LongString, Stretch
from synthetic.scan.marks import Marks
from synthetic.scan.sights import Sight, complete, open_contexts, tell_scalars, with_stretches
from synthetic.scan.strings import Texts
from synthetic.scan.tokens import Tokens, tokens_of

BLOCK_BYTES: Final = 256 * 1024
"""So much text at a time stays in the processor's cache together with its tokens."""

_SPARSE_PIECES: Final = 4
"""So many pieces at a time where nearly all is in long strings: what a block costs is much more
than a look at its bytes then."""
_BYTES_OF_TOKEN: Final = 32
"""Such a text has no more tokens than one for so many bytes."""
_LONG_BYTES: Final = 64 * 1024
_BOM: Final = codecs.BOM_UTF8
_LINE_FEED: Final = 0x0A
_SPACES: Final = b" \t\n\r"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """The tokens of a stretch of text; it never ends between a key and its value.

    Attributes:
        offset: the byte of the whole text at which `text` begins.
        text: the bytes; positions count from its begin.
        tokens: the tokens themselves; keys are marked, and scalars told apart.
        contexts: ROOT, OBJECT or ARRAY, of each token: what it is in.
        containers: the objects and arrays that the tokens are in.
        texts: what is known of the strings and keys.
        stretches: the long strings among them.

    """

    offset: int
    text: bytes
    view: Bytes
    tokens: Tokens
    contexts: Kinds
    containers: Containers
    texts: Texts
    stretches: tuple[Stretch, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def kinds(self) -> Kinds:
        """The kind of each token."""
        return self.tokens.kinds

    @property
    def starts(self) -> Places:
        """Where each token starts."""
        return self.tokens.starts

    @functools.cached_property
    def ends(self) -> Places:
        """Where each token ends."""
        return self.tokens.ends()

    @property
    def strings(self) -> Places:
        """The indices of the tokens that are strings or keys."""
        return self.tokens.strings

    def offset_of(self, place: int) -> int:
        """Return the byte of the whole text at a position of this block's."""
        return _offset_of(self.offset, self.stretches, place)


def _offset_of(offset: int, stretches: Iterable[Stretch], place: int) -> int:
    return offset + place + sum(s.string.content_bytes for s in stretches if s.place < place)


class Scanner:
    """Finds the tokens of a text that comes in pieces, in memory that does not grow with it.

    One value, or one on each line (NDJSON), is what is read. What is no JSON raises
    InvalidJsonError with the first byte at which that is certain.
    """

    def __init__(self) -> None:
        self._marks = Marks()
        self._carry = b""
        self._offset = 0
        self._stretches: tuple[Stretch, ...] = ()
        self._contexts = np.empty(0, np.uint8)
        self._before = Kind.START
        self._on_new_line = True
        self._began = False
        self._long: LongString | None = None
        self._is_sparse = False
        self.roots = 0
        self.has_bom = False

    @classmethod
    def resumed(cls, offset: int, contexts: Kinds) -> "Scanner":
        """Return a scanner of the rest of a text, which begins behind a comma at byte `offset`.

        `contexts` are those of what is open there, outermost first, each OBJECT or ARRAY.
        """
        scanner = cls()
        scanner._offset = offset
        scanner._contexts = contexts
        scanner._before = Kind.COMMA
        scanner._began = True
        scanner.roots = 1
        return scanner

    def blocks(self, pieces: Iterable[bytes]) -> Iterator[Block]:
        """Yield the blocks of a text, none of them empty."""
        yield from self.blocks_to_comma(pieces)
        block = self._finish()
        if block is not None:
            yield block

    def blocks_to_comma(self, pieces: Iterable[bytes]) -> Iterator[Block]:
        """Yield the blocks of the first part of a text, which ends with a comma."""
        for several in self._gathered(pieces):
            block = self._take_together(several)
            if block is not None:
                yield block
                continue
            for piece in several:
                block = self._take(piece)
                if block is not None and len(block):
                    yield block

    def _gathered(self, pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Yield pieces one by one, or several where so many have few tokens."""
        waiting: list[bytes] = []
        for piece in pieces:
            waiting.append(piece)
            if not self._is_sparse or len(waiting) == _SPARSE_PIECES:
                yield waiting
                waiting = []
        if waiting:
            yield waiting

    def _take_together(self, pieces: list[bytes]) -> Block | None:
        """Take several pieces at once; None, and nothing done, where that is not worth it."""
        if len(pieces) == 1 or self._long is not None:
            return None
        text = b"".join((self._carry, *pieces))
        read = self._read_excerpt(text, np.frombuffer(text, np.uint8))
        if read is None or read[1] is None:
            return None
        tokens, block = read
        self._keep(text, tokens.end, tokens.unfinished_at)
        return block

    def close(self) -> None:
        """Give back the memory that only reading takes; nothing can be read after this."""
        self._marks = Marks()

    def is_behind_comma(self, contexts: Kinds) -> bool:
        """Whether all was scanned, a comma came last, and just this is open."""
        is_done = not self._carry and self._long is None and self._before is Kind.COMMA
        return is_done and np.array_equal(self._contexts, contexts)

    def _take(self, piece: bytes) -> Block | None:
        if self._long is not None:
            rest = self._long.take(piece)
            if rest is None:
                return None
            self._stretches += (Stretch(place=len(self._carry) - 1, string=self._long),)
            self._long = None
            piece = b'"' + rest
        text = self._carry + piece
        if not self._began:
            if len(text) < len(_BOM) + 1:
                self._carry = text
                return None
            text = self._begin(text)
        return self._scan(text, is_last=False)

    def _begin(self, text: bytes) -> bytes:
        self._began = True
        if text.startswith(_BOM):
            self.has_bom = True
            self._offset = len(_BOM)
            return text[len(_BOM) :]
        if text[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} or b"\x00" in text[:4]:
            raise InvalidJsonError(0, "the text is UTF-16 or UTF-32; convert it to UTF-8")
        return text

    def _finish(self) -> Block | None:
        if self._long is not None:
            raise InvalidJsonError(self._long.end, "the text ends inside a string")
        text = self._carry if self._began else self._begin(self._carry)
        block = self._scan(text, is_last=True)
        end = _offset_of(self._offset, self._stretches, len(self._carry))
        if self._contexts.size:
            what = "an object" if self._contexts[-1] == OBJECT else "an array"
            raise InvalidJsonError(end, f"the text ends inside {what}")
        if not self.roots:
            raise InvalidJsonError(end, "the text holds no value")
        return block

    def _scan(self, text: bytes, *, is_last: bool) -> Block | None:
        """Return the block of what is complete in a text; the rest is carried on."""
        view = np.frombuffer(text, np.uint8)
        read = None if is_last else self._read_excerpt(text, view)
        tokens, block = read or self._read_whole(text, view, is_last=is_last)
        cut = tokens.unfinished_at
        consumed = tokens.end
        if is_last and cut is not None:
            end = _offset_of(self._offset, self._stretches, len(text))
            raise InvalidJsonError(end, "the text ends inside a string")
        if is_last:
            consumed = len(text)
        self._keep(text, consumed, cut)
        return block

    def _read_whole(
        self, text: bytes, view: Bytes, *, is_last: bool
    ) -> tuple[Tokens, Block | None]:
        """Return the complete tokens of a text, and their block."""
        self._marks.read(text, view)
        tokens = tokens_of(self._marks, is_last=is_last)
        if not is_last or tokens.unfinished_at is not None:
            tokens = tokens.first(complete(tokens.kinds))
        if not len(tokens):
            return tokens, None
        return tokens, self._block(Sight(text=text, view=view, tokens=tokens, found=tokens))

    def _read_excerpt(self, text: bytes, view: Bytes) -> tuple[Tokens, Block | None] | None:
        """Do the same without a look at each byte of long strings; None if that cannot be done."""
        excerpt = excerpt_of(text, view)
        self._is_sparse = False
        if excerpt is None:
            return None
        self._marks.read(excerpt.text, excerpt.view)
        found = tokens_of(self._marks, is_last=False)
        found = found.first(complete(found.kinds))
        tokens = found.moved(excerpt.places)
        if not len(tokens):
            return tokens, None
        sight = Sight(text=text, view=view, tokens=tokens, found=found, excerpt=excerpt)
        before = self.roots, self._on_new_line
        try:
            block = self._block(sight)
        except InvalidJsonError:  # what is wrong, and where, a look at the whole text tells
            self.roots, self._on_new_line = before
            return None
        self._is_sparse = len(tokens) * _BYTES_OF_TOKEN < len(text)
        return tokens, block

    def _keep(self, text: bytes, consumed: int, cut: int | None) -> None:
        """Carry on what is not consumed, without the white space that it begins with."""
        rest = text[consumed:]
        carry = rest.lstrip(_SPACES)
        skipped = len(rest) - len(carry)
        self._on_new_line |= b"\n" in rest[:skipped]
        consumed += skipped
        self._offset = _offset_of(self._offset, self._stretches, consumed)
        self._stretches = tuple(
            Stretch(place=stretch.place - consumed, string=stretch.string)
            for stretch in self._stretches
            if stretch.place >= consumed
        )
        self._carry = carry
        if cut is not None and len(text) - cut > _LONG_BYTES:
            opening = cut - consumed
            self._carry = carry[: opening + 1]
            self._long = LongString(_offset_of(self._offset, self._stretches, opening))
            self._long.take(carry[opening + 1 :])

    def _block(self, sight: Sight) -> Block:
        """Return the block of some tokens, which are checked."""
        tokens, found = sight.tokens, sight.found
        problems: list[InvalidJsonError] = []
        try:
            containers = containers_of(tokens.kinds, self._contexts)
        except UnopenedError as error:
            reason = "a bracket closes what was never opened"
            problems.append(InvalidJsonError(int(tokens.starts[error.index]), reason))
            tokens, found = tokens.first(error.index), found.first(error.index)
            containers = containers_of(tokens.kinds, self._contexts)
        problems += self._problems(sight.view, tokens, containers)
        if len(tokens.scalars):
            try:
                tell_scalars(found, self._marks)
            except InvalidJsonError as error:
                problems.append(error)
        texts: Texts | None = None
        try:
            texts = sight.texts(self._marks, tokens, is_sound=not problems)
            texts = with_stretches(texts, tokens, self._stretches)
        except InvalidJsonError as error:
            problems.append(error)
        if problems or texts is None:
            first = min(problems, key=lambda problem: problem.offset)
            raise InvalidJsonError(
                _offset_of(self._offset, self._stretches, first.offset), first.reason
            )
        self._before = Kind(int(tokens.kinds[-1]))
        self._contexts = open_contexts(self._contexts, containers)
        return Block(
            offset=self._offset,
            text=sight.text,
            view=sight.view,
            tokens=tokens,
            contexts=containers.token_contexts,
            containers=containers,
            texts=texts,
            stretches=self._stretches,
        )

    def _problems(
        self, view: Bytes, tokens: Tokens, containers: Containers
    ) -> Iterator[InvalidJsonError]:
        """Yield what is wrong with the order of tokens; keys are marked."""
        kinds, contexts = tokens.kinds, containers.token_contexts
        if not len(kinds):
            return
        befores = mark_keys(
            kinds, contexts, min(self._before, SCALAR) if self._before > SCALAR else self._before
        )
        bad = misplaced_at(kinds, contexts, befores)
        if bad >= 0:
            reason = why_misplaced(
                Kind(int(kinds[bad])), int(contexts[bad]), Kind(int(befores[bad]))
            )
            yield InvalidJsonError(int(tokens.starts[bad]), reason)
            return
        if containers.contexts[0] == ROOT:
            yield from self._count_roots(view, tokens, contexts)
        else:
            self._on_new_line = False

    def _count_roots(
        self, view: Bytes, tokens: Tokens, contexts: Kinds
    ) -> Iterator[InvalidJsonError]:
        """Count the values that stand in nothing; each after the first is on a line of its own."""
        at = (contexts == ROOT).nonzero()[0]
        at = at.compress(IS_VALUE.take(tokens.kinds.take(at)))
        if not len(at):
            self._on_new_line = False
            return
        starts = tokens.starts.take(at)
        feeds = np.flatnonzero(view[: int(starts[-1])] == _LINE_FEED)
        last_feeds = np.concatenate(([-1], feeds)).take(np.searchsorted(feeds, starts))
        previous_ends = np.where(at > 0, tokens.ends().take(at - 1), 0)
        fine = last_feeds >= previous_ends
        if at[0] == 0:
            fine[0] |= self._on_new_line
        if self.roots == 0:
            fine[0] = True
        self.roots += len(at)
        self._on_new_line = False
        if not fine.all():
            yield InvalidJsonError(
                int(starts[np.argmin(fine)]), "more follows the end of the value"
            )
