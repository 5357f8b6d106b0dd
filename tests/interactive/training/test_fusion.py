"""The fusion network as its training sees it."""

import torch

from interactive.training.fusion import TrainableFusion
from interactive.training.fusion_data import NUM_OBJECTS, PLANES
from tests.conftest import filled_network
from training.losses import clip_loss, intersection_and_union
from training.trainer import class_maps


def test_planes_that_are_no_object_take_no_probability() -> None:
    """Records count the pixels above one half, in which such planes must not share; the loss stays finite."""
    network = TrainableFusion(filled_network(size="small"))
    given = torch.rand(1, PLANES, 32, 32)
    given[:, 4 * NUM_OBJECTS :] = torch.tensor([1, 2, 3])[:, None, None] / 255
    exists = torch.arange(PLANES)[None] < 1
    with torch.enable_grad():
        logits = network(torch.zeros(1, 2, 3, 32, 32), given, exists)
        found = logits.softmax(2)
        assert not found[:, :, 1 + NUM_OBJECTS :].any()
        assert torch.allclose(found.sum(2), torch.ones(()))
        surer = logits.detach().clone()
        surer[:, :, 0] = surer[:, :, 1] - 1  # nearly three to one for the object
        truth = torch.zeros(1, 1, PLANES, 32, 32)
        truth[:, :, 0] = 255
        assert torch.equal(*(pixels[0] for pixels in intersection_and_union(surer.softmax(2)[:, :, 1:], truth / 255)))
        clip_loss(logits, class_maps(truth), exists, share=1).total.backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
