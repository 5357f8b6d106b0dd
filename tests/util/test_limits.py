"""Regular files and folders of sensible size may be opened, and no others."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from util.errors import InputError
from util.limits import MAX_PIXELS, check_kind, check_num_pixels, check_path

SPECIAL = {
    "a pipe and no regular file": os.mkfifo,
    "a device and no regular file": lambda path: path.symlink_to("/dev/null"),
}
ABSENT = {
    "no frame": lambda path: None,
    "a link that leads nowhere, to gone": lambda path: path.symlink_to("gone"),
    "a link that leads in a circle": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize(("cause", "make"), [*SPECIAL.items(), *ABSENT.items()])
def test_paths_that_cannot_be_read_are_named_with_cause_and_remedy(tmp_path: Path, cause: str, make: Callable) -> None:
    make(tmp_path / "x")
    with pytest.raises(InputError, match=rf"/x: {cause}; give another$"):
        check_path(tmp_path / "x", "give another", missing="no frame")


@pytest.mark.parametrize(("cause", "make"), [*SPECIAL.items(), *ABSENT.items()])
def test_only_the_kind_is_checked_where_absence_shows_later(tmp_path: Path, cause: str, make: Callable) -> None:
    make(tmp_path / "x")
    if cause in ABSENT:
        assert check_kind(tmp_path / "x", "give another") is None
    else:
        with pytest.raises(InputError, match=rf"/x: {cause}; give another$"):
            check_kind(tmp_path / "x", "give another")


def test_files_and_folders_are_taken_through_links_as_well(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    for path in (tmp_path, tmp_path / "file", tmp_path / "link"):
        check_path(path, "")
        check_kind(path, "")


def test_names_that_no_disk_holds_are_refused() -> None:
    with pytest.raises(InputError, match=r"no name of a file .*; give another"):
        check_path(Path("a\0b"), "give another")


def test_images_are_bounded_by_their_pixels(tmp_path: Path) -> None:
    check_num_pixels(tmp_path, MAX_PIXELS // 10, 10)
    with pytest.raises(InputError, match=r"10000001x10 pixels, more than the 100 million that are read"):
        check_num_pixels(tmp_path, MAX_PIXELS // 10 + 1, 10)
