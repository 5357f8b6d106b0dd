"""Every script's frame: its parser, and the guard around ``main`` through which errors and notes reach the user."""

import argparse
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from util.errors import InputError, is_out_of_memory
from util.options import PARSERS
from util.signals import exit_after, signals_raise
from util.version import describe_version


class _HelpFormatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Show the description as it is written, and each option's default unless its help mentions one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default is None or action.default is False or "default" in (action.help or ""):
            return action.help or ""
        return super()._get_help_string(action)


class _NoteFormatter(logging.Formatter):
    """Begin a line with what it is: an error, or a note."""

    def format(self, record: logging.LogRecord) -> str:
        kind = "error" if record.levelno >= logging.ERROR else "note"
        return f"{kind}: {as_one_line(super().format(record))}"


class _Parser(argparse.ArgumentParser):
    """Take whole names of options only, check the plain types of values, and report an error in one line."""

    def __init__(self, **options: object) -> None:
        super().__init__(formatter_class=_HelpFormatter, allow_abbrev=False, **options)
        for plain, checked in PARSERS.items():
            self.register("type", plain, checked)

    def error(self, message: str) -> NoReturn:
        fail(message)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_) -> NoReturn:
        print(describe_version())
        parser.exit()


class _Quiet(argparse.Action):
    def __call__(self, *_) -> None:
        logging.getLogger().setLevel(logging.ERROR)
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (script_main puts the former one back)


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with ``--quiet`` and ``--version``.

    Args:
        description: the script's docstring, shown as it is written.
    """
    parser = _Parser(description=description)
    parser.add_argument("--quiet", action=_Quiet, nargs=0, help="write errors only")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    return parser


@contextmanager
def _shown_logs() -> Iterator[None]:
    """Show reports on standard output, and notes and errors of libraries on standard error."""
    root, reports = logging.getLogger(), logging.getLogger("util.report")
    level, shown, plain = root.level, logging.StreamHandler(), logging.StreamHandler(sys.stdout)
    shown.setFormatter(_NoteFormatter())
    root.addHandler(shown)
    root.setLevel(logging.INFO)
    reports.addHandler(plain)
    reports.propagate = False
    try:
        yield
    finally:
        reports.propagate = True
        reports.removeHandler(plain)
        root.setLevel(level)
        root.removeHandler(shown)


def script_main(main: Callable[..., int | None]) -> Callable[..., None]:
    """Make a function a script's ``main``.

    Notes of library modules are shown. The script exits with the returned status; with one line and status 2 on an
    InputError, on files, folders or disks that fail and for lack of memory; with 128 and the number on signals.
    """

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> None:
        stdout = sys.stdout
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # names of files may be no text
        try:
            with _shown_logs(), signals_raise(), warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("ignore")  # libraries warn beside the one line
                sys.exit(main(*args, **kwargs))
        except InputError as e:
            fail(str(e))
        except OSError as e:
            fail(f"{e.filename}: {e.strerror}" if e.filename else str(e.strerror or e))
        except Exception as e:
            if not is_out_of_memory(e):
                raise
            cause = f" ({str(e).splitlines()[0]})" if str(e) else ""
            fail(f"out of memory{cause}; take smaller frames or batches, or another device")
        except KeyboardInterrupt as e:
            exit_after(e)
        finally:
            sys.stdout = stdout

    return wrapped


def fail(message: str) -> NoReturn:
    """End the script with one line."""
    print(f"{sys.argv[0]}: error: {as_one_line(message)}", file=sys.stderr)
    sys.exit(2)


def as_one_line(text: str) -> str:
    """Escape what a terminal would not show as it is: names of files may hold line breaks and control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
