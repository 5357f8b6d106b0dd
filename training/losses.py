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


def bootstrapped_mean(pixel_losses: Tensor, share: float, counted: Tensor | None = None) -> Tensor:
    """Average the largest losses of each sample: ``[B,P] -> [B]``.

    Args:
        pixel_losses: from 0 on.
        share: share of the pixels to average.
        counted: ``[B,P]`` bool, pixels to choose from; None: all. A sample without any has no loss.
    """
    if counted is not None:
        pixel_losses = pixel_losses.masked_fill(~counted, 0)
        number = (share * counted.sum(1).double()).long().clamp(min=1)  # the pixels to average
        if share == 1:
            return pixel_losses.sum(1) / number
        largest = pixel_losses.topk(int(share * pixel_losses.shape[1]), dim=1).values
        is_chosen = torch.arange(largest.shape[1], device=largest.device) < number[:, None]
        return (largest * is_chosen).sum(1) / number
    if share == 1:
        return pixel_losses.mean(1)
    return pixel_losses.topk(int(share * pixel_losses.shape[1]), dim=1, sorted=False).values.mean(1)


def clip_loss(
    logits: Tensor,
    targets: Tensor,
    object_exists: Tensor,
    share: float,
    region_weight: float = 0.0,
    counted: Tensor | None = None,
) -> ClipLoss:
    """Compute the loss of the frames after the first.

    Args:
        logits: ``[B,T-1,1+K,H,W]``, from the network's training pass.
        targets: ``[B,T-1,H,W]`` int64 class maps, 0 for background.
        object_exists: ``[B,K]`` bool; an object that does not exist is no class.
        share: share of the pixels, the hardest ones, that the cross entropy counts.
        region_weight: factor of the region loss, which is added to the cross entropy.
        counted: ``[B,T-1,H,W]`` bool, pixels that count; None: all.
    """
    is_class = F.pad(object_exists, (1, 0), value=True)[:, None, :, None, None]  # [B,1,1+K,1,1]
    logits = logits.float().masked_fill(~is_class, -torch.inf)
    pixel_losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1), reduction="none").flatten(1)
    flat = None if counted is None else counted.flatten(0, 1).flatten(1)
    by_frame = bootstrapped_mean(pixel_losses, share, flat).view(targets.shape[:2]).mean(0)
    if region_weight:
        by_frame = by_frame + region_weight * region_loss(logits, targets, object_exists, counted).mean(0)
    plain = bootstrapped_mean(pixel_losses.detach(), 1, flat).view(targets.shape[:2]).mean(0).sum()
    return ClipLoss(by_frame.sum(), by_frame, plain)


def region_loss(logits: Tensor, targets: Tensor, object_exists: Tensor, counted: Tensor | None = None) -> Tensor:
    """Compute one minus the soft Jaccard index, averaged over the objects that exist: ``[B,T-1]``.

    The arguments are those of ``clip_loss``. Cross entropy lets a network leave out pixels that are a little more
    likely background than object, and the overlap suffers most from them. Whatever is found of a hidden object costs
    up to one.
    """
    num_objects = object_exists.shape[1]
    found = logits.float().softmax(2)[:, :, 1:]
    truth = F.one_hot(targets, 1 + num_objects).movedim(-1, 2)[:, :, 1:].float()
    if counted is not None:
        found, truth = found * counted[:, :, None], truth * counted[:, :, None]
    intersection, total = (found * truth).sum((3, 4)), (found + truth).sum((3, 4))
    jaccard = (intersection + 1) / (total - intersection + 1)  # [B,T-1,K]; plus a pixel, for hidden objects
    exists = object_exists[:, None].float()
    return ((1 - jaccard) * exists).sum(2) / exists.sum(2).clamp(min=1)


def intersection_and_union(masks: Tensor, truth: Tensor, counted: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Count the pixels in both and in either of two sets of masks, thresholded at one half.

    Args:
        masks, truth: ``[B,T,K,H,W]``, in [0, 1].
        counted: ``[B,T,H,W]`` bool, pixels that count; None: all.

    Returns:
        two ``[K]``, summed over batch and frames.
    """
    masks, truth = masks > 0.5, truth > 0.5
    if counted is not None:
        masks, truth = masks & counted[:, :, None], truth & counted[:, :, None]
    return (masks & truth).sum((0, 1, 3, 4)), (masks | truth).sum((0, 1, 3, 4))
