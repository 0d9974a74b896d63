"""The commands: a file for each, the only place that prints or exits."""

from harness.cli.app import main

__all__ = ["main"]
