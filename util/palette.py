"""The palette that indexed masks carry."""

import numpy as np


def make_palette(num_colours: int = 256) -> list[int]:
    """The palette of PASCAL VOC and DAVIS: bits of the id, spread over R, G and B from the highest bit down."""
    ids = np.arange(num_colours)
    colours = np.zeros((num_colours, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (ids >> (3 * bit + channel) & 1) << (7 - bit)
    return colours.flatten().tolist()


PALETTE = make_palette()
