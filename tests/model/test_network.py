"""The network: its size, and objects that are computed together or apart."""

import torch

from model.network import STCN


def test_number_of_parameters() -> None:
    with torch.device("meta"):
        parameters = list(STCN().parameters())
    assert len(parameters) == 231
    assert sum(parameter.numel() for parameter in parameters) == 54_434_180


def test_objects_do_not_see_each_other_in_the_decoder(network: STCN) -> None:
    """The frame part serves all objects: each one's logits are those that it gets alone."""
    features = network.encode_key(torch.randn(2, 3, 32, 48))
    readouts = torch.randn(2, 3, 512, 2, 3)
    frame_part = network.frame_part(features)
    together = network.segment(readouts, frame_part)
    for index in range(3):
        alone = network.segment(readouts[:, index : index + 1], frame_part)
        torch.testing.assert_close(together[:, index], alone[:, 0], atol=1e-4, rtol=1e-4)


def test_frame_part_of_the_values_equals_the_concatenation(network: STCN) -> None:
    """The first block on cat(object, frame), with the frame's channels computed once or for each object."""
    block = network.value_encoder.fuser.block1
    per_object, frame = torch.randn(6, 256, 4, 5), torch.randn(2, 1024, 4, 5)
    found = block(per_object, block.frame_part(frame))
    expected = block(torch.cat([per_object, frame.repeat_interleave(3, 0)], 1))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
