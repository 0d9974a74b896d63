"""What the workers share: their command line, normalising, and upserting in batches."""

from .command import Job, argument_parser, job_of, run
from .errors import SnapshotError
from .fields import array, as_object
from .loading import Snapshot
from .rows import SECTIONS

__all__ = [
    "SECTIONS",
    "Job",
    "Snapshot",
    "SnapshotError",
    "argument_parser",
    "array",
    "as_object",
    "job_of",
    "run",
]
