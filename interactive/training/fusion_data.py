"""Training samples for fusion: two results of one frame, from two references, and what the second one changed."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from dataset.augmentation import Colour, ColourRange, apply_colours, draw_colour
from dataset.images import read_rgb
from dataset.stored_masks import read_grey, read_mask
from dataset.training_clip import Clip, ClipKey, ClipSpec, make_clip, make_generator
from dataset.vos_dataset import TrainingVideo

NUM_OBJECTS = 2
PLANES = 4 * NUM_OBJECTS + 3  # see ``FusionDataset``
COLOUR = ColourRange(0.1, 0.03, 0.03, 0.01)
SAMPLES_PER_VIDEO = 100  # in an epoch
MAX_DRAWS = 20
MIN_DIFFERENT, DIFFERENT_BY = 100, 26  # pixels where two results differ by so many of 255 levels


class Choice(NamedTuple):
    """The parts that a sample is made of."""

    first: int  # the reference of the earlier rounds
    second: int  # the reference of the new round
    target: int  # the frame to fuse
    objects: list[str]  # names of their folders


class FusionVideo:
    """A video with the results of ``generate``.

    Args:
        video: frames and ground truth.
        results: folder with ``<reference>/<object>/<frame>.png``.
    """

    def __init__(self, video: TrainingVideo, results: Path) -> None:
        self.pairs, self._results = video.annotated_frames(), results
        self._reached = {  # frames by reference and object
            int(reference.name): {
                folder.name: {int(path.stem) for path in folder.glob("*.png") if path.stem.isdecimal()}
                for folder in reference.iterdir()
            }
            for reference in sorted(results.iterdir())
            if reference.name.isdecimal()
        }

    @property
    def is_usable(self) -> bool:
        """Whether some frame can be fused from two references."""
        return any(self._partners(first, name) for first, objects in self._reached.items() for name in objects)

    def read(self, reference: int, name: str, frame: int) -> np.ndarray:
        """Read a result: ``[H,W]`` uint8, 255 for a probability of 1."""
        return read_grey(self._results / f"{reference:05d}" / name / f"{frame:05d}.png")

    def draw(self, generator: np.random.Generator) -> Choice:
        """Draw what a sample is made of: two references whose results differ in a frame, if some are found."""
        options = [(first, name) for first, objects in self._reached.items() for name in sorted(objects)]
        options = [option for option in options if self._partners(*option)]
        for _ in range(MAX_DRAWS):
            first, name = options[generator.integers(len(options))]
            second, targets = self._pick(self._partners(first, name), generator)
            target = targets[generator.integers(len(targets))]
            difference = self.read(first, name, target).astype(int) - self.read(second, name, target)
            if (np.abs(difference) > DIFFERENT_BY).sum() >= MIN_DIFFERENT:
                break
        others = [
            other
            for other in sorted(self._reached[first])
            if other != name
            and {target, second} <= self._reached[first][other]
            and target in self._reached[second].get(other, ())
        ]
        return Choice(first, second, target, [name, *generator.permutation(others)[: NUM_OBJECTS - 1].tolist()])

    def _partners(self, first: int, name: str) -> dict[int, list[int]]:
        """Find the second references for a first one, and the frames that both have reached."""
        reached = self._reached[first][name]
        shared = {
            second: sorted(reached & objects[name] - {first, second})
            for second, objects in self._reached.items()
            if second != first and second in reached and name in objects
        }
        return {second: frames for second, frames in shared.items() if frames}

    @staticmethod
    def _pick(partners: dict[int, list[int]], generator: np.random.Generator) -> tuple[int, list[int]]:
        second = list(partners)[generator.integers(len(partners))]
        return second, partners[second]


class FusionDataset(Dataset):
    """Samples as clips of two frames: the second reference, and the frame to fuse.

    The masks of the first frame are what the network sees, ``PLANES`` of them: for two objects each the results of the
    first and of the second reference in the frame to fuse, the ground truth and the first one's result in the second
    reference; then the distances in frames between first reference and frame, second reference and frame, and both
    references, as constant planes. The first two masks of the second frame are the ground truth.

    Args:
        videos: with results.
        spec: crop and seed count.
    """

    def __init__(self, videos: Iterable[FusionVideo], spec: ClipSpec) -> None:
        self._videos, self._spec = list(videos), spec

    def __len__(self) -> int:
        return SAMPLES_PER_VIDEO * len(self._videos)

    def __getitem__(self, key: ClipKey) -> Clip:
        video, generator = self._videos[key.index // SAMPLES_PER_VIDEO], make_generator(self._spec.seed, key)
        first, second, target, names = video.draw(generator)
        truths = [read_mask(video.pairs[frame][1]) for frame in (second, target)]
        size, crop = truths[0].shape, self._spec.crop
        y, x = (int(generator.integers(max(side - crop, 0) + 1)) for side in size)
        is_mirrored, colour = generator.random() < 0.5, draw_colour(COLOUR, generator)

        def cut(array: np.ndarray) -> np.ndarray:
            return _cut(array, y, x, crop, is_mirrored=is_mirrored)

        images = [_recolour(cut(read_rgb(video.pairs[frame][0])), colour) for frame in (second, target)]
        empty, planes = np.zeros((crop, crop), np.uint8), []
        readers = (
            lambda name: video.read(first, name, target),
            lambda name: video.read(second, name, target),
            lambda name: np.uint8(255) * (truths[0] == int(name)),
            lambda name: video.read(first, name, second),
        )
        for read in readers:
            found = [cut(read(name)) for name in names]
            planes += found + [empty] * (NUM_OBJECTS - len(found))
        offsets = abs(first - target), abs(second - target), abs(first - second)
        planes += [np.full_like(empty, min(offset, 255)) for offset in offsets]
        wanted = [cut(np.uint8(255) * (truths[1] == int(name))) for name in names]
        wanted += [empty] * (PLANES - len(wanted))
        exists = [index < len(names) for index in range(PLANES)]
        return make_clip(images, [planes, wanted], exists, f"{video.pairs[target][0]}")


def _cut(array: np.ndarray, y: int, x: int, crop: int, *, is_mirrored: bool) -> np.ndarray:
    """Cut a square out of an image or a mask; what is too small is filled with 0."""
    part = array[y : y + crop, x : x + crop]
    missing = [(0, crop - side) for side in part.shape[:2]] + [(0, 0)] * (part.ndim - 2)
    part = np.pad(part, missing)
    return np.ascontiguousarray(part[:, ::-1] if is_mirrored else part)


def _recolour(image: np.ndarray, colour: Colour) -> np.ndarray:
    return apply_colours(image, (colour,))
