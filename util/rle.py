"""Run lengths of masks, as COCO stores them: column by column, packed into a short text.

The first run counts zeros, the next ones, and so on. From the fourth run on the text holds the difference from the
run before the last. Each number is cut into groups of five bits, lowest first. A sixth bit says that more groups
follow, the highest bit of the last group is the sign, and 48 is added to make a printable character.
"""

from collections.abc import Mapping

import numpy as np

from util.limits import MAX_PIXELS

FIRST_CHARACTER = 48
SIGN, MORE = 16, 32
MAX_GROUPS = 12  # 60 bits, far above any number of pixels
MAX_TEXT = 8 * MAX_PIXELS  # no mask of so many pixels needs more characters


def encode(mask: np.ndarray) -> dict[str, list[int] | str]:
    """Encode a mask.

    Args:
        mask: ``[H,W]``, of any type; pixels that are not 0 belong to the object.

    Returns:
        ``size`` (height and width) and ``counts``, the text, ready for JSON.
    """
    pixels = np.asarray(mask, bool).ravel("F")
    borders = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    starts = [0, 0] if pixels[:1].any() else [0]  # a mask that begins with the object begins with no zeros
    return {"size": list(mask.shape), "counts": _pack(np.diff([*starts, *borders, pixels.size]))}


def decode(rle: Mapping[str, object]) -> np.ndarray:
    """Decode a mask.

    Args:
        rle: ``size`` (height and width) and ``counts``, the packed text or a list of run lengths.

    Returns:
        ``[H,W]`` bool.

    Raises:
        ValueError: naming what is no such mask.
    """
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= rle.keys():
        raise ValueError("a mask in run lengths needs size and counts")
    height, width = _check_size(rle["size"])
    counts = rle["counts"]
    if isinstance(counts, bytes | str):
        runs = _unpack(counts)
    elif isinstance(counts, list) and all(type(count) is int and 0 <= count <= MAX_PIXELS for count in counts):
        runs = np.array(counts, np.int64)
    else:
        raise ValueError("counts are neither a text nor a list of whole numbers")
    if (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise ValueError(f"run lengths do not add up to {width} x {height} pixels")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def _check_size(size: object) -> tuple[int, int]:
    is_pair = isinstance(size, list | tuple) and len(size) == 2
    if not is_pair or not all(type(side) is int and 0 < side <= MAX_PIXELS for side in size):
        raise ValueError(f"size {str(size)[:40]} is not a height and a width")
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"size {size[1]} x {size[0]} is more than {MAX_PIXELS} pixels")
    return size[0], size[1]


def _pack(runs: np.ndarray) -> str:
    """Write ``[N]`` run lengths as a text."""
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    shifted = numbers[:, None] >> (5 * np.arange(MAX_GROUPS + 1))  # [N,G]
    groups = shifted[:, :-1] & (MORE - 1)
    is_last = shifted[:, 1:] == -((groups & SIGN) > 0).astype(np.int64)  # the rest is the sign's bits alone
    num_groups = is_last.argmax(1)[:, None] + 1
    place = np.arange(MAX_GROUPS)
    characters = groups + FIRST_CHARACTER + MORE * (place < num_groups - 1)
    return characters[place < num_groups].astype(np.uint8).tobytes().decode("ascii")


def _unpack(text: str | bytes) -> np.ndarray:
    """Read ``[N]`` run lengths from a text."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"counts of {len(text)} characters are too long")
    try:
        characters = np.frombuffer(text if isinstance(text, bytes) else text.encode("ascii"), np.uint8)
    except UnicodeEncodeError as e:
        raise ValueError("counts hold other characters than run lengths have") from e
    groups = characters.astype(np.int64) - FIRST_CHARACTER
    if (groups < 0).any() or (groups >= 2 * MORE).any():
        raise ValueError("counts hold other characters than run lengths have")
    if not len(groups):
        return groups
    ends = np.flatnonzero(groups < MORE)
    if not len(ends) or ends[-1] != len(groups) - 1:
        raise ValueError("counts are cut short")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > MAX_GROUPS:
        raise ValueError("counts hold a number that is too large")
    place = np.arange(len(groups)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((groups & (MORE - 1)) << (5 * place), starts)
    numbers -= ((groups[ends] & SIGN) > 0).astype(np.int64) << (5 * lengths)
    numbers[1::2], numbers[2::2] = np.cumsum(numbers[1::2]), np.cumsum(numbers[2::2])
    return numbers
