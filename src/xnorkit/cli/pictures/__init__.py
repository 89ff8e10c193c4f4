"""xnorkit-compress and xnorkit-decompress: a picture → an .xnc file, and back, by a checkpoint."""
