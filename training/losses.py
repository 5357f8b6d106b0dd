"""The training loss: cross entropy of aggregated logits, from some iteration on over the hardest pixels only.

So far it is as published. A loss on the overlap of whole regions may be added.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BOOTSTRAP = 20_000, 70_000  # iterations of the stage between which the share of counted pixels falls
BOOTSTRAP_SHARE = 0.15  # share of the pixels that are counted at the end


class ClipLoss(NamedTuple):
    """The loss of a batch of clips."""

    total: Tensor  # the sum over the frames, to be minimised
    by_frame: Tensor  # [T-1], means over the batch
    plain: Tensor  # the cross entropy over all pixels, summed likewise


def bootstrap_share(iteration: int, bootstrap: tuple[int, int] = BOOTSTRAP) -> float:
    """Return the share of pixels that the loss counts: 1, then falling linearly to 0.15."""
    start, end = bootstrap
    progress = (iteration - start) / (end - start)
    return 1 - (1 - BOOTSTRAP_SHARE) * min(max(progress, 0.0), 1.0)


def bootstrapped_mean(pixel_losses: Tensor, share: float) -> Tensor:
    """Average the largest losses of each sample: ``[B,P] -> [B]``."""
    if share == 1:
        return pixel_losses.mean(1)
    return pixel_losses.topk(int(share * pixel_losses.shape[1]), dim=1, sorted=False).values.mean(1)


def clip_loss(
    logits: Tensor, targets: Tensor, object_exists: Tensor, share: float, region_weight: float = 0.0
) -> ClipLoss:
    """Compute the loss of the frames after the first.

    Args:
        logits: ``[B,T-1,1+K,H,W]``, from the network's training pass.
        targets: ``[B,T-1,H,W]`` int64 class maps, 0 for background.
        object_exists: ``[B,K]`` bool; an object that does not exist is no class.
        share: share of the pixels, the hardest ones, that the cross entropy counts.
        region_weight: factor of the region loss, which is added to the cross entropy.
    """
    is_class = F.pad(object_exists, (1, 0), value=True)[:, None, :, None, None]  # [B,1,1+K,1,1]
    logits = logits.float().masked_fill(~is_class, -torch.inf)
    pixel_losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1), reduction="none").flatten(1)
    by_frame = bootstrapped_mean(pixel_losses, share).view(targets.shape[:2]).mean(0)
    if region_weight:
        by_frame = by_frame + region_weight * region_loss(logits, targets, object_exists).mean(0)
    plain = pixel_losses.detach().mean(1).view(targets.shape[:2]).mean(0).sum()
    return ClipLoss(by_frame.sum(), by_frame, plain)


def region_loss(logits: Tensor, targets: Tensor, object_exists: Tensor) -> Tensor:
    """Compute one minus the soft Jaccard index, averaged over the objects that exist: ``[B,T-1]``.

    The arguments are those of ``clip_loss``. Cross entropy lets a network leave out pixels that are a little more
    likely background than object, and the overlap suffers most from them. Whatever is found of a hidden object costs
    up to one.
    """
    num_objects = object_exists.shape[1]
    found = logits.float().softmax(2)[:, :, 1:]
    truth = F.one_hot(targets, 1 + num_objects).movedim(-1, 2)[:, :, 1:].float()
    intersection, total = (found * truth).sum((3, 4)), (found + truth).sum((3, 4))
    jaccard = (intersection + 1) / (total - intersection + 1)  # [B,T-1,K]; plus a pixel, for hidden objects
    exists = object_exists[:, None].float()
    return ((1 - jaccard) * exists).sum(2) / exists.sum(2).clamp(min=1)


def intersection_and_union(masks: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Count the pixels in both and in either of two sets of masks, thresholded at one half.

    Args:
        masks, truth: ``[B,T,K,H,W]``, in [0, 1].

    Returns:
        two ``[K]``, summed over batch and frames.
    """
    masks, truth = masks > 0.5, truth > 0.5
    return (masks & truth).sum((0, 1, 3, 4)), (masks | truth).sum((0, 1, 3, 4))
