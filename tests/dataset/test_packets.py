"""Frames that are missing are told by the times of the others, if the rate is steady."""

import numpy as np
import pytest

from dataset.packets import count_missing

STEADY = np.arange(100) / 30
VARIABLE = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.2, 100))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (STEADY, 0),
        (np.delete(STEADY, [40]), 1),
        (np.delete(STEADY, [40, 41, 42, 70]), 4),
        (np.round(np.delete(STEADY, [40, 41]), 3), 2),  # Matroska's milliseconds
        (STEADY[[0, 3, 1, 2, *range(4, 100)]], 0),  # the order of decoding
        (np.delete(STEADY, range(1, 100, 10)), 0),  # a rate that changes all the time
        (VARIABLE, 0),
        (STEADY[:1], 0),
        ([], 0),
        ([0.0] * 10, 0),
    ],
)
def test_missing_frames_are_counted_in_a_steady_rate(times, expected: int) -> None:
    assert count_missing(list(times)) == expected
