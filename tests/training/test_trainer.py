"""Training steps: the optimizer's golden figures, exact resuming, accumulation, guards."""

import math
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.training_clip import Clip, collate
from model.network import STCN
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from tests.golden_figures import golden, golden_network, golden_video
from training.random_states import seed_everything
from training.trainer import OptimizerConfig, Trainer, class_maps
from util.errors import InputError


@pytest.fixture(autouse=True)
def _with_gradients():
    with torch.enable_grad():
        yield


def make_clip(seed: int, num_objects: int = 2, side: int = 64, make_video=synthetic_video) -> Clip:
    """A clip whose second object, of every other seed, does not exist."""
    video, ids = make_video(3, side, side, 2, seed=20 + seed)
    object_exists = torch.tensor([True, seed % 2 == 0])[:num_objects]
    masks = np.stack([ids == label for label in range(1, num_objects + 1)], 1) * np.uint8(255)
    frames = torch.from_numpy(video).permute(0, 3, 1, 2)
    return Clip(frames, torch.from_numpy(masks) * object_exists[:, None, None], object_exists, f"clip {seed}")


@pytest.mark.parametrize("num_objects", [1, pytest.param(2, marks=pytest.mark.long)])
def test_golden_optimizer_step(num_objects: int) -> None:
    """The largest change of each watched tensor, and the learning rate behind its step."""
    expected = golden(f"train_step_{('single_object', 'two_objects')[num_objects - 1]}_it0")
    network = golden_network(single_object=num_objects == 1)
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    trainer = Trainer(network, OptimizerConfig(lr_steps=(1,)))
    clips = [make_clip(seed, num_objects, side=128, make_video=golden_video) for seed in range(2)]
    report = trainer.step([collate(clips)])
    assert report.loss == pytest.approx(expected["total_loss"], rel=1e-5)
    assert report.intersection[0] == pytest.approx(expected["hide_iou_i"], abs=2)
    steps = [(dict(network.named_parameters())[name] - before[name]).abs().max().item() for name in expected["watched"]]
    np.testing.assert_allclose(steps, expected["step_max_abs"], rtol=1e-3)
    assert trainer.lr == pytest.approx(expected["lr_after_step"])
    assert trainer.iteration == 1


def train(trainer: Trainer, iterations: range) -> None:
    for iteration in iterations:
        trainer.step([collate([make_clip(iteration)])])


def test_region_loss_is_added_with_its_weight() -> None:
    """The clip's second object does not exist."""
    reports = [
        Trainer(filled_network(size="small"), OptimizerConfig(region_weight=weight)).step([collate([make_clip(1)])])
        for weight in (0.0, 0.5, 1.0)
    ]
    without, half, whole = (report.loss for report in reports)
    assert whole > half > without
    assert whole - without == pytest.approx(2 * (half - without), rel=1e-4)
    assert len({report.plain_loss for report in reports}) == 1
    assert all(math.isfinite(report.gradient_norm) for report in reports)
    assert reports[2].gradient_norm != reports[0].gradient_norm


def test_unlabelled_pixels_teach_nothing() -> None:
    clip, unlabelled = make_clip(0), torch.zeros(3, 64, 64, dtype=torch.bool)
    unlabelled[:, :30] = True
    masks = clip.masks.clone()
    masks[1:, 0, :30], masks[1:, 1, :30] = 255, 0
    reports, gradients = [], []
    for spoiled in (clip, clip._replace(masks=masks)):
        trainer = Trainer(filled_network(size="small"), OptimizerConfig(region_weight=1))
        reports.append(trainer.compute_gradients([collate([spoiled._replace(unlabelled=unlabelled)])]))
        gradients.append(trainer.network.key_comp.weight.grad)
    assert reports[0].loss == reports[1].loss
    assert torch.equal(*gradients)
    assert torch.equal(reports[0].union, reports[1].union)


@pytest.mark.parametrize("decay", [0.05, 0.9])
def test_average_follows_the_weights_and_is_resumed(decay: float) -> None:
    """It equals the recurrence over the weights of each iteration, with the decay that grows from 1/11."""
    config = OptimizerConfig(lr=1e-3, average=decay)
    trainer = Trainer(filled_network(size="small"), config)
    name, expected = "key_comp.weight", None
    for iteration in range(3):
        train(trainer, range(iteration, iteration + 1))
        weight = trainer.network.state_dict()[name]
        share = min(decay, (1 + iteration) / (10 + iteration))
        expected = weight.clone() if expected is None else share * expected + (1 - share) * weight
    assert torch.allclose(trainer.result.state_dict()[name], expected, atol=1e-6)
    assert not torch.equal(trainer.result.state_dict()[name], weight)
    resumed = Trainer(filled_network(size="small"), config)
    resumed.load_state_dict(deepcopy(trainer.state_dict()))
    for one in (trainer, resumed):
        train(one, range(3, 4))
    for key, tensor in trainer.result.state_dict().items():
        assert torch.equal(tensor, resumed.result.state_dict()[key]), key


def test_without_an_average_the_result_is_the_network() -> None:
    trainer = Trainer(filled_network(size="small"), OptimizerConfig())
    assert trainer.result is trainer.network


@pytest.mark.long
def test_resuming_gives_bit_identical_weights(tmp_path: Path) -> None:
    config = OptimizerConfig(lr=1e-3, lr_steps=(1, 3))
    straight = Trainer(filled_network(), config)
    train(straight, range(4))
    first = Trainer(filled_network(), config)
    train(first, range(2))
    torch.save(first.state_dict(), tmp_path / "checkpoint.pth")
    seed_everything(7)
    resumed = Trainer(filled_network(), OptimizerConfig(lr=9))
    resumed.load_state_dict(torch.load(tmp_path / "checkpoint.pth", weights_only=True))
    assert (resumed.iteration, resumed.lr) == (2, first.lr)
    train(resumed, range(2, 4))
    for name, tensor in straight.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    assert resumed.lr == straight.lr == pytest.approx(1e-5)


@pytest.mark.long
def test_random_states_are_resumed() -> None:
    seed_everything(3)
    trainer = Trainer(filled_network(), OptimizerConfig())
    state = trainer.state_dict()
    drawn = torch.rand(3), np.random.rand(3)
    trainer.load_state_dict(state)
    assert torch.equal(drawn[0], torch.rand(3))
    assert np.array_equal(drawn[1], np.random.rand(3))


def gradients_of(trainer: Trainer, rounds: list[Clip]) -> dict[str, torch.Tensor]:
    """Return the gradients that the optimizer gets."""
    trainer.compute_gradients(rounds)
    return {name: parameter.grad.clone() for name, parameter in trainer.network.named_parameters()}


def assert_gradients_agree(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> None:
    """To 1e-5 over all tensors; single ones differ by more, that of the keys' bias being nothing but rounding."""
    norms = torch.stack([gradient.norm() for gradient in expected.values()])
    differences = torch.stack([(gradient - found[name]).norm() for name, gradient in expected.items()])
    assert differences.norm() <= 1e-5 * norms.norm()
    assert (differences <= 1e-4 * norms + 1e-9 * norms.max()).all()


@pytest.mark.long
def test_accumulated_gradients_are_those_of_the_batch() -> None:
    clips = [make_clip(seed) for seed in range(3)]
    whole = gradients_of(Trainer(filled_network(), OptimizerConfig()), [collate(clips)])
    rounds = [collate([clip]) for clip in clips]
    accumulated = gradients_of(Trainer(filled_network(), OptimizerConfig()), rounds)
    assert_gradients_agree(whole, accumulated)


def train_as_one_of_two(rank: int, folder: Path) -> None:
    """Compute gradients as one process of the next test."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        trainer = Trainer(filled_network(), OptimizerConfig(), is_distributed=True)
        gradients = gradients_of(trainer, [collate([make_clip(seed)]) for seed in (rank, 2 + rank)])
    torch.save(gradients, folder / f"{rank}.pth")
    torch.distributed.destroy_process_group()


@pytest.mark.long
def test_two_processes_reach_the_gradients_of_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(train_as_one_of_two, (tmp_path,), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pth") for rank in range(2))
    rounds = [collate([make_clip(seed)]) for seed in range(4)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the two: on some processors more threads round otherwise
    alone = gradients_of(Trainer(filled_network(), OptimizerConfig()), rounds)
    torch.set_num_threads(threads)
    assert all(torch.equal(first[name], second[name]) for name in alone)
    assert_gradients_agree(alone, first)


@pytest.mark.long
def test_bfloat16_computes_nearly_the_same() -> None:
    losses = [
        Trainer(filled_network(), OptimizerConfig(amp_dtype=dtype)).step([collate([make_clip(0)])]).loss
        for dtype in (None, torch.bfloat16)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert losses[0] != losses[1]


def test_a_loss_that_is_not_finite_names_the_clips_and_changes_nothing() -> None:
    network = filled_network()
    network.decoder.pred.bias.data.fill_(torch.nan)
    before = network.key_comp.weight.clone()
    with pytest.raises(InputError, match="iteration 0: the loss is nan on clips clip 0, clip 1"):
        Trainer(network, OptimizerConfig()).step([collate([make_clip(0), make_clip(1)])])
    assert torch.equal(network.key_comp.weight, before)


@pytest.mark.long
def test_in_float16_such_a_step_is_skipped_until_the_scale_is_at_its_end() -> None:
    trainer = Trainer(filled_network(size="small"), OptimizerConfig(amp_dtype=torch.float16))
    trainer.network.decoder.pred.bias.data.fill_(torch.nan)
    before, clips = trainer.network.key_comp.weight.clone(), [collate([make_clip(0)])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PyTorch takes the skipped first step for a mistake in the order of calls
        assert math.isnan(trainer.step(clips).loss)
    assert trainer.state_dict()["scaler"]["scale"] == 65536 / 2
    state = trainer.state_dict()
    trainer.load_state_dict({**state, "scaler": {**state["scaler"], "scale": 1.0}})
    with pytest.raises(InputError, match="iteration 1: the loss is nan on clips clip 0"):
        trainer.step(clips)
    assert torch.equal(trainer.network.key_comp.weight, before)


def test_gradients_that_are_not_finite_are_refused() -> None:
    """The loss is finite, but it holds a square root at 0, whose derivative is not."""
    trainer = Trainer(filled_network(size="small"), OptimizerConfig())
    trainer.network.key_proj.register_forward_hook(lambda *args: args[-1] + (0 * args[-1]).sqrt())
    with pytest.raises(InputError, match="iteration 0: the norm of the gradients is nan on clips clip 0; resume"):
        trainer.step([collate([make_clip(0)])])


def test_rates_of_encoder_and_rest_fall_along_a_cosine() -> None:
    trainer = Trainer(STCN(size="small"), OptimizerConfig(lr=1.0, encoder_lr=0.1, cosine=4))
    rates = []
    for _ in range(4):
        rates.append(([group["lr"] for group in trainer.state_dict()["optimizer"]["param_groups"]], trainer.lr))
        trainer.update()  # without gradients
    expected = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    np.testing.assert_allclose([lr for _, lr in rates], expected)
    np.testing.assert_allclose([encoder for (encoder, _), _ in rates], 0.1 * np.array(expected))
    groups = [group["params"] for group in trainer.state_dict()["optimizer"]["param_groups"]]
    assert len(groups[0]) == len(list(trainer.network.key_encoder.parameters()))
    assert len(groups[0] + groups[1]) == len(list(trainer.network.parameters()))


def test_gradients_are_scaled_down_to_the_bound() -> None:
    clips = [collate([make_clip(0)])]
    free, bound = (
        Trainer(filled_network(size="small"), OptimizerConfig(clip_norm=clip_norm)) for clip_norm in (None, 1e-3)
    )
    gradients, bounded = gradients_of(free, clips), gradients_of(bound, clips)
    norm = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    assert free.compute_gradients(clips).gradient_norm > 1e-3
    for name, gradient in gradients.items():
        assert torch.allclose(bounded[name], gradient * 1e-3 / norm, rtol=1e-3, atol=1e-12), name


def test_a_run_without_a_scaler_can_go_on_with_one() -> None:
    trainer = Trainer(STCN(size="small"), OptimizerConfig(amp_dtype=torch.float16))
    trainer.load_state_dict(Trainer(STCN(size="small"), OptimizerConfig()).state_dict())
    assert trainer.state_dict()["scaler"]["scale"] == 65536


def test_bfloat16_needs_no_scaler() -> None:
    assert not Trainer(STCN(size="small"), OptimizerConfig(amp_dtype=torch.bfloat16)).state_dict()["scaler"]


def test_class_maps_count_from_one_half() -> None:
    masks = torch.tensor([[127, 128, 0, 128], [0, 0, 255, 128]], dtype=torch.uint8).view(1, 1, 2, 1, 4)
    assert class_maps(masks).flatten().tolist() == [0, 1, 2, 1]
