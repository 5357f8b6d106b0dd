"""generate_fusion.py and train_fusion.py: results, a network that loads and learns, bad input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import generate_fusion
import train_fusion
from model.fusion import load_fusion
from tests.commands.conftest import SIZE, write_video
from tests.conftest import files_in, filled_network
from tests.deterministic import synthetic_video
from util.files import claim_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """DAVIS 2017 with two training videos of eight frames, and weights of a small STCN."""
    trainval = tmp_path / "DAVIS/2017/trainval"
    for name in ("one", "two"):
        write_video(trainval / "JPEGImages/480p" / name, trainval / "Annotations/480p" / name, 8, 8)
    (trainval / "ImageSets/2017").mkdir(parents=True)
    (trainval / "ImageSets/2017/train.txt").write_text("one\ntwo\n")
    torch.save(filled_network(size="small").state_dict(), tmp_path / "stcn.pth")
    return tmp_path


@pytest.fixture
def generated(root: Path, run_main: Callable) -> Path:
    """Results of a run after one that was killed."""
    killed = root / "fusion/sep3/one/.00000.part/00009"
    killed.mkdir(parents=True)
    (killed / "00077.png").write_text("cut")
    options = ["--davis_root", root / "DAVIS", "--model", root / "stcn.pth", "--device", "cpu", "--separation", 3]
    assert run_main(generate_fusion.main, *options, "--output", root / "fusion/sep3")[0] == 0
    return root / "fusion"


def train(root: Path, run_main: Callable, *more: object) -> tuple[int, str, str]:
    places = ["--davis_root", root / "DAVIS", "--fusion_root", root / "fusion", "--load_prop", root / "stcn.pth"]
    outputs = ["--save_root", root / "saves", "--log_root", root / "log"]
    small = ["--stage", 1, "--crop", 48, "-b", 2, "--num_workers", 0, "--device", "cpu", "--no_amp"]
    with torch.enable_grad():
        return run_main(train_fusion.main, *places, *outputs, *small, *more)


def test_results_of_both_ways_are_stored(generated: Path) -> None:
    masks = synthetic_video(8, *SIZE, 2)[1]
    large = [(ref, label) for ref in (0, 3, 6) for label in (1, 2) if (masks[ref] == label).sum() > 100]
    expected = [f"{ref:05d}/{label:05d}/{frame:05d}.png" for ref, label in large for frame in range(8)]
    assert files_in(generated / "sep3/one") == expected
    with Image.open(generated / "sep3/one/00003/00002/00003.png") as given:
        assert set(np.unique(np.array(given))) == {0, 255}  # the reference itself has its ground truth


def test_results_of_other_weights_are_not_mixed(root: Path, generated: Path, run_main: Callable) -> None:
    options = ["--davis_root", root / "DAVIS", "--device", "cpu", "--output", generated / "sep3"]
    assert run_main(generate_fusion.main, *options, "--model", root / "stcn.pth", "--separation", 3)[0] == 0
    status, _, err = run_main(generate_fusion.main, *options, "--model", root / "stcn.pth", "--separation", 4)
    assert (status, "run.json: made with options separation 3, not 4; run anew" in err) == (2, True)
    torch.save(filled_network(size="small", seed=1).state_dict(), root / "other.pth")
    status, _, err = run_main(generate_fusion.main, *options, "--model", root / "other.pth", "--separation", 3)
    assert (status, "run.json: made with weights stcn" in err) == (2, True)
    with claim_folder(generated / "sep3/one"):
        status, _, err = run_main(generate_fusion.main, *options, "--model", root / "stcn.pth", "--separation", 3)
    assert (status, "sep3/one: another run is writing to it" in err) == (2, True)


def test_results_without_a_record_are_taken_with_a_note(root: Path, generated: Path, run_main: Callable) -> None:
    """Earlier releases wrote none."""
    options = ["--davis_root", root / "DAVIS", "--device", "cpu", "--output", generated / "sep3"]
    command = [*options, "--model", root / "stcn.pth", "--separation", 3]
    (generated / "sep3/run.json").unlink()
    before = {path: path.read_bytes() for path in generated.rglob("*.png")}
    errors = [run_main(generate_fusion.main, *command)[2] for _ in range(2)]
    note = "sep3: results without a record of what they were made of; taken as they are"
    assert [note in error for error in errors] == [True, False]
    assert {path: path.read_bytes() for path in generated.rglob("*.png")} == before


def test_training_writes_a_fusion_network_that_goes_on(root: Path, generated: Path, run_main: Callable) -> None:
    (generated / "sep3/one/00003/00002/.0123456789ab.77.part.png").write_text("left by a killed run")
    status, out, _ = train(root, run_main, "--id", "a", "-i", 3)
    assert (status, "fusion 1: 200 clips in the data; 3 iterations" in out) == (0, True)
    (weights,) = (root / "saves").glob("*_a/*_a_3.pth")
    before = load_fusion(weights).state_dict()
    assert train(root, run_main, "--id", "b", "-i", 3, "--load_network", weights, "--lr", 0.01)[0] == 0
    status, out, _ = train(root, run_main, "--id", "b", "-i", 3, "--lr", 0.01, "--resume")
    assert (status, "finished before, after 3 iterations" in out) == (0, True)
    (weights,) = (root / "saves").glob("*_b/*_b_3.pth")
    after = load_fusion(weights).state_dict()
    assert before.keys() == after.keys()
    assert not all(torch.equal(before[name], after[name]) for name in before)


def test_missing_results_are_named(root: Path, run_main: Callable) -> None:
    status, _, err = train(root, run_main, "-i", 1)
    assert (status, "fusion: no results of these videos in any folder below; generate some first" in err) == (2, True)
