"""Annotation files, read by the program that they are made for, and the table of objects."""

import csv
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from output.annotations import measure
from output.result import FrameResult
from output.video import VideoOutput
from tests.output.videos import frame_result


def speckled(name: str, labels: tuple[int, ...]) -> FrameResult:
    """Objects of scattered pixels."""
    result = frame_result(name, labels, labels, np.uint16)
    rng = np.random.default_rng(int(name))
    return result._replace(ids=rng.choice(np.array([0, *labels], np.uint16), result.ids.shape))


RESULTS = (speckled("3", (2,)), speckled("4", (2, 300)), frame_result("5", (2, 300), (300,), np.uint16))


def write(root: Path, kind: str) -> None:
    with VideoOutput(root / "clip", None, Fraction(24), (kind,)) as output:
        for result in RESULTS:
            output.write(result)


def test_coco_agrees_with_pycocotools(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write(tmp_path, "coco")
    coco = COCO(tmp_path / "clip_coco.json")
    capsys.readouterr()
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == [f"clip/{n}.jpg" for n in (3, 4, 5)]
    assert [track["id"] for track in coco.dataset["tracks"]] == [2, 300]
    found = {}
    for annotation in coco.loadAnns(coco.getAnnIds()):
        rle = coco.annToRLE(annotation)
        assert annotation["area"] == coco_mask.area(rle)
        assert annotation["bbox"] == coco_mask.toBbox(rle).tolist()
        found[annotation["image_id"] - 1, annotation["track_id"]] = coco.annToMask(annotation)
    assert sorted(found) == [(0, 2), (1, 2), (1, 300), (2, 300)]
    for (index, label), mask in found.items():
        assert np.array_equal(mask, RESULTS[index].ids == label)


def test_youtube_vis_has_a_place_for_each_frame(tmp_path: Path) -> None:
    write(tmp_path, "youtube_vis")
    content = json.loads((tmp_path / "clip_youtube_vis.json").read_text())
    (video,) = content["videos"]
    assert (video["width"], video["height"], video["length"]) == (61, 45, 3)
    assert video["file_names"] == ["clip/3.jpg", "clip/4.jpg", "clip/5.jpg"]
    assert [annotation["id"] for annotation in content["annotations"]] == [2, 300]
    for annotation in content["annotations"]:
        frames = [annotation[key] for key in ("segmentations", "bboxes", "areas")]
        for result, rle, box, area in zip(RESULTS, *frames):
            expected = result.ids == annotation["id"]
            if not expected.any():
                assert (rle, box, area) == (None, None, None)
                continue
            assert np.array_equal(coco_mask.decode(rle), expected)
            assert box == coco_mask.toBbox(rle).tolist()
            assert area == expected.sum()


def test_table_of_objects(tmp_path: Path) -> None:
    write(tmp_path, "csv")
    with (tmp_path / "clip_objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["id"], row["present"]) for row in rows] == [
        *(("3", "2", "1"), ("4", "2", "1"), ("4", "300", "1")),
        *(("5", "2", "0"), ("5", "300", "1")),
    ]
    assert {rows[3][key] for key in ("left", "width", "centre_x")} == {""}
    assert (rows[3]["pixels"], rows[3]["mean_probability"]) == ("0", "0.0000")
    result, row = RESULTS[2], rows[4]
    y, x = np.nonzero(result.ids == 300)
    assert int(row["pixels"]) == len(x)
    assert [int(row[key]) for key in ("left", "top", "width", "height")] == [5, 17, 45, 10]
    assert float(row["centre_x"]) == pytest.approx(x.mean() + 0.5, abs=0.01)
    assert float(row["centre_y"]) == pytest.approx(y.mean() + 0.5, abs=0.01)
    assert float(row["mean_probability"]) == pytest.approx(result.probabilities[2][y, x].mean(), abs=1e-3)


def test_nothing_is_measured_of_nothing() -> None:
    assert measure(np.zeros((3, 4), bool)) is None
