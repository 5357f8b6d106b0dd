"""The command line of train.py: launch forms, stages, resuming, files, bad input."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image

import train
from model.checkpoint import load_network
from model.network import STCN
from output.masks import write_mask
from scripts import train_small
from tests.conftest import TESTS
from tests.deterministic import synthetic_video
from util.errors import InputError

ROOT = TESTS.parent
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
LAUNCH = ["-m", "torch.distributed.launch", "--nproc_per_node=2", "--master_port"]


def write_video(images: Path, annotations: Path, num_frames: int = 5, seed: int = 0) -> None:
    video, masks = synthetic_video(num_frames, 48, 64, 2, seed=seed)
    images.mkdir(parents=True)
    annotations.mkdir(parents=True)
    for index, (image, mask) in enumerate(zip(video, masks)):
        Image.fromarray(image).save(images / f"{index:05d}.jpg")
        write_mask(annotations / f"{index:05d}.png", mask)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Every published training folder, with four items in each."""
    for index in range(4):
        name = f"v{index}"
        davis, youtube, bl30k = tmp_path / "DAVIS/2017/trainval", tmp_path / "YouTube/train_480p", tmp_path / "BL30K"
        write_video(davis / "JPEGImages/480p" / name, davis / "Annotations/480p" / name, seed=index)
        for root in (youtube, bl30k):
            write_video(root / "JPEGImages" / name, root / "Annotations" / name, seed=index)
        (image, *_), (mask, *_) = synthetic_video(1, 48, 64, 1, seed=index)
        folder = tmp_path / "static" / ("fss/class" if index % 2 else "ecssd")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.jpg")
        write_mask(folder / f"{index}.png", mask * 255, None)
    (davis / "ImageSets/2017").mkdir(parents=True)
    (davis / "ImageSets/2017/train.txt").write_text("v0\nv1\nv3\n")
    return tmp_path


def options(root: Path, *more: object) -> list[str]:
    """A small run on the folders below ``root``."""
    roots = {"static": "static", "bl": "BL30K", "davis": "DAVIS", "yv": "YouTube"}
    places = [item for option, name in roots.items() for item in (f"--{option}_root", root / name)]
    places += ["--save_root", root / "saves", "--log_root", root / "log"]
    small = ["--from_scratch", "--crop", 32, "--num_workers", 1, "--device", "cpu", "--no_amp", "--debug"]
    return [str(item) for item in (*places, *small, *more)]


def without_start(arguments: list[str]) -> list[str]:
    """Leave out that the run starts from scratch."""
    return [item for item in arguments if item != "--from_scratch"]


def run(arguments: list[str], launcher: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(launcher or []), str(ROOT / "train.py"), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=TESTS, env=environment)


def wait_for_first_row(root: Path, name: str) -> None:
    deadline = time.monotonic() + 120
    while not list((root / "log").glob(f"*_{name}/scalars.csv")) and time.monotonic() < deadline:
        time.sleep(0.01)


def saved(root: Path, pattern: str) -> Path:
    (path,) = (root / "saves").glob(f"*/{pattern}")
    return path


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
def test_published_checkpoint_is_continued_in_its_folder(data: Path) -> None:
    """Its network starts a later stage as well."""
    network = STCN(single_object=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [150_000], 0.1)
    parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
    folder = data / "saves" / "Nov24_s0"
    folder.mkdir(parents=True)
    checkpoint = folder / "Nov24_s0_checkpoint.pth"
    torch.save({"it": 2, **{name: part.state_dict() for name, part in parts.items()}}, checkpoint)
    result = run(without_start(options(data, "--stage", 0, "-i", 3, "-b", 1, "--load_model", checkpoint)))
    assert result.returncode == 0, result.stderr
    assert "continued at iteration 2" in result.stderr
    assert torch.load(checkpoint)["iteration"] == 3
    assert (folder / "Nov24_s0_3.pth").exists()
    more = ["--stage", 3, "-i", 1, "-b", 1, "--id", "s03", "--load_network", checkpoint]
    result = run(without_start(options(data, *more)))
    assert result.returncode == 0, result.stderr
    assert "a checkpoint of a training, its network is used" in result.stderr


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
def test_a_stopped_run_resumes_to_the_same_weights(data: Path) -> None:
    """SIGTERM after the first iteration saves a checkpoint; the resumed run ends as an uninterrupted one."""
    arguments = options(data, "--stage", 3, "-i", 3, "-b", 2, "--steps", 2, "--lr", 1e-3)
    assert run([*arguments, "--id", "straight"]).returncode == 0
    command = [sys.executable, str(ROOT / "train.py"), *arguments, "--id", "stopped"]
    process = subprocess.Popen(command, cwd=TESTS, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for_first_row(data, "stopped")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    checkpoint = saved(data, "*_stopped_checkpoint.pth")
    assert 1 <= torch.load(checkpoint)["iteration"] < 3
    result = run([*without_start(arguments), "--load_model", str(checkpoint)])
    assert result.returncode == 0, result.stderr
    expected, found = (torch.load(saved(data, f"*_{name}_3.pth")) for name in ("straight", "stopped"))
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


@pytest.mark.long
def test_the_same_command_goes_on_by_itself(data: Path) -> None:
    """A run that is found by its name goes on in its folder; one of another name begins anew."""
    more = ["--stage", 0, "-b", 2, "-i", 2, "--network", "small", "--resume"]
    assert run(options(data, *more, "--id", "b_x")).returncode == 0
    assert run(options(data, *more, "--id", "x")).returncode == 0
    path = saved(data, "*[0-9]_x_checkpoint.pth")
    checkpoint = torch.load(path)
    torch.save({**checkpoint, "iteration": 1}, path)
    result = run(options(data, *more, "--id", "x"), TORCHRUN)
    assert result.returncode != 0
    assert "made with batch 2, not 4; resume with the same options" in result.stderr
    assert run(options(data, *more, "--id", "x")).returncode == 0
    assert torch.load(path)["iteration"] == 2
    (path.parent / ".x.999999999.part.pth").touch()  # left by a process that was killed
    again = run(options(data, *more, "--id", "x"))
    assert again.returncode == 0, again.stderr
    assert f"{path.parent}: finished before, after 2 iterations" in again.stdout
    assert len(list((data / "saves").iterdir())) == 2
    assert not list(path.parent.glob("*.part*"))


@pytest.mark.long
def test_records_are_those_of_all_processes(data: Path) -> None:
    """Two processes share the clips of an iteration, and record the losses and overlaps of all of them."""
    arguments = options(data, "--stage", 3, "-i", 1, "--network", "small", "--precision", "float32")
    for name, launcher in (("one", None), ("two", TORCHRUN)):
        assert run([*arguments, "--id", name], launcher).returncode == 0
    rows = [next(csv.DictReader(next((data / "log").glob(f"*_{name}/scalars.csv")).open())) for name in ("one", "two")]
    for name in ("total_loss", "plain_loss", "loss_1", "loss_2", "iou/iou", "iou/sec_iou", "gradient_norm"):
        assert float(rows[1][f"train/{name}"]) == pytest.approx(float(rows[0][f"train/{name}"]), rel=1e-3), name


@pytest.mark.long
@pytest.mark.parametrize("launcher", [[], TORCHRUN])
def test_a_signal_to_all_processes_saves_a_checkpoint(data: Path, launcher: list[str]) -> None:
    """Terminals and schedulers signal loading processes as well."""
    arguments = options(data, "--stage", 3, "-i", 1000, "-b", 1, "--network", "small", "--id", "x")
    command = [sys.executable, *launcher, str(ROOT / "train.py"), *arguments]
    process = subprocess.Popen(command, cwd=TESTS, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)
    wait_for_first_row(data, "x")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) != 0
    assert 1 <= torch.load(saved(data, "*_x_checkpoint.pth"))["iteration"] < 1000


@pytest.mark.long
def test_bad_data_stop_all_processes_with_one_line_and_a_checkpoint(data: Path) -> None:
    for path in (data / "YouTube/train_480p/JPEGImages/v2").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    result = run(options(data, "--stage", 3, "-i", 40, "-b", 1, "--network", "small", "--id", "x"), TORCHRUN)
    assert result.returncode != 0
    errors = [line for line in result.stderr.splitlines() if "train.py: error: " in line]
    assert errors
    assert all(re.search(r"v2/0000\d\.jpg: unreadable image", line) for line in errors)
    assert "Original Traceback" not in result.stderr
    assert torch.load(saved(data, "*_x_checkpoint.pth"))["iteration"] < 40


@pytest.mark.long
def test_resuming_after_a_crash_keeps_one_row_per_iteration(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts inside the run's folder; later rows are dropped, the first settings kept, old networks removed."""
    more = ["--stage", 0, "--scenes", "--num_objects", 2, "-b", 2, "-i", 4, "--save_every", 1, "--network", "small"]
    arguments = options(data, *more, "--keep", 2)
    assert run([*arguments, "--id", "x", "--cosine"]).returncode == 0
    folder = saved(data, "*_x_4.pth").parent
    assert sorted(path.name[-5] for path in folder.glob("*_[0-9].pth")) == ["3", "4"]
    checkpoint = torch.load(folder / f"{folder.name}_checkpoint.pth")
    torch.save({**checkpoint, "iteration": 2}, folder / f"{folder.name}_checkpoint.pth")
    resuming = without_start(arguments)
    command = [sys.executable, str(ROOT / "train.py"), *resuming, "--load_model", f"{folder.name}_checkpoint.pth"]
    refused = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "made with cosine True, not False; resume with the same options" in refused.stderr
    assert subprocess.run([*command, "--cosine"], cwd=folder).returncode == 0
    log = data / "log" / folder.name
    with (log / "scalars.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]
    assert json.loads((log / "settings.json").read_text())["from_scratch"]
    assert not json.loads((log / "settings_2.json").read_text())["from_scratch"]


@pytest.mark.long
def test_recipe_of_the_small_network(data: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable) -> None:
    """Each run starts from the one before; what is done is not done again; float16 weights tell their size."""
    few = [
        replace(run, iterations=1, options=f"{run.options} --crop 32 -b 2 --device cpu") for run in train_small.RECIPE
    ]
    monkeypatch.setattr(train_small, "RECIPE", few)
    torch.save(torchvision.models.resnet18().state_dict(), data / "resnet18.pth")
    places = ["--static_root", data / "static", "--encoder_weights", data]
    places += ["--vos_root", data / "YouTube/train_480p", "--hold_out", "v2"]
    places += ["--save_root", data / "saves", "--log_root", data / "log", "--output", data / "small.pth"]
    assert run_main(train_small.main, *places)[0] == 0
    assert len(list((data / "saves").glob("*/*_1.pth"))) == len(few)
    weights = torch.load(data / "small.pth")
    assert {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} == {torch.float16}
    last = load_network(saved(data, f"*_{few[-1].name}_1.pth"))
    assert torch.equal(load_network(data / "small.pth").key_comp.weight, last.key_comp.weight.half().float())
    status, out, _ = run_main(train_small.main, *places)
    assert (status, out.count("done before")) == (0, len(few))


def test_recipe_of_the_small_network_is_as_long_as_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without videos it is scenes alone; from given weights on it is the mixture alone."""

    def chosen(*arguments: str) -> list[bool]:
        monkeypatch.setattr(sys, "argv", ["train_small", "--static_root", "photographs", *arguments])
        return [run.has_videos for run in train_small.choose_runs(train_small.parse_arguments())]

    assert chosen() == [False] * 4
    assert chosen("--vos_root", "videos") == [False] * 4 + [True]
    assert chosen("--vos_root", "videos", "--start", "small.pth") == [True]
    with pytest.raises(InputError, match="give --vos_root"):
        chosen("--start", "small.pth")


def test_recipe_hands_signals_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable) -> None:
    """The training finishes what it does; the recipe ends with its status."""
    started, saved_marker = tmp_path / "started", tmp_path / "saved"
    (tmp_path / "train.py").write_text(
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(saved_marker)!r}).touch(), sys.exit(143)))\n"
        f"pathlib.Path({str(started)!r}).touch()\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr("training.process.PROJECT_ROOT", tmp_path)

    def stop() -> None:
        deadline = time.monotonic() + 30
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(stop)
        assert run_main(train_small.main, "--static_root", tmp_path, "--save_root", tmp_path / "saves")[0] == 143
        stopping.result()
    assert saved_marker.exists()


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
