"""Streams that run by themselves: the loop over a source, its thread, and many of them on one recogniser."""
