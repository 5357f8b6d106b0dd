"""Join the results of the two passes over a video: in the order of the frames, blended where both reach.

An object between two of its masks is blended by distance in time: the nearer mask counts for more. One that has masks
on one side only is taken from the pass that begins there.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from dataset.passes import AnnotatedVideo
from output.result import FrameResult
from tracking.session import Step, put_annotation
from tracking.spool import ResultSpool


def join_passes(
    video: AnnotatedVideo,
    forward: Iterator[Step],
    backward: Iterator[Step],
    *,
    need_probabilities: bool = False,
    keep_annotations: bool = False,
) -> Iterator[Step]:
    """Run the backward pass, then the forward one, and yield the results in the order of the frames, and other steps.

    The results of the backward pass wait in a temporary file.

    Args:
        forward: steps of the forward pass; where both reach, its results must hold probabilities.
        backward: steps of the backward pass; the same.
        need_probabilities: whether the results hold probabilities.
        keep_annotations: whether given masks are put over the blended results.
    """
    reached = set(video.passes.forward)
    leading = [name for name in video.output_names if name not in reached]
    places = _places_of_objects(video)
    with ResultSpool(is_exact=need_probabilities) as spool:
        yield from spool.fill(backward, video.output_names if need_probabilities else reached)
        for name, image in video.read_images(leading):
            yield spool.take(name, image)
        for step in forward:
            if not isinstance(step, FrameResult):
                yield step
                continue
            result = step
            if result.name in spool:
                shares = share_of_forward(video.index_of[result.name], places)
                result = blend_results(result, spool.take(result.name, result.image), shares)
                mask = video.read_mask(result.name) if keep_annotations else None
                result = result if mask is None else result._replace(ids=put_annotation(result.ids, mask))
            yield result if need_probabilities else result._replace(probabilities=None)


def share_of_forward(index: int, places: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Compute how much the forward pass counts for each object in a frame, from 0 to 1.

    Args:
        index: number of the frame.
        places: numbers of the frames with a mask of each object, ascending.
    """
    shares = {}
    for label, frames in places.items():
        num_before, num_up_to = bisect_left(frames, index), bisect_right(frames, index)
        if num_up_to == len(frames) or num_before < num_up_to:  # none follows, or it is annotated here
            shares[label] = 1.0
        elif num_before == 0:
            shares[label] = 0.0
        else:
            left, right = frames[num_before - 1], frames[num_before]
            shares[label] = (right - index) / (right - left)
    return shares


def blend_results(forward: FrameResult, backward: FrameResult, shares: Mapping[int, float]) -> FrameResult:
    """Blend two results of one frame.

    Args:
        forward, backward: with probabilities.
        shares: how much the forward pass counts, by id.

    Returns:
        A result with the objects of both. The background gets what the objects leave.
    """
    labels = forward.labels + tuple(label for label in backward.labels if label not in forward.labels)
    if labels == forward.labels and all(shares[label] == 1 for label in labels):
        return forward
    objects = np.zeros((len(labels), *forward.ids.shape), np.float32)
    backward_shares = {label: 1 - share for label, share in shares.items()}
    for result, share in ((forward, shares), (backward, backward_shares)):
        for label, found in zip(result.labels, result.probabilities[1:]):
            objects[labels.index(label)] += np.float32(share[label]) * found
    total = objects.sum(0)
    blended = np.concatenate([(1 - total).clip(min=0)[None], objects]) / np.maximum(total, 1)
    rows = torch.from_numpy(blended).max(0).indices.numpy()
    dtype = np.promote_types(forward.ids.dtype, backward.ids.dtype)
    ids = np.array([0, *labels], dtype)[rows]
    return FrameResult(forward.name, forward.image, ids, labels, blended.astype(np.float16))


def _places_of_objects(video: AnnotatedVideo) -> dict[int, list[int]]:
    """List the numbers of the frames with a mask of each object."""
    places: dict[int, list[int]] = {}
    for name, labels in video.labels_of_frame.items():
        for label in labels:
            places.setdefault(label, []).append(video.index_of[name])
    return places
