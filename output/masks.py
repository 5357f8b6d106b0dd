"""Object masks as image files."""

from pathlib import Path

import numpy as np
from PIL import Image

from output.export import Export
from output.names import MASK
from output.result import FrameResult
from util.files import write_then_rename
from util.palette import PALETTE


def write_mask(path: Path, mask: np.ndarray, palette: list[int] | None = PALETTE) -> None:
    """Write a mask whole or not at all: an indexed PNG, or a grey one.

    Args:
        mask: ``[H,W]`` object ids, uint8, or uint16 for a 16-bit grey image.
        palette: R, G and B of 256 ids; None for an 8-bit grey image.

    Raises:
        OSError: it cannot be written; an older file stays as it was.
    """
    image = Image.fromarray(mask)
    if mask.dtype == np.uint8 and palette is not None:
        image.putpalette(palette)
    with write_then_rename(path) as temporary:
        # Run lengths make masks smaller, and faster to write, than the other methods of compression.
        image.save(temporary, compress_level=1, compress_type=Image.RLE)


class MaskFiles(Export):
    """Write a mask for each frame."""

    num_threads = 2

    def __enter__(self) -> "MaskFiles":
        self.video.paths.folder.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, result: FrameResult) -> None:
        """Write the frame's mask."""
        write_mask(self.video.paths.path(MASK, result.name), result.ids, self.video.palette)
