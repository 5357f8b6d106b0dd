"""Everything that is written for a person or another program: masks, overlay videos, probabilities.

To add an export format:

1. ``names.py``: name its files, and give the names a line in ``NAMES``. Resuming and rerunning follow from it.
2. A module of its own: a subclass of ``export.Export``. ``__enter__`` makes folders and opens files, ``write(result)``
   gets every frame's ``FrameResult``, and ``__exit__`` completes the files. Write each file with
   ``util.files.write_then_rename``. ``masks.MaskFiles`` is the shortest example.
3. ``video.py``: give it a line in ``EXPORTS``; commands and the page of interactive use then offer it.
4. Its content gets a test of its own in ``tests/output/``. ``tests/output/test_video.py`` goes through ``EXPORTS`` and
   checks that every export writes the files that it names, each whole or not at all.
"""
