"""Segment several videos at once: their sessions advance in turn, and their frames are encoded in common batches."""

import logging
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import torch

from inference_core import encode_images
from model.network import STCN
from tracking.session import Batch
from util.device import tf32_allowed
from util.errors import is_out_of_memory

log = logging.getLogger(__name__)

T = TypeVar("T")


def run_together(jobs: Iterable[Generator[Batch, None, T]], network: STCN, number: int) -> Iterator[T]:
    """Advance jobs in turn, some at a time; where one ends, the next one begins.

    Args:
        jobs: each segments a video and yields the batches of ``TrackerSession.run_in_steps``.
        network: the one that encodes the batches of all of them.
        number: how many jobs run at a time; a single one encodes its batches itself.

    Returns:
        what the jobs return, as they end. Their errors are not caught.
    """
    jobs, can_join = iter(jobs), number > 1
    active = list(islice(jobs, number))
    try:
        while active:
            batches, turn = [], deque(active)
            while turn:
                job = turn.popleft()
                try:
                    batches.append(next(job))
                except StopIteration as end:
                    active.remove(job)
                    yield end.value
                    following = list(islice(jobs, 1))
                    active += following
                    turn += following
            if can_join:
                can_join = encode_together(network, batches, number)
    finally:
        for job in active:
            job.close()


def encode_together(network: STCN, batches: Sequence[Batch], number: int) -> bool:
    """Encode the frames of several videos; those of one size and one view together.

    Args:
        number: how many videos other calls encode.

    Returns:
        Whether there was memory for that; if not, each video is left to encode its own frames.
    """
    groups = defaultdict(list)
    for batch in batches:
        batch.features = [None] * len(batch.images)
        for view, images in enumerate(batch.images):
            if images is not None:
                groups[view, images.shape[1:]].append(batch)
    try:
        with tf32_allowed(network.dtype != torch.float32):
            for (view, _), group in groups.items():
                _encode_group(network, group, view, number)
    except (RuntimeError, MemoryError) as e:
        if not is_out_of_memory(e):
            raise
        log.warning("too little memory to encode %d videos together: each one's frames are encoded apart", number)
        return False
    return True


def _encode_group(network: STCN, group: Sequence[Batch], view: int, number: int) -> None:
    """Encode the frames of one view, and give each batch its features."""
    images = [batch.images[view] for batch in group]
    features = iter(encode_images(network, torch.cat(images), number * max(map(len, images))))
    for batch, own in zip(group, images):
        batch.features[view] = list(islice(features, len(own)))
