"""Region similarity J and contour accuracy F of masks, as in the official protocol of DAVIS.

Perazzi et al., *A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation*, CVPR 2016.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

BOUND_THRESHOLD = 0.008  # distance at which contours still match, as a share of the image's diagonal


def score_frame(prediction: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Region similarity and contour accuracy of one object in one frame.

    Args:
        prediction, truth: ``[H,W]`` bool.

    Returns:
        J and F, each from 0 to 1.
    """
    radius = math.ceil(BOUND_THRESHOLD * math.hypot(*truth.shape))
    prediction, truth = _crop_to_masks(prediction.view(np.uint8), truth.view(np.uint8))
    return region_similarity(prediction, truth), contour_accuracy(prediction, truth, radius)


def region_similarity(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks ``[H,W]``, uint8 0 or 1; 1 if both are empty."""
    union = np.count_nonzero(prediction | truth)
    return np.count_nonzero(prediction & truth) / union if union else 1.0


def contour_accuracy(prediction: np.ndarray, truth: np.ndarray, radius: int) -> float:
    """Harmonic mean of the precision and the recall of a mask's boundary.

    Args:
        prediction, truth: ``[H,W]`` uint8, 0 or 1.
        radius: distance in pixels at which boundaries still match.
    """
    found, wanted = boundary_map(prediction), boundary_map(truth)
    num_found, num_wanted = np.count_nonzero(found), np.count_nonzero(wanted)
    if not (num_found and num_wanted):
        return float(num_found == num_wanted)
    disk = _disk(radius)
    precision = np.count_nonzero(found & cv2.dilate(wanted, disk)) / num_found
    recall = np.count_nonzero(wanted & cv2.dilate(found, disk)) / num_wanted
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_map(mask: np.ndarray) -> np.ndarray:
    """Pixels that differ from their right, lower or lower-right neighbour: ``[H,W]`` uint8 0 or 1 -> the same.

    That is, the largest less the smallest value of each 2x2 block, by its upper left pixel.
    """
    block = np.ones((2, 2), np.uint8)
    return cv2.dilate(mask, block, anchor=(0, 0)) - cv2.erode(mask, block, anchor=(0, 0))


def summarise(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, recall and decay of a measure over the frames of a sequence, at least one.

    Recall is the share of frames above one half; decay the mean of the first quarter less that of the last, where
    neighbouring quarters share a frame.
    """
    values = np.asarray(values, np.float64)
    ends = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    decay = values[ends[0] : ends[1] + 1].mean() - values[ends[3] : ends[4] + 1].mean()
    return float(values.mean()), float((values > 0.5).mean()), float(decay)


def _crop_to_masks(prediction: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut to the rectangle that holds both masks and one pixel around them, as far as the image reaches.

    A mask's boundary reaches one pixel beyond it at the upper and left side; at the lower and right side the
    extra pixel tells it from the image's border, where there is no boundary.
    """
    x, y, width, height = cv2.boundingRect(prediction | truth)
    rows, columns = slice(max(y - 1, 0), y + height + 1), slice(max(x - 1, 0), x + width + 1)
    return np.ascontiguousarray(prediction[rows, columns]), np.ascontiguousarray(truth[rows, columns])


def _disk(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return (x * x + y * y <= radius * radius).astype(np.uint8)
