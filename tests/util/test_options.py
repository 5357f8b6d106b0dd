"""Values of options: bounded, finite, not empty; each error is one line that names the option."""

from collections.abc import Callable
from pathlib import Path

import pytest

from util.options import frames_at_once, not_negative, not_negative_int, pixels, positive_int, side
from util.script import make_parser, script_main

KINDS = {
    "--int": int,
    "--float": float,
    "--path": Path,
    "--count": positive_int,
    "--from_zero": not_negative_int,
    "--amount": not_negative,
    "--side": side,
    "--pixels": pixels,
    "--at_once": frames_at_once,
}


@pytest.fixture
def parse(run_main: Callable) -> Callable[..., tuple[int, str, str]]:
    """Parse options in a command, which prints their values."""

    @script_main
    def main() -> None:
        parser = make_parser("A command.")
        subject = parser.add_subparsers(dest="subject").add_parser("subject")
        for flag, kind in KINDS.items():
            parser.add_argument_group("group").add_argument(flag, type=kind)
            subject.add_argument(flag, type=kind)
        print(*(value for value in vars(parser.parse_args()).values() if value is not None))

    return lambda *arguments: run_main(main, *arguments)


@pytest.mark.parametrize(
    ("flag", "text", "value"),
    [
        ("--int", "-3", "-3"),
        ("--float", "1e-3", "0.001"),
        ("--path", "a b", "a b"),
        ("--count", "1", "1"),
        ("--from_zero", "0", "0"),
        ("--amount", "0", "0.0"),
        ("--side", "32", "32"),
        ("--side", "-1", ""),
        ("--at_once", "1024", "1024"),
    ],
)
def test_good_values_are_taken(parse: Callable, flag: str, text: str, value: str) -> None:
    assert parse(flag, text) == (0, f"{value}\n", "")


@pytest.mark.parametrize(
    ("flag", "text", "cause"),
    [
        ("--int", "1.5", "'1.5' is not a whole number"),
        ("--int", "9" * 5000, "is not a whole number"),
        ("--int", "9" * 40, "is not from"),
        ("--int", "", "'' is not a whole number"),
        ("--float", "nan", "nan is not a finite number"),
        ("--float", "1e999", "1e999 is not a finite number"),
        ("--float", "x\ny", r"is not a number"),
        ("--path", "", "is empty; give a path"),
        ("--path", "  ", "is empty; give a path"),
        ("--count", "0", "0 is not from 1 to"),
        ("--count", "1000000001", "1000000001 is not from 1 to"),
        ("--from_zero", "-1", "-1 is not from 0 to"),
        ("--amount", "inf", "inf is not a finite number"),
        ("--amount", "-1", "-1.0 is negative"),
        ("--side", "31", "must be from 32 to 10000, or -1"),
        ("--side", "10001", "must be from 32 to 10000, or -1"),
        ("--side", "x", "'x' is not a whole number"),
        ("--pixels", "0", "0 is not from 1 to 10000"),
        ("--at_once", "1000000000", "1000000000 is not from 1 to 1024"),
    ],
)
@pytest.mark.parametrize("subject", [(), ("subject",)])
def test_bad_values_get_one_line(parse: Callable, flag: str, text: str, cause: str, subject: tuple) -> None:
    status, out, err = parse(*subject, flag, text)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"error: argument {flag}: " in err
    assert cause in err


def test_names_of_options_are_not_abbreviated(parse: Callable) -> None:
    for subject in ([], ["subject"]):
        status, _, err = parse(*subject, "--coun=1")
        assert status == 2
        assert "unrecognized arguments: --coun=1" in err


def test_a_circle_of_links_is_refused(parse: Callable, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    status, _, err = parse("--path", tmp_path / "a")
    assert status == 2
    assert f"{tmp_path}/a: a link that leads in a circle" in err
