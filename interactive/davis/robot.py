"""The robot of the DAVIS interactive protocol, which corrects a result with strokes as a person would.

Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation", arXiv 1803.00557. For each object it looks at
what the result lacks, and draws along the middle of each larger piece.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.special import gammaln, xlog1py, xlogy
from skimage.morphology import medial_axis, skeletonize

from interactive.strokes import Line

SHRINK = 0.9  # factor of the radius where opening left nothing
MAX_RADIUS = 16  # pixels
NUM_SAMPLES = 1000  # points of a line


@dataclass(frozen=True)
class RobotConfig:
    """The ways in which robots differ. The defaults are those of the protocol."""

    kernel: float = 0.2  # diameter of the opening, as a share of the square root of the error's area
    min_pixels: int = 4  # a smaller piece of the skeleton becomes no line
    is_fast: bool = False  # whether to thin the error instead of computing its medial axis, in a tenth of the time


def draw_lines(
    truth: np.ndarray, prediction: np.ndarray, object_ids: Iterable[int], config: RobotConfig = RobotConfig()
) -> list[Line]:
    """Draw lines where objects, or the background (id 0), are missing in a result.

    Args:
        truth, prediction: ``[H,W]`` ids.
        object_ids: ids to look at, in the order of the lines.
    """
    lines = []
    for object_id in object_ids:
        error = (truth == object_id) & (prediction != object_id)
        if error.any():
            opened = open_error(error, config.kernel)
            skeleton = skeletonize(opened) if config.is_fast else find_middle(opened)
            paths = longest_paths(skeleton, config.min_pixels)
            lines += [Line(smooth(path) / error.shape[::-1], object_id) for path in paths]
    return lines


def open_error(error: np.ndarray, kernel: float = RobotConfig().kernel) -> np.ndarray:
    """Leave out the thin parts of an error ``[H,W]`` bool, at a width that suits its area; it may vanish altogether."""
    pixels = error.astype(np.uint8)
    radius = min(kernel * np.sqrt(pixels.sum()) / 2, MAX_RADIUS)
    opened = pixels
    while radius > 1:
        opened = cv2.morphologyEx(pixels, cv2.MORPH_OPEN, _disc(radius))
        if opened.any():
            break
        radius *= SHRINK
    return opened.astype(bool)


def find_middle(region: np.ndarray) -> np.ndarray:
    """Compute the medial axis of a region ``[H,W]`` bool; what touches the border is not the middle."""
    return medial_axis(np.pad(region, 1), rng=0)[1:-1, 1:-1]


def longest_paths(skeleton: np.ndarray, min_pixels: int = RobotConfig().min_pixels) -> list[np.ndarray]:
    """Find the longest path through each connected piece of a skeleton ``[H,W]`` bool.

    Cycles are cut first: a minimum spanning tree is left.

    Args:
        min_pixels: smaller pieces are left out.

    Returns:
        paths ``[N,2]`` int64 of x and y.
    """
    points = np.argwhere(skeleton)[:, ::-1]
    tree = minimum_spanning_tree(_neighbour_graph(skeleton))
    tree = tree + tree.T  # so that neighbours are visited in the order of their numbers
    num_pieces, pieces = connected_components(tree, directed=False)
    paths = []
    for piece in range(num_pieces):
        nodes = np.flatnonzero(pieces == piece)
        if len(nodes) >= min_pixels:
            start = _path_to_farthest(tree, nodes[0])[-1]
            paths.append(points[_path_to_farthest(tree, start)])
    return paths


def smooth(path: np.ndarray) -> np.ndarray:
    """Turn a path ``[N,2]`` into the Bezier curve whose control points its pixels are: ``[1000,2]`` from end to start.

    A path of more pixels stays as it is.
    """
    if len(path) > NUM_SAMPLES:
        return path.astype(float)
    degree, index = len(path) - 1, np.arange(len(path))
    t = np.linspace(1, 0, NUM_SAMPLES)[:, None]
    log_weights = gammaln(degree + 1) - gammaln(index + 1) - gammaln(degree - index + 1)
    weights = np.exp(log_weights + xlogy(index, t) + xlog1py(degree - index, -t))  # Bernstein's polynomials
    return weights @ path


def _path_to_farthest(tree: csr_array, start: int) -> list[int]:
    """List the nodes from one node of a tree to the first of those that most edges separate from it."""
    order, predecessors = breadth_first_order(tree, start)
    depth = np.zeros(len(predecessors), int)
    for node in order[1:]:
        depth[node] = depth[predecessors[node]] + 1
    path = [order[depth[order].argmax()]]
    while path[-1] != start:
        path.append(predecessors[path[-1]])
    return path[::-1]


def _disc(radius: float) -> np.ndarray:
    """Make the footprint of a radius that need not be whole: it is lopsided then."""
    steps = np.arange(-radius, radius + 1)
    return (steps**2 + steps[:, None] ** 2 <= radius**2).astype(np.uint8)


def _neighbour_graph(skeleton: np.ndarray) -> csr_array:
    """Connect each pixel of a skeleton with its neighbours to the right and below, by their distance."""
    count = np.count_nonzero(skeleton)
    index = np.full((skeleton.shape[0] + 1, skeleton.shape[1] + 2), -1)
    index[:-1, 1:-1][skeleton] = np.arange(count)
    here = index[:-1, 1:-1]
    heads, tails, weights = [], [], []
    for rows, columns, weight in ((0, 1, 1.0), (1, 0, 1.0), (1, 1, np.sqrt(2)), (1, -1, np.sqrt(2))):
        there = index[rows : rows + here.shape[0], 1 + columns : 1 + columns + here.shape[1]]
        is_edge = (here >= 0) & (there >= 0)
        heads.append(here[is_edge])
        tails.append(there[is_edge])
        weights.append(np.full(np.count_nonzero(is_edge), weight))
    edges = np.concatenate(heads), np.concatenate(tails)
    return coo_array((np.concatenate(weights), edges), shape=(count, count)).tocsr()
