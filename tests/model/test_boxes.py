"""Objects decoded in boxes: inside exactly as in the whole frame, and no work for the rest."""

from functools import partial

import numpy as np
import pytest
import torch

import inference_core
from inference_core import InferenceConfig, InferenceCore
from model.boxes import ABSENT, BUCKET, GROWTH, Box, decode_box, find_boxes, segment_boxes, segment_buckets, work_of
from tests.conftest import filled_network
from tests.deterministic import synthetic_video
from util.tensor_util import normalise

HEIGHT, WIDTH = 18, 22  # cells


@pytest.fixture(scope="module")
def decoded():
    """The network, the memory readout of two objects, the frame part, and the logits of the whole frame."""
    torch.manual_seed(0)
    network = filled_network(size="small")
    frame_part = network.frame_part(network.encode_key(torch.randn(1, 3, 16 * HEIGHT, 16 * WIDTH)))
    readout = torch.randn(2, 256, HEIGHT, WIDTH)
    return network, readout, frame_part, network.segment(readout[None], frame_part)[0]


@pytest.mark.parametrize("box", [(7, 9, 10, 13), (0, 0, 4, 6), (6, 18, HEIGHT, WIDTH), (0, 0, HEIGHT, WIDTH)])
def test_inside_a_box_the_logits_are_those_of_the_whole_frame(decoded, box: tuple) -> None:
    network, readout, frame_part, expected = decoded
    found = decode_box(network.decoder, readout[:1], frame_part, Box(*box))
    torch.testing.assert_close(found, Box(*box).scaled(16).cut(expected[0]), atol=1e-5, rtol=0)


def test_objects_are_decoded_where_the_memory_shows_them_and_absent_elsewhere(decoded) -> None:
    network, readout, frame_part, expected = decoded
    presence = torch.zeros(2, HEIGHT, WIDTH)
    presence[0, 5:8, 6:9] = 0.9
    found = segment_boxes(network.decoder, readout, presence, frame_part)
    inside = torch.zeros_like(found, dtype=torch.bool)
    inside[0, 16 * (5 - GROWTH) : 16 * (8 + GROWTH), 16 * (6 - GROWTH) : 16 * (9 + GROWTH)] = True
    torch.testing.assert_close(found[inside], expected[inside], atol=1e-5, rtol=0)
    assert (found[~inside] == ABSENT).all()


@pytest.mark.parametrize("pixels_at_once", [1, 2**23])
@pytest.mark.parametrize("seed", range(3))
def test_buckets_give_what_boxes_give(decoded, seed: int, pixels_at_once: int) -> None:
    """Objects lie at the rim, in several places, everywhere, nowhere; sizes are few, and the whole frame's at most."""
    network, readout, frame_part, _ = decoded
    random = np.random.default_rng(seed)
    readout, presence = torch.cat([readout, readout.flip(0)]), torch.zeros(4, HEIGHT, WIDTH)
    presence[1] = 0.9 if seed == 2 else 0.0
    for index in (0, 0, 2, 3):
        top, left = random.integers(0, (HEIGHT, WIDTH))
        presence[index, top : top + 3, left : left + 2] = 0.7
    sizes = []
    hook = network.decoder.register_forward_hook(lambda _, inputs, __: sizes.append(tuple(inputs[0].shape)))
    arguments = network.decoder, readout, presence, frame_part
    found = segment_buckets(*arguments, pixels_at_once=pixels_at_once)
    hook.remove()
    torch.testing.assert_close(found, segment_boxes(*arguments), atol=1e-5, rtol=0)
    assert all(h % BUCKET == 0 or h == HEIGHT for _, _, h, _ in sizes)
    assert all(w % BUCKET == 0 or w == WIDTH for _, _, _, w in sizes)
    if pixels_at_once == 1:
        assert all(number == 1 for number, *_ in sizes)
    else:
        assert len(sizes) == len(set(sizes))


def test_propagation_has_the_same_masks_in_boxes_and_in_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU computes it if boxes are asked for there."""
    network, (video, ids) = filled_network(size="small"), synthetic_video(4, 96, 160, 3, seed=3)
    frames, results = normalise(torch.from_numpy(video).permute(0, 3, 1, 2)), []
    for function in (segment_boxes, partial(segment_buckets, pixels_at_once=2**23)):
        monkeypatch.setattr(inference_core, "segment_boxes", function)
        core = InferenceCore(network, InferenceConfig(exact=False, mem_every=1))
        core.step(frames[0], torch.from_numpy(ids[0]))
        results.append(torch.stack([core.step(frame) for frame in frames[1:]]))
    torch.testing.assert_close(*results, atol=1e-4, rtol=0)
    assert results[0].argmax(1).unique().numel() > 1


@pytest.mark.parametrize("seed", range(5))
def test_boxes_cover_all_cells_with_no_more_work_than_one_box(seed: int) -> None:
    random = np.random.default_rng(seed)
    is_present = np.zeros((30, 54), bool)
    for top, left in random.integers(0, (26, 50), (1 + seed, 2)):
        is_present[top : top + 4, left : left + 4] = True
    boxes, covered = find_boxes(is_present), np.zeros_like(is_present)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] = True
    rows, columns = is_present.nonzero()
    around_all = Box(rows.min(), columns.min(), rows.max() + 1, columns.max() + 1).grown(GROWTH, is_present.shape)
    assert covered[is_present].all()
    assert sum(work_of(box, is_present.shape) for box in boxes) <= work_of(around_all, is_present.shape)


def test_far_parts_get_boxes_of_their_own_and_nothing_gets_none() -> None:
    is_present = np.zeros((30, 54), bool)
    assert find_boxes(is_present) == []
    is_present[2:4, 3:5] = is_present[25, 50] = True
    assert sorted(find_boxes(is_present)) == [Box(0, 1, 6, 7), Box(23, 48, 28, 53)]
