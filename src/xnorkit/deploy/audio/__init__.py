"""Samples → label: a recording whole (listener.py), or piece by piece (stream.py)."""
