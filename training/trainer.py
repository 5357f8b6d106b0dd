"""One optimisation step over the micro-batches of an iteration, and all the state that a run continues from."""

import inspect
import math
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from dataset.training_clip import Clip
from model.network import STCN
from training.losses import BOOTSTRAP, bootstrap_share, clip_loss, intersection_and_union
from training.random_states import random_states, set_random_states
from util.errors import InputError
from util.tensor_util import normalise


@dataclass(frozen=True)
class OptimizerConfig:
    """The settings of the optimisation. The defaults are published, but for the steps of each stage."""

    lr: float = 1e-5
    lr_steps: tuple[int, ...] = ()  # iterations at which the learning rate falls
    gamma: float = 0.1  # factor by which it falls
    cosine: int | None = None  # length in iterations of a cosine along which it falls to 0 instead
    encoder_lr: float = 1.0  # learning rate of the key encoder, as a factor of ``lr``
    clip_norm: float | None = None  # bound on the norm of the gradients
    weight_decay: float = 1e-7
    bootstrap: tuple[int, int] = BOOTSTRAP  # iterations between which the share of counted pixels falls
    region_weight: float = 0.0  # factor of the region loss, which is added to the published one
    average: float | None = None  # decay per iteration of a running average of the weights; None: no average
    amp_dtype: torch.dtype | None = None  # dtype of automatic mixed precision; None: float32 throughout


class StepReport(NamedTuple):
    """The figures of one iteration, for this process's clips."""

    problem: str  # why the gradients must not be used; empty if they may
    loss: float
    by_frame: list[float]  # [T-1]
    plain_loss: float  # over all pixels, not only the hardest
    share: float  # share of the pixels that the loss counts
    intersection: Tensor  # [K] pixels
    union: Tensor  # [K] pixels
    logits: Tensor  # [B,T-1,1+K,H,W], for the last micro-batch
    gradient_norm: float = 0.0  # over all processes; in float16 it is not finite now and then


class _Round(NamedTuple):
    """The outcome of one micro-batch, on the device: nothing waits for it before the backward pass."""

    losses: Tensor  # [2+T-1]: total, plain, by frame
    intersection: Tensor  # [K]
    union: Tensor  # [K]
    logits: Tensor  # [B,T-1,1+K,H,W]


class Trainer:
    """Train a network.

    BatchNorm stays in eval mode: its statistics never move, its scale and shift do learn.

    Args:
        network: on the device to train on.
        config: the settings of the optimisation.
        is_distributed: whether to average gradients over the processes of the default group.
    """

    def __init__(self, network: STCN, config: OptimizerConfig, *, is_distributed: bool = False) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)  # the faster one in reduced precision
        self.iteration = 0  # the next one to compute
        self._config = config
        self._device = next(network.parameters()).device
        self._parallel = network
        if is_distributed:
            device_ids = [self._device] if self._device.type == "cuda" else None
            self._parallel = DistributedDataParallel(network, device_ids, **_ddp_options())
        self._optimizer = _make_optimizer(network, config)
        self._scheduler = _make_scheduler(self._optimizer, config)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=config.amp_dtype == torch.float16)
        self._average = None if config.average is None else _make_average(network, config.average)

    @property
    def result(self) -> STCN:
        """The network to save and to score: the running average of the weights, if there is one."""
        return self.network if self._average is None else self._average.module

    @property
    def lr(self) -> float:
        """Learning rate of the next iteration."""
        return self._scheduler.get_last_lr()[-1]

    @property
    def schedule(self) -> dict[str, object]:
        """The learning rate at the beginning, and the iterations at which it falls or at which its cosine ends."""
        scheduler = self._scheduler
        if isinstance(scheduler, torch.optim.lr_scheduler.CosineAnnealingLR):
            return {"lr": scheduler.base_lrs[-1], "steps": f"cosine of {scheduler.T_max}"}
        return {"lr": scheduler.base_lrs[-1], "steps": sorted(scheduler.milestones.elements())}

    def step(self, micro_batches: Sequence[Clip]) -> StepReport:
        """Compute one iteration.

        Raises:
            InputError: loss or gradients are not finite; nothing was changed.
        """
        report = self.compute_gradients(micro_batches)
        if report.problem:
            raise InputError(report.problem)
        self.update()
        return report

    def compute_gradients(self, micro_batches: Sequence[Clip]) -> StepReport:
        """Do the first half of an iteration: gradients, averaged over its micro-batches and the processes."""
        self._optimizer.zero_grad(set_to_none=True)
        rounds = []
        for index, batch in enumerate(micro_batches):
            is_last = index == len(micro_batches) - 1
            is_local = isinstance(self._parallel, DistributedDataParallel) and not is_last
            with self._parallel.no_sync() if is_local else nullcontext():
                rounds.append(self._accumulate(batch, len(micro_batches)))
        self._scaler.unscale_(self._optimizer)
        bound = math.inf if self._config.clip_norm is None else self._config.clip_norm
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), bound)
        *losses, norm = torch.cat([*(result.losses for result in rounds), norm[None]]).tolist()  # the only wait
        losses = np.reshape(losses, (len(rounds), -1))
        loss, plain_loss, *by_frame = losses.mean(0).tolist()
        return StepReport(
            problem=self._find_problem(losses[:, 0].tolist(), norm, micro_batches),
            loss=loss,
            by_frame=by_frame,
            plain_loss=plain_loss,
            share=bootstrap_share(self.iteration, self._config.bootstrap),
            intersection=sum(result.intersection for result in rounds),
            union=sum(result.union for result in rounds),
            logits=rounds[-1].logits,
            gradient_norm=norm,
        )

    def update(self) -> None:
        """Do the second half of an iteration: change the weights along the gradients."""
        self._scaler.step(self._optimizer)
        self._scaler.update()
        with warnings.catch_warnings():  # the scaler may have skipped the first step; the rate falls by iterations
            warnings.filterwarnings("ignore", r"Detected call of `lr_scheduler\.step\(\)` before")
            self._scheduler.step()
        self.iteration += 1
        if self._average is not None:
            self._average.update_parameters(self.network)

    def state_dict(self) -> dict:
        """Return all that a run continues from, exactly."""
        average = {} if self._average is None else {"average": self._average.state_dict()}
        return {
            **average,
            "iteration": self.iteration,
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "scaler": self._scaler.state_dict(),
            "random": random_states(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue from a ``state_dict``, whose schedule wins over the configured one.

        Without random states (None) the generators stay as they are.
        """
        self.iteration = state["iteration"]
        self.network.load_state_dict(state["network"])
        for group in state["optimizer"]["param_groups"]:
            group["fused"] = _fused(self._device)  # the checkpoint may come from another device
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        if state["scaler"]:  # empty or None if the run had no float16 scaler
            self._scaler.load_state_dict(state["scaler"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        if state["random"] is not None:
            set_random_states(state["random"])

    def _accumulate(self, batch: Clip, num_rounds: int) -> _Round:
        """Compute the forward and the backward pass of one micro-batch."""
        tensors = (batch.frames, batch.masks, batch.object_exists)
        frames, masks, object_exists = (tensor.to(self._device, non_blocking=True) for tensor in tensors)
        frames = normalise(frames)
        with torch.autocast(self._device.type, self._config.amp_dtype, enabled=self._config.amp_dtype is not None):
            logits = self._parallel(frames, masks[:, 0].float() / 255, object_exists)
        share = bootstrap_share(self.iteration, self._config.bootstrap)
        ignored = batch.unlabelled
        counted = None if ignored is None else ~ignored[:, 1:].to(self._device, non_blocking=True)
        targets, weight = class_maps(masks[:, 1:]), self._config.region_weight
        loss = clip_loss(logits, targets, object_exists, share, weight, counted)
        self._scaler.scale(loss.total / num_rounds).backward()
        logits = logits.detach()
        intersection, union = intersection_and_union(logits.softmax(2)[:, :, 1:], masks[:, 1:] / 255, counted)
        losses = torch.stack([loss.total, loss.plain, *loss.by_frame]).detach()
        return _Round(losses, intersection, union, logits)

    def _find_problem(self, losses: Sequence[float], norm: float, batches: Sequence[Clip]) -> str:
        """Tell why the gradients must not be used.

        In float16 the scale of the loss is too high now and then: the step is skipped and the scale halved, down to 1.
        """
        if np.isfinite([*losses, norm]).all() or self._scaler.get_scale() > 1:
            return ""
        for loss, batch in zip(losses, batches):
            if not math.isfinite(loss):
                return self._describe_problem("loss", loss, batch.name)
        return self._describe_problem("norm of the gradients", norm, ", ".join(batch.name for batch in batches))

    def _describe_problem(self, what: str, value: float, clips: str) -> str:
        remedy = "resume with precision float32, or start anew with a smaller lr"
        return f"iteration {self.iteration}: the {what} is {value} on clips {clips}; {remedy}"


def _ddp_options() -> dict[str, bool]:
    """Choose the options of DistributedDataParallel: gradients are held once, buffers are not sent in each pass."""
    names = inspect.signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"  # before PyTorch 2.14
    return {buffers: False, "gradient_as_bucket_view": True}


def _make_optimizer(network: STCN, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Make Adam, in which the key encoder may learn more slowly than the rest."""
    fused = _fused(next(network.parameters()).device)
    if config.encoder_lr == 1:
        return torch.optim.Adam(network.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=fused)
    others = [weight for name, weight in network.named_parameters() if not name.startswith("key_encoder.")]
    encoder = {"params": network.key_encoder.parameters(), "lr": config.lr * config.encoder_lr}
    parts = [encoder, {"params": others}]
    return torch.optim.Adam(parts, lr=config.lr, weight_decay=config.weight_decay, fused=fused)


def _fused(device: torch.device) -> bool | None:
    """Tell whether Adam is one kernel, which skips steps in float16 without the host; None: PyTorch decides."""
    return True if device.type == "cuda" else None


def _make_scheduler(optimizer: torch.optim.Optimizer, config: OptimizerConfig) -> torch.optim.lr_scheduler.LRScheduler:
    if config.cosine is not None:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.cosine)
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, list(config.lr_steps), config.gamma)


def _make_average(network: STCN, decay: float) -> AveragedModel:
    """Make a running average of the weights, which forgets the first ones fast: they are far from the later ones."""

    def update(averages: list[Tensor], weights: list[Tensor], num_averaged: Tensor | int) -> None:
        ramp = (1 + int(num_averaged)) / (10 + int(num_averaged))
        torch._foreach_lerp_(averages, weights, 1 - min(decay, ramp))

    return AveragedModel(network, multi_avg_fn=update)


def class_maps(masks: Tensor) -> Tensor:
    """Choose the class of each pixel: ``[B,T,K,H,W]`` uint8 coverage -> ``[B,T,H,W]`` int64, 0 for background."""
    coverage, index = masks.max(2)  # the first of two objects with half of the pixel each
    return torch.where(coverage > 127, index + 1, 0)
