"""Images on disk → batches of uint8 images: find or fetch, decode once, split, batch.

A user names `digits.py`, `mnist.py`, …; `datamodule.py` is what all of them share, `image_file.py`
the one reader of image files. Whole photographs without labels: `sample_images.py`, `pictures.py`.
"""
