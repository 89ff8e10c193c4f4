"""Pictures → labels: what `audio` is for recordings. Start at viewer.py."""
