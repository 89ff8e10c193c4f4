"""xnorkit."""
