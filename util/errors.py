"""Errors that are the input's fault, told in one line."""

import functools
import sys
from collections.abc import Callable


class InputError(Exception):
    """Something the user gave cannot be used. The message names place, cause and remedy in one line."""


def exit_on_input_error(main: Callable[..., int | None]) -> Callable[..., None]:
    """Make a script's ``main`` end with one line and exit status 2 on an InputError, 130 on Ctrl-C."""

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> None:
        try:
            sys.exit(main(*args, **kwargs))
        except InputError as e:
            print(f"{sys.argv[0]}: error: {e}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print(f"{sys.argv[0]}: interrupted", file=sys.stderr)
            sys.exit(130)

    return wrapped
