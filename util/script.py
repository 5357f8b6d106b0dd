"""The guard around every script's ``main``: how errors and notes reach the user."""

import functools
import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from util.errors import InputError, is_out_of_memory


def script_main(main: Callable[..., int | None]) -> Callable[..., None]:
    """Make a function a script's ``main``.

    Notes of library modules are shown. The script exits with the returned status; with one line and status 2 on an
    InputError, on files, folders or disks that fail and for lack of memory, with 130 on Ctrl-C.
    """

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> None:
        logging.basicConfig(format="note: %(message)s", level=logging.INFO)
        try:
            sys.exit(main(*args, **kwargs))
        except InputError as e:
            fail(str(e))
        except OSError as e:
            fail(f"{e.filename}: {e.strerror}" if e.filename else str(e.strerror or e))
        except (RuntimeError, MemoryError) as e:
            if not is_out_of_memory(e):
                raise
            fail(f"out of memory ({str(e).splitlines()[0]}); take smaller frames or batches, or another device")
        except KeyboardInterrupt:
            print(f"{sys.argv[0]}: interrupted", file=sys.stderr)
            sys.exit(130)

    return wrapped


def fail(message: str) -> NoReturn:
    """End the script with one line."""
    print(f"{sys.argv[0]}: error: {message}", file=sys.stderr)
    sys.exit(2)
