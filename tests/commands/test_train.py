"""train.py: launch forms, stages, records, bad input."""

import csv
import json
import re
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch

import train
from model.checkpoint import load_network
from model.network import STCN
from tests.commands.training import LAUNCH, TORCHRUN, options, run, saved, without_start, write_training_data
from tests.conftest import TESTS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_training_data(tmp_path)
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize(
    ("launcher", "batch"),
    [(None, "1 process(es) x 4 clips x 2 round(s) = 8"), (TORCHRUN, "2 process(es) x 4 clips x 1 round(s) = 8")],
)
def test_launch_forms_train_the_same_recipe(data: Path, launcher: list[str] | None, batch: str) -> None:
    """Three videos of DAVIS five times, four of YouTube-VOS: 19 clips, two iterations per epoch."""
    result = run(options(data, "--stage", 3, "--id", "x", "-i", 3), launcher)
    assert result.returncode == 0, result.stderr
    assert batch in result.stdout
    assert "19 clips in the data; 3 iterations, 2 epochs of 2 iterations" in result.stdout
    assert "trainval: 3 videos of 3 frames or more, 5 times" in result.stderr
    network = torch.load(saved(data, "*_x_3.pth"))
    assert network.keys() == STCN().state_dict().keys()
    assert saved(data, "*_x_checkpoint.pth").exists()
    with next((data / "log").glob("*_x/scalars.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == [1, 2, 3]
    assert {"train/total_loss", "train/plain_loss", "train/p", "train/iou/iou", "train/iou/sec_iou"} <= rows[0].keys()
    settings = json.loads(next((data / "log").glob("*_x/settings.json")).read_text())
    assert settings["stage"] == 3
    assert settings["torch"] == torch.__version__
    assert len(settings["commit"]) == 40 or "unknown" in settings["commit"]


@pytest.mark.long
def test_published_command_line(data: Path) -> None:
    """The old launcher passes the rank as an option."""
    with closing(socket.create_server(("localhost", 0))) as server:
        port = str(server.getsockname()[1])
    result = run(options(data, "--stage", "0", "--id", "retrain_s0", "-i", 1, "-b", 1), [*LAUNCH, port])
    assert result.returncode == 0, result.stderr
    assert "batch: 2 process(es) x 1 clips x 1 round(s) = 2" in result.stdout
    assert torch.load(saved(data, "*_1.pth"))["value_encoder.conv1.weight"].shape[1] == 4


@pytest.mark.long
def test_a_mixture_is_trained_averaged_and_scored_on_what_it_leaves_out(data: Path) -> None:
    own = data / "YouTube/train_480p"
    more = ["--mix", "scenes:1", "videos:2", "pasted:1", "--vos_root", own, "--hold_out", "v2", "--num_objects", 2]
    more += ["--network", "small", "--average", 0.9, "--fit_jumps", "--keep_scale", "-i", 2, "-b", 2, "--id", "mix"]
    more += ["--val_every", 1, "--save_every", 1]
    result = run(options(data, *more))
    assert result.returncode == 0, result.stderr
    assert f"{own}: 3 videos of 3 frames or more" in result.stderr
    assert "shares of the sources: scenes 1, videos 2, pasted 1" in result.stdout
    assert "scored every 1 iterations: 1 videos" in result.stdout
    checkpoint = torch.load(saved(data, "*_mix_checkpoint.pth"), weights_only=True)
    averaged = torch.load(saved(data, "*_mix_2.pth"))
    name = "key_comp.weight"
    assert torch.equal(averaged[name], checkpoint["average"][f"module.{name}"])
    assert not torch.equal(averaged[name], checkpoint["network"][name])
    with next((data / "log").glob("*_mix/validation.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["validation/J&F_mean"] == row["validation/v2/J&F_mean"] for row in rows)
    scores = [float(row["validation/J&F_mean"]) for row in rows]
    best = torch.load(saved(data, f"*_mix_{1 + scores.index(max(scores))}.pth"))
    assert torch.equal(torch.load(saved(data, "*_mix_best.pth"))[name], best[name])


@pytest.mark.long
def test_stages_hand_over(data: Path) -> None:
    """Stage 1 takes stage 0's network and adds a second object's channel; it is scored on the way."""
    assert run(options(data, "--stage", 0, "--id", "s0", "-i", 1, "-b", 1)).returncode == 0
    more = ["--stage", 1, "--id", "s01", "-i", 1, "-b", 2, "--load_network", saved(data, "*_s0_1.pth")]
    result = run([*without_start(options(data, *more)), "--val_root", str(TESTS / "benchmarks/DAVIS/2016")])
    assert result.returncode == 0, result.stderr
    assert "single-object weights, an orthogonal input channel is added" in result.stderr
    assert torch.load(saved(data, "*_s01_1.pth"))["value_encoder.conv1.weight"].shape[1] == 5
    with next((data / "log").glob("*_s01/validation.csv")).open() as file:
        (row,) = csv.DictReader(file)
    assert 0 <= float(row["validation/J&F_mean"]) <= 1


@pytest.mark.long
def test_training_without_cbam(data: Path) -> None:
    small = ["--network", "small", "-i", 1, "-b", 1, "--no_cbam"]
    assert run(options(data, "--stage", 0, "--id", "s0", *small)).returncode == 0
    more = ["--stage", 3, "--id", "s03", "--load_network", saved(data, "*_s0_1.pth"), *small]
    result = run(without_start(options(data, *more)))
    assert result.returncode == 0, result.stderr
    assert load_network(saved(data, "*_s03_1.pth")).value_encoder.fuser.attention is None
    refused = run(without_start(options(data, *more[:-1])))
    assert "weights without CBAM; train with no_cbam" in refused.stderr


@pytest.mark.long
def test_records_are_those_of_all_processes(data: Path) -> None:
    """Two processes share the clips of an iteration, and record the losses and overlaps of all of them."""
    arguments = options(data, "--stage", 3, "-i", 1, "--network", "small", "--precision", "float32")
    for name, launcher in (("one", None), ("two", TORCHRUN)):
        assert run([*arguments, "--id", name], launcher).returncode == 0
    rows = [next(csv.DictReader(next((data / "log").glob(f"*_{name}/scalars.csv")).open())) for name in ("one", "two")]
    for name in ("total_loss", "plain_loss", "loss_1", "loss_2", "iou/iou", "iou/sec_iou", "gradient_norm"):
        assert float(rows[1][f"train/{name}"]) == pytest.approx(float(rows[0][f"train/{name}"]), rel=1e-3), name


@pytest.fixture
def refused(run_main: Callable, data: Path) -> Callable[..., str]:
    """The error line of a run that does not start."""

    def refused(*more: object, from_scratch: bool = True) -> str:
        arguments = [item for item in options(data, *more) if from_scratch or item != "--from_scratch"]
        status, _, err = run_main(train.main, *arguments)
        assert status == 2
        assert not (data / "saves").exists()
        return err.splitlines()[-1]

    return refused


def test_wrong_kinds_of_files_name_the_right_option(refused: Callable, tmp_path: Path) -> None:
    network, checkpoint = tmp_path / "n.pth", tmp_path / "c.pth"
    torch.save({"conv.weight": torch.zeros(1)}, network)
    torch.save({"network": {}, "optimizer": {}, "random": {}, "recipe": {"stage": 2}}, checkpoint)
    load = {"from_scratch": False}
    message = refused("--stage", 3, "--load_network", checkpoint, **load)
    assert "c.pth: weights of another network" in message
    message = refused("--stage", 3, "--load_model", network, **load)
    assert "n.pth: not a checkpoint" in message
    assert "load it as network weights (load_network)" in message
    message = refused("--stage", 3, "--load_model", checkpoint, **load)
    assert "c.pth: made with stage 2, not 3; resume with the same options and data" in message
    assert "n.pth: weights of another network" in refused("--stage", 3, "--load_network", network, **load)
    assert "nowhere.pth: no such file" in refused("--stage", 3, "--load_model", tmp_path / "nowhere.pth", **load)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--static_root", "nowhere"], r"nowhere: no name\.jpg with a name\.png beside it; set static_root"),
        (["--stage", 1, "--bl_root", "nowhere"], r"nowhere/JPEGImages: no such folder"),
        (["--stage", 3, "--davis_root", "no"], r"no/2017/trainval: no such folder; leave davis_root"),
        (["--stage", 3, "--vos_root", "nowhere:3"], r"nowhere/JPEGImages: no such folder"),
        (["--stage", 0], r"4 clips are fewer than a batch of 16; add data or set batch_size"),
        (["-b", 0], r"argument -b/--batch_size: 0 is not from 1 to 1000000000"),
        (["--bootstrap", 5, 5], r"--bootstrap must be two iterations, the second after the first"),
        (["--num_frames", 1], r"--num_frames must be at least 2"),
        (["--id", "a/b"], r"--id becomes the name of a folder"),
        (["--stage", 3, "--scenes"], r"--scenes are made of photographs; give --stage 0"),
        (["--crop", 100], r"--crop must be a multiple of 16"),
        (["--load_network", "x"], r"--load_network, --load_model and --from_scratch exclude each other"),
    ],
)
def test_bad_input_gets_one_line(refused: Callable, arguments: list, message: str) -> None:
    assert re.search(rf"train\.py: error: .*{message}", refused(*arguments))


def test_encoder_weights_from_a_folder(refused: Callable, tmp_path: Path) -> None:
    arguments = ["--stage", 0, "-b", 1, "--encoder_weights", tmp_path]
    assert "no resnet50*.pth in it" in refused(*arguments, from_scratch=False)
    torch.save({"layers.0.weight": torch.zeros(1)}, tmp_path / "resnet50.pth")
    assert "resnet50.pth: lacks layers of resnet50" in refused(*arguments, from_scratch=False)
