"""What to know of a prediction, in whole sentences: cliffs, and what a parser would refuse."""

from collections.abc import Iterator
from typing import Final

from synthetic.scan.strings import ASCII, UCS_2
from synthetic.xray.census import Census
from synthetic.xray.model import Odd, ParserCosts

_UNITS: Final = (1, 1, 2, 4)
_NAMES: Final = ("ASCII", "Latin-1", "UCS-2", "UCS-4")
_MORE: Final = {2: "twice", 4: "four times"}


def notes_of(census: Census, size_bytes: int) -> Iterator[str]:
    """Yield notes on a text of `size_bytes` bytes."""
    yield from _cliff(census, size_bytes)
    yield from _documents(census)
    yield from _repeated(census)
    for name, parser in census.model.parsers.items():
        reasons = tuple(_refused(census, parser))
        if reasons:
            yield f"{name} refuses this text: {' and '.join(reasons)}."


def _cliff(census: Census, size_bytes: int) -> Iterator[str]:
    decoders = [name for name, parser in census.model.parsers.items() if parser.decodes]
    text = census.text
    if not decoders or text.width < UCS_2:
        return
    widening = text.widenings[-1]
    characters = size_bytes - text.continuations
    unit = _UNITS[text.width]
    before = _UNITS[text.widenings[-2].width if len(text.widenings) > 1 else ASCII]
    what = f"The character {_shown(widening.character)} at" if widening.character else "A string at"
    where = f" in {census.widest_paths[-1]}" if census.widest_paths else ""
    yield (
        f"{what} byte {widening.offset:,}{where} makes the whole text {_NAMES[text.width]}: "
        f"{decoders[0]} decodes it to {characters * unit:,} bytes, "
        f"{_MORE[unit // before]} the {characters * before:,} that it would be without such."
    )


def _shown(character: str) -> str:
    shown = f"U+{ord(character):04X}"
    return f"{character} ({shown})" if character.isprintable() else shown


def _documents(census: Census) -> Iterator[str]:
    if census.documents > 1:
        yield (
            f"The text holds {census.documents:,} documents, one on each line: parsers take one at "
            "a time, so input and transient are those of the longest line, and all results are "
            "taken to be kept."
        )


def _repeated(census: Census) -> Iterator[str]:
    oddities = census.oddities
    if oddities.repeated_key_at is not None:
        yield (
            f"There are objects that have a key more than once (first at byte "
            f"{oddities.repeated_key_at:,}): a dict keeps the last, and the figures count all."
        )


def _refused(census: Census, parser: ParserCosts) -> Iterator[str]:
    oddities = census.oddities
    found: tuple[tuple[Odd, int | None], ...] = (
        ("byte order mark", 0 if census.has_byte_order_mark else None),
        ("lone surrogate", oddities.lone_surrogate_at),
        ("infinite number", oddities.infinite_at),
    )
    texts = {
        "byte order mark": "it begins with a byte order mark",
        "lone surrogate": "half of a surrogate pair stands in a string behind byte {at:,}",
        "infinite number": "the number at byte {at:,} is too large for a float",
    }
    for odd, at in found:
        if at is not None and odd in parser.refuses:
            yield texts[odd].format(at=at)
    if parser.longest_integer and oddities.longest_integer > parser.longest_integer:
        yield (
            f"the integer at byte {oddities.longest_integer_at:,} has "
            f"{oddities.longest_integer:,} digits, and it takes {parser.longest_integer:,}"
        )
    if parser.deepest and census.open.deepest > parser.deepest:
        yield (
            f"it nests {census.open.deepest:,} levels deep, and about {parser.deepest:,} are taken"
        )
