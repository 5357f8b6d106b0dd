"""eval_interactive_davis.py: files, resuming, missing data."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

import eval_interactive_davis
from model.fusion import FusionNetwork
from scripts import make_scribbles
from tests.conftest import files_in, filled_network
from util.files import claim_folder


@pytest.fixture
def run(davis: Path, run_main: Callable, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Evaluate with small networks, strokes to masks by GrabCut, on scribbles of the robot."""
    assert run_main(make_scribbles.main, "--davis", davis)[:2] == (0, "6 files written\n")
    torch.save(filled_network(size="small").state_dict(), tmp_path / "stcn.pth")
    torch.save(FusionNetwork().state_dict(), tmp_path / "fusion.pth")
    networks = ["--prop_model", tmp_path / "stcn.pth", "--fusion_model", tmp_path / "fusion.pth", "--grabcut"]
    places = ["--davis", davis, "--output", tmp_path / "out", "--device", "cpu"]
    return lambda *more: run_main(eval_interactive_davis.main, *networks, *places, *more)


def test_report_summary_curve_and_masks(run: Callable, tmp_path: Path) -> None:
    status, out, _ = run("--max_sequences", 1, "--save_mask")
    assert (status, out.startswith("GrabCut: AUC 0.")) == (0, True)
    masks = [f"{number}/one/{frame:05d}.png" for number in range(3) for frame in range(4)]
    assert files_in(tmp_path / "out") == [*masks, "curve.png", "report.csv", "run.json", "summary.json"]
    with (tmp_path / "out/report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 8 * 2 * 4  # files, interactions, objects, frames
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert 0 < summary["auc"] < 1
    assert len(summary["curve"]["time"]) == 10
    with Image.open(tmp_path / "out" / masks[0]) as mask:
        assert mask.mode == "P"


def test_a_run_goes_on_after_finished_samples(run: Callable, tmp_path: Path, davis: Path) -> None:
    assert run("--max_sequences", 1)[0] == 0
    before = (tmp_path / "out/report.csv").read_text()
    (davis / "trainval/Scribbles/one/001.json").write_text("not read again")
    assert run("--resume")[0] == 0
    after = (tmp_path / "out/report.csv").read_text()
    assert after.startswith(before)
    assert len(after.splitlines()) == 2 * len(before.splitlines()) - 1
    assert run("--resume")[0] == 0
    assert (tmp_path / "out/report.csv").read_text() == after
    (tmp_path / "out/run.json").unlink()
    assert "out: results without a record of what they were made of; taken as they are" in run("--resume")[2]
    status, _, err = run("--resume", "--fusion", "linear")
    assert (status, "run.json: made with weights fusion " in err) == (2, True)
    status, _, err = run("--resume", "--mem_freq", 2)
    assert (status, "run.json: made with options mem_every 5, not 2" in err) == (2, True)
    with claim_folder(tmp_path / "out"):
        assert run("--resume")[0] == 2
    (tmp_path / "out/report.csv").write_text("sequence\nx\n")
    status, _, err = run("--resume")
    assert (status, "report.csv: not a report of an earlier run" in err) == (2, True)


@pytest.mark.parametrize("fusion", ["linear", "none"])
def test_fusion_can_be_left_out(run: Callable, fusion: str) -> None:
    assert run("--max_sequences", 1, "--fusion", fusion)[0] == 0


def test_missing_scribbles_are_named(run: Callable, davis: Path) -> None:
    for path in (davis / "trainval/Scribbles/two").iterdir():
        path.unlink()
    status, _, err = run()
    assert (status, "Scribbles/two: no files of scribbles; get davis2017_scribbles" in err) == (2, True)


def test_masks_of_unequal_size_are_refused(run: Callable, davis: Path) -> None:
    path = sorted((davis / "trainval/Annotations/480p/one").iterdir())[1]
    with Image.open(path) as mask:
        mask.crop((0, 0, 8, 8)).save(path)
    status, _, err = run()
    assert (status, "one: masks of other frames than" in err) == (2, True)
