"""The network's input from images and masks."""

import math

import numpy as np
import pytest
import torch

from dataset.transforms import input_size, prepare_image, prepare_mask
from tests.videos import SIZE, picture
from util.tensor_util import IMAGENET_MEAN, IMAGENET_STD, normalise

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("native", "short_side", "expected"),
    [
        ((480, 854), 480, (480, 854)),
        ((720, 1280), 480, (480, 853)),
        ((1280, 720), 480, (853, 480)),
        ((1080, 1920), 480, (480, 853)),
        ((240, 320), 480, (480, 640)),
        ((360, 641), 480, (480, 854)),  # 854.67 is cut
        ((500, 500), 480, (480, 480)),
        ((721, 1283), None, (721, 1283)),
    ],
)
def test_input_size(native: tuple[int, int], short_side: int | None, expected: tuple[int, int]) -> None:
    assert input_size(*native, short_side) == expected


def test_normalise_agrees_with_the_formula() -> None:
    image = picture(5)
    expected = (image / 255.0 - IMAGENET_MEAN) / IMAGENET_STD
    found = normalise(torch.from_numpy(image).permute(2, 0, 1))
    assert found.shape == (3, *SIZE)
    np.testing.assert_allclose(found.numpy(), expected.transpose(2, 0, 1), atol=1e-6)


def test_frame_of_the_right_size_is_only_normalised() -> None:
    image = picture(2)
    found = prepare_image(image, SIZE, CPU)
    assert found.is_contiguous()
    assert torch.equal(found, normalise(torch.from_numpy(image).permute(2, 0, 1)))


def bicubic_by_loops(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``[3,H,W]`` -> ``[3,height,width]``: cubic convolution with a = -0.75 at pixel centres, borders repeated."""

    def weight(distance: float) -> float:
        x, a = abs(distance), -0.75
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0

    def matrix(num_in: int, num_out: int) -> np.ndarray:
        weights = np.zeros((num_out, num_in))
        for out in range(num_out):
            position = (out + 0.5) * num_in / num_out - 0.5
            for tap in range(math.floor(position) - 1, math.floor(position) + 3):
                weights[out, min(max(tap, 0), num_in - 1)] += weight(position - tap)
        return weights

    return matrix(image.shape[1], size[0]) @ image @ matrix(image.shape[2], size[1]).T


@pytest.mark.parametrize("size", [(17, 21), (48, 13), (3, 5)])
def test_resizing_is_bicubic_without_antialiasing_or_clamping(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 2, (12, 16, 3), np.uint8) * 255
    found = prepare_image(image, size, CPU).numpy()
    expected = bicubic_by_loops(normalise(torch.from_numpy(image).permute(2, 0, 1)).double().numpy(), size)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.max() > 2.7, "nothing overshoots, so clamping would go unnoticed"  # 2.64 is the largest input


@pytest.mark.parametrize("size", [(48, 64), (20, 27), (31, 80), (96, 128), (120, 7)])
def test_mask_is_resized_by_nearest_neighbour(size: tuple[int, int]) -> None:
    """Output pixel i takes input pixel floor(i * in / out); ids beyond float16 and uint8 survive."""
    mask = np.random.default_rng(1).choice([0, 1, 255, 40000, 65535], SIZE).astype(np.int32)
    expected = [[mask[i * SIZE[0] // size[0], j * SIZE[1] // size[1]] for j in range(size[1])] for i in range(size[0])]
    found = prepare_mask(mask, size, CPU)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found.numpy(), expected)
