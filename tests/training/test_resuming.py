"""Going on: checkpoints of ours and of the published code, what they remember, the folder of a run."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from model.network import STCN
from tests.conftest import filled_network
from training.options import read_settings
from training.resuming import choose_folder, pack_options, resume
from training.settings import TrainingSettings
from training.trainer import OptimizerConfig, Trainer
from util.errors import InputError

FACTS = {"network": "full", "cosine": False, "encoder_lr": 1, "stage": 3, "crop": 64}


@pytest.fixture(autouse=True)
def _with_gradients():
    with torch.enable_grad():
        yield


def write_published_checkpoint(path: Path, network: STCN, iteration: int) -> torch.optim.Adam:
    """Write a checkpoint as the published code does, with PyTorch's own optimizer and schedule."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=1e-7)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 50], 0.1)
    for _ in range(iteration):
        for index, parameter in enumerate(network.parameters()):
            parameter.grad = torch.full_like(parameter, 1e-3 * (1 + index % 7))
        optimizer.step()
        scheduler.step()
    parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler}
    torch.save({"it": iteration, **{name: part.state_dict() for name, part in parts.items()}}, path)
    return optimizer


def test_published_checkpoint_is_continued(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next step is the one that the published code would take; the file's schedule wins."""
    published, path = filled_network(size="small"), tmp_path / "x_checkpoint.pth"
    optimizer = write_published_checkpoint(path, published, 3)
    trainer = Trainer(STCN(size="small"), OptimizerConfig(lr=9, lr_steps=(1,)))
    with caplog.at_level("INFO"):
        resume(trainer, path, {"stage": 3})
    assert "x_checkpoint.pth: a published checkpoint, continued at iteration 3" in caplog.text
    assert "its recipe is not in it" in caplog.text
    assert trainer.iteration == 3
    assert trainer.lr == pytest.approx(1e-5)
    for network in (published, trainer.network):
        for parameter in network.parameters():
            parameter.grad = torch.full_like(parameter, 2e-3)
    optimizer.step()
    trainer.update()
    assert trainer.iteration == 4
    for name, tensor in published.state_dict().items():
        assert torch.equal(trainer.network.state_dict()[name], tensor), name


def test_a_resumed_run_tells_which_schedule_it_keeps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, facts = tmp_path / "x_checkpoint.pth", {"stage": 3}
    first = Trainer(STCN(size="small"), OptimizerConfig(lr=1e-4, lr_steps=(5,)))
    torch.save({**first.state_dict(), "recipe": facts}, path)
    for config, notes in ((OptimizerConfig(lr=1e-4, lr_steps=(5,)), 0), (OptimizerConfig(lr=9, lr_steps=(7,)), 2)):
        caplog.clear()
        with caplog.at_level("INFO"):
            resume(Trainer(STCN(size="small"), config), path, facts)
        assert len(caplog.records) == notes
    assert "goes on with its own lr, 0.0001, not with 9" in caplog.text
    assert "goes on with its own steps, [5], not with [7]" in caplog.text


@pytest.mark.parametrize(
    ("facts", "network", "message"),
    [
        ({"cosine": True}, {}, "made with cosine False, not True"),
        ({"network": "small"}, {}, "made with network full, not small"),
        ({}, {"use_cbam": False}, "weights with CBAM; train without no_cbam"),
        ({}, {"single_object": True}, "weights for several objects; set num_objects to 2 or more"),
    ],
)
def test_published_checkpoint_of_another_network(tmp_path: Path, facts: dict, network: dict, message: str) -> None:
    path, state = tmp_path / "x_checkpoint.pth", STCN().state_dict()
    torch.save({"it": 3, "network": state, "optimizer": {}, "scheduler": {}}, path)
    with pytest.raises(InputError, match=f"x_checkpoint.pth: {message}"):
        resume(Trainer(STCN(**network), OptimizerConfig()), path, FACTS | facts)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("region_loss", 1, "made with region_loss 0, not 1"),
        ("no_cbam", True, "made with no_cbam False, not True"),
        ("keep_surroundings", False, "made with keep_surroundings True, not False"),
        ("crop", 32, "made with crop 64, not 32"),
    ],
)
def test_checkpoint_without_a_later_fact_was_made_without_it(
    tmp_path: Path, name: str, value: object, message: str
) -> None:
    path = tmp_path / "old_checkpoint.pth"
    trainer = Trainer(filled_network(size="small"), OptimizerConfig())
    torch.save({**trainer.state_dict(), "recipe": {"crop": 64}}, path)
    made_with = {"crop": 64, "region_loss": 0, "no_cbam": False, "keep_surroundings": True}
    other = Trainer(STCN(size="small"), OptimizerConfig())
    with pytest.raises(InputError, match=message):
        resume(other, path, made_with | {name: value})
    resume(other, path, made_with)
    assert torch.equal(other.network.key_comp.weight, trainer.network.key_comp.weight)


def test_folder_of_a_run_is_the_checkpoints_or_a_new_one(tmp_path: Path) -> None:
    """A checkpoint among other weights gets no neighbours that it did not ask for."""
    own, foreign = tmp_path / "Nov24_s0" / "Nov24_s0_checkpoint.pth", tmp_path / "weights" / "Nov24_s0_checkpoint.pth"
    assert choose_folder(tmp_path / "saves", "s1", own) == own.parent
    for checkpoint in (foreign, None):
        folder = choose_folder(tmp_path / "saves", "s1", checkpoint)
        assert folder.parent == tmp_path / "saves"
        assert folder.name.endswith("_s1")


def read(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> TrainingSettings:
    monkeypatch.setattr(sys, "argv", ["train.py", *map(str, arguments)])
    return read_settings("Train.")


OPTIONS = "--stage 3 --id x --cosine -i 9 --mix scenes:2 videos --hold_out a b --steps 5 6 --seed 7 --clip_norm 5"


def write_remembering(path: Path, record: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True)
    torch.save({"network": {}, "options": pack_options(record)}, path)


def test_a_checkpoint_remembers_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, too: paths are those of the first run."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    given = [*OPTIONS.split(), "--vos_root", "own", "more:3"]
    first = read(monkeypatch, *given, "--from_scratch", "--save_every", 7)
    path = tmp_path / "saves/Nov24_10.11.12_x/Nov24_10.11.12_x_checkpoint.pth"
    write_remembering(path, first.record)
    monkeypatch.chdir(tmp_path / "elsewhere")
    for alone in (["--load_model", path], ["--resume", "--id", "x", "--save_root", tmp_path / "saves"]):
        again = read(monkeypatch, *alone)
        assert again.recipe == first.recipe
        assert again.data.own == ((tmp_path / "own", 1), (tmp_path / "more", 3))
        assert again.data.held_out == {"a", "b"}
        assert again.output.intervals == first.output.intervals
        assert not again.start.from_scratch
    assert read(monkeypatch, "--resume", "--id", "y", "--save_root", tmp_path / "saves").recipe.stage == 0


def test_an_option_that_is_given_wins_over_the_remembered_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run/x_checkpoint.pth"
    write_remembering(path, read(monkeypatch, *OPTIONS.split(), "--vos_root", "own").record)
    again = read(monkeypatch, "--load_model", path, "--num_workers", 3, "--precision", "float32", "-i", 12)
    assert (again.compute.num_workers, again.compute.precision, again.recipe.iterations) == (3, "float32", 12)
    assert again.recipe.stage == 3


def test_a_remembered_schedule_is_kept(tmp_path: Path) -> None:
    path, facts = tmp_path / "x_checkpoint.pth", {"stage": 3}
    first = Trainer(STCN(size="small"), OptimizerConfig(lr=1e-4, lr_steps=(5,)))
    torch.save({**first.state_dict(), "recipe": facts, "options": {"lr": 1e-4}}, path)
    with pytest.raises(InputError, match=r"made with lr 0\.0001, not 9; resume with the same options and data"):
        resume(Trainer(STCN(size="small"), OptimizerConfig(lr=9, lr_steps=(5,))), path, facts)
