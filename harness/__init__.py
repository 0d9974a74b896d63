"""The harness: replays snapshots through workers in memory-limited sandboxes."""
