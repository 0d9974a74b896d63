"""Renderers: a report becomes text or bytes. They write no files and print nothing."""
