"""Checkpoint → engine: lower, fold, pack, generate, compile, validate. Start at pipeline.py."""
