"""Masks in run lengths: the same texts as pycocotools writes, back to the same masks, and bad ones refused."""

import numpy as np
import pytest

from util.rle import decode, encode

SIZES = ((1, 1), (1, 7), (7, 1), (5, 9), (64, 48), (480, 854))


def draw_masks(size: tuple[int, int]) -> list[np.ndarray]:
    """Draw masks with single pixels, with long runs, and with runs that shrink and grow."""
    random = np.random.default_rng(size)
    blocks = np.kron(random.random((size[0] // 8 + 1, size[1] // 8 + 1)) < 0.5, np.ones((8, 8), bool))
    rows, columns = np.ogrid[: size[0], : size[1]]
    circle = (rows - size[0] / 3) ** 2 + (columns - size[1] / 2) ** 2 < min(size) ** 2 / 9
    return [np.zeros(size, bool), np.ones(size, bool), random.random(size) < 0.5, blocks[: size[0], : size[1]], circle]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_texts_and_masks_are_those_of_pycocotools(size: tuple[int, int]) -> None:
    reference = pytest.importorskip("pycocotools.mask")
    for mask in draw_masks(size):
        expected = reference.encode(np.asfortranarray(mask, np.uint8))
        ours = encode(mask)
        assert ours == {"size": list(size), "counts": expected["counts"].decode()}
        assert decode(ours).dtype == bool
        np.testing.assert_array_equal(decode(ours), mask)
        np.testing.assert_array_equal(decode(expected), mask)  # counts as bytes, too
        np.testing.assert_array_equal(reference.decode(ours), mask)


def test_plain_run_lengths_are_read() -> None:
    np.testing.assert_array_equal(decode({"size": [2, 3], "counts": [1, 2, 3]}), [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(decode({"size": (2, 1), "counts": [0, 2]}), [[1], [1]])
    np.testing.assert_array_equal(decode({"size": [2, 1], "counts": [1, 0, 1]}), [[0], [0]])  # a run of no pixels


def test_any_value_but_0_is_the_object() -> None:
    assert encode(np.array([[0, 255], [7, 0]])) == encode(np.array([[False, True], [True, False]]))


@pytest.mark.parametrize(
    ("rle", "words"),
    [
        ("04", "needs size and counts"),
        ({"counts": "04"}, "needs size and counts"),
        ({"size": [2, 2]}, "needs size and counts"),
        ({"size": [2], "counts": "4"}, "not a height and a width"),
        ({"size": "22", "counts": "4"}, "not a height and a width"),
        ({"size": [2, True], "counts": "4"}, "not a height and a width"),
        ({"size": [2, 2.0], "counts": "4"}, "not a height and a width"),
        ({"size": [-2, -2], "counts": "4"}, "not a height and a width"),
        ({"size": [0, 2], "counts": ""}, "not a height and a width"),
        ({"size": [10**9, 2], "counts": "4"}, "not a height and a width"),
        ({"size": [65535, 65535], "counts": "4"}, "(pixels|a width)"),
        ({"size": [2, 2], "counts": None}, "neither a text nor a list"),
        ({"size": [2, 2], "counts": [2, 2.0]}, "neither a text nor a list"),
        ({"size": [2, 2], "counts": [-2, 6]}, "neither a text nor a list"),
        ({"size": [2, 2], "counts": [10**30]}, "neither a text nor a list"),
        ({"size": [2, 2], "counts": [2, 3]}, "do not add up to 2 x 2"),
        ({"size": [2, 2], "counts": ""}, "do not add up"),
        ({"size": [2, 2], "counts": "3"}, "do not add up"),
        ({"size": [2, 2], "counts": "N6"}, "do not add up"),  # a run of -2, and one of 6
        ({"size": [2, 2], "counts": "é4"}, "other characters"),
        ({"size": [2, 2], "counts": "\x1f4"}, "other characters"),
        ({"size": [2, 2], "counts": b"\xff4"}, "other characters"),
        ({"size": [2, 2], "counts": "04P"}, "cut short"),
        ({"size": [2, 2], "counts": "o" * 12 + "0"}, "too large"),
        ({"size": [2, 2], "counts": "o" * 11 + "O"}, "do not add up"),
        ({"size": [2, 2], "counts": ("o" * 11 + "?") * 9}, "do not add up"),  # their sum passes 64 bits
    ],
)
def test_other_things_are_refused(rle: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode(rle)
