"""The guard around every script's ``main``: how errors and notes reach the user."""

import functools
import logging
import sys
from collections.abc import Callable

from util.errors import InputError


def script_main(main: Callable[..., int | None]) -> Callable[..., None]:
    """Make a function a script's ``main``.

    Notes of library modules are shown. The script exits with the returned status; with one line and status 2 on an
    InputError and on files, folders or disks that fail, with 130 on Ctrl-C.
    """

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> None:
        logging.basicConfig(format="note: %(message)s", level=logging.INFO)
        try:
            sys.exit(main(*args, **kwargs))
        except InputError as e:
            print(f"{sys.argv[0]}: error: {e}", file=sys.stderr)
            sys.exit(2)
        except OSError as e:
            place = f"{e.filename}: " if e.filename else ""
            print(f"{sys.argv[0]}: error: {place}{e.strerror or e}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print(f"{sys.argv[0]}: interrupted", file=sys.stderr)
            sys.exit(130)

    return wrapped
