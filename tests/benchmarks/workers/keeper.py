"""Reads a snapshot with a parser, and keeps so many KiB more than that takes."""

import json
import sys

import ijson
import orjson

path, parser, keep_kib = sys.argv[1], sys.argv[2], int(sys.argv[3])
kept = bytearray(b"\1") * (keep_kib * 1024)
with open(path, "rb") as snapshot:  # noqa: PTH123  (pathlib would be charged to the worker)
    if parser == "json":
        parsed = json.load(snapshot)
    elif parser == "orjson":
        parsed = orjson.loads(snapshot.read())
    else:
        parsed = sum(1 for _ in ijson.parse(snapshot))
sys.stdout.write(f"{type(parsed).__name__} {len(kept)}\n")
