"""Strokes become masks: the published figures, and what each maker must do."""

from pathlib import Path

import numpy as np
import pytest
import torch

from interactive import interaction
from interactive.interaction import DrawingMaker, GrabCutMaker, Maker, Region, S2MMaker, draw_box, load_maker
from interactive.strokes import draw_stroke, empty_map
from model.aggregate import aggregate
from model.s2m import S2M
from tests.deterministic import fill_state_dict
from tests.golden_figures import GOLDEN_SEED, golden, golden_video

NO_STROKE_IN_FIGURES = 255


def test_golden_mask_of_three_objects() -> None:
    expected = golden("interactive_s2m")
    video, masks = golden_video(1, 91, 121, 3, seed=2)
    network = S2M().eval()
    fill_state_dict(network.state_dict(), GOLDEN_SEED)
    maker, strokes = S2MMaker(network), expected["strokes_odd"].astype(np.int32)
    strokes[strokes == NO_STROKE_IN_FIGURES] = interaction.NO_STROKE
    objects = maker.object_probabilities(video[0], masks[0], strokes, 3)
    hard = maker(video[0], masks[0], strokes, 3)
    assert np.abs(objects[:, ::2, ::2].numpy() - expected["object_probability_odd"]).max() < 2e-5
    assert (hard.argmax(0).numpy() == expected["mask_odd"]).mean() >= 0.9999
    soft, half = aggregate(objects).softmax(0), aggregate(objects, background=0.5).softmax(0)
    for found, name, tolerance in ((soft, "soft", 2e-5), (hard, "hard", 1e-3), (half, "half_background", 2e-5)):
        assert np.abs(found[:, ::3, ::3].numpy() - expected[f"{name}_odd"]).max() < tolerance


@pytest.fixture(scope="module")
def small() -> S2M:
    network = S2M("small").eval()
    fill_state_dict(network.state_dict())
    return network


@pytest.fixture
def picture() -> tuple[np.ndarray, np.ndarray]:
    """A red and a blue square on green ground, and their rows."""
    rows = np.zeros((60, 90), np.uint8)
    rows[10:30, 10:40], rows[35:55, 50:80] = 1, 2
    colours = np.array([[20, 180, 30], [200, 30, 20], [30, 20, 190]], np.uint8)
    noise = np.random.default_rng(0).integers(0, 12, (60, 90, 3), np.uint8)
    return colours[rows] + noise, rows


@pytest.mark.parametrize("kind", ["s2m", "grabcut", "drawing"])
def test_makers_give_probabilities(kind: str, small: S2M, picture: tuple) -> None:
    maker: Maker = {"s2m": S2MMaker(small), "grabcut": GrabCutMaker(), "drawing": DrawingMaker()}[kind]
    image, rows = picture
    for strokes in (empty_map(rows.shape), np.where(rows == 1, 1, -1)):
        found = maker(image, np.zeros_like(rows), strokes, 2)
        assert (found.shape, found.dtype) == ((3, 60, 90), torch.float32)
        assert found.sum(0).numpy() == pytest.approx(1, abs=1e-4)


def test_a_frame_without_a_mask_is_looked_at_from_afar(small: S2M, picture: tuple) -> None:
    sizes = []
    handle = small.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape[2:])))
    image, rows = picture
    maker, strokes = S2MMaker(small, first_side=32), np.where(rows == 1, 1, -1)
    for previous in (np.zeros_like(rows), rows):
        assert maker(image, previous, strokes, 1).shape == (2, 60, 90)
    handle.remove()
    assert sizes == [(32, 48), (64, 96)]


def test_grabcut_finds_what_is_marked(picture: tuple) -> None:
    image, truth = picture
    strokes = empty_map(truth.shape)
    draw_stroke(strokes, [(15, 20), (35, 20)], 1)
    draw_stroke(strokes, [(55, 45), (75, 45)], 2)
    draw_stroke(strokes, [(5, 5), (85, 5), (85, 30)], 0)
    found = GrabCutMaker()(image, np.zeros_like(truth), strokes, 2).argmax(0).numpy()
    assert (found == truth).mean() > 0.98
    strokes[18:22, 15:20] = 0  # a hole
    assert (GrabCutMaker()(image, found, strokes, 2).argmax(0).numpy()[18:22, 15:20] == 0).all()


def test_drawing_takes_strokes_literally(picture: tuple) -> None:
    image, rows = picture
    strokes = empty_map(rows.shape)
    strokes[:20], strokes[20:25] = 2, 0
    found = DrawingMaker()(image, rows, strokes, 2).argmax(0).numpy()
    assert (found[:20] == 2).all()
    assert (found[20:25] == 0).all()
    assert np.array_equal(found[25:], rows[25:])


def test_a_region_is_pasted_without_its_edge() -> None:
    whole, part = torch.zeros(2, 40, 50), torch.zeros(2, 21, 31)
    whole[0], part[1] = 1, 1
    region = Region(5, 10, 35, 30)
    found = region.paste(part, whole).argmax(0).numpy()
    assert found[13:28, 8:33].all()
    assert found.sum() == 15 * 25
    assert region.crop(found).shape == (21, 31)


def test_a_box_becomes_strokes(picture: tuple) -> None:
    image, truth = picture
    strokes = empty_map(truth.shape)
    draw_box(strokes, Region(7, 7, 42, 32), 1)
    assert (strokes == 0).any()
    assert (strokes[truth == 1] == 1).any()
    found = GrabCutMaker()(image, np.zeros_like(truth), strokes, 1).argmax(0).numpy()
    assert ((found == 1) == (truth == 1)).mean() > 0.98


def test_what_serves_is_said(
    small: S2M, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for name in ("S2M_WEIGHTS", "SMALL_S2M_WEIGHTS"):
        monkeypatch.setattr(interaction, name, tmp_path / name)
    assert load_maker().name == "GrabCut"
    torch.save(small.half().state_dict(), tmp_path / "SMALL_S2M_WEIGHTS")
    small.float()
    assert load_maker().name == "S2M (SMALL_S2M_WEIGHTS)"
    assert "strokes become masks by GrabCut" in caplog.text
    assert f"strokes become masks by {tmp_path}" in caplog.text
