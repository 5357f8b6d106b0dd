"""train.py goes on: after signals, crashes and bad data, from published checkpoints, by itself."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import train
from model.network import STCN
from tests.commands.training import (
    ROOT,
    TORCHRUN,
    options,
    run,
    saved,
    wait_for_first_row,
    without_start,
    write_training_data,
)
from tests.conftest import TESTS
from training.trainer import Trainer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_training_data(tmp_path)
    return tmp_path


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
    result = run(["--load_model", str(checkpoint)])
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
    refused = subprocess.run([*command, "--seed", "1"], cwd=folder, capture_output=True, text=True)
    assert "made with seed 14159265, not 1; resume with the same options" in refused.stderr
    assert subprocess.run(command, cwd=folder).returncode == 0
    log = data / "log" / folder.name
    with (log / "scalars.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]
    assert json.loads((log / "settings.json").read_text())["from_scratch"]
    assert not json.loads((log / "settings_2.json").read_text())["from_scratch"]


def test_a_training_goes_on_by_its_checkpoint_alone(data: Path, run_main: Callable, monkeypatch) -> None:
    """The first run stops after its first iteration; both come to the weights of one that nothing stopped."""
    small = ["--stage", 0, "-i", 2, "-b", 2, "--network", "small", "--cosine", "--lr", 1e-3, "--num_workers", 0]
    with torch.enable_grad():
        assert run_main(train.main, *options(data, *small, "--id", "straight"))[0] == 0
        update = Trainer.update

        def update_and_stop(trainer: Trainer) -> None:
            update(trainer)
            os.kill(os.getpid(), signal.SIGTERM)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "update", update_and_stop)
            assert run_main(train.main, *options(data, *small, "--id", "stopped"))[0] == 128 + signal.SIGTERM
        checkpoint = saved(data, "*_stopped_checkpoint.pth")
        status, _, err = run_main(train.main, "--load_model", checkpoint, "-i", 3)
        assert status == 2
        assert "made with iterations 2, not 3; resume with the same options and data" in err
        assert run_main(train.main, "--load_model", checkpoint)[0] == 0
    expected, found = (torch.load(saved(data, f"*_{name}_2.pth")) for name in ("straight", "stopped"))
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
