"""The folders that profilers write to while a worker runs."""

from pathlib import Path

from harness.core.errors import NoVerdictError


def make_folder(folder: Path) -> Path:
    """Return the whole path of a folder, which is made where it is not there.

    Raises:
        NoVerdictError: it cannot be made.

    """
    whole = folder.absolute()
    try:
        whole.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoVerdictError(f"{whole} cannot be made: {error.strerror}") from error
    return whole
