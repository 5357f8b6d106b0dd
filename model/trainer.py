"""One optimisation step over the micro-batches of an iteration, and all the state that a run goes on from."""

import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from model.losses import BOOTSTRAP, bootstrap_share, clip_loss, intersection_and_union
from model.network import STCN
from util.errors import InputError
from util.tensor_util import normalise


class ClipBatch(Protocol):
    """A batch of training clips."""

    frames: Tensor  # [B,T,3,H,W] uint8 RGB
    masks: Tensor  # [B,T,K,H,W] uint8, 0 to 255
    object_exists: Tensor  # [B,K] bool
    name: str


@dataclass(frozen=True)
class OptimizerConfig:
    """Settings of the optimisation."""

    lr: float = 1e-5
    lr_steps: tuple[int, ...] = ()  # iterations at which the learning rate falls
    gamma: float = 0.1  # factor by which it falls
    cosine: int | None = None  # iterations of a cosine along which it falls to 0 instead
    encoder_lr: float = 1.0  # learning rate of the key encoder, against that of the rest
    clip_norm: float | None = None  # bound on the gradients' norm
    weight_decay: float = 1e-7
    bootstrap: tuple[int, int] = BOOTSTRAP  # iterations between which the share of pixels that count falls
    amp_dtype: torch.dtype | None = None  # automatic mixed precision in this dtype; None: float32


class StepReport(NamedTuple):
    """What one iteration showed, of this process's clips."""

    loss: float
    by_frame: list[float]  # [T-1]
    plain_loss: float  # over all pixels, not only the hardest
    share: float  # of the pixels that the loss counts
    intersection: Tensor  # [K] pixels
    union: Tensor  # [K] pixels
    logits: Tensor  # [B,T-1,1+K,H,W] of the last micro-batch


class Trainer:
    """Train a network.

    BatchNorm stays in eval mode: its statistics never move, its scale and shift do learn.

    Args:
        network: on the device to train on.
        config: settings of the optimisation.
        is_distributed: whether to average gradients over the processes of the default group.
    """

    def __init__(self, network: STCN, config: OptimizerConfig, *, is_distributed: bool = False) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)  # the faster one in reduced precision
        self.iteration = 0  # of the stage, the next one to compute
        self._config = config
        self._device = next(network.parameters()).device
        self._parallel = network
        if is_distributed:
            device_ids = [self._device] if self._device.type == "cuda" else None
            self._parallel = DistributedDataParallel(network, device_ids, broadcast_buffers=False)
        self._optimizer = _make_optimizer(network, config)
        self._scheduler = _make_scheduler(self._optimizer, config)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=config.amp_dtype == torch.float16)

    @property
    def lr(self) -> float:
        """Learning rate of the next iteration."""
        return self._scheduler.get_last_lr()[-1]

    def step(self, micro_batches: Sequence[ClipBatch]) -> StepReport:
        """Compute one iteration; the gradients of its micro-batches are averaged.

        Raises:
            InputError: the loss is not finite; nothing was changed.
        """
        reports = []
        for index, batch in enumerate(micro_batches):
            is_last = index == len(micro_batches) - 1
            is_local = isinstance(self._parallel, DistributedDataParallel) and not is_last
            with self._parallel.no_sync() if is_local else nullcontext():
                reports.append(self._accumulate(batch, len(micro_batches)))
        if self._config.clip_norm is not None:
            self._scaler.unscale_(self._optimizer)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._config.clip_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self._scheduler.step()
        self.iteration += 1
        return _average(reports)

    def state_dict(self) -> dict:
        """All that a run goes on from, exactly."""
        return {
            "iteration": self.iteration,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "scaler": self._scaler.state_dict(),
            "random": _random_states(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from a ``state_dict``; its schedule wins over the configured one."""
        self.iteration = state["iteration"]
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        self._scaler.load_state_dict(state["scaler"])
        _set_random_states(state["random"])

    def _accumulate(self, batch: ClipBatch, num_rounds: int) -> StepReport:
        """Forward and backward pass of one micro-batch."""
        frames = normalise(batch.frames.to(self._device, non_blocking=True))
        masks = batch.masks.to(self._device, non_blocking=True)
        object_exists = batch.object_exists.to(self._device)
        with torch.autocast(self._device.type, self._config.amp_dtype, enabled=self._config.amp_dtype is not None):
            logits = self._parallel(frames, masks[:, 0].float() / 255, object_exists)
        share = bootstrap_share(self.iteration, self._config.bootstrap)
        loss = clip_loss(logits, class_maps(masks[:, 1:]), object_exists, share)
        total = loss.total.item()
        if not np.isfinite(total):
            raise InputError(f"iteration {self.iteration}: the loss is {total} on clips {batch.name}; try --no_amp")
        self._scaler.scale(loss.total / num_rounds).backward()
        logits = logits.detach()
        intersection, union = intersection_and_union(logits.softmax(2)[:, :, 1:], masks[:, 1:] / 255)
        by_frame = loss.by_frame.detach().tolist()
        return StepReport(total, by_frame, loss.plain.item(), share, intersection, union, logits)


def _make_optimizer(network: STCN, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Adam; the key encoder may learn more slowly than the rest."""
    if config.encoder_lr == 1:
        return torch.optim.Adam(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    others = [weight for name, weight in network.named_parameters() if not name.startswith("key_encoder.")]
    encoder = {"params": network.key_encoder.parameters(), "lr": config.lr * config.encoder_lr}
    return torch.optim.Adam([encoder, {"params": others}], lr=config.lr, weight_decay=config.weight_decay)


def _make_scheduler(optimizer: torch.optim.Optimizer, config: OptimizerConfig) -> torch.optim.lr_scheduler.LRScheduler:
    if config.cosine is not None:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.cosine)
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, list(config.lr_steps), config.gamma)


def class_maps(masks: Tensor) -> Tensor:
    """Class of each pixel: ``[B,T,K,H,W]`` uint8 coverage -> ``[B,T,H,W]`` int64, 0 for background."""
    classes = torch.arange(1, masks.shape[2] + 1, device=masks.device).view(-1, 1, 1)
    return ((masks > 127) * classes).sum(2)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _average(reports: Sequence[StepReport]) -> StepReport:
    """The report of an iteration from those of its micro-batches."""
    columns = StepReport(*zip(*reports))
    return StepReport(
        loss=float(np.mean(columns.loss)),
        by_frame=np.mean(columns.by_frame, 0).tolist(),
        plain_loss=float(np.mean(columns.plain_loss)),
        share=columns.share[0],
        intersection=sum(columns.intersection),
        union=sum(columns.union),
        logits=columns.logits[-1],
    )


def _random_states() -> dict:
    name, keys, *rest = np.random.get_state()
    states = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys), *rest),
        "torch": torch.get_rng_state(),
    }
    return {**states, "cuda": torch.cuda.get_rng_state_all()}


def _set_random_states(states: dict) -> None:
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy(), *rest))
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
