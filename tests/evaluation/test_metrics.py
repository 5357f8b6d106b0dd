"""Region similarity and contour accuracy against a naive twin, and the figures over the frames of a sequence."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest

from evaluation.metrics import boundary_map, score_frame, summarise

# The naive twin


def naive_boundary(mask: np.ndarray) -> np.ndarray:
    """The corner is never a boundary, the last row and column look along themselves only."""
    is_boundary = np.zeros_like(mask)
    is_boundary[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    is_boundary[:-1] |= mask[:-1] != mask[1:]
    is_boundary[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return is_boundary


def naive_share(points: np.ndarray, others: np.ndarray, radius: int) -> float:
    """Share of the points that have one of the others at most this far away."""
    squared_distances = ((points[:, None] - others[None]) ** 2).sum(2)
    return float((squared_distances.min(1) <= radius**2).mean())


def naive_scores(prediction: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    radius = math.ceil(0.008 * np.linalg.norm(truth.shape))
    union = (prediction | truth).sum()
    similarity = (prediction & truth).sum() / union if union else 1
    found, wanted = np.argwhere(naive_boundary(prediction)), np.argwhere(naive_boundary(truth))
    if len(found) == 0 or len(wanted) == 0:
        precision, recall = int(len(found) == 0), int(len(wanted) == 0)
    else:
        precision, recall = naive_share(found, wanted, radius), naive_share(wanted, found, radius)
    return similarity, 2 * precision * recall / (precision + recall) if precision + recall else 0


def naive_summary(values: Sequence[float]) -> tuple[float, float, float]:
    ends = [round(1 + (len(values) - 1) * quarter / 4 + 1e-10) - 1 for quarter in range(5)]
    quarters = [values[first : last + 1] for first, last in itertools.pairwise(ends)]
    first, last = (sum(quarter) / len(quarter) for quarter in (quarters[0], quarters[-1]))
    return sum(values) / len(values), sum(value > 0.5 for value in values) / len(values), first - last


# One frame


def blobs(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A few discs, some of them cut off by the image's border."""
    y, x = np.ogrid[:height, :width]
    centres = rng.uniform(0, 1, (4, 2)) * (height, width)
    radii = rng.uniform(0.02, 0.3, 4) * min(height, width)
    return np.any([np.hypot(y - cy, x - cx) <= radius for (cy, cx), radius in zip(centres, radii)], axis=0)


def special_masks(height: int, width: int) -> dict[str, np.ndarray]:
    """Masks at all borders of the image, of everything, of nothing, and of one pixel."""
    masks = {"empty": np.zeros((height, width), bool), "full": np.ones((height, width), bool)}
    for name in ("cross", "frame", "diagonal", "all but one", "all but a corner"):
        masks[name] = np.zeros((height, width), bool)
    masks["cross"][height // 2] = masks["cross"][:, width // 2] = True
    masks["frame"][[0, -1]] = masks["frame"][:, [0, -1]] = True
    np.fill_diagonal(masks["diagonal"], True)
    masks["all but one"][:] = masks["all but a corner"][:] = True
    masks["all but one"][height // 2, width // 2] = masks["all but a corner"][-1, -1] = False
    for row, column in itertools.product((0, height // 2, -1), (0, width // 2, -1)):
        pixel = masks[f"pixel {row}, {column}"] = np.zeros((height, width), bool)
        pixel[row, column] = True
    return masks


# Tolerances in pixels, before rounding up: 0.01, 0.06, 0.46, exactly 1, 1.005, exactly 2, 2.5, 7.8
@pytest.mark.parametrize("size", [(1, 1), (4, 7), (33, 47), (75, 100), (76, 100), (150, 200), (240, 200), (480, 854)])
def test_random_blobs_score_as_in_the_twin(size: tuple[int, int]) -> None:
    """Also moved by about the tolerance, where the contours just match or just do not."""
    rng = np.random.default_rng(sum(size))
    truth = blobs(rng, *size)
    moved = [np.roll(truth, shift, axis) for shift, axis in ((1, 1), (-2, 0), (3, (0, 1)), (8, 0), (-9, 1))]
    for prediction in (truth, blobs(rng, *size), ~truth, *moved):
        assert score_frame(prediction, truth) == pytest.approx(naive_scores(prediction, truth), abs=1e-12)


@pytest.mark.parametrize("size", [(1, 6), (6, 1), (5, 8), (21, 17)])
def test_special_masks_score_as_in_the_twin(size: tuple[int, int]) -> None:
    masks = special_masks(*size)
    for (prediction_name, prediction), (truth_name, truth) in itertools.product(masks.items(), repeat=2):
        expected = pytest.approx(naive_scores(prediction, truth), abs=1e-12)
        assert score_frame(prediction, truth) == expected, f"{prediction_name} against {truth_name}"


def test_boundaries_of_all_masks_of_three_by_three_pixels() -> None:
    for bits in itertools.product((False, True), repeat=9):
        mask = np.reshape(bits, (3, 3))
        np.testing.assert_array_equal(boundary_map(mask.astype(np.uint8)), naive_boundary(mask))


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ("empty", "empty", (1, 1)),
        ("full", "full", (1, 1)),
        ("cross", "cross", (1, 1)),
        ("empty", "cross", (0, 0)),
        ("cross", "empty", (0, 0)),
        ("full", "empty", (0, 1)),  # neither has a boundary
        ("pixel 0, 0", "pixel -1, -1", (0, 0)),
        ("all but a corner", "full", (1 - 1 / 600, 0)),
    ],
)
def test_known_scores(prediction: str, truth: str, expected: tuple[float, float]) -> None:
    masks = special_masks(20, 30)
    assert score_frame(masks[prediction], masks[truth]) == pytest.approx(expected)


def test_contour_of_one_side_is_found() -> None:
    """A prediction twice as wide as the true square. The tolerance is one pixel."""
    truth, prediction = np.zeros((2, 50, 60), bool)
    truth[10:20, 10:20] = prediction[10:20, 10:30] = True
    # Upper and lower sides are 21 and 11 pixels long, left and right ones 9 without the corners.
    precision = (2 * 12 + 9 + 0) / (2 * 21 + 9 + 9)
    recall = (2 * 11 + 9 + 2) / (2 * 11 + 9 + 9)
    expected = 2 * precision * recall / (precision + recall)
    assert score_frame(prediction, truth) == pytest.approx((0.5, expected))


# Over the frames


@pytest.mark.parametrize("num_frames", [*range(1, 14), 67, 104, 255, 256, 257, 300, 1023])
def test_figures_over_frames_are_those_of_the_twin(num_frames: int) -> None:
    rng = np.random.default_rng(num_frames)
    for values in (rng.random(num_frames), rng.choice([0, 0.5, 0.75, 1], num_frames)):
        assert summarise(values.tolist()) == pytest.approx(naive_summary(values.tolist()), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.7], (0.7, 1, 0)),
        ([1, 0], (0.5, 0.5, 1)),
        ([0.5, 0.5, 0.5], (0.5, 0, 0)),
        ([1, 1, 0.6, 0, 0], (0.52, 0.6, 1)),
        ([1] * 300 + [0] * 700, (0.3, 0.3, 1)),
    ],
)
def test_known_figures_over_frames(values: list[float], expected: tuple[float, float, float]) -> None:
    assert summarise(values) == pytest.approx(expected)
