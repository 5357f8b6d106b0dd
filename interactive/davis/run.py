"""One sample of the DAVIS interactive protocol: a user's scribbles, rounds of masks, and the robot's corrections."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dataset.transforms import prepare_image
from interactive.davis.protocol import METRICS, FrameScores, Lines, Sample, Submission, choose_next_frame, score
from interactive.davis.robot import draw_lines
from interactive.models import Models
from interactive.propagation import Propagation, PropagationConfig
from interactive.strokes import Line, rasterise

PROPAGATING = (3, 6, 8)  # interactions after which masks are propagated; after the others the same frame is asked for


@dataclass(frozen=True)
class ProtocolConfig:
    """Settings of the protocol."""

    max_interactions: int = 8
    max_time: float = 240.0  # seconds per object
    metric: str = METRICS[0]  # by which the robot chooses frames


class Answer(NamedTuple):
    """The masks that are submitted after an interaction."""

    masks: np.ndarray  # [T,H,W] uint8 or int32
    candidates: list[int] | None  # frames that the next scribbles may be on; None: all


class Processor:
    """Turn the scribbles of one sample into masks, as published: three frames are visited, 3, 3 and 2 times.

    Args:
        images: the frames ``[H,W,3]`` uint8 RGB, at their own size.
        num_objects: K.
        models: the networks.
        config: settings of propagation.
    """

    def __init__(
        self,
        images: list[np.ndarray],
        num_objects: int,
        models: Models,
        config: PropagationConfig = PropagationConfig(),  # noqa: B008 (it is frozen)
    ) -> None:
        self._images, self._size = images, images[0].shape[:2]
        self._models, self._num_objects, self._interaction = models, num_objects, 0
        device = models.network.device
        self.propagation = Propagation(
            models.network,
            lambda frame: prepare_image(images[frame], self._size, device),
            len(images),
            self._size,
            models.fusion,
            config,
        )
        self.propagation.objects = tuple(range(1, num_objects + 1))
        self._labels = {number: number for number in self.propagation.objects}
        self.masks = np.zeros((len(images), *self._size), np.int32)  # the ones shown
        self._lines: dict[int, list[Line]] = {}  # all lines so far by frame, for makers that need them again

    def interact(self, lines: Lines) -> Answer:
        """Take the newest scribbles.

        Args:
            lines: of one frame; if there are several, the first counts.
        """
        self._interaction += 1
        frame = min(lines)
        self._lines[frame] = [*self._lines.get(frame, []), *lines[frame]]
        maker = self._models.maker
        drawn = self._lines[frame] if maker.needs_all_strokes else lines[frame]
        found = maker(self._images[frame], self.masks[frame], rasterise(drawn, self._size), self._num_objects)
        self.masks[frame] = found.argmax(0).numpy()
        if self._interaction not in PROPAGATING:
            return Answer(self.masks.copy(), [frame])
        for step in self.propagation.round(frame, found.numpy()):
            self.masks[step.frame] = self.propagation.ids(step.frame, self._labels)
        return Answer(self.masks.copy(), None)


def run_sample(
    sample: Sample,
    lines: Lines,
    truth: np.ndarray,
    interact: Callable[[Lines], Answer],
    num_objects: int,
    config: ProtocolConfig,
) -> Iterator[tuple[Submission, np.ndarray]]:
    """Let the robot correct a sample again and again: each scored submission, and its masks ``[T,H,W]``.

    The clock of a sample also runs while the masks are scored and the robot works. What comes too late is not scored.

    Args:
        lines: of the first file of scribbles.
        truth: ``[T,H,W]`` ids.
        interact: turns scribbles into masks.
    """
    start, used = time.perf_counter(), set()
    for interaction in range(1, config.max_interactions + 1):
        handed_out = time.perf_counter()
        masks, candidates = interact(lines)
        now = time.perf_counter()
        if now - start > config.max_time * num_objects:
            return
        scores = score(masks, truth, num_objects)
        yield Submission(sample, interaction, now - handed_out, scores), masks
        if interaction == config.max_interactions:
            return  # nobody would see what the robot draws
        frame, lines = next_scribbles(scores, masks, truth, candidates, used, config.metric)
        used.add(frame)


def next_scribbles(
    scores: FrameScores,
    masks: np.ndarray,
    truth: np.ndarray,
    candidates: list[int] | None,
    used: set[int],
    metric: str,
) -> tuple[int, Lines]:
    """Let the robot choose a frame and draw on it."""
    frame = choose_next_frame(scores.metric(metric), candidates, used)
    object_ids = range(scores.jaccard.shape[1] + 1)
    return frame, {frame: draw_lines(truth[frame], masks[frame], object_ids)}
