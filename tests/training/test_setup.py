"""Before the first iteration: checkpoints of ours and of the published code, precision, the network to start from."""

from pathlib import Path

import pytest
import torch

from dataset.training_clip import ClipSpec
from model.network import STCN
from tests.conftest import filled_network
from training.settings import Recipe, Start
from training.setup import choose_folder, choose_mixed_precision, make_network, resume
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


def test_network_without_cbam() -> None:
    recipe = Recipe(3, "small", False, ClipSpec(num_objects=2), False, 1, None, OptimizerConfig())
    assert make_network(recipe, Start(from_scratch=True)).value_encoder.fuser.attention is None


@pytest.mark.parametrize(
    ("precision", "device", "dtype"),
    [
        ("auto", "cuda", torch.float16),
        ("float32", "cuda", None),
        ("bfloat16", "cuda", torch.bfloat16),
        ("float16", "cpu", torch.float16),
        ("float32", "cpu", None),
    ],
)
def test_precision(monkeypatch, precision: str, device: str, dtype: torch.dtype | None) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert choose_mixed_precision(precision, torch.device(device)) == dtype


def test_folder_of_a_run_is_the_checkpoints_or_a_new_one(tmp_path: Path) -> None:
    """A checkpoint among other weights gets no neighbours that it did not ask for."""
    own, foreign = tmp_path / "Nov24_s0" / "Nov24_s0_checkpoint.pth", tmp_path / "weights" / "Nov24_s0_checkpoint.pth"
    assert choose_folder(tmp_path / "saves", "s1", own) == own.parent
    for checkpoint in (foreign, None):
        folder = choose_folder(tmp_path / "saves", "s1", checkpoint)
        assert folder.parent == tmp_path / "saves"
        assert folder.name.endswith("_s1")
