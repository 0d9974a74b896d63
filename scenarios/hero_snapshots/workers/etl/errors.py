"""What can go wrong in a worker, and the exit code of each.

MemoryError is not here, and nothing catches it: whoever looks into the death of a worker wants its
traceback.
"""

import os


class WorkerError(Exception):
    """The worker cannot go on; its text is the one line that the user reads."""

    exit_code = 1


class SnapshotError(WorkerError):
    """The snapshot is not JSON, or not a hero snapshot."""


class DatabaseError(WorkerError):
    """The database cannot be reached, or refused what the worker wrote."""


class RefusedError(WorkerError):
    """The snapshot is larger than the guard allows, so that nothing was done."""

    exit_code = os.EX_TEMPFAIL  # 75
