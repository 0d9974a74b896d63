"""The hashes by which parsers place keys in their caches, so that two that evict each other show.

A cache of keys is a table with one key for each slot. Two keys of one slot evict each other, and
from then on each costs a new string wherever it stands.
"""

from collections.abc import Callable
from typing import Final

_WORD: Final = (1 << 64) - 1
_HALF: Final = (1 << 32) - 1


def murmur2(key: bytes) -> int:
    """Return the 32-bit hash MurmurHash2 of a key, seeded with zero."""
    factor = 0x5BD1E995
    hash_ = len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * factor & _HALF
        word = (word ^ (word >> 24)) * factor & _HALF
        hash_ = (hash_ * factor & _HALF) ^ word
    if whole < len(key):
        hash_ = (hash_ ^ int.from_bytes(key[whole:], "little")) * factor & _HALF
    hash_ = (hash_ ^ (hash_ >> 13)) * factor & _HALF
    return hash_ ^ (hash_ >> 15)


def xxh3_then_sip13(key: bytes) -> int:
    """Return SipHash-1-3, with a key of zeros, of the XXH3 of a key of 128 bytes at most."""
    return sip13(xxh3(key).to_bytes(8, "little"))


_SECRET: Final = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
"""XXH3's default secret, which is part of its definition."""
_PRIME_1: Final = 0x9E3779B185EBCA87
_PRIME_2: Final = 0xC2B2AE3D27D4EB4F
_PRIME_3: Final = 0x165667B19E3779F9


def xxh3(key: bytes) -> int:
    """Return the 64-bit XXH3 of a key of 128 bytes at most, seeded with zero."""
    count = len(key)
    if count > 16:
        return _xxh3_of_long(key)
    if count > 8:
        low = _word(key, 0) ^ _word(_SECRET, 24) ^ _word(_SECRET, 32)
        high = _word(key, count - 8) ^ _word(_SECRET, 40) ^ _word(_SECRET, 48)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return _avalanche((count + swapped + high + _folded(low, high)) & _WORD)
    if count >= 4:
        first = int.from_bytes(key[:4], "little")
        last = int.from_bytes(key[-4:], "little")
        keyed = (last + (first << 32)) ^ _word(_SECRET, 8) ^ _word(_SECRET, 16)
        return _strong_avalanche(keyed, count)
    if count:
        combined = key[0] << 16 | key[count >> 1] << 24 | key[-1] | count << 8
        flip = (_word(_SECRET, 0) & _HALF) ^ (_word(_SECRET, 4) & _HALF)
        return _avalanche_64(combined ^ flip)
    return _avalanche_64(_word(_SECRET, 56) ^ _word(_SECRET, 64))


def _xxh3_of_long(key: bytes) -> int:
    """Mix pairs of pieces of 16 bytes, from both ends inwards."""
    hash_ = len(key) * _PRIME_1 & _WORD
    for pair in range((len(key) + 31) // 32):
        for at, secret in ((pair * 16, pair * 32), (len(key) - 16 - pair * 16, pair * 32 + 16)):
            low = _word(key, at) ^ _word(_SECRET, secret)
            high = _word(key, at + 8) ^ _word(_SECRET, secret + 8)
            hash_ += _folded(low, high)
    return _avalanche(hash_ & _WORD)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _folded(left: int, right: int) -> int:
    product = left * right
    return (product & _WORD) ^ (product >> 64)


def _avalanche(word: int) -> int:
    word = (word ^ (word >> 37)) * 0x165667919E3779F9 & _WORD
    return word ^ (word >> 32)


def _strong_avalanche(word: int, count: int) -> int:
    word ^= _rotated(word, 49) ^ _rotated(word, 24)
    word = word * 0x9FB21C651E98DF25 & _WORD
    word = (word ^ ((word >> 35) + count)) * 0x9FB21C651E98DF25 & _WORD
    return word ^ (word >> 28)


def _avalanche_64(word: int) -> int:
    word = (word ^ (word >> 33)) * _PRIME_2 & _WORD
    word = (word ^ (word >> 29)) * _PRIME_3 & _WORD
    return word ^ (word >> 32)


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & _WORD


_SIP_BEGIN: Final = (
    0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573,
)  # fmt: skip


def sip13(data: bytes) -> int:
    """Return SipHash-1-3 of whole words of 8 bytes, with a key of zeros."""
    state = _SIP_BEGIN
    words = [_word(data, at) for at in range(0, len(data), 8)]
    for word in (*words, len(data) << 56 & _WORD):
        a, b, c, d = state
        a, b, c, d = _sip_round(a, b, c, d ^ word)
        state = (a ^ word, b, c, d)
    a, b, c, d = state
    c ^= 0xFF
    for _ in range(3):
        a, b, c, d = _sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


def _sip_round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = (a + b) & _WORD
    b = _rotated(b, 13) ^ a
    a = _rotated(a, 32)
    c = (c + d) & _WORD
    d = _rotated(d, 16) ^ c
    a = (a + d) & _WORD
    d = _rotated(d, 21) ^ a
    c = (c + b) & _WORD
    b = _rotated(b, 17) ^ c
    c = _rotated(c, 32)
    return a, b, c, d


HASHES: Final[dict[str, Callable[[bytes], int]]] = {
    "murmur2": murmur2,
    "xxh3-sip13": xxh3_then_sip13,
}
"""The hashes that a cost model may name."""
