"""eval_dataset.py on tiny trees: names, ids and sizes, archives, and the traps of each data set."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eval_dataset
import evaluate_masks
from evaluation.metrics import score_frame
from evaluation.scoring import MEASURES
from model.weights import SMALL_WEIGHTS
from output.masks import write_mask
from tests.conftest import files_in, read_ids
from tests.later_data_sets import PALETTE, SIZE, TREES, VOID, ids_of, regions
from util.rle import decode

OPTIONS = ["--model", SMALL_WEIGHTS, "--size", 32, "--device", "cpu"]


@pytest.fixture
def run(run_main: Callable, loaded_once: None, tmp_path: Path) -> Callable[..., Path]:
    """Run the command on a tree of its own; returns the output."""

    def run(name: str, *options: object, is_whole: bool = True, output: str = "out", status: int = 0) -> Path:
        tree, root = TREES[name], tmp_path / f"{name}_{is_whole}"
        if not root.exists():
            tree.build(root, is_whole=is_whole)
        arguments = ["--dataset", name, "--path", root, "--split", tree.split, "--output", tmp_path / output]
        found, _, err = run_main(eval_dataset.main, *OPTIONS, *arguments, *options)
        assert found == status, err
        return tmp_path / output

    return run


def masks_in(output: Path, name: str) -> Path:
    """The folder of the masks of ids."""
    return output / ("masks" if name in ("sav", "burst") else "") / TREES[name].video


def read_masks(output: Path, name: str) -> dict[str, np.ndarray]:
    return {path.stem: read_ids(path) for path in sorted(masks_in(output, name).iterdir()) if path.is_file()}


@pytest.mark.parametrize("name", TREES)
def test_names_ids_and_sizes(run, name: str) -> None:
    found = read_masks(run(name), name)
    assert list(found) == TREES[name].frames
    assert {mask.shape for mask in found.values()} == {SIZE}
    assert set(np.unique(list(found.values()))) == {0, 1, 2}


@pytest.mark.parametrize("name", TREES)
def test_only_the_first_mask_of_each_object_is_input(run, name: str) -> None:
    """Further masks in the tree, the ground truth, change no pixel."""
    whole = read_masks(run(name), name)
    options = [] if name in ("burst", "mose", "vost") else ["--output_all"]  # otherwise frames with masks are wanted
    bare = read_masks(run(name, *options, is_whole=False, output="bare"), name)
    assert whole.keys() <= bare.keys()
    for frame, mask in whole.items():
        np.testing.assert_array_equal(mask, bare[frame])


def test_archives_hold_what_is_asked_for(run) -> None:
    output = run("mose", "--zip")
    with zipfile.ZipFile(output / "submission.zip") as archive:
        assert archive.namelist() == [f"a1/{index:05d}.png" for index in range(10)]
        for name in archive.namelist():
            assert archive.read(name) == (output / name).read_bytes()


# Traps


def test_mose_frames_without_an_object_get_masks_with_the_palette(run) -> None:
    """Its objects leave: a mask without a pixel is written nevertheless, indexed, as the server wants it."""
    output = run("mose")
    for index in range(10):
        with Image.open(output / f"a1/{index:05d}.png") as image:
            assert image.mode == "P"
            assert image.getpalette()[:9] == PALETTE[:9]


def test_lvos_objects_enter_late_and_are_scored(run) -> None:
    output = run("lvos", "--score", "--plot")
    masks = read_masks(output, "lvos")
    assert [2 in mask for mask in masks.values()][:3] == [False, False, True]  # at its first mask, not before
    scores = json.loads((output / "scores.json").read_text())
    assert list(scores["objects"]) == ["b2_1", "b2_2"]
    expected = [score_frame(masks[f"{n + 1:08d}"] == 2, ids_of(regions(n)) == 2)[0] for n in (6, 8)]
    assert scores["objects"]["b2_2"]["J_mean"] == pytest.approx(np.mean(expected))
    assert files_in(output / "plots") == ["b2_curves.png", "b2_worst.png"]


def test_the_truth_of_long_time_video_is_sparse_and_does_not_leak(run) -> None:
    """Users of the published code got 99.8, since all of its masks were input."""
    output = run("long_video", "--score")
    masks = read_masks(output, "long_video")
    scores = json.loads((output / "scores.json").read_text())["objects"]
    for label in (1, 2):
        found = [score_frame(masks[f"{n:04d}"] == label, ids_of(regions(n)) == label)[0] for n in (3, 8)]
        assert scores[f"rat_{label}"]["J_mean"] == pytest.approx(np.mean(found))
        assert np.mean(found) < 0.95


def test_masks_of_0_and_255_are_a_single_object(run, tmp_path: Path) -> None:
    TREES["long_video"].build(tmp_path / "long_video_True", is_whole=True)
    for path in (tmp_path / "long_video_True/long_video/Annotations/rat").iterdir():
        write_mask(path, np.where(read_ids(path) == 1, 255, 0).astype(np.uint8), None)
    output = run("long_video", "--score")
    assert set(np.unique(list(read_masks(output, "long_video").values()))) == {0, 255}
    assert list(json.loads((output / "scores.json").read_text())["objects"]) == ["rat_1"]


def test_sav_is_segmented_at_24_and_written_at_6_frames_per_second_by_object(
    run, run_main: Callable, tmp_path: Path
) -> None:
    output = run("sav", "--score", "--zip")
    frames = [f"{index:05d}.png" for index in range(0, 17, 4)]
    names = [f"sav_000001/{item}/{frame}" for item in ("000", "001") for frame in frames]
    with zipfile.ZipFile(output / "submission.zip") as archive:
        assert sorted(archive.namelist()) == names
    record = json.loads((output / "masks/sav_000001_run.json").read_text())
    assert record["facts"]["video"]["files"] == 17
    for frame in frames:
        ids = read_ids(output / "masks/sav_000001" / frame)
        for label, item in ((1, "000"), (2, "001")):
            np.testing.assert_array_equal(read_ids(output / f"sav_000001/{item}/{frame}"), 255 * (ids == label))
    scores = json.loads((output / "masks/scores.json").read_text())
    assert list(scores["objects"]) == ["sav_000001_000", "sav_000001_001"]  # the folders' names
    ids = read_ids(output / "masks/sav_000001/00008.png"), read_ids(output / "masks/sav_000001/00012.png")
    expected = [score_frame(found == 2, regions(index)[1])[0] for found, index in zip(ids, (8, 12))]
    assert scores["objects"]["sav_000001_001"]["J_mean"] == pytest.approx(np.mean(expected))
    truth = tmp_path / "sav_True/sav_val/Annotations_6fps"
    arguments = ["--predictions", output, "--annotations", truth, "--output", tmp_path / "again", "--all_objects"]
    assert run_main(evaluate_masks.main, *arguments)[0] == 0
    again = json.loads((tmp_path / "again/scores.json").read_text())
    assert {key: again[key] for key in MEASURES} == pytest.approx({key: scores[key] for key in MEASURES})
    assert run("sav", "--resume") == output
    (truth / "sav_000001/001/00008.png").touch()  # the masks of the objects are in the record
    run("sav", "--resume", status=2)


def test_sav_objects_that_overlap(run) -> None:
    """Segmented together, an object gets the shared pixels; each by itself, both do."""
    options = ["--keep_annotations"]
    apart = run("sav", *options, "--separately", "--score", output="apart")
    together = run("sav", *options)
    shared = regions(4)[0] & regions(4)[1]
    first, second = (read_ids(apart / f"sav_000001/{item}/00004.png") > 0 for item in ("000", "001"))
    np.testing.assert_array_equal(second, regions(4)[1])  # its first mask, as given
    first_apart = read_ids(apart / "sav_000001/000/00000.png") > 0
    np.testing.assert_array_equal(first_apart, regions(0)[0])
    assert (first & second & shared).any()
    first, second = (read_ids(together / f"sav_000001/{item}/00004.png") > 0 for item in ("000", "001"))
    assert not (first & second).any()
    assert not read_ids(apart / "sav_000001/001/00000.png").any()  # before it enters: empty, not missing
    scores = json.loads((apart / "masks/scores.json").read_text())
    assert list(scores["sequences"]) == ["sav_000001/000", "sav_000001/001"]


def test_vost_255_is_neither_an_object_nor_scored(run) -> None:
    output = run("vost", "--score")
    assert not (output / "not_listed").exists()
    masks = read_masks(output, "vost")
    assert all(VOID not in mask for mask in masks.values())
    scores = json.loads((output / "scores.json").read_text())["objects"]
    assert list(scores) == ["cut_paper_1", "cut_paper_2"]
    similarities = []
    for index in range(1, 8):
        found, true = masks[f"frame{5 * index + 5:05d}"] == 1, ids_of(regions(index, enters=2)) == 1
        found[:6] = true[:6] = False
        similarities.append(score_frame(found, true)[0])
    assert scores["cut_paper_1"]["J_mean"] == pytest.approx(np.mean(similarities))
    assert scores["cut_paper_1"]["J_last"] == pytest.approx(np.mean(similarities[-2:]))


def test_burst_tracks_come_back_by_their_numbers(run, tmp_path: Path) -> None:
    reference = pytest.importorskip("pycocotools.mask")
    output = run("burst", "--score", "--zip")
    with zipfile.ZipFile(output / "submission.zip") as archive:
        assert archive.namelist() == ["predictions.json"]
        found = json.loads(archive.read("predictions.json"))
    given = json.loads((tmp_path / "burst_True/annotations/val/all_classes.json").read_text())
    (sequence,), (expected,) = found["sequences"], given["sequences"]
    assert {**found, "sequences": []} == {**given, "sequences": []}
    assert {**sequence, "segmentations": []} == {**expected, "segmentations": []}
    assert len(sequence["segmentations"]) == len(expected["segmentations"])
    for frame, segmentations in zip(sequence["annotated_image_paths"], sequence["segmentations"]):
        ids = read_ids(output / "masks/ArgoVerse/side" / frame.replace("jpg", "png"))
        assert segmentations.keys() == {track for label, track in ((1, "7"), (2, "300")) if label in ids}
        for label, track in ((1, "7"), (2, "300")):
            if track in segmentations:
                rle = {"size": list(SIZE), "counts": segmentations[track]["rle"]}
                np.testing.assert_array_equal(decode(rle), ids == label)
                assert reference.area(rle) == (ids == label).sum()
    scores = json.loads((output / "masks/scores.json").read_text())
    assert list(scores["objects"]) == ["ArgoVerse/side_7", "ArgoVerse/side_300"]
    assert "300" not in sequence["segmentations"][0]  # it enters at the third mask


def test_plots_of_masks_by_object(run) -> None:
    output = run("burst", "--score", "--plot")
    assert files_in(output / "masks/plots") == ["ArgoVerse/side_curves.png", "ArgoVerse/side_worst.png"]


def test_long_videos_get_a_bounded_memory_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def bound(name: str, *options: str) -> tuple[int | None, int | None]:
        command = ["eval_dataset.py", "--dataset", name, "--path", "p", "--output", "o", *options]
        monkeypatch.setattr("sys.argv", command)
        args = eval_dataset.parse_arguments()
        return args.max_memory_frames, args.ignore_id

    assert bound("long_video") == bound("lvos2") == (100, None)
    assert bound("long_video", "--max_memory_frames", "7") == (7, None)
    assert bound("mose") == (None, None)
    assert bound("vost") == (None, 255)


def test_a_failed_video_leaves_no_form_behind(run, tmp_path: Path) -> None:
    """The masks of the others are there, and the run can be resumed."""
    TREES["burst"].build(tmp_path / "burst_True", is_whole=True)
    path = tmp_path / "burst_True/annotations/val/all_classes.json"
    content = json.loads(path.read_text())
    content["sequences"].append({**content["sequences"][0], "seq_name": "absent"})
    path.write_text(json.dumps(content))
    output = run("burst", "--zip", status=1)
    assert (output / "masks/ArgoVerse/side/frame0011.png").exists()
    assert not {"predictions.json", "submission.zip"} & {path.name for path in output.iterdir()}
