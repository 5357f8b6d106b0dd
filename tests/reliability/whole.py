"""Files that may be left under a final name: whole, whatever happened to the run that wrote them."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.output.videos import read_video
from util.files import LOCK, is_temporary


def check_image(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def check_arrays(path: Path) -> None:
    with np.load(path) as arrays:
        assert {name: arrays[name].size for name in arrays}


def check_table(path: Path) -> None:
    assert path.read_text().endswith("\n")
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert {len(row) for row in rows} <= {len(header)}


def check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


CHECKS = {
    ".png": check_image,
    ".npz": check_arrays,
    ".csv": check_table,
    ".zip": check_archive,
    ".json": lambda path: json.loads(path.read_text()),
    ".mp4": lambda path: read_video(path).frames,
}


def read_whole_files(root: Path) -> dict[str, bytes]:
    """Check every file below a folder, and give them by name; temporary files and locks are left out."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not is_temporary(path)]
    files = [path for path in files if path.name != LOCK]
    for path in files:
        CHECKS.get(path.suffix, lambda _: None)(path)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def leftovers(root: Path) -> list[Path]:
    """Temporary files and locks below a folder."""
    return [path for path in root.rglob("*") if path.is_file() and (".part" in path.suffixes or path.name == LOCK)]


def check_folder(root: Path) -> None:
    """Check that all that is left below a folder is whole, and that there is nothing temporary."""
    assert not leftovers(root)
    read_whole_files(root)
