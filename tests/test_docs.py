"""The documents tell the truth: links, files, commands and options exist, and the examples of the Python API run."""
