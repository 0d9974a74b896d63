"""Heap profilers: memray, tracemalloc and V8; what they captured becomes one kind of profile."""
