"""Thin-plate splines (Bookstein, PAMI 1989): smooth random deformation of training images."""

from functools import lru_cache

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator, make_interp_spline

NODE_SPACING = 4  # pixels between the nodes at which the spline is evaluated
EXACT_RADIUS = 12  # within so many pixels of a control point, where it bends most, it is evaluated at each pixel


def spline_map(source: np.ndarray, destination: np.ndarray, size: int) -> np.ndarray:
    """Compute the inverse map of the thin-plate spline that moves ``source`` to ``destination``.

    The spline is evaluated on a coarse grid with cubic interpolation between, and exactly near the control points,
    which keeps within 0.1 pixel of it.

    Args:
        source, destination: ``[P,2]`` control points (x, y) in [0, 1], at least three not on a line.
        size: side of the square image; pixel i lies at i / (size - 1).

    Returns:
        ``[size,size,2]`` float32: for each pixel of the deformed image the place (x, y) that it comes from, in pixels.
    """
    spline = RBFInterpolator(destination, source, kernel="thin_plate_spline", degree=1)
    nodes, upsampling = _coarse_grid(size)
    coarse = torch.from_numpy(spline(_points(nodes, nodes) / (size - 1)).T.reshape(2, len(nodes), len(nodes)))
    result = (upsampling @ coarse @ upsampling.T).permute(1, 2, 0).numpy().copy()
    for column, row in np.round(destination * (size - 1)).astype(int):
        rows = np.arange(max(row - EXACT_RADIUS, 0), min(row + EXACT_RADIUS + 1, size))
        columns = np.arange(max(column - EXACT_RADIUS, 0), min(column + EXACT_RADIUS + 1, size))
        if rows.size and columns.size:
            exact = spline(_points(rows, columns) / (size - 1))
            result[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = exact.reshape(len(rows), len(columns), 2)
    return (result * size).astype(np.float32)


@lru_cache(maxsize=4)
def _coarse_grid(size: int) -> tuple[np.ndarray, torch.Tensor]:
    """Make nodes ``[n]`` in pixels, and the matrix ``[size,n]`` that interpolates between them with a cubic spline.

    The matrix is a tensor, since PyTorch keeps to one thread in a data loader's worker and NumPy does not.
    """
    nodes = np.linspace(0, size - 1, (size - 1) // NODE_SPACING + 1)
    return nodes, torch.from_numpy(make_interp_spline(nodes, np.eye(len(nodes)))(np.arange(size)))


def _points(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """List all (x, y) of a grid, row by row: ``[len(rows)*len(columns),2]``."""
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], 1)
