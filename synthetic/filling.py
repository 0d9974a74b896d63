"""Fill a stretch of a document with records, to a budget of bytes."""

from collections.abc import Callable, Generator, Iterator

from synthetic.rows import Rows


def fill(
    take: Callable[[int], Rows], *, batch: int, budget_bytes: int, slack_bytes: int
) -> Generator[bytes, None, int]:
    """Yield records in order, passing over those too long, until less than the slack is left.

    ``take(batch)`` returns the next ``batch`` records; how many at once does not change what is
    kept. The slack must be longer than a common record, or the search for one that fits is long.
    Returns the bytes left of the budget.
    """
    left_bytes = budget_bytes
    while left_bytes >= slack_bytes:
        rows = take(batch)
        chunk = rows.joined()
        if len(chunk) + slack_bytes > left_bytes:
            fitting = _fitting(rows.texts(), budget_bytes=left_bytes, slack_bytes=slack_bytes)
            chunk = b"".join(fitting)
        left_bytes -= len(chunk)
        if chunk:
            yield chunk
    return left_bytes


def _fitting(texts: list[bytes], *, budget_bytes: int, slack_bytes: int) -> Iterator[bytes]:
    left_bytes = budget_bytes
    for text in texts:
        if left_bytes < slack_bytes:
            return
        if len(text) <= left_bytes:
            left_bytes -= len(text)
            yield text
