"""binarize."""
