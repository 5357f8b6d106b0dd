"""Colours that indexed masks carry for their ids."""

import numpy as np


def make_palette(num_colours: int = 256) -> list[int]:
    """Make the palette of PASCAL VOC and DAVIS: an id's bits go in turn to R, G and B, into the highest free bit.

    Returns:
        R, G and B of each id, one after the other, 0 to 255.
    """
    ids = np.arange(num_colours)
    colours = np.zeros((num_colours, 3), np.int64)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (ids >> (3 * bit + channel) & 1) << (7 - bit)
    return colours.flatten().tolist()


PALETTE = make_palette()
