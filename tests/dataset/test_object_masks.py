"""Masks that are stored object by object: order, overlaps, absent files."""

from pathlib import Path

import numpy as np
import pytest

from dataset.burst import read_burst
from dataset.object_masks import ObjectFolders
from output.masks import write_mask
from tests.later_data_sets import SIZE, burst, regions, sav
from util.errors import InputError


def test_folders_give_ids_in_their_order_and_small_objects_the_shared_pixels(tmp_path: Path) -> None:
    for item, rows in (("010", 10), ("002", 4), ("001", 7)):
        (tmp_path / item).mkdir()
        mask = np.zeros((12, 9), np.uint8)
        mask[:rows] = 255
        write_mask(tmp_path / item / "00000.png", mask, None)
    write_mask(tmp_path / "002/00010.png", mask, None)
    (tmp_path / "empty").mkdir()
    masks = ObjectFolders(tmp_path)
    assert (masks.objects, masks.names) == (["001", "002", "010"], ["00000", "00010"])
    np.testing.assert_array_equal(masks.read_ids("00000")[:, 0], [2] * 4 + [1] * 3 + [3] * 3 + [0] * 2)
    assert masks.read("00000").sum((1, 2)).tolist() == [63, 36, 90]
    assert masks.read("00010").any((1, 2)).tolist() == [False, True, False]  # without a file an object is nowhere


def test_frames_before_the_first_object_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "000").mkdir()
    for index in range(4):
        write_mask(tmp_path / f"000/{index:05d}.png", np.full((3, 4), index > 1, np.uint8))
    masks = ObjectFolders(tmp_path)
    assert masks.names_from_first_object() == ["00002", "00003"]
    for index in (2, 3):
        (tmp_path / f"000/{index:05d}.png").unlink()
    assert ObjectFolders(tmp_path).names_from_first_object() == []


def test_sizes_must_agree_and_there_must_be_masks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no masks; expected a folder of masks for each object"):
        ObjectFolders(tmp_path)
    for item, size in (("000", (3, 4)), ("001", (3, 5))):
        (tmp_path / item).mkdir()
        write_mask(tmp_path / item / "00000.png", np.ones(size, np.uint8))
    with pytest.raises(InputError, match=r"001/00000\.png: 5x3 pixels, but another object has 4x3; resize it"):
        ObjectFolders(tmp_path).read("00000")


def test_the_trees_hold_the_same_objects_in_both_forms(tmp_path: Path) -> None:
    sav(tmp_path / "sav", is_whole=True)
    burst(tmp_path / "burst", is_whole=True)
    folders = ObjectFolders(tmp_path / "sav/sav_val/Annotations_6fps/sav_000001")
    (sequence,) = read_burst(tmp_path / "burst/annotations/val/all_classes.json")
    assert sequence.folder == "ArgoVerse/side"
    assert (sequence.masks.objects, sequence.masks.has_truth) == (["7", "300"], True)
    for index in (0, 4, 8):
        expected = regions(index, enters=4)
        np.testing.assert_array_equal(folders.read(f"{index:05d}"), expected)
        np.testing.assert_array_equal(sequence.masks.read(f"frame{index + 1:04d}"), expected)
        assert expected.shape[1:] == SIZE
    burst(tmp_path / "first", is_whole=False)
    (sequence,) = read_burst(tmp_path / "first/annotations/val/first_frame_annotations.json")
    assert not sequence.masks.has_truth
