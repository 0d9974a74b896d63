"""Smaller snapshots that still show what a snapshot shows: cut from its file, slice by slice."""
