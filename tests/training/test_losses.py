"""The training pass and its loss: golden figures of the published system, naive twins, invariants."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden_figures import frames_of, golden, golden_network, golden_video
from training.losses import bootstrap_share, clip_loss, intersection_and_union, region_loss


@pytest.fixture(autouse=True)
def _with_gradients():
    with torch.enable_grad():
        yield


@pytest.mark.parametrize("iteration", [0, 19999, 20000, 45000, 70000, 70001, 200000])
def test_golden_bootstrapped_cross_entropy(iteration: int) -> None:
    """The golden figure pools the pixels of both samples."""
    expected = golden("losses")
    logits = torch.from_numpy(expected["logits"]).permute(1, 0, 2, 3).flatten(1, 2)[None, None]  # [1,1,3,2*24,24]
    target = torch.from_numpy(expected["target"]).flatten(0, 1)[None, None]
    share = bootstrap_share(iteration)
    loss = clip_loss(logits, target, torch.ones(1, 2, dtype=torch.bool), share)
    np.testing.assert_allclose([loss.total, share], expected[f"bootstrapped_ce_{iteration}"], rtol=1e-6)


def naive_loss(logits: Tensor, targets: Tensor, counted: Tensor, share: float) -> float:
    """The hardest share of each frame's counted pixels, pixel by pixel."""
    total = 0.0
    for of_clip, classes, counts in zip(logits, targets, counted):
        for frame, ids, is_counted in zip(of_clip, classes, counts):
            pixels = [-frame[:, y, x].log_softmax(0)[ids[y, x]].item() for y, x in is_counted.nonzero().tolist()]
            hardest = sorted(pixels, reverse=True)[: max(1, int(share * len(pixels)))]
            total += sum(hardest) / max(1, len(hardest)) / len(logits)
    return total


@pytest.mark.parametrize("share", [1, 0.5, 0.15])
@pytest.mark.parametrize("weight", [0, 2])
def test_pixels_that_do_not_count_change_nothing(share: float, weight: float) -> None:
    """One frame has none that count: it has no loss."""
    logits, targets = 3 * torch.randn(2, 2, 3, 6, 5), torch.randint(3, (2, 2, 6, 5))
    counted, exist = torch.rand(2, 2, 6, 5) < 0.6, torch.ones(2, 2, dtype=torch.bool)
    counted[0, 1] = False
    others = torch.where(counted, targets, (targets + 1) % 3)
    found = []
    for classes in (targets, others):
        inputs = logits.clone().requires_grad_()
        loss = clip_loss(inputs, classes, exist, share, weight, counted)
        loss.total.backward()
        found.append((loss.total.item(), loss.plain.item(), inputs.grad))
    assert found[0][:2] == found[1][:2]
    assert torch.equal(found[0][2], found[1][2])
    assert not found[0][2].movedim(2, -1)[~counted].any()
    if not weight:
        assert found[0][0] == pytest.approx(naive_loss(logits, targets, counted, share), rel=1e-5)
    assert found[0][1] == pytest.approx(naive_loss(logits, targets, counted, 1), rel=1e-5)
    everywhere = clip_loss(logits, targets, exist, share, weight, torch.ones_like(counted))
    assert everywhere.total.item() == pytest.approx(clip_loss(logits, targets, exist, share, weight).total.item())


def test_overlaps_count_labelled_pixels_only() -> None:
    masks, truth = torch.tensor([1.0, 1, 0, 0]).view(1, 1, 1, 1, 4), torch.tensor([1.0, 0, 1, 0]).view(1, 1, 1, 1, 4)
    counted = torch.tensor([True, False, True, True]).view(1, 1, 1, 4)
    assert [x.item() for x in intersection_and_union(masks, truth)] == [1, 3]
    assert [x.item() for x in intersection_and_union(masks, truth, counted)] == [1, 2]


def training_batch(num_objects: int) -> tuple[Tensor, Tensor, Tensor]:
    """Frames ``[2,3,3,128,128]``, masks ``[2,3,K,128,128]``, exists ``[2,K]``; sample 1 has no second object."""
    clips = [golden_video(3, 128, 128, 2, seed=20 + sample) for sample in range(2)]
    frames = torch.stack([frames_of(video) for video, _ in clips])
    truth = torch.stack([torch.from_numpy(masks) for _, masks in clips])
    object_exists = torch.tensor([[True, True], [True, False]])[:, :num_objects]
    masks = torch.stack([truth == label for label in range(1, num_objects + 1)], 2)
    return frames, (masks & object_exists[:, None, :, None, None]).float(), object_exists


@pytest.mark.parametrize(
    ("num_objects", "iteration"),
    [(2, 45001), *(pytest.param(*case, marks=pytest.mark.long) for case in [(1, 0), (1, 45001), (2, 0)])],
)
def test_golden_training_step(num_objects: int, iteration: int) -> None:
    expected = golden(f"train_step_{('single_object', 'two_objects')[num_objects - 1]}_it{iteration}")
    network = golden_network(single_object=num_objects == 1)
    frames, masks, object_exists = training_batch(num_objects)
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}

    logits = network(frames, masks[:, 0], object_exists)
    targets = (masks * torch.arange(1, num_objects + 1)[:, None, None]).sum(2).long()
    share = bootstrap_share(iteration)
    loss = clip_loss(logits, targets[:, 1:], object_exists, share)
    loss.total.backward()

    for frame in (1, 2):
        found = logits[:, frame - 1, :, ::4, ::4].detach().numpy()
        assert np.abs(found - expected[f"logits_{frame}"]).max() <= 1e-4
        np.testing.assert_allclose(loss.by_frame[frame - 1].item(), expected[f"loss_{frame}"], rtol=1e-5)
    np.testing.assert_allclose(loss.total.item(), expected["total_loss"], rtol=1e-5)
    assert share == pytest.approx(expected["p"], rel=1e-6)
    intersection, union = intersection_and_union(logits.softmax(2)[:, :, 1:], masks[:, 1:])
    for index, infix in enumerate(("", "_sec")[:num_objects]):
        assert intersection[index] == pytest.approx(expected[f"hide_iou{infix}_i"], abs=2)
        assert union[index] == pytest.approx(expected[f"hide_iou{infix}_u"], abs=2)

    gradients = {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert len(gradients) == expected["num_parameters_with_grad"]
    norms = [gradients[name].norm().item() for name in expected["watched"]]
    np.testing.assert_allclose(norms, expected["grad_norm"], rtol=1e-3)
    total = torch.stack([gradient.double().norm() for gradient in gradients.values()]).norm()
    assert total.item() == pytest.approx(expected["total_grad_norm"], rel=1e-3)
    assert all(torch.equal(buffers[name], buffer) for name, buffer in network.named_buffers())


def test_region_loss_is_one_minus_the_jaccard_index_of_certain_masks() -> None:
    generator = torch.Generator().manual_seed(0)
    targets, found = (torch.randint(0, 3, (2, 2, 16, 16), generator=generator) for _ in range(2))
    object_exists = torch.tensor([[True, True], [True, False]])
    targets[1], found[1] = targets[1].clamp(max=1), found[1].clamp(max=1)
    logits = 100 * torch.nn.functional.one_hot(found, 3).movedim(-1, 2).float()

    losses = region_loss(logits, targets, object_exists)

    for clip, frame in np.ndindex(2, 2):
        overlaps = []
        for label in range(1, 1 + int(object_exists[clip].sum())):
            one, other = found[clip, frame] == label, targets[clip, frame] == label
            overlaps.append(((one & other).sum() + 1) / ((one | other).sum() + 1))
        assert losses[clip, frame].item() == pytest.approx(1 - np.mean(overlaps), rel=1e-5)
    cross_entropy = clip_loss(logits, targets, object_exists, 1).by_frame
    both = clip_loss(logits, targets, object_exists, 1, region_weight=0.5)
    torch.testing.assert_close(both.by_frame, cross_entropy + 0.5 * losses.mean(0))
