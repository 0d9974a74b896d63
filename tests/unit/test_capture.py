from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from harness.core.run import Output
from harness.sandbox.capture import TAIL_BYTES, Capture, Demultiplexer, Tail

CHUNKS = st.lists(st.binary(max_size=40), max_size=30)
FRAMES = st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=20)


@given(CHUNKS, st.integers(1, 64))
def test_a_tail_holds_the_end_of_all_that_came(chunks: list[bytes], capacity: int) -> None:
    tail = Tail(capacity)
    for chunk in chunks:
        tail.feed(chunk)
    whole = b"".join(chunks)
    assert tail.total == len(whole)
    assert tail.text() == whole[-capacity:].decode("utf-8", "replace")


@given(CHUNKS)
def test_a_tail_is_bounded(chunks: list[bytes]) -> None:
    tail = Tail(10)
    for chunk in chunks:
        tail.feed(chunk)
        assert len(tail._held) <= 20


def test_what_is_no_text_is_marked() -> None:
    tail = Tail()
    tail.feed(b"a\xffb")
    assert tail.text() == "a\N{REPLACEMENT CHARACTER}b"


def test_a_capture_tells_how_much_there_was() -> None:
    capture = Capture()
    capture.stdout.feed(b"out")
    capture.stderr.feed(b"x" * (TAIL_BYTES + 5))
    output = capture.output()
    assert output == Output(
        stdout_tail="out",
        stdout_bytes=3,
        stderr_tail="x" * TAIL_BYTES,
        stderr_bytes=TAIL_BYTES + 5,
    )


def test_more_can_be_kept_of_the_output() -> None:
    capture = Capture(more=5)
    capture.stdout.feed(b"x" * (TAIL_BYTES + 9))
    assert len(capture.output().stdout_tail) == TAIL_BYTES + 5


def encode(frames: Sequence[tuple[int, bytes]]) -> bytes:
    """Return frames as an engine sends them; see "Attach to a container" in its API."""
    return b"".join(
        bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames
    )


@given(FRAMES, st.data())
def test_streams_are_told_apart_however_they_are_cut(
    frames: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    capture = Capture()
    demultiplexer = Demultiplexer(capture)
    rest = encode(frames)
    while rest:
        length = data.draw(st.integers(1, len(rest)))
        demultiplexer.feed(rest[:length])
        rest = rest[length:]
    for stream, tail in ((1, capture.stdout), (2, capture.stderr)):
        sent = b"".join(piece for number, piece in frames if number == stream)
        assert tail.total == len(sent)
        assert tail.text() == sent.decode("utf-8", "replace")


def test_one_byte_at_a_time() -> None:
    capture = Capture()
    demultiplexer = Demultiplexer(capture)
    for byte in encode([(1, b"hello "), (2, b"oh"), (1, b""), (1, b"world")]):
        demultiplexer.feed(bytes([byte]))
    assert (capture.stdout.text(), capture.stderr.text()) == ("hello world", "oh")


def test_a_stream_that_breaks_off_keeps_what_came() -> None:
    capture = Capture()
    Demultiplexer(capture).feed(encode([(2, b"killed here")])[:-4])
    assert capture.stderr.text() == "killed "
