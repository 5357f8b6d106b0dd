"""Errors that are the input's fault."""


class InputError(Exception):
    """Something the user gave cannot be used. The message names place, cause and remedy in one line."""
