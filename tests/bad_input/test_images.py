"""Frames and masks that are no images, damaged, hostile or of a form of their own."""

from collections.abc import Callable
from pathlib import Path

from tests.bad_input.rows import Row, check_row, table

FRAME, MASK = "frames/00001.png", "first.png"


def cut(path: str, share: float) -> Callable[[Path], None]:
    """Keep a share of a file."""

    def spoil(root: Path) -> None:
        whole = (root / path).read_bytes()
        (root / path).write_bytes(whole[: int(share * len(whole))])

    return spoil


def fill(path: str, content: bytes) -> Callable[[Path], None]:
    return lambda root: (root / path).write_bytes(content) and None


UNREADABLE_FRAME, UNREADABLE_MASK = (
    r"00001\.png: unreadable frame \(.+\); save",
    r"first\.png: unreadable mask \(.+\); save",
)


@table(
    Row("frame cut in the middle", cut(FRAME, 0.5), UNREADABLE_FRAME),
    Row("frame that is empty", fill(FRAME, b""), UNREADABLE_FRAME),
    Row("frame that is text", fill(FRAME, b"text"), UNREADABLE_FRAME),
    Row("mask cut in the middle", cut(MASK, 0.5), UNREADABLE_MASK),
    Row("mask that is empty", fill(MASK, b""), UNREADABLE_MASK),
)
def test_images_of_a_video(row: Row, clip: Path, run_generic: Callable) -> None:
    check_row(row, clip, run_generic)
