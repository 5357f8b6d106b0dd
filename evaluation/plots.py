"""Pictures of scores: J and F over the frames by object, and the worst frames beside their ground truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dataset.frames import open_frames
from dataset.images import list_images
from dataset.stored_masks import read_stored_ids
from evaluation.measuring import FrameScores
from evaluation.scoring import Pair
from evaluation.truth import open_truth
from output.chart import Line, Panel, write_chart
from output.overlay import COLOURS, draw_overlay
from util.files import make_folder, write_then_rename

FOLDER = "plots"  # in the folder of the scores
CURVES, WORST = "{video}_curves.png", "{video}_worst.png"
NUM_WORST = 6  # frames
TILE, GAP, CAPTION = 440, 8, 24  # pixels: a picture's width, the space around it, and the height of the line above it
DARK = 60  # level of the ground where there are no frames


def write_plots(output: Path, name: str, scores: FrameScores, pair: Pair, frames: Path | None = None) -> None:
    """Write ``plots/<name>_curves.png`` and ``plots/<name>_worst.png``, each whole or not at all.

    Args:
        output: the folder of the scores.
        name: of the video.
        scores: of the video's frames.
        pair: the masks that were scored.
        frames: a folder of frames or a video file, to draw the masks on; None: they are drawn on a dark ground.

    Raises:
        InputError: the frames or the folder cannot be used.
    """
    folder = output / FOLDER
    make_folder((folder / name).parent)
    write_chart(folder / CURVES.format(video=name), _make_panels(scores), f"scored frame, 1: {scores.names[0]}")
    sheet = _draw_sheet(scores, pair, frames)
    with write_then_rename(folder / WORST.format(video=name)) as temporary:
        sheet.save(temporary, "PNG")


def find_worst(scores: FrameScores, number: int = NUM_WORST) -> list[int]:
    """Find the frames of the lowest mean of J and F over the objects, apart from each other where there are many.

    Returns:
        Indices of ``scores.names``, the worst first.
    """
    values = np.stack(list(scores.values.values()))  # [K,N,2]
    is_scored = ~np.isnan(values)
    means = np.nansum(values, (0, 2)) / np.maximum(is_scored.sum((0, 2)), 1)
    distance, found = len(means) // (2 * number), []
    for index in np.argsort(means, kind="stable").tolist():
        if is_scored[:, index].any() and all(abs(index - other) > distance for other in found):
            found.append(index)
    return found[:number]


def _make_panels(scores: FrameScores) -> list[Panel]:
    """Make a panel of J and one of F, with a line for each object."""
    x = range(1, len(scores.names) + 1)
    panels = []
    for index, measure in enumerate("JF"):
        lines = [
            Line(x, values[:, index], f"object {label}: {100 * np.nanmean(values[:, index]):.1f}", _colour(number))
            for number, (label, values) in enumerate(scores.values.items())
        ]
        panels.append(Panel(f"{measure} by object, with its mean in per cent", lines))
    return panels


def _colour(number: int) -> tuple[int, int, int]:
    """Choose the colour that an overlay has for the object, darker where white paper would hide it."""
    colour = COLOURS[number % len(COLOURS)]
    return tuple(level * 3 // 4 for level in colour) if sum(colour) > 500 else colour


def _draw_sheet(scores: FrameScores, pair: Pair, frames: Path | None) -> Image.Image:
    """Draw the worst frames, the ground truth to the left and the prediction to the right."""
    worst = find_worst(scores)
    names = [scores.names[index] for index in worst]
    images = {} if frames is None else _read_images(frames, names)
    truth, found = open_truth(pair.truth, is_single_object=pair.is_single_object), list_images(pair.predictions)
    rows = []
    for index, name in zip(worst, names):
        masks = [truth.read_ids(name), read_stored_ids(found[name], allow_colours=pair.is_single_object)]
        if pair.is_single_object:
            masks = [np.where(mask > 0, 1, 0) for mask in masks]
        tiles = [_draw_tile(images.get(name), mask, list(scores.values)) for mask in masks]
        rows.append(_draw_row(tiles, _caption(scores, index)))
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), "white")
    for index, row in enumerate(rows):
        sheet.paste(row, (0, sum(row.height for row in rows[:index])))
    return sheet


def _caption(scores: FrameScores, index: int) -> str:
    by_object = {label: values[index].mean() for label, values in scores.values.items() if values[index, 0] >= 0}
    lowest = min(by_object, key=by_object.get)
    mean = sum(by_object.values()) / len(by_object)
    least = f", lowest {100 * by_object[lowest]:.1f} of object {lowest}" if len(by_object) > 1 else ""
    return f"{scores.names[index]}: J&F {100 * mean:.1f}{least}"


def _read_images(frames: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: image for name, image in open_frames(frames).read(needed=set(names)) if image is not None}


def _draw_tile(image: np.ndarray | None, mask: np.ndarray, labels: Sequence[int]) -> Image.Image:
    """Draw a mask on its frame, at the width of a tile."""
    if image is None:
        image = np.full((*mask.shape, 3), DARK, np.uint8)
    elif image.shape[:2] != mask.shape:
        image = np.asarray(Image.fromarray(image).resize(mask.shape[::-1]))
    height = max(1, round(mask.shape[0] * TILE / mask.shape[1]))
    # Scaled before they are drawn on, so that outlines and numbers have one size whatever the video's is.
    image = np.asarray(Image.fromarray(image).resize((TILE, height)))
    ids = np.asarray(Image.fromarray(mask.astype(np.int32)).resize((TILE, height), Image.Resampling.NEAREST))
    return Image.fromarray(draw_overlay(image, ids, labels))


def _draw_row(tiles: Sequence[Image.Image], caption: str) -> Image.Image:
    height = tiles[0].height + CAPTION + GAP
    row = Image.new("RGB", ((TILE + GAP) * len(tiles) + GAP, height), "white")
    draw = ImageDraw.Draw(row)
    for index, (tile, text) in enumerate(zip(tiles, (f"{caption}, ground truth", "prediction"))):
        left = GAP + index * (TILE + GAP)
        draw.text((left, CAPTION / 2), text, (0, 0, 0), anchor="lm", font=ImageFont.load_default(12))
        row.paste(tile, (left, CAPTION))
    return row
