"""The commands: a file for each, the only place that prints or exits."""

import os
import sys


def main() -> None:
    """Run a command, and exit with its code."""
    try:
        from harness.cli.app import main as run
    except KeyboardInterrupt:  # before there is anything to stop
        os.write(2, b"oomproof: stopped.\n")
        sys.exit(3)
    run()


__all__ = ["main"]
