"""The harness: replays snapshots through workers in memory-limited sandboxes."""

__version__ = "0.1.0"
