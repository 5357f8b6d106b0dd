"""The fast thin-plate spline against the published figures and the exact spline."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from dataset.tps import spline_map
from tests.golden_figures import golden


def test_golden_spline() -> None:
    expected = golden("thin_plate_spline")
    found = spline_map(expected["source"], expected["destination"], 384)[::8, ::8]
    assert np.abs(found[..., 0] - expected["map_x"]).max() < 0.1
    assert np.abs(found[..., 1] - expected["map_y"]).max() < 0.1


@pytest.mark.parametrize(("seed", "size"), [(0, 384), (1, 384), (2, 200), (3, 97)])
def test_every_pixel_is_within_a_tenth_of_the_exact_spline(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    source = generator.permutation(size * size)[:12]
    source = np.stack([source % size, source // size], 1) / (size - 1)
    destination = source + generator.normal(0, 0.02, source.shape)
    y, x = np.mgrid[:size, :size] / (size - 1)
    exact = RBFInterpolator(destination, source, kernel="thin_plate_spline")(np.stack([x.ravel(), y.ravel()], 1))
    assert np.abs(spline_map(source, destination, size) - size * exact.reshape(size, size, 2)).max() < 0.1


def test_unmoved_points_give_the_identity() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (12, 2))
    y, x = np.mgrid[:64, :64] * 64 / 63
    np.testing.assert_allclose(spline_map(points, points, 64), np.stack([x, y], 2), atol=1e-3)
