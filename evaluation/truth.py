"""Ground truth to score against: a folder of masks, or masks that are stored object by object."""

from pathlib import Path

import numpy as np

from dataset.images import list_images
from dataset.object_masks import ObjectMasks
from dataset.stored_masks import read_stored_ids
from util.errors import InputError


class TruthFolder:
    """The ground truth of one video in a folder of masks, named by frame.

    Args:
        path: the folder.
        is_single_object: whether all ids above 0 are one object.

    Raises:
        InputError: there are too few masks to score against.
    """

    def __init__(self, path: Path, *, is_single_object: bool = False) -> None:
        self.path = path
        self._paths = list_truth(path)
        self._is_single_object = is_single_object
        self.names = list(self._paths)

    def read(self, name: str) -> np.ndarray:
        """Read a mask: ``[H,W]`` int32 ids."""
        return read_stored_ids(self._paths[name], allow_colours=self._is_single_object)

    read_ids = read  # as of masks that are stored object by object

    def place(self, name: str) -> str:
        """Say, for a message, where a mask is."""
        return str(self._paths[name])


def open_truth(truth: Path | ObjectMasks, *, is_single_object: bool = False) -> TruthFolder | ObjectMasks:
    """Open the ground truth of a video.

    Raises:
        InputError: there is no such folder, or there are too few masks.
    """
    if isinstance(truth, Path):
        return TruthFolder(truth, is_single_object=is_single_object)
    check_number(truth.path, len(truth.names))
    return truth


def list_truth(folder: Path) -> dict[str, Path]:
    """List the ground-truth masks of a video by name, in natural order.

    Raises:
        InputError: there are too few to score against.
    """
    paths = list_masks(folder)
    check_number(folder, len(paths))
    return paths


def check_number(path: Path, number: int) -> None:
    """Refuse a ground truth of too few masks.

    Raises:
        InputError: naming the path.
    """
    if number < 3:
        raise InputError(
            f"{path}: {number} mask(s), but the first and the last are not scored; give the masks of all frames"
        )


def list_masks(folder: Path) -> dict[str, Path]:
    """List the masks of a folder by name, in natural order.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected masks named by frame")
    return list_images(folder)
