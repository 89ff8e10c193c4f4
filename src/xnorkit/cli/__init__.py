"""Command line → run folder: compose, check, build, fit, test. Start at train.py."""
