"""Chunks by id over a storage: packing, lookup, trees, verify, collect."""
