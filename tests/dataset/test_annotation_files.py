"""Masks from the files of annotation tools, compared with pycocotools."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from dataset.annotation_files import AnnotationFile
from dataset.videos import Video, VideoEntry
from output.video import VideoOutput
from tests.output.videos import frame_result
from tests.videos import write_frames
from util import rle
from util.errors import InputError

SIZE = (48, 64)
FRAMES = ["00000", "00001", "00002"]
SQUARE = [5.0, 6.0, 25.0, 6.0, 25.0, 20.0, 5.0, 20.0]
STAR = [30.2, 10.7, 60.9, 12.3, 41.5, 25.1, 58.8, 44.9, 33.3, 30.6, 20.4, 46.2]
SHAPE = {"height": 48, "width": 64}
IMAGES = [{"id": 7 + index, "file_name": f"a/{name}.jpg", **SHAPE} for index, name in enumerate(FRAMES)]
NO_SIZE = [{"id": 7, "file_name": "a.jpg"}]


def square() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[6:20, 5:25] = True
    return mask


def coco(*annotations: dict, images: list[dict] = IMAGES) -> dict:
    return {"images": images, "annotations": [{"id": 1, "category_id": 1, **one} for one in annotations]}


def shape(points: object, label: str = "x", **more: object) -> dict:
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", **more}


def labelme(*shapes: dict, image: str = "..\\pictures\\00001.jpg") -> dict:
    return {"imagePath": image, "imageHeight": 48, "imageWidth": 64, "shapes": list(shapes)}


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., AnnotationFile]:
    def open_content(content: object, name: str = "x.json", frame: str | None = None) -> AnnotationFile:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return AnnotationFile(path, FRAMES, SIZE, frame)

    return open_content


def test_polygons_cover_what_pycocotools_covers(opened: Callable) -> None:
    found = opened(coco({"image_id": 8, "segmentation": [STAR]}))
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([STAR], *SIZE))) > 0
    region = found.read_ids("00001") > 0
    assert (region & expected).sum() / (region | expected).sum() > 0.97
    assert found.names == ["00001"]
    holes = opened(coco({"image_id": 8, "segmentation": [SQUARE, STAR]}))
    assert np.array_equal(holes.read_ids("00001") > 0, square() | region)


def test_squares_are_exact_in_every_format(opened: Callable) -> None:
    runs = rle.encode(square())
    plain = np.diff(np.flatnonzero(np.diff(np.r_[0, square().ravel("F"), 2]) != 0), prepend=0).tolist()
    corners = np.reshape(SQUARE, (-1, 2))
    yolo = "0 " + " ".join(f"{x / 64:.6f} {y / 48:.6f}" for x, y in corners) + "\n\n"
    files = [
        ("x.json", coco({"image_id": 7, "segmentation": [SQUARE]})),
        ("x.json", coco({"image_id": 7, "segmentation": runs})),
        ("x.json", coco({"image_id": 7, "segmentation": {"size": [48, 64], "counts": plain}})),
        ("x.json", labelme(shape(corners.tolist()), image="00000.png")),
        ("x.json", labelme(shape([[25, 20], [5, 6]], shape_type="rectangle"), image="other.png")),
        ("0.txt", yolo),
        ("photograph.txt", yolo),
    ]
    for name, content in files:
        found = opened(content, name)
        assert found.names == ["00000"], name
        assert np.array_equal(found.read_ids("00000") == 1, square()), name
    assert opened(yolo, "any.txt", "00002").names == ["00002"]


def test_circles_and_overlaps(opened: Callable) -> None:
    """The square is smaller than the disc, and lies above it."""
    corners = np.reshape(SQUARE, (-1, 2)).tolist()
    found = opened(labelme(shape(corners), shape([[30, 24], [30, 34]], shape_type="circle")))
    ids = found.read_ids("00001")
    y, x = np.mgrid[:48, :64]
    disc = np.hypot(x + 0.5 - 30, y + 0.5 - 24) < 10
    assert np.array_equal(ids == 1, square())
    assert abs((ids == 2).sum() - (disc & ~square()).sum()) < 8


def test_objects_are_told_by_tracks_groups_or_categories(opened: Callable) -> None:
    parts = [{"segmentation": [SQUARE]}, {"segmentation": [STAR]}]
    tracked = opened(coco({**parts[0], "image_id": 7, "track_id": 300}, {**parts[1], "image_id": 9, "track_id": 300}))
    assert (tracked.names, tracked.objects) == (["00000", "00002"], ["300"])
    cvat = opened(coco(*({**part, "image_id": 7, "attributes": {"track_id": 5}} for part in parts)))
    assert cvat.objects == ["5"]
    named = opened(coco({**parts[0], "image_id": 7, "category_id": 4}, {**parts[1], "image_id": 8, "category_id": 9}))
    assert (named.objects, np.unique(named.read_ids("00001")).tolist()) == (["1", "2"], [0, 2])
    assert opened(coco(*({**part, "image_id": 7} for part in parts))).objects == ["1", "2"]
    corners = [np.reshape(part, (-1, 2)).tolist() for part in (SQUARE, STAR)]
    assert opened(labelme(*(shape(points, group_id=3) for points in corners))).objects == ["1"]


def test_exported_files_come_back(tmp_path: Path) -> None:
    results = [frame_result(str(index), (2, 300), (2, 300), np.uint16) for index in range(2)]
    with VideoOutput(tmp_path / "clip", None, Fraction(24), ("coco",)) as output:
        for result in results:
            output.write(result)
    found = AnnotationFile(tmp_path / "clip_coco.json", ["00000", "00001"], (45, 61))
    for name, result in zip(found.names, results):
        assert np.array_equal(found.read_ids(name), result.ids)


def test_a_video_takes_them_and_resizes_them(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "clip", [f"{name}.png" for name in FRAMES])
    half = [{**IMAGES[1], "height": 24, "width": 32}]
    content = coco({"image_id": 8, "segmentation": [(np.array(SQUARE) / 2).tolist()]}, images=half)
    (tmp_path / "x.json").write_text(json.dumps(content))
    video = Video(VideoEntry("clip", frames, tmp_path / "x.json"))
    ((name, mask),) = video.read_masks()
    assert (name, mask.shape) == ("00001", SIZE)
    assert (mask == 1).sum() == pytest.approx(280, abs=40)


BAD = {
    "text": ("not json", "x.json", "no annotations that can be read"),
    "list": ([], "x.json", "no annotations that can be read"),
    "deep": ("[" * 100000, "x.json", "no annotations that can be read"),
    "nothing": (coco(), "x.json", "no object in it"),
    "empty text": ("", "x.txt", "no object in it"),
    "unknown image": (coco({"image_id": 99, "segmentation": [SQUARE]}), "x.json", "KeyError: 99"),
    "short outline": (coco({"image_id": 7, "segmentation": [SQUARE[:4]]}), "x.json", "an outline of less than three"),
    "odd outline": (coco({"image_id": 7, "segmentation": [SQUARE[:7]]}), "x.json", "no annotations"),
    "not a number": (coco({"image_id": 7, "segmentation": [[*SQUARE[:7], float("nan")]]}), "x.json", "no pixels"),
    "far away": (coco({"image_id": 7, "segmentation": [[*SQUARE[:7], 1e9]]}), "x.json", "no pixels"),
    "no size": (
        coco({"image_id": 7, "segmentation": [SQUARE]}, images=NO_SIZE),
        "x.json",
        "width",
    ),
    "line": (labelme(shape([[1, 2], [3, 4]], shape_type="line")), "x.json", "a shape of type line"),
    "boxes": ("0 0.5 0.5 0.2 0.2", "x.txt", "boxes, no outlines"),
    "words": ("cat 0.5 0.5 0.2 0.2 0.3 0.3", "x.txt", "no annotations"),
    "two of a category": (
        coco(*({"image_id": image, "segmentation": [SQUARE]} for image in (7, 7, 8))),
        "x.json",
        "objects of one category in several images, without tracks",
    ),
    "several videos": (
        coco(
            *({"image_id": image, "segmentation": [SQUARE], "track_id": image} for image in (7, 8)),
            images=[{**image, "file_name": f"{image['id']}/00000.jpg"} for image in IMAGES],
        ),
        "x.json",
        "images 7/00000.jpg and 8/00000.jpg name one frame",
    ),
    "other videos": (
        coco(
            *({"image_id": image, "segmentation": [SQUARE]} for image in (7, 8)),
            images=[{**image, "file_name": f"b{image['id']}.jpg"} for image in IMAGES],
        ),
        "x.json",
        "none of its 2 images is named as a frame",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused(kind: str, opened: Callable) -> None:
    content, name, words = BAD[kind]
    with pytest.raises(InputError, match=rf"{name}: .*{words}"):
        opened(content, name)


def test_runs_that_do_not_fit_are_refused(opened: Callable) -> None:
    found = opened(coco({"image_id": 7, "segmentation": {"size": [48, 64], "counts": [1, 2]}}))
    with pytest.raises(InputError, match=r"x\.json: 00000: run lengths do not add up"):
        found.read_ids("00000")
    other = {"image_id": 7, "segmentation": {"size": [2, 3], "counts": [1, 5]}}
    with pytest.raises(InputError, match=r"00000: run lengths of 3x2 pixels in an image of 64x48"):
        opened(coco({"image_id": 7, "segmentation": [SQUARE]}, other)).read_ids("00000")
    huge = [{**IMAGES[0], "height": 10**6, "width": 10**6}]
    with pytest.raises(InputError, match=r"1000000x1000000 pixels, more than the 100 million"):
        opened(coco({"image_id": 7, "segmentation": [SQUARE]}, images=huge)).read_ids("00000")


def test_images_of_other_videos_are_left_out(opened: Callable, caplog: pytest.LogCaptureFixture) -> None:
    images = [*IMAGES[:2], {**IMAGES[2], "file_name": "elsewhere.jpg"}]
    parts = ({"image_id": image, "segmentation": [SQUARE], "track_id": 1} for image in (7, 8, 9))
    assert opened(coco(*parts, images=images)).names == FRAMES[:2]
    assert "1 of 3 images are no frames and are left out" in caplog.text
