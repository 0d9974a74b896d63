"""What each parser needs at its peak: input, what it holds on the way, and what remains."""

import msgspec

from synthetic.xray.census import Census
from synthetic.xray.model import ParserCosts
from synthetic.xray.whole_text import UNITS


class ParserPeak(msgspec.Struct, frozen=True, kw_only=True):
    """What a parser needs above the interpreter's base.

    Attributes:
        version: the parser's; empty for the standard library's.
        retained_bytes: what the result takes up.
        transient_bytes: what the parser holds beside input and result at its peak.
        input_bytes: the text as bytes; of documents in a row, the longest of them.
        peak_bytes: their sum.
        base_bytes: of an interpreter that has imported the parser and done nothing yet.

    """

    version: str
    retained_bytes: int
    transient_bytes: int
    input_bytes: int
    peak_bytes: int
    base_bytes: int | None


def peak_of(
    census: Census,
    name: str,
    *,
    size_bytes: int,
    retained_bytes: int | None = None,
    base_bytes: int | None,
) -> ParserPeak:
    """Return what a parser needs for a text of `size_bytes` bytes."""
    parser = census.model.parsers[name]
    if retained_bytes is None:
        ledger = census.ledger
        retained_bytes = round(float((ledger.common + ledger.own[name]).sum()))
    is_one = census.documents <= 1
    input_bytes = size_bytes if is_one else census.text.longest_document_bytes
    part = input_bytes / max(1, size_bytes)
    gaps = census.gaps.get(name)
    between_bytes = gaps.peak_bytes - gaps.retained_bytes if gaps else 0
    if parser.decodes:
        transient_bytes = _decoded(census, parser, name, size_bytes, part)
        decoding_bytes = round(_decoding(census, size_bytes) * part)
        transient_bytes = max(transient_bytes + between_bytes, decoding_bytes - retained_bytes, 0)
    else:
        transient_bytes = round(
            parser.transient_per_byte * input_bytes
            + parser.transient_per_value * (census.values + census.keys) * part
            + parser.transient_per_escaped * census.text.longest_escaped
        )
    return ParserPeak(
        version=parser.version,
        retained_bytes=retained_bytes,
        transient_bytes=transient_bytes,
        input_bytes=input_bytes,
        peak_bytes=input_bytes + transient_bytes + retained_bytes,
        base_bytes=base_bytes,
    )


def _decoded(census: Census, parser: ParserCosts, name: str, size_bytes: int, part: float) -> int:
    """Return what the text takes up as a str, with the table of all keys that are shared."""
    characters = size_bytes - census.text.continuations
    decoded = round(characters * UNITS[census.text.width] * part)
    if census.documents > 1 or parser.keys.slots or not parser.keys.most_bytes:
        return decoded
    return decoded + census.containers[name].table_bytes(census.key_costs.distinct.count)


def _decoding(census: Census, size_bytes: int) -> int:
    """Return the most that decoding holds: at a wider character all before it is copied."""
    held, unit = 0, 1
    for widening in census.text.widenings:
        wider = UNITS[widening.width]
        held = max(held, widening.offset * (unit + wider))
        unit = wider
    if census.has_byte_order_mark:  # what follows it is copied before it is decoded
        held = max(held, size_bytes + (size_bytes - census.text.continuations) * unit)
    return held
