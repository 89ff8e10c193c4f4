"""model.xnor → a folder that builds without Python, here or for another machine. See folder.py."""
