"""The errors of the harness: each says where, what and what to do next, and has one exit code."""

from typing import ClassVar


class OomproofError(Exception):
    """An error that ends the command with `exit_code` and one clear message."""

    exit_code: ClassVar[int] = 3


class InputError(OomproofError):
    """The user's input cannot be used: a file, an option, a value. Nothing was run."""

    exit_code = 2


class NoVerdictError(OomproofError):
    """The harness or the sandbox failed, so nothing can be said about the worker."""

    exit_code = 3


class SandboxError(NoVerdictError):
    """A sandbox could not be made, or could not hold what it promises."""


class InterruptedRunError(NoVerdictError):
    """The user stopped the harness while a run was going on."""
