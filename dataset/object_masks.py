"""Masks that are stored object by object, so that they may overlap. The objects have ids 1, 2, .. in their order."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from dataset.images import list_images
from dataset.stored_masks import read_stored_ids
from util.errors import InputError
from util.files import natural_key


class ObjectMasks(ABC):
    """The masks of one video; further classes say where they come from.

    Attributes:
        path: the folder or file that holds them.
        names: frames that have masks, in order.
        objects: what the data set calls the objects; the ids are places in this list, from 1 on.
    """

    path: Path
    names: list[str]
    objects: list[str]

    @abstractmethod
    def read(self, name: str) -> np.ndarray:
        """Read the masks of a frame: ``[K,H,W]`` bool, in the order of ``objects``.

        Raises:
            InputError: one of them is unreadable.
        """

    def place(self, name: str) -> str:
        """Say, for a message, where the masks of a frame are."""
        return f"{self.path}: {name}"

    def read_ids(self, name: str) -> np.ndarray:
        """Read the masks of a frame as one: ``[H,W]`` int32 ids; pixels of several objects belong to the smallest."""
        regions = self.read(name)
        ids = np.zeros(regions.shape[1:], np.int32)
        for index in np.argsort(-regions.sum((1, 2)), kind="stable").tolist():
            ids[regions[index]] = index + 1
        return ids

    def names_from_first_object(self) -> list[str]:
        """List the frames from the first one with an object on; there may be none."""
        for index, name in enumerate(self.names):
            if self.read(name).any():
                return self.names[index:]
        return []


class ObjectFolders(ObjectMasks):
    """Masks in a folder for each object: ``<path>/<object>/<frame>.png``; pixels above 0 are the object's.

    Args:
        path: the video's folder.

    Raises:
        InputError: it holds no such folders.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        folders = [folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
        self._paths = {folder.name: list_images(folder) for folder in sorted(folders)}
        self._paths = {name: paths for name, paths in self._paths.items() if paths}
        self.objects = list(self._paths)
        self.names = sorted({name for paths in self._paths.values() for name in paths}, key=natural_key)
        if not self.names:
            raise InputError(f"{path}: no masks; expected a folder of masks for each object")

    def read(self, name: str) -> np.ndarray:
        """Read the masks of a frame: ``[K,H,W]`` bool; objects without a file are nowhere."""
        found = {
            index: read_stored_ids(paths[name], allow_colours=True) > 0
            for index, paths in enumerate(self._paths.values())
            if name in paths
        }
        size = next(iter(found.values())).shape
        for index, region in found.items():
            if region.shape != size:
                place = self._paths[self.objects[index]][name]
                sizes = (f"{width}x{height}" for height, width in (region.shape, size))
                raise InputError("{}: {} pixels, but another object has {}; resize it".format(place, *sizes))
        return np.stack([found.get(index, np.zeros(size, bool)) for index in range(len(self.objects))])
