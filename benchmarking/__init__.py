"""The measurements of ``benchmark.py``, and the plain twin of the published system beside which they are made."""
